// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "config/nat.h"
#include "control/server/handlers.h"
#include "status/nat.h"
#include "status/snapshot.h"

namespace culvert {

/// Hits of the rule with a counter of this name (nat_counter_name()).
using NatHitsOf = std::function<std::uint64_t(const std::string& name)>;

/// The rules as the configuration says them, in the order in which they are asked, by page.
Result<NatRulePage> nat_rule_page(const NatConfig& config, const NatHitsOf& hits, const TablePage& page);

/// Hits of the first kMostRuleHits rules in that order, for the status.
NatStatus nat_status(const NatConfig& config, const NatHitsOf& hits);

}  // namespace culvert
