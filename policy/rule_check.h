// SPDX-License-Identifier: Apache-2.0
// What a RuleSet must fulfil before it is compiled. The configuration is checked where people wrote it, with lines and
// keys; this is the last gate, and says everything at once as well.
#pragma once

#include <string>
#include <vector>

#include "policy/rules.h"

namespace culvert {

/// Lines of services of all rules together: each is an entry of at least one list.
inline constexpr std::size_t kMaxServiceLines = std::size_t{1} << 18;

/// Sentences without a full stop: "rule 3 (web): ICMP has no source ports". Empty: it can be compiled. Rules that are
/// not enabled are checked too.
std::vector<std::string> problems_of(const RuleSet& rules);

}  // namespace culvert
