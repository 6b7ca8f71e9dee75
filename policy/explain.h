// SPDX-License-Identifier: Apache-2.0
// Why a key got its outcome: rule after rule, straight from the RuleSet and without the table, for the command line's
// `policy test`. Slow, and the same answer: tests compare the two.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/policy_key.h"
#include "policy/rule_table.h"
#include "policy/rules.h"

namespace culvert {

/// The first thing of a rule that a key does not fulfil, in the order in which it is looked at.
enum class RuleMismatch : std::uint8_t { kDisabled, kFromZone, kToZone, kSource, kDestination, kService };

struct PassedRule {
  RuleIndex rule = 0;
  RuleMismatch why{};

  friend bool operator==(const PassedRule&, const PassedRule&) = default;
};

struct PolicyExplanation {
  std::vector<PassedRule> passed;  ///< every rule before the one that decides, in order; all, when none does
  RuleOutcome outcome;             ///< as RuleTable::match
};

/// `rules` can be compiled (problems_of is empty). A key of no family matches no rule's source.
PolicyExplanation explain(const RuleSet& rules, const PolicyKey& key);

}  // namespace culvert
