// SPDX-License-Identifier: Apache-2.0
// From names to numbers: each part of a policy's text, and what the rules that workers match with say of it.
#include "control/policy_rules.h"

#include <fmt/format.h>
#include <string>
#include <vector>

#include "config/documentation.h"
#include "config/service.h"
#include "test/support/catch.h"
#include "test/support/time_zone.h"

using namespace culvert;

namespace {

/// internet is zone 1, servers 2, trust 3.
constexpr const char* kZones =
    "interfaces: {lan0: {zone: trust}, dmz0: {zone: servers}, wan0: {zone: internet}, oob0: {}}\n"
    "zones: {trust: {}, servers: {}, internet: {}}\n";

Config config_of(const std::string& text) {
  const CheckResult result = check_text(text, "f");
  INFO(result.to_text());
  REQUIRE(result.ok());
  return *result.config;
}

PolicyRules rules_of(const Config& config, std::int64_t unix_time_s = 0) {
  REQUIRE(config.policy.has_value());
  return policy_rules(*config.policy, ZoneNumbers(config), unix_time_s);
}

PolicyRules rules_of(const std::string& policy) {
  return rules_of(config_of(kZones + policy));
}

Rule rule_of(const std::string& rule) {
  const PolicyRules rules = rules_of(
      "policy:\n  services: {web: [tcp/80, tcp/443], all: [web, icmp/8, udp/53 from 1024-65535], deep: [all, web]}\n"
      "  rules: [{name: r, action: permit, " +
      rule + "}]\n");
  REQUIRE(rules.rules.rules.size() == 1);
  return rules.rules.rules[0];
}

std::string text_of(const PrefixSet& set) {
  std::string text;
  for (const Prefix4& prefix : set.ipv4) text += fmt::format("{:08x}/{} ", prefix.bits, prefix.length);
  for (const Prefix6& prefix : set.ipv6)
    text += fmt::format("{:016x}:{:016x}/{} ", prefix.high, prefix.low, prefix.length);
  return text;
}

std::vector<std::string> texts_of(const std::vector<ServiceMatch>& services) {
  std::vector<std::string> texts;
  for (const ServiceMatch& service : services) texts.push_back(to_text(service));
  return texts;
}

ZoneNumbers numbers_of(const std::vector<std::string>& zones, const ZoneNumbers& before = {}) {
  Config config;
  for (const std::string& zone : zones) config.zones[zone] = {};
  return ZoneNumbers(config, before);
}

}  // namespace

TEST_CASE("zones are numbered from 1, and interfaces without one have none") {
  const Config config = config_of(kZones);
  const ZoneNumbers zones(config);
  CHECK(zones.of("internet") == 1);
  CHECK(zones.of("servers") == 2);
  CHECK(zones.of("trust") == 3);
  CHECK(zones.of("nobody") == kNoZone);
  CHECK(zones.of(config.interfaces.at("lan0")) == 3);
  CHECK(zones.of(config.interfaces.at("oob0")) == kNoZone);
  CHECK(zones.name_of(2) == "servers");
  CHECK(zones.name_of(kNoZone) == "none");
  CHECK(zones.name_of(63) == "none");
}

TEST_CASE("a zone keeps its number, and a new one gets a fresh one while there are some") {
  const ZoneNumbers first = numbers_of({"b", "c"});
  const ZoneNumbers second = numbers_of({"a", "c"}, first);
  CHECK(second.of("c") == first.of("c"));
  CHECK(second.of("a") == 3);  // not 1, which sessions of b still have
  const ZoneNumbers third = numbers_of({"a", "b", "c"}, second);
  CHECK(third.of("a") == 3);
  CHECK(third.of("b") == 1);
  std::vector<std::string> names;
  for (int i = 0; i < 63; ++i) names.push_back(fmt::format("z{:02}", i));
  const ZoneNumbers full = numbers_of(names);
  CHECK(full.of("z62") == 63);
  names[10] = "other";
  const ZoneNumbers other = numbers_of(names, full);
  CHECK(other.of("other") == 11);
  CHECK(other.of("z62") == 63);
}

TEST_CASE("zones of a rule are bits; any is all of them, and none too") {
  CHECK(rule_of("from: trust").from == ZoneMask{1} << 3);
  CHECK(rule_of("from: trust").to == kAllZones);
  CHECK(rule_of("from: any, to: [internet, servers]").to == ((ZoneMask{1} << 1) | (ZoneMask{1} << 2)));
  CHECK((rule_of("from: any").from & (ZoneMask{1} << kNoZone)) != 0);
}

TEST_CASE("a set is one set of prefixes for all rules, and brings those that it names") {
  const PolicyRules compiled = rules_of(
      "policy:\n"
      "  addresses:\n"
      "    a: [192.0.2.0/24, \"2001:db8::/32\"]\n"
      "    b: [a, 198.18.0.1]\n"
      "    c: [b, a]\n"
      "    unused: 10.0.0.0/8\n"
      "    nobody: []\n"
      "  rules:\n"
      "    - {name: one, action: deny, source: c, destination: [a, ::1]}\n"
      "    - {name: two, action: deny, source: [10.1.0.0/16, 10.0.0.0/16], destination: b}\n"
      "    - {name: three, action: deny, source: [10.0.0.0/16, 10.1.0.0/16]}\n"
      "    - {name: four, action: deny, source: nobody}\n");
  const std::vector<PrefixSet>& prefixes = compiled.rules.prefixes;
  const std::vector<Rule>& rules = compiled.rules.rules;
  const auto texts = [&](const std::vector<std::uint32_t>& numbers) {
    std::string text;
    for (const std::uint32_t number : numbers) text += "[" + text_of(prefixes.at(number)) + "]";
    return text;
  };
  const std::string a = "[c0000200/24 20010db800000000:0000000000000000/32 ]";
  CHECK(prefixes.size() == 6);  // a, b, c, ::1, the two networks, nobody
  CHECK(texts(rules[0].sources) == "[][c6120001/32 ]" + a);
  CHECK(texts(rules[0].destinations) == a + "[0000000000000000:0000000000000001/128 ]");
  CHECK(texts(rules[1].sources) == "[0a000000/16 0a010000/16 ]");
  CHECK(texts(rules[1].destinations) == "[c6120001/32 ]" + a);
  CHECK(rules[2].sources == rules[1].sources);
  CHECK(rules[2].destinations.empty());
  // Empty sets match nothing; an empty list would match everybody.
  CHECK(texts(rules[3].sources) == "[]");
}

TEST_CASE("services bring all that they name, each of them once") {
  CHECK(rule_of("log: none").services.empty());
  CHECK(texts_of(rule_of("service: web").services) == std::vector<std::string>{"tcp/80", "tcp/443"});
  CHECK(texts_of(rule_of("service: [gre, deep]").services) ==
        std::vector<std::string>{"gre", "icmp/echo-request", "udp/53 from 1024-65535", "tcp/80", "tcp/443"});
  const Rule ping = rule_of("service: icmpv6/128/0");
  REQUIRE(ping.services.size() == 1);
  CHECK(ping.services[0] == ServiceMatch{false, 58, {}, {128 << 8, 128 << 8}});
}

TEST_CASE("actions, logs, the default and the order are as they were written") {
  const PolicyRules compiled = rules_of(
      "policy:\n  rules:\n    - {name: a, action: permit, log: open, to: trust}\n    - {name: b, action: reject, log: "
      "close, to: trust, service: tcp}\n    - {name: c, action: deny, log: both, enabled: false}\n    - {name: d, "
      "action: deny}\n  default: reject\n  default_log: true\n");
  const std::vector<Rule>& rules = compiled.rules.rules;
  REQUIRE(rules.size() == 4);
  CHECK((rules[0].name == "a" && rules[0].enabled && rules[0].action == RuleAction::kPermit));
  CHECK((rules[0].log_open && !rules[0].log_close));
  CHECK((rules[1].name == "b" && rules[1].action == RuleAction::kReject));
  CHECK((!rules[1].log_open && rules[1].log_close));
  CHECK((rules[2].name == "c" && !rules[2].enabled && rules[2].log_open && rules[2].log_close));
  CHECK((rules[3].name == "d" && rules[3].action == RuleAction::kDeny && !rules[3].log_open && !rules[3].log_close));
  CHECK(compiled.rules.default_action == RuleAction::kReject);
  CHECK(compiled.rules.log_default);
  CHECK_FALSE(compiled.next_change_s.has_value());
  const PolicyRules empty = rules_of("policy:\n");
  CHECK(empty.rules.rules.empty());
  CHECK(empty.rules.default_action == RuleAction::kDeny);
  CHECK_FALSE(empty.rules.log_default);
}

TEST_CASE("a rule outside of its schedule is not there, and the next change of any is told") {
  const test::TimeZone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  const Config config = config_of(std::string(kZones) +
                                  "policy:\n"
                                  "  schedules:\n"
                                  "    day: {days: [mon-fri], hours: 08:00-18:00}\n"
                                  "    noon: {hours: 12:00-13:00}\n"
                                  "    early: {hours: 05:00-06:00}\n"
                                  "  rules:\n"
                                  "    - {name: a, action: permit, schedule: day, to: trust}\n"
                                  "    - {name: b, action: permit, schedule: noon, to: trust}\n"
                                  "    - {name: c, action: permit, schedule: early, enabled: false}\n"
                                  "    - {name: d, action: permit, schedule: day, from: trust}\n");
  const auto at = [](unsigned minute) { return local_unix_time_s(*parse_day("2026-11-23"), minute); };
  const auto there = [&](std::int64_t time) {
    std::string names;
    for (const Rule& rule : rules_of(config, time).rules.rules) names += rule.enabled ? rule.name : "-";
    return names;
  };
  CHECK(there(at(0)) == "----");
  CHECK(there(at(480)) == "a--d");
  CHECK(there(at(720)) == "ab-d");
  CHECK(there(at(780)) == "a--d");
  // Going from change to change sees every one of them: a rule that is disabled has none.
  std::vector<std::int64_t> changes;
  for (std::int64_t time = at(0); time < at(1440);) {
    const auto next = rules_of(config, time).next_change_s;
    REQUIRE(next.has_value());
    REQUIRE(*next > time);
    time = *next;
    changes.push_back(time);
  }
  CHECK(changes == std::vector<std::int64_t>{at(480), at(720), at(780), at(1080), at(1440 + 480)});
}

TEST_CASE("the example of the manual has a rule for each of its own") {
  const Config config = config_of(firewall_example());
  const PolicyRules compiled = rules_of(config);
  REQUIRE(compiled.rules.rules.size() == config.policy->rules.size());
  for (std::size_t i = 0; i < compiled.rules.rules.size(); ++i) {
    const Rule& rule = compiled.rules.rules[i];
    const RuleConfig& from = config.policy->rules[i];
    INFO(from.name);
    CHECK(rule.name == from.name);
    CHECK(rule.sources.empty() == from.source.empty());
    CHECK(rule.destinations.empty() == from.destination.empty());
    CHECK(rule.services.empty() == from.service.empty());
  }
}
