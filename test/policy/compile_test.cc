// SPDX-License-Identifier: Apache-2.0
// What is refused and how it is said, and rules in such numbers and shapes that lists become trees or stand elsewhere.
#include "policy/rule_check.h"
#include "test/policy/policies.h"

using namespace culvert;
using namespace culvert::test;

namespace {

Rule between(Zone from, Zone to) {
  return {.from = ZoneMask{1} << from, .to = ZoneMask{1} << to};
}

std::string only_problem(const RuleSet& rules) {
  const auto problems = problems_of(rules);
  REQUIRE(problems.size() == 1);
  const auto result = compile_rules(rules);
  REQUIRE(result.has_error());
  CHECK(result.error().what == problems[0]);
  CHECK(result.error().hint.empty());
  return problems[0];
}

/// The /24 with this number from 198.18.0.0 on, and 2001:db8:NUMBER::/48.
PrefixSet site(std::uint32_t number) {
  return {{Prefix4(0xc6120000U + (number << 8), 24)}, {Prefix6(0x20010db800000000ULL | number << 16, 0ULL, 48)}};
}

PolicyKey key_at(std::uint32_t source_site, std::uint32_t destination_site, std::uint16_t port, bool is_4) {
  PolicyKey result = is_4 ? key("198.18.0.1", "198.18.0.2", kProtocolTcp, 1024, port)
                          : key("2001:db8::1", "2001:db8::2", kProtocolTcp, 1024, port);
  (is_4 ? result.source.low : result.source.high) += is_4 ? source_site << 8 : source_site << 16;
  (is_4 ? result.destination.low : result.destination.high) += is_4 ? destination_site << 8 : destination_site << 16;
  return result;
}

}  // namespace

TEST_CASE("what cannot be compiled is refused with the rule and the reason") {
  RuleSet rules;
  rules.prefixes.resize(2);
  rules.rules.resize(2);
  rules.rules[1].name = "web";
  Rule& rule = rules.rules[1];
  SECTION("a set that is not there") {
    rule.destinations = {1, 2};
    CHECK(only_problem(rules) == "rule 1 (web): destination prefix set 2, and there are only 2");
  }
  SECTION("another one, in a rule without a name") {
    rules.rules[0].sources = {0xffffffff};
    CHECK(only_problem(rules) == "rule 0: source prefix set 4294967295, and there are only 2");
  }
  SECTION("no zones") {
    rule.from = 0;
    CHECK(only_problem(rules) == "rule 1 (web): no zone that packets come from");
    rule.from = rule.to;
    rule.to = 0;
    CHECK(only_problem(rules) == "rule 1 (web): no zone that packets go to");
  }
  SECTION("source ports of ICMP") {
    rule.services = {tcp(80), service(kProtocolIcmp, {8 << 8, 8 << 8 | 255}, {0, 0})};
    CHECK(only_problem(rules) == "rule 1 (web): ICMP has no source ports");
    rule.services = {service(kProtocolIcmpv6, {}, {1, 0xffff})};
    CHECK(only_problem(rules) == "rule 1 (web): ICMP has no source ports");
  }
  SECTION("ranges that end before they begin") {
    rule.services = {service(kProtocolTcp, {81, 80})};
    CHECK(only_problem(rules) == "rule 1 (web): destination port range 81-80 ends before it begins");
    rule.services = {service(kProtocolUdp, {}, {65535, 0})};
    CHECK(only_problem(rules) == "rule 1 (web): source port range 65535-0 ends before it begins");
    rule.services = {service(kProtocolIcmp, {9, 8})};
    CHECK(only_problem(rules) == "rule 1 (web): ICMP type and code range 9-8 ends before it begins");
  }
  SECTION("prefixes that are too long, or have bits behind their end") {
    rules.prefixes[1].ipv4 = {Prefix4(0, 33)};
    CHECK(only_problem(rules) == "prefix set 1: an IPv4 prefix is too long, or has bits behind its end");
    rules.prefixes[1].ipv4.clear();
    rules.prefixes[1].ipv6 = {Prefix6(1, 0, 64)};
    rules.prefixes[1].ipv6[0].length = 63;
    CHECK(only_problem(rules) == "prefix set 1: an IPv6 prefix is too long, or has bits behind its end");
  }
  SECTION("a disabled rule with a mistake") {
    rule.enabled = false;
    rule.sources = {2};
    CHECK(only_problem(rules) == "rule 1 (web): source prefix set 2, and there are only 2");
  }
}

TEST_CASE("all problems are told at once") {
  RuleSet rules;
  rules.rules.resize(kMaxRules + 1);
  rules.rules[7].from = 0;
  rules.rules[7].services = {service(kProtocolTcp, {2, 1}, {2, 1})};
  const auto problems = problems_of(rules);
  REQUIRE(problems.size() == 4);
  CHECK(problems[0] == "16385 rules, and at most 16384 are possible: join rules that do the same");
  CHECK(compile_rules(rules).error().to_string() == problems[0] + " (and 3 more problems of these rules)");
}

TEST_CASE("too many lines of services are refused") {
  RuleSet rules;
  rules.rules.resize(2);
  rules.rules[0].services.resize(kMaxServiceLines, tcp(80));
  CHECK(problems_of(rules).empty());
  rules.rules[1].services = {tcp(80)};
  CHECK(only_problem(rules).starts_with("262145 lines of services in all rules"));
}

TEST_CASE("a table can be moved, and says what it costs") {
  RuleSet rules;
  rules.prefixes = {site(1)};
  rules.rules = {{.sources = {0}}};
  CompiledRules first = compile_rules(rules).value();
  const std::size_t size = first.memory_size();
  CHECK(size > 32'000);
  CHECK(size < 40'000);
  CompiledRules second = std::move(first);
  CHECK(second.memory_size() == size);
  CHECK(second.table().match(key_at(1, 0, 80, true)).rule == 0);
  CHECK(second.table().match(key_at(2, 0, 80, false)).rule == kDefaultRule);
}

TEST_CASE("as many rules as there may be, told apart by one thing only") {
  PolicyWriter policy;
  RuleSet& rules = policy.rules();
  rules.rules.resize(kMaxRules);
  const auto check = [&](const auto& key_of) {
    for (std::uint32_t i = 0; i < kMaxRules; i += 1111) CHECK(policy.decide(key_of(i)) == i);
    CHECK(policy.decide(key_of(kMaxRules - 1)) == kMaxRules - 1);
  };
  SECTION("destination ports") {
    for (std::uint16_t i = 0; i < kMaxRules; ++i) rules.rules[i].services = {tcp(i)};
    check([](std::uint32_t i) { return key("198.18.0.1", "192.0.2.1", 6, 1, static_cast<std::uint16_t>(i)); });
  }
  SECTION("source ports, which no tree branches on") {
    for (std::uint16_t i = 0; i < kMaxRules; ++i) rules.rules[i].services = {service(6, {}, {i, i})};
    check([](std::uint32_t i) { return key("198.18.0.1", "192.0.2.1", 6, static_cast<std::uint16_t>(i), 80); });
  }
  SECTION("destinations") {
    for (std::uint32_t i = 0; i < kMaxRules; ++i) rules.rules[i].destinations = {policy.add(site(i))};
    check([](std::uint32_t i) { return key_at(0, i, 80, true); });
    check([](std::uint32_t i) { return key_at(0, i, 80, false); });
  }
  SECTION("sources behind one destination") {
    const auto server = policy.set({"198.18.0.0/15", "2001:db8::/32"});
    for (std::uint32_t i = 0; i < kMaxRules; ++i) {
      rules.rules[i].sources = {policy.add(site(i))};
      rules.rules[i].destinations = {server};
    }
    check([](std::uint32_t i) { return key_at(i, 1, 80, true); });
    check([](std::uint32_t i) { return key_at(i, 1, 80, false); });
  }
  SECTION("nothing: the first decides") {
    CHECK(policy.decide(key_at(0, 0, 80, true)) == 0);
    CHECK(policy.decide(key_at(9, 9, 81, false)) == 0);
  }
}

TEST_CASE("rules between every pair of zones") {
  PolicyWriter policy;
  for (Zone from = 0; from < kMaxZones; ++from)
    for (Zone to = 0; to < kMaxZones; ++to) policy.rule(between(from, to));
  for (const auto& [from, to] : {std::pair{0, 0}, {0, 63}, {63, 0}, {63, 63}, {17, 42}, {31, 32}, {32, 31}}) {
    const PolicyKey zoned =
        between_zones(key("198.18.0.1", "192.0.2.1"), static_cast<Zone>(from), static_cast<Zone>(to));
    CHECK(policy.decide(zoned) == from * 64 + to);
  }
}

TEST_CASE("wide prefixes over thousands of narrow ones") {
  PolicyWriter policy;
  constexpr std::uint32_t kSites = 4000;
  const auto wide = policy.set({"198.0.0.0/8", "2001:d00::/24"});
  for (std::uint32_t i = 0; i < kSites; ++i) {
    const auto narrow = policy.add(site(i));
    policy.rule({.destinations = {narrow}, .services = {tcp(1)}});
    policy.rule({.sources = {narrow}, .destinations = {wide}, .services = {tcp(2)}});
    policy.rule({.sources = {wide}, .destinations = {wide}, .services = {tcp(static_cast<std::uint16_t>(3 + i))}});
  }
  for (const bool is_4 : {true, false}) {
    for (std::uint32_t i = 0; i < kSites; i += 333) {
      CHECK(policy.decide(key_at(5, i, 1, is_4)) == 3 * i);
      CHECK(policy.decide(key_at(i, kSites + 9, 2, is_4)) == 3 * i + 1);
      CHECK(policy.decide(key_at(i, 7, static_cast<std::uint16_t>(3 + i), is_4)) == 3 * i + 2);
      CHECK(policy.decide(key_at(i, 7, 3 + kSites, is_4)) == kDefaultRule);
    }
  }
}

TEST_CASE("many different sets on both sides") {
  PolicyWriter policy;
  constexpr std::uint32_t kGroups = 300;
  const auto group = [&](std::uint32_t first) {
    PrefixSet set;
    for (std::uint32_t i = 0; i < 100; ++i) {
      const PrefixSet one = site(first + i * kGroups);
      set.ipv4.push_back(one.ipv4[0]);
      set.ipv6.push_back(one.ipv6[0]);
    }
    return policy.add(std::move(set));
  };
  std::vector<std::uint32_t> groups;
  for (std::uint32_t i = 0; i < kGroups; ++i) groups.push_back(group(i));
  for (std::uint32_t i = 0; i < kGroups; ++i)
    policy.rule({.sources = {groups[i]}, .destinations = {groups[(i * 7 + 1) % kGroups]}});
  for (const bool is_4 : {true, false}) {
    for (std::uint32_t i = 0; i < kGroups; i += 13) {
      const std::uint32_t partner = (i * 7 + 1) % kGroups;
      CHECK(policy.decide(key_at(i, partner + 99 * kGroups, 80, is_4)) == i);
      CHECK(policy.decide(key_at(i + 50 * kGroups, partner, 80, is_4)) == i);
      CHECK(policy.decide(key_at(i, partner + 1, 80, is_4)) == kDefaultRule);
    }
  }
}

TEST_CASE("sets that overlap in too many ways are refused") {
  RuleSet rules;
  constexpr std::uint32_t kBits = 13;
  rules.prefixes.resize(kBits);
  for (std::uint32_t host = 0; host < 1U << kBits; ++host)
    for (std::uint32_t bit = 0; bit < kBits; ++bit)
      if ((host >> bit & 1) != 0) rules.prefixes[bit].ipv4.emplace_back(0xc6120000U + 2 * host, 32U);
  // Each host is in a combination of its own, and each set in that of many rules.
  for (std::uint32_t choice = 0; choice < 1U << kBits; ++choice) {
    Rule rule;
    for (std::uint32_t bit = 0; bit < kBits; ++bit)
      if ((choice >> bit & 1) != 0) rule.sources.push_back(bit);
    if (rule.sources.size() == 1 || rule.sources.size() == 2) rules.rules.push_back(rule);
  }
  CHECK(compile_rules(rules).has_value());
  for (std::uint32_t first = 0; first < kBits; ++first)
    for (std::uint32_t choice = 0; choice < 1024; ++choice) {
      Rule rule = {.sources = {first}};
      for (std::uint32_t bit = 0; bit < 10; ++bit)
        if ((choice >> bit & 1) != 0) rule.sources.push_back((first + 1 + bit) % kBits);
      rules.rules.push_back(rule);
    }
  const auto result = compile_rules(rules);
  REQUIRE(result.has_error());
  CHECK(result.error().what == "the IPv4 address sets overlap in too many ways");
}
