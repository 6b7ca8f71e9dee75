// SPDX-License-Identifier: Apache-2.0
// Rules to which no prefix leads, because they name sets of many, stand under each combination that has their set: then
// an address that is in no set, as most are, meets none of them.
#pragma once

#include <vector>

#include "policy/rule_entries.h"
#include "policy/rule_split.h"

namespace culvert {

/// `place`: number of a combination.
struct SetStanding {
  std::vector<StandingEntry> by_source;  ///< in the order of entries
  std::vector<StandingEntry> by_destination;
};

/// Takes from `entries.anywhere` what can stand by one of its sets, and from these entries the question whether the
/// address is in it. What would be in too many combinations stays.
SetStanding stand_by_sets(FamilyEntries& entries, const SetRuns& source_sets, const SetRuns& destination_sets);

}  // namespace culvert
