// SPDX-License-Identifier: Apache-2.0
// Counters of rules across configurations.
#include "control/rule_counters.h"

#include <set>

#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr CounterRange kRange{10, 16};

std::uint64_t hundred_times(std::uint16_t counter) {
  return counter * 100U;
}

}  // namespace

TEST_CASE("a rule keeps its counter by its name, a new one gets one that is nobody's") {
  const RuleCounters first = counters_for({"a", "b", "a"}, {}, kRange, hundred_times);
  CHECK(first.size() == 2);
  CHECK(first.at("a").number == 10);
  CHECK(first.at("a").before == 1000);
  CHECK(first.at("b").number == 11);
  const RuleCounters second = counters_for({"c", "b"}, first, kRange, hundred_times);
  CHECK(second.at("b").number == 11);
  CHECK(second.at("b").before == 1100);
  // Not that of "a", with which workers may still count.
  CHECK(second.at("c").number == 12);
  const RuleCounters third = counters_for({"d"}, second, kRange, hundred_times);
  CHECK(third.at("d").number == 10);
}

TEST_CASE("with more rules than counters some share one, and none is outside") {
  const RuleCounters many = counters_for({"a", "b", "c", "d", "e", "f", "g", "h"}, {}, kRange, hundred_times);
  CHECK(many.size() == 8);
  std::set<std::uint16_t> numbers;
  for (const auto& [name, counter] : many) {
    CHECK(counter.number >= kRange.first);
    CHECK(counter.number < kRange.end);
    numbers.insert(counter.number);
  }
  CHECK(numbers.size() == 6);
}
