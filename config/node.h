// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace culvert {

/// One value of a YAML text with its place: what yaml.h makes and the schema reads. Aliases are already replaced by a
/// copy of what they stand for (with the place of the original).
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  int line = 1;                  ///< from 1
  int column = 1;                ///< from 1
  std::string text;              ///< of a scalar
  std::vector<YamlNode> keys;    ///< of a mapping: keys[i] names values[i]
  std::vector<YamlNode> values;  ///< of a mapping or a sequence

  bool is_null() const noexcept { return kind == Kind::kNull; }
  bool is_scalar() const noexcept { return kind == Kind::kScalar; }
  bool is_sequence() const noexcept { return kind == Kind::kSequence; }
  bool is_mapping() const noexcept { return kind == Kind::kMapping; }

  /// The value of a key of a mapping, or nullptr.
  const YamlNode* find(const std::string& key) const noexcept {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i].is_scalar() && keys[i].text == key) return &values[i];
    }
    return nullptr;
  }
};

}  // namespace culvert
