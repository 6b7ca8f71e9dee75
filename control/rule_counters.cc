// SPDX-License-Identifier: Apache-2.0
#include "control/rule_counters.h"

#include <set>

namespace culvert {

RuleCounters counters_for(const std::vector<std::string>& names, const RuleCounters& before, CounterRange range,
                          const CounterHits& hits) {
  std::set<std::uint16_t> taken;
  for (const auto& [name, counter] : before) taken.insert(counter.number);
  RuleCounters counters;
  std::uint16_t next = range.first;
  for (const std::string& name : names) {
    if (counters.contains(name)) continue;
    if (const auto known = before.find(name); known != before.end()) {
      counters.emplace(name, known->second);
      continue;
    }
    while (next + 1U < range.end && taken.contains(next)) ++next;
    taken.insert(next);
    counters.emplace(name, RuleCounter{next, hits(next)});
  }
  return counters;
}

}  // namespace culvert
