// SPDX-License-Identifier: Apache-2.0
// Which of a worker's counters counts the hits of which rule. A rule keeps its counter by its name, across
// configurations; its hits are what the counter says beyond what it said when the rule got it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace culvert {

struct RuleCounter {
  std::uint16_t number = 0;
  std::uint64_t before = 0;  ///< what it said when the rule got it
};

/// By the rules' names.
using RuleCounters = std::map<std::string, RuleCounter>;

/// What a counter says, all workers together.
using CounterHits = std::function<std::uint64_t(std::uint16_t counter)>;

/// Counters from `first` to before `end`.
struct CounterRange {
  std::uint16_t first, end;
};

/// Those of `names`. Whoever is in `before` keeps his. No new one gets one of those, for workers count with both
/// configurations meanwhile: both together fit as long as there are half as many rules as counters; with more, a new
/// rule may share an old one's.
RuleCounters counters_for(const std::vector<std::string>& names, const RuleCounters& before, CounterRange range,
                          const CounterHits& hits);

}  // namespace culvert
