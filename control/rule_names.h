// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rules.h"

namespace culvert {

/// The name of kDefaultRule.
inline constexpr std::string_view kDefaultRuleName = "default";
/// That of kMappingRule; no rule can have it.
inline constexpr std::string_view kMappingRuleName = "(nat mapping)";

/// What rules were called: a session may end under another policy than the one that it was let in by, or asked last.
class RuleNames {
 public:
  /// Policies that are remembered, the latest ones; of those before them nobody knows the names. A full policy's names
  /// take a megabyte, and those that differ in nothing but a schedule take it once.
  static constexpr std::size_t kPolicies = 8;

  void add(std::uint16_t generation, const RuleSet& rules);
  /// Nothing for rules that are not remembered.
  std::optional<std::string> of(std::uint16_t generation, RuleIndex rule) const;

 private:
  using Names = std::vector<std::string>;
  struct Policy {
    std::uint16_t generation;
    std::shared_ptr<const Names> names;
  };
  std::deque<Policy> policies_;
};

}  // namespace culvert
