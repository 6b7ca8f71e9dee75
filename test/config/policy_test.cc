// SPDX-License-Identifier: Apache-2.0
// The firewall's configuration: what a policy's text means, and what is said about a wrong one.
#include "config/policy.h"

#include <string>
#include <vector>

#include "config/changes.h"
#include "config/config.h"
#include "config/schema.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// Two zones with their interfaces in lines 1 and 2; a policy begins in line 3.
constexpr const char* kZones =
    "interfaces: {lan0: {zone: trust}, wan0: {zone: internet}}\nzones: {trust: , internet: }\n";

std::string said_of(const std::string& policy) {
  return check_text(kZones + policy, "f").to_text();
}

struct Row {
  std::string policy;
  std::string said;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.policy);
    CHECK(said_of(row.policy) == (row.said.empty() ? "" : row.said + "\n"));
  }
}

PolicyConfig policy_of(const std::string& text) {
  const CheckResult result = check_text(kZones + text, "f");
  INFO(result.to_text());
  REQUIRE(result.ok());
  REQUIRE(result.config->policy.has_value());
  return *result.config->policy;
}

std::string rules(const std::string& list) {
  return "policy:\n  rules:\n" + list;
}

}  // namespace

TEST_CASE("a policy's values land where they belong") {
  const PolicyConfig policy = policy_of(
      "policy:\n"
      "  addresses:\n"
      "    lan: [198.18.0.0/24, \"2001:db8::/32\", 192.0.2.1]\n"
      "    all: {description: Everybody., members: [lan, 10.0.0.0/8]}\n"
      "    one: 192.0.2.7\n"
      "  services: {web: [tcp/80, icmp/8], both: {members: web}}\n"
      "  schedules: {night: {days: [sat-mon], hours: 22:00-06:00, dates: 2026-12-24, description: Dark.}}\n"
      "  rules:\n"
      "    - {name: a, description: First., from: trust, to: [internet, trust], source: all, destination: [one, "
      "::/0],\n"
      "       service: [both, udp/53], action: reject, log: both, schedule: night, enabled: false}\n"
      "    - {name: b, action: permit}\n"
      "  default: reject\n"
      "  default_log: true\n"
      "  on_change: keep\n"
      "  mid_stream: true\n");
  const ConfigPrefix ten{{false, {10}}, 8};
  const ConfigPrefix seven{{false, {192, 0, 2, 7}}, 32};
  REQUIRE(policy.addresses.size() == 3);
  CHECK(policy.addresses.at("lan").members.values.size() == 3);
  CHECK(policy.addresses.at("all") == AddressSetConfig{"Everybody.", {{ten}, {"lan"}}, {}});
  CHECK(policy.addresses.at("one") == AddressSetConfig{"", {{seven}, {}}, {}});
  const ServiceMatch ping{false, 1, {}, {8 << 8, (8 << 8) | 255}};
  CHECK(policy.services.at("web").members.values == std::vector<ServiceMatch>{{false, 6, {}, {80, 80}}, ping});
  CHECK(policy.services.at("both").members == ServiceList{{}, {"web"}});
  const CivilDay day = *parse_day("2026-12-24");
  CHECK(policy.schedules.at("night") == ScheduleConfig{"Dark.", {0x61}, {1320, 360}, DateRange{day, day}});
  REQUIRE(policy.rules.size() == 2);
  const ServiceMatch dns{false, 17, {}, {53, 53}};
  CHECK(policy.rules[0] == RuleConfig{"a",
                                      "First.",
                                      {"trust"},
                                      {"internet", "trust"},
                                      {{}, {"all"}},
                                      {{{{true, {}}, 0}}, {"one"}},
                                      {{dns}, {"both"}},
                                      RuleAction::kReject,
                                      RuleLog::kBoth,
                                      "night",
                                      false});
  RuleConfig bare;
  bare.name = "b";
  bare.action = RuleAction::kPermit;
  CHECK(policy.rules[1] == bare);
  CHECK(policy.default_action == RuleAction::kReject);
  CHECK(policy.default_log);
  CHECK(policy.on_change == OnPolicyChange::kKeep);
  CHECK(policy.mid_stream);
}

TEST_CASE("a policy makes the box a firewall, which fails closed and looks where packets come from") {
  const Config router = *check_text("interfaces: {lan0: {}, wan0: {reverse_path: loose}}\n", "f").config;
  CHECK_FALSE(fails_closed(router));
  CHECK(reverse_path_of(router, router.interfaces.at("lan0")) == ReversePath::kOff);
  CHECK(reverse_path_of(router, router.interfaces.at("wan0")) == ReversePath::kLoose);
  const Config firewall = *check_text(std::string(kZones) + "policy:\n", "f").config;
  CHECK(firewall.policy == PolicyConfig{});
  CHECK(fails_closed(firewall));
  CHECK(reverse_path_of(firewall, firewall.interfaces.at("lan0")) == ReversePath::kStrict);
  const Config open = *check_text(std::string(kZones) + "policy: {}\nsystem: {fail: open}\n", "f").config;
  CHECK_FALSE(fails_closed(open));
}

TEST_CASE("a name that is nobody's is told with the one that was probably meant") {
  check_rows({
      {"policy: {rules: [{name: a, action: deny, from: trsut}]}\n",
       "f:3:48: policy.rules[0].from: there is no zone trsut; did you mean trust?"},
      {"policy: {rules: [{name: a, action: deny, to: [trust, dmz]}]}\n",
       "f:3:54: policy.rules[0].to[1]: there is no zone dmz; the zones are trust, internet"},
      {"policy: {addresses: {web: 192.0.2.1}, rules: [{name: a, action: deny, source: [10.0.0.0/8, wbe]}]}\n",
       "f:3:92: policy.rules[0].source[1]: there is no address set wbe; did you mean web?"},
      {"policy: {rules: [{name: a, action: deny, destination: web}]}\n",
       "f:3:55: policy.rules[0].destination: there is no address set web; write it below policy.addresses"},
      {"policy: {services: {web: tcp/80}, rules: [{name: a, action: deny, service: [wep, tcp/1]}]}\n",
       "f:3:77: policy.rules[0].service[0]: there is no service wep; did you mean web?"},
      {"policy: {schedules: {night: {}}, rules: [{name: a, action: deny, schedule: nihgt}]}\n",
       "f:3:76: policy.rules[0].schedule: there is no schedule nihgt; did you mean night?"},
      {"policy: {addresses: {a: [b, 10.0.0.0/8], c: 10.0.0.0/8}}\n",
       "f:3:26: policy.addresses.a[0]: there is no address set b; the sets are a, c"},
      {"policy: {services: {web: {members: [tcp/80, mail]}}}\n",
       "f:3:45: policy.services.web[1]: there is no service mail; the services are web"},
  });
  CHECK(check_text("interfaces: {lan0: {zone: inside}}\n", "f").to_text() ==
        "f:1:27: interfaces.lan0.zone: there is no zone inside; write it below zones\n");
}

TEST_CASE("a name that looks like the word for no name is a name") {
  const CheckResult result = check_text(
      "interfaces: {lan0: {zone: one}, wan0: {zone: nones}}\nzones: {one: , nones: }\npolicy:\n  schedules: {alway: "
      "{}}\n"
      "  rules: [{name: a, action: deny, schedule: alway}]\n",
      "f");
  CHECK(result.to_text().empty());
  REQUIRE(result.ok());
  CHECK(result.config->interfaces.at("lan0").zone == "one");
  CHECK(result.config->policy->rules.at(0).schedule == "alway");
}

TEST_CASE("names that are nobody's come together with all other errors, and a wrong set keeps its name") {
  check_rows(
      {{"policy:\n"
        "  addresses: {web: [10.0.0.1/8]}\n"
        "  rules:\n"
        "    - {name: a, action: alow, source: web}\n"
        "    - {name: a, action: deny, source: wep}\n",
        "f:4:21: policy.addresses.web[0]: 10.0.0.1/8 has bits behind its length; the network is 10.0.0.0/8\n"
        "f:6:25: policy.rules[0].action: 'alow' is not an action; use one of permit, deny, reject\n"
        "f:7:14: policy.rules[1].name: there is a rule a already; it is in line 6; give this one another name\n"
        "f:7:39: policy.rules[1].source: there is no address set wep; did you mean web?"}});
}

TEST_CASE("sets that are part of themselves, and services without members, are refused") {
  check_rows({
      {"policy: {addresses: {a: [a]}}\n",
       "f:3:26: policy.addresses.a: a is part of itself: a -> a; take it out of one of them"},
      {"policy: {addresses: {a: [10.0.0.0/8, b], b: {members: [c]}, c: [a]}}\n",
       "f:3:65: policy.addresses.c: a is part of itself: a -> b -> c -> a; take it out of one of them"},
      {"policy: {services: {x: [tcp/1, y], y: [y]}}\n",
       "f:3:40: policy.services.y: y is part of itself: y -> y; take it out of one of them"},
      {"policy: {services: {x: [], y: [x], z: }}\n",
       "f:3:24: policy.services.x: the list has 0 items; use 1 to 1024\n"
       "f:3:36: policy.services.z.members: this key is missing; write a protocol with ports or types or the name of a "
       "service, or a list of 1 to 1024 of them"},
      {"policy: {addresses: {a: [b, c], b: [c], c: [10.0.0.0/8]}}\n", ""},
  });
}

TEST_CASE("wrong values of a policy") {
  check_rows({
      {rules("    - {action: deny}\n"), "f:5:7: policy.rules[0].name: this key is missing; write the name of a rule"},
      {rules("    - {name: a}\n"),
       "f:5:7: policy.rules[0].action: this key is missing; write one of permit, deny, reject"},
      {rules("    - {name: a, action: deny, source: []}\n"),
       "f:5:39: policy.rules[0].source: the list has 0 items; use 1 to 1024"},
      {rules("    - {name: a, action: deny, source: [any]}\n"),
       "f:5:40: policy.rules[0].source[0]: 'any' stands alone or not at all; write any instead of the list"},
      {rules("    - {name: a, action: deny, source: [10.0.0.0/8, 10.0.0.0/8]}\n"),
       "f:5:52: policy.rules[0].source[1]: 10.0.0.0/8 is in the list twice; it is already in line 5; remove one"},
      {rules("    - {name: a, action: deny, service: http/80}\n"),
       "f:5:40: policy.rules[0].service: 'http/80' is not a protocol with ports or types; write it like tcp/80, "
       "udp/1024-2047, udp/123 from 123, icmp/echo-request, icmp/3/4, gre or protocol/89"},
      {rules("    - {name: any, action: deny}\n"),
       "f:5:14: policy.rules[0].name: 'any' has a meaning of its own; use another name for a rule"},
      {rules("    - {name: a, action: deny, soruce: any}\n"),
       "f:5:31: policy.rules[0].soruce: there is no such key; did you mean source?"},
      {"policy: {services: {tcp: tcp/80}}\n",
       "f:3:21: policy.services.tcp: 'tcp' is a protocol; use another name for a service"},
      {"policy: {addresses: {192.0.2.1: []}}\n",
       "f:3:22: policy.addresses.\"192.0.2.1\": '192.0.2.1' cannot be the name of an address set; use at most 63 "
       "letters, digits, _ and -, a letter first"},
      {"policy: {schedules: {x: {days: monday}}}\n",
       "f:3:32: policy.schedules.x.days: 'monday' is not a day of the week; use mon, tue, wed, thu, fri, sat, sun, or "
       "a range as mon-fri"},
  });
}

TEST_CASE("a rule behind one that matches all of it is a warning") {
  const auto shadowed = [](const std::string& first, const std::string& second) {
    const std::string said = said_of(
        "policy:\n  addresses: {x: 10.0.0.0/8, y: 10.0.0.0/9}\n  services: {web: tcp/80}\n"
        "  schedules: {day: {hours: 08:00-18:00}, late: {hours: 18:00-20:00}}\n  rules:\n"
        "    - {name: a, action: deny" +
        first + "}\n    - {name: b, action: permit" + second + "}\n");
    if (said.empty()) return false;
    CHECK(said ==
          "f:9:7: warning: policy.rules[1]: b can never match: it is shadowed by a (line 8), which matches all of it; "
          "move it up, or remove it\n");
    return true;
  };
  CHECK(shadowed("", ""));
  CHECK(shadowed("", ", from: trust, source: x, service: tcp/80"));
  CHECK(shadowed(", from: [trust, internet]", ", from: trust"));
  CHECK(shadowed(", source: [x, 192.0.2.1], service: web", ", source: [192.0.2.1, x], service: web, to: trust"));
  CHECK(shadowed("", ", schedule: day"));
  CHECK(shadowed(", schedule: day", ", schedule: day"));
  CHECK_FALSE(shadowed(", schedule: day", ""));
  CHECK_FALSE(shadowed(", schedule: day", ", schedule: late"));
  CHECK_FALSE(shadowed(", enabled: false", ""));
  CHECK_FALSE(shadowed("", ", enabled: false"));
  CHECK_FALSE(shadowed(", from: trust", ", from: [trust, internet]"));
  CHECK_FALSE(shadowed(", from: trust", ""));
  CHECK_FALSE(shadowed(", to: trust", ", from: trust"));
  CHECK_FALSE(shadowed(", source: x", ", source: y"));
  CHECK_FALSE(shadowed(", source: x", ", destination: x"));
  CHECK_FALSE(shadowed(", service: web", ", service: tcp/80"));
}

TEST_CASE("what is right and probably not meant is a warning") {
  const auto said = [](const std::string& text) { return check_text(text, "f").to_text(); };
  CHECK(said("interfaces: {lan0: {zone: a}, wan0: {}}\nzones: {a: , b: }\npolicy: {addresses: {x: []}, default: "
             "permit}\n") ==
        "f:1:37: warning: interfaces.wan0: is in no zone: only rules from or to any zone match its packets; give it a "
        "zone\n"
        "f:2:14: warning: zones.b: no interface is in this zone; write zone: b below an interface\n"
        "f:3:25: warning: policy.addresses.x: nobody is in this set: a rule that names it alone matches nothing; give "
        "it members, or a file\n"
        "f:3:39: warning: policy.default: what no rule denies may pass; use deny, and rules for what may pass\n");
  CHECK(said("interfaces: {lan0: {zone: a}}\nzones: {a: }\n") ==
        "f:2:8: warning: zones: zones without a policy stop nobody; write a policy\n");
}

TEST_CASE("a running culvertd takes every change of a policy, but neither its beginning nor its end") {
  const auto config = [](const std::string& text) { return *check_text(kZones + text, "f").config; };
  const auto changes = [&](const std::string& from, const std::string& to) {
    std::string lines;
    const auto list = changes_between(config(from), config(to));
    for (const ConfigChange& change : list) lines += to_text(change) + "\n";
    for (const std::string& reason : restart_reasons(list)) lines += "! " + reason + "\n";
    return lines;
  };
  const std::string a = "    - {name: a, action: deny, to: trust}\n";
  const std::string b = "    - {name: b, action: permit, to: trust, source: 192.0.2.0/24}\n";
  const std::string c = "    - {name: c, action: permit, from: trust}\n";
  CHECK(changes("", "policy:\n") == "policy: added\n! policy: added needs a restart of culvertd\n");
  CHECK(changes(rules(a), "") == "policy: removed\n! policy: removed needs a restart of culvertd\n");
  CHECK(changes(rules(b + a), rules(c + b + a)) == "policy.rules.b: first -> behind c\npolicy.rules.c: added\n");
  CHECK(changes(rules(c + b + a), rules(b + c + a)) ==
        "policy.rules.b: behind c -> first\npolicy.rules.c: first -> behind b\npolicy.rules.a: behind b -> behind c\n");
  CHECK(changes("policy:\n", "policy: {addresses: {x: 10.0.0.0/8}, services: {s: [tcp/1]}, schedules: {t: {}}}\n") ==
        "policy.addresses.x: added\npolicy.services.s: added\npolicy.schedules.t: added\n");
  CHECK(changes("policy: {addresses: {x: 10.0.0.0/8}}\n", "policy: {addresses: {x: [10.0.0.0/8, 192.0.2.0/24]}}\n") ==
        "policy.addresses.x.members: [10.0.0.0/8] -> [10.0.0.0/8, 192.0.2.0/24]\n");
  CHECK(changes("sessions: {timeouts: {udp: 30s}}\n", "sessions: {max: 2k}\n") ==
        "sessions.max: 262144 -> 2000\nsessions.timeouts.udp: 30s -> 1m\n"
        "! sessions.max: 262144 -> 2000 needs a restart of culvertd\n");
  for (const KeyInfo& info : schema_keys()) {
    INFO(info.path);
    if (info.path.starts_with("policy.") || info.path.starts_with("zones")) CHECK(info.reload == Reload::kLive);
    if (info.path == "interfaces.NAME.zone") CHECK(info.reload == Reload::kLive);
  }
}

TEST_CASE("a long value is told by its beginning") {
  std::string list = "10.0.0.0/32";
  for (int i = 1; i < 200; ++i) list += ", 10.0.0." + std::to_string(i) + "/32";
  const auto before = check_text(std::string(kZones) + "policy: {addresses: {x: [10.0.0.0/8]}}\n", "f");
  const auto after = check_text(std::string(kZones) + "policy: {addresses: {x: [" + list + "]}}\n", "f");
  const auto changes = changes_between(*before.config, *after.config);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].to == "[" + list + "]");
  CHECK(to_text(changes[0]).size() < 300);
}
