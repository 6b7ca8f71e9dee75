// SPDX-License-Identifier: Apache-2.0
#include "test/policy/policies.h"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("each rule before the one that decides says what it missed first") {
  PolicyWriter policy;
  const auto here = policy.set({"198.18.0.0/24"});
  const auto there = policy.set({"192.0.2.0/24"});
  policy.rule({.enabled = false});
  policy.rule({.from = 1, .to = 1, .sources = {there}});
  policy.rule({.from = 2, .to = 1});
  policy.rule({.sources = {there}, .destinations = {here}, .services = {tcp(1)}});
  policy.rule({.sources = {here}, .destinations = {here}, .services = {tcp(1)}});
  policy.rule({.sources = {here}, .destinations = {there}, .services = {tcp(1), service(kProtocolUdp)}});
  policy.rule({.sources = {here},
               .destinations = {there},
               .services = {tcp(80)},
               .action = RuleAction::kPermit,
               .log_open = true});
  policy.rule({});
  const PolicyKey web = between_zones(key("198.18.0.9", "192.0.2.1"), 1, 2);
  const PolicyExplanation explanation = explain(policy.rules(), web);
  const std::vector<PassedRule> expected = {
      {0, RuleMismatch::kDisabled}, {1, RuleMismatch::kFromZone},    {2, RuleMismatch::kToZone},
      {3, RuleMismatch::kSource},   {4, RuleMismatch::kDestination}, {5, RuleMismatch::kService},
  };
  CHECK(explanation.passed == expected);
  CHECK(explanation.outcome == RuleOutcome{6, RuleAction::kPermit, true, false});
  CHECK(policy.decide(web) == 6);
}

TEST_CASE("when no rule decides, all of them were passed") {
  PolicyWriter policy;
  policy.rule({.services = {tcp(81)}});
  policy.rule({.sources = {policy.set({})}});
  policy.rules().default_action = RuleAction::kReject;
  const PolicyExplanation explanation = explain(policy.rules(), key("2001:db8::1", "2001:db8::2"));
  CHECK(explanation.passed == std::vector<PassedRule>{{0, RuleMismatch::kService}, {1, RuleMismatch::kSource}});
  CHECK(explanation.outcome == RuleOutcome{kDefaultRule, RuleAction::kReject, false, false});
}

TEST_CASE("a key of no family gets the default, as from the table") {
  PolicyWriter policy;
  policy.rule({.action = RuleAction::kPermit});
  PolicyKey nothing = key("198.18.0.9", "192.0.2.1");
  CHECK(policy.decide(nothing) == 0);
  nothing.network = NetworkKind::kNone;
  CHECK(policy.decide(nothing) == kDefaultRule);
  CHECK(explain(policy.rules(), nothing).passed == std::vector<PassedRule>{{0, RuleMismatch::kSource}});
}
