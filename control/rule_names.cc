// SPDX-License-Identifier: Apache-2.0
#include "control/rule_names.h"

#include <algorithm>
#include <utility>

namespace culvert {

void RuleNames::add(std::uint16_t generation, const RuleSet& rules) {
  Names names;
  names.reserve(rules.rules.size());
  for (const Rule& rule : rules.rules) names.push_back(rule.name);
  const bool as_before = !policies_.empty() && *policies_.back().names == names;
  policies_.push_back(
      {generation, as_before ? policies_.back().names : std::make_shared<const Names>(std::move(names))});
  if (policies_.size() > kPolicies) policies_.pop_front();
}

std::optional<std::string> RuleNames::of(std::uint16_t generation, RuleIndex rule) const {
  if (rule == kDefaultRule) return std::string(kDefaultRuleName);
  const auto policy = std::find_if(policies_.rbegin(), policies_.rend(),
                                   [generation](const Policy& known) { return known.generation == generation; });
  if (policy == policies_.rend() || rule >= policy->names->size()) return std::nullopt;
  return (*policy->names)[rule];
}

}  // namespace culvert
