// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/result.h"
#include "config/policy.h"
#include "control/policy_rules.h"
#include "control/server/handlers.h"
#include "policy/explain.h"
#include "status/policies.h"

namespace culvert {

/// Hits of the rule at a position (from 0), or of the default with kDefaultRule.
using RuleHitsOf = std::function<std::uint64_t(RuleIndex rule)>;

/// The rules as the configuration says them, in their order, by page; `rules` are those made of it, which know whether
/// a schedule holds.
Result<PolicyPage> policy_page(const PolicyConfig& config, const RuleSet& rules, const RuleHitsOf& hits,
                               const TablePage& page);

/// Hits of the first kMostRuleHits rules, for the status.
PolicyStatus policy_status(const RuleSet& rules, const RuleHitsOf& hits);

/// What the policy does with the first packet of a session, and of the rules before the one that decides the
/// `query.limit` that came closest. An error when there is no such zone.
Result<PolicyTest> policy_test(const RuleSet& rules, const ZoneNumbers& zones, const PolicyTestQuery& query);

}  // namespace culvert
