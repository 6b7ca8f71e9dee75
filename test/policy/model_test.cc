// SPDX-License-Identifier: Apache-2.0
// Random policies of many shapes beside a reference that tries every rule: the same rule decides, alone and in bursts,
// and the explanation agrees. CULVERT_SEED repeats a run.
#include <array>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <set>

#include "policy/explain.h"
#include "policy/rule_compiler.h"
#include "test/policy/random_policy.h"
#include "test/policy/reference_policy.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

std::uint64_t seed_of_run() {
  if (const char* given = std::getenv("CULVERT_SEED")) return std::strtoull(given, nullptr, 10);
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

struct Tally {
  std::size_t checks = 0;
  std::size_t by_rule = 0;        ///< decided by a rule, not by the default
  std::size_t rules_decided = 0;  ///< different rules that decided something, of all policies
  std::size_t rules = 0;
  std::size_t late = 0;  ///< decided by a rule in the second half of its policy
};

class Beside {
 public:
  Beside(const PolicyShape& shape, std::uint64_t seed)
      : policy_(shape, seed), reference_(policy_.rules()), compiled_(compile_rules(policy_.rules()).value()) {}

  void check(std::size_t keys, Tally& tally) {
    std::array<PolicyKey, RuleTable::kMaxBurst> burst;
    std::array<RuleOutcome, RuleTable::kMaxBurst> outcomes;
    std::set<RuleIndex> decided;
    for (std::size_t done = 0; done < keys;) {
      const std::size_t count = 1 + done % burst.size();
      for (std::size_t i = 0; i < count; ++i) burst[i] = policy_.key();
      compiled_.table().match(std::span(burst).first(count), outcomes);
      for (std::size_t i = 0; i < count; ++i) {
        const RuleIndex expected = reference_.decide(burst[i]);
        if (outcomes[i].rule != expected || compiled_.table().match(burst[i]) != outcomes[i]) {
          FAIL("key " << done + i << ": rule " << outcomes[i].rule << ", and the reference says " << expected);
        }
        REQUIRE(outcomes[i] == outcome_of(policy_.rules(), expected));
        if (expected != kDefaultRule) decided.insert(expected);
        tally.by_rule += expected != kDefaultRule ? 1 : 0;
        tally.late += expected != kDefaultRule && expected * 2U >= policy_.rules().rules.size() ? 1U : 0U;
      }
      REQUIRE(explain(policy_.rules(), burst[0]).outcome == outcomes[0]);
      done += count;
      tally.checks += count;
    }
    tally.rules += policy_.rules().rules.size();
    tally.rules_decided += decided.size();
  }

 private:
  RandomPolicy policy_;
  ReferencePolicy reference_;
  CompiledRules compiled_;
};

}  // namespace

TEST_CASE("random policies decide as the reference does") {
  const std::uint64_t seed = seed_of_run();
  fmt::print("CULVERT_SEED={}\n", seed);
  struct Plan {
    PolicyShape shape;
    std::size_t policies;
    std::size_t keys;
  };
  const std::array<Plan, 9> plans = {{
      {{.name = "few rules", .rules = 8, .sets = 12, .large_sets = 0, .zones = 3, .any_percent = 30}, 200, 1'000},
      {{.name = "one neighbourhood", .rules = 60, .sets = 60, .large_sets = 0, .homes = 1}, 40, 5'000},
      {{.name = "zones", .rules = 400, .sets = 100, .large_sets = 0, .zones = 9, .any_percent = 20}, 10, 16'000},
      {{.name = "all zones", .rules = 400, .sets = 100, .large_sets = 2, .large_size = 300, .zones = 64}, 5, 16'000},
      {{.name = "sets", .rules = 150, .sets = 40, .large_sets = 6, .large_size = 2'000, .large_percent = 60},
       8,
       20'000},
      {{.name = "many sets", .rules = 300, .sets = 150, .large_sets = 140, .large_size = 150, .large_percent = 90},
       4,
       20'000},
      {{.name = "spread", .rules = 2'000, .sets = 3'000, .large_sets = 4, .large_size = 500, .homes = 60}, 3, 30'000},
      {{.name = "crowded", .rules = 3'000, .sets = 2'000, .large_sets = 0, .homes = 3}, 2, 30'000},
      {{.name = "nearly any",
        .rules = 1'500,
        .sets = 100,
        .large_sets = 2,
        .large_size = 500,
        .zones = 5,
        .any_percent = 45},
       3,
       30'000},
  }};
  Tally all;
  for (const Plan& plan : plans) {
    Tally tally;
    for (std::size_t i = 0; i < plan.policies; ++i) {
      INFO("seed " << seed << ", " << plan.shape.name << ", policy " << i);
      Beside(plan.shape, seed + i).check(plan.keys, tally);
    }
    fmt::print("{:18} {:8} keys: {} decided by a rule, {} by one of the second half; {} of {} rules decided\n",
               plan.shape.name, tally.checks, tally.by_rule, tally.late, tally.rules_decided, tally.rules);
    // Otherwise it would be the default or a few broad rules that are compared.
    CHECK(tally.by_rule * 3 > tally.checks);
    CHECK(tally.rules_decided * 10 > tally.rules);
    all.checks += tally.checks;
    all.late += tally.late;
  }
  CHECK(all.checks >= 1'000'000);
  CHECK(all.late * 20 > all.checks);
}
