// SPDX-License-Identifier: Apache-2.0
// Where the values of a policy stand in its text, for diagnostics about what was read from there.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "config/node.h"

namespace culvert {

/// The value at a path, or nullptr.
inline const YamlNode* node_at(const YamlNode& root, std::initializer_list<std::string> path) {
  const YamlNode* node = &root;
  for (const std::string& name : path) {
    node = node->find(name);
    if (node == nullptr) return nullptr;
  }
  return node;
}

/// The members of a set: below their key, or in its place (Section::shorthand).
inline const YamlNode* members_node(const YamlNode* sets, const std::string& name) {
  const YamlNode* set = sets != nullptr ? sets->find(name) : nullptr;
  return set != nullptr && set->is_mapping() ? set->find("members") : set;
}

/// A list's item of that text with its index, or the value that stands there alone, or nullptr.
inline std::pair<const YamlNode*, std::optional<std::size_t>> item_named(const YamlNode* list,
                                                                         const std::string& text) {
  if (list == nullptr || !list->is_sequence()) return {list, std::nullopt};
  for (std::size_t i = 0; i < list->values.size(); ++i) {
    if (list->values[i].is_scalar() && list->values[i].text == text) return {&list->values[i], i};
  }
  return {nullptr, std::nullopt};
}

}  // namespace culvert
