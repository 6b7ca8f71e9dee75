// SPDX-License-Identifier: Apache-2.0
// Every key of zones and policy at both ends of its bounds; names, numbers of things, and how long the largest policy
// takes.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "config/schema.h"
#include "config/yaml.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr const char* kZones = "interfaces: {lan0: {zone: trust}}\nzones: {trust: {}}\n";

std::string repeated(const std::string& text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

/// A configuration with one key set: that of a zone, of a set, of the only rule, or of the policy itself.
std::string with_value(const std::string& path, const std::string& value) {
  const std::string name = path.substr(path.rfind('.') + 1);
  const std::string pair = name + ": " + value;
  const std::string screened = "interfaces: {lan0: {zone: z}}\nscreens: {s: {}}\nzones: {z: {";
  if (path.starts_with("zones.NAME.limits.")) return screened + "limits: {" + pair + "}}}\n";
  if (path.starts_with("zones.")) return screened + pair + "}}\n";
  if (path.starts_with("screens.")) return std::string(kZones) + "screens: {s: {" + pair + "}}\n";
  const auto other = [&](const char* key, const char* text) {
    return name == key ? std::string() : fmt::format("{}: {}, ", key, text);
  };
  std::string policy = "policy:\n";
  if (path.starts_with("policy.addresses.")) {
    policy += "  addresses: {x: {" + other("members", "[192.0.2.1]") + pair + "}}\n";
  } else if (path.starts_with("policy.services.")) {
    policy += "  services: {x: {" + other("members", "[tcp/1]") + pair + "}}\n";
  } else if (path.starts_with("policy.schedules.")) {
    policy += "  schedules: {x: {" + pair + "}}\n";
  } else if (path.starts_with("policy.rules")) {
    policy += "  addresses: {a: 192.0.2.1}\n  services: {s: tcp/1}\n  schedules: {t: {}}\n  rules: [{" +
              other("name", "r") + other("action", "deny") + pair + "}]\n";
  } else {
    policy += "  " + pair + "\n";
  }
  return kZones + policy;
}

struct Bounds {
  std::string path;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

std::string numbered(const std::string& format, int count) {
  std::string result = "[";
  for (int i = 0; i < count; ++i) {
    result += (i == 0 ? "" : ", ") + fmt::format(fmt::runtime(format), i / 256, i % 256, i + 1);
  }
  return result + "]";
}

std::vector<Bounds> set_bounds() {
  const std::vector<std::string> text_good = {"\"\"", "\"Words, and more.\"", repeated("x", 255)};
  const std::vector<std::string> text_bad = {repeated("x", 256), "[a]", "\"a\\nb\"", "{a: b}"};
  return {
      {"zones.NAME.description", text_good, text_bad},
      {"policy.addresses.NAME.description", text_good, text_bad},
      {"policy.addresses.NAME.members",
       {"[]", "0.0.0.0/0", "[192.0.2.0/24, \"2001:db8::/32\"]"},
       {"any", "[any]", "[1.2.3.4/33]", "[x/y]", "[[192.0.2.1]]", "{a: b}", "[\"\"]"}},
      {"policy.addresses.NAME.file", {"none"}, {"relative.txt", "/nowhere/file.txt", "/", "[none]"}},
      {"policy.services.NAME.description", text_good, text_bad},
      {"policy.services.NAME.members",
       {"tcp", "[gre, udp/53 from 53]", numbered("udp/{2}", 1024)},
       {"[]", "any", "web/80", numbered("udp/{2}", 1025)}},
      {"policy.schedules.NAME.description", text_good, text_bad},
      {"policy.schedules.NAME.days", {"mon", "[mon-fri, sun]", "sat-sun"}, {"[]", "any", "[mon, mon]", "[1]"}},
      {"policy.schedules.NAME.hours", {"00:00-24:00", "23:00-01:00"}, {"any", "00:00-00:00", "24:00-25:00"}},
      {"policy.schedules.NAME.dates", {"any", "2026-01-01", "2026-01-01/2026-01-01"}, {"none", "2026-02-29", "[any]"}},
  };
}

std::vector<Bounds> guard_bounds() {
  const std::vector<std::string> rate_bad = {"0/s", "10000001/s", "5", "none/s", "[1/s]"};
  const std::vector<std::string> things_good = {"off", "5", "1000"};
  const std::vector<std::string> things_bad = {"4", "1001", "none", "5/s"};
  std::vector<Bounds> bounds{
      {"zones.NAME.screen", {"none", "s"}, {"x", "[s]", "any"}},
      {"zones.NAME.limits.sessions_per_source", {"none", "1", "67108864"}, {"0", "67108865", "off", "1/s"}},
      {"zones.NAME.limits.new_sessions_per_source", {"none", "1/s", "10M/s"}, rate_bad},
      {"zones.NAME.limits.new_sessions", {"none", "1/s", "10M/s"}, rate_bad},
      {"screens.NAME.description", {"\"\"", repeated("x", 255)}, {repeated("x", 256)}},
      {"screens.NAME.icmp_flood", {"off", "1/s", "10M/s"}, rate_bad},
      {"screens.NAME.udp_flood", {"off", "1/s", "10M/s"}, rate_bad},
      {"screens.NAME.syn_flood", {"off", "1/s", "10M/s"}, rate_bad},
      {"screens.NAME.port_scan", things_good, things_bad},
      {"screens.NAME.address_sweep", things_good, things_bad},
      {"screens.NAME.alarm_only", {"[]", "[land]", "[land, port_scan]"}, {"land", "all", "[all]", "[land, land]"}},
  };
  for (const char* flag : {"land", "winnuke", "syn_fin", "no_flags", "fin_no_ack", "source_route", "tiny_fragment"}) {
    bounds.push_back({std::string("screens.NAME.") + flag, {"true", "false"}, {"drop", "1"}});
  }
  return bounds;
}

std::vector<Bounds> rule_bounds() {
  const std::vector<std::string> zones_good = {"any", "trust", "[trust]"};
  const std::vector<std::string> zones_bad = {"none", "[any]", "[]", "[trust, trust]", "{trust: 1}", "[[trust]]"};
  const std::vector<std::string> addresses_good = {"any", "a", "192.0.2.1", "[a, ::/0]", numbered("10.0.{}.{}", 1024)};
  const std::vector<std::string> addresses_bad = {"none", "[]",         "[any]",
                                                  "b",    "10.0.0.1/8", numbered("10.0.{}.{}", 1025)};
  return {
      {"policy.rules[].name", {"a", "Z-_9", repeated("x", 63)}, {"1", "-a", "a b", "a.b", repeated("x", 64), "none"}},
      {"policy.rules[].description", {"\"\"", repeated("x", 255)}, {repeated("x", 256)}},
      {"policy.rules[].from", zones_good, zones_bad},
      {"policy.rules[].to", zones_good, zones_bad},
      {"policy.rules[].source", addresses_good, addresses_bad},
      {"policy.rules[].destination", addresses_good, addresses_bad},
      {"policy.rules[].service",
       {"any", "s", "tcp/80", "[s, icmp]", numbered("udp/{2}", 1024)},
       {"none", "[]", "[any]", "x", "s/80", numbered("udp/{2}", 1025)}},
      {"policy.rules[].schedule", {"always", "t"}, {"any", "[t]", "x", "alway"}},
      {"policy.rules[].action", {"permit", "deny", "reject"}, {"allow", "drop", "true"}},
      {"policy.rules[].log", {"none", "open", "close", "both"}, {"true", "all"}},
      {"policy.rules[].enabled", {"true", "false"}, {"yes"}},
      {"policy.default", {"deny", "reject", "permit"}, {"drop"}},
      {"policy.default_log", {"true", "false"}, {"both"}},
      {"policy.on_change", {"close", "keep"}, {"true"}},
      {"policy.mid_stream", {"true", "false"}, {"1"}},
  };
}

std::string many_rules(int count) {
  std::string text = kZones;
  text += "policy:\n  addresses: {servers: [192.0.2.0/24]}\n  services: {web: [tcp/80, tcp/443]}\n  rules:\n";
  for (int i = 0; i < count; ++i) {
    text += fmt::format(
        "    - {{name: rule-{}, from: trust, to: any, source: 10.{}.{}.0/24, destination: servers, service: [web, "
        "udp/{}], action: permit, log: close}}\n",
        i, i / 256, i % 256, 1 + i);
  }
  return text;
}

}  // namespace

TEST_CASE("every key of zones, screens and policy takes both ends of its bounds and nothing beyond") {
  std::vector<Bounds> table = set_bounds();
  for (const Bounds& row : rule_bounds()) table.push_back(row);
  for (const Bounds& row : guard_bounds()) table.push_back(row);
  for (const Bounds& row : table) {
    for (const std::string& value : row.good) {
      INFO(row.path << ": " << value.substr(0, 200));
      CHECK(check_text(with_value(row.path, value), "f").ok());
    }
    for (const std::string& value : row.bad) {
      INFO(row.path << ": " << value.substr(0, 200));
      const CheckResult result = check_text(with_value(row.path, value), "f");
      CHECK_FALSE(result.ok());
      REQUIRE_FALSE(result.diagnostics.empty());
      CHECK_FALSE(result.diagnostics.front().key.empty());
    }
  }
  SECTION("the table above has every key") {
    for (const KeyInfo& info : schema_keys()) {
      if (info.kind != KeyInfo::Kind::kValue) continue;
      const bool here = info.path.starts_with("zones.") || info.path.starts_with("screens.");
      if (!here && !info.path.starts_with("policy.")) continue;
      INFO(info.path);
      CHECK(std::any_of(table.begin(), table.end(), [&](const Bounds& row) { return row.path == info.path; }));
    }
  }
}

TEST_CASE("zones, sets in sets and rules are bounded") {
  const auto zones = [](int count) {
    std::string text = "interfaces: {lan0: {zone: z0}}\npolicy:\nzones:\n";
    for (int i = 0; i < count; ++i) text += fmt::format("  z{}: {{}}\n", i);
    return check_text(text, "f");
  };
  CHECK(zones(63).ok());
  CHECK(zones(64).to_text() == "f:4:3: zones: there are 64 zones; use at most 63\n");
  const auto chain = [](int count) {
    std::string text = std::string(kZones) + "policy:\n  addresses:\n    a0: 10.0.0.0/8\n";
    for (int i = 1; i < count; ++i) text += fmt::format("    a{}: [a{}]\n", i, i - 1);
    return check_text(text, "f");
  };
  CHECK(chain(1024).ok());
  CHECK(chain(1025).to_text() ==
        "f:1029:12: policy.addresses.a1024: the set is made of more than 1024 sets; put their prefixes into fewer "
        "ones\n");
  const CheckResult wide =
      check_text(std::string(kZones) + "policy:\n  services: {a: " + numbered("udp/{2}", 600) +
                     ", b: " + numbered("tcp/{2}", 600) + "}\n  rules: [{name: r, action: deny, service: [a, b]}]\n",
                 "f");
  CHECK(wide.to_text() ==
        "f:5:11: policy.rules[0]: the rule's services have more than 1024 members; use ranges of ports\n");
  CHECK(check_text(many_rules(16'384), "f").ok());
  CHECK(check_text(many_rules(16'385), "f").to_text() ==
        "f:7:5: policy.rules: the list has 16385 items; use 0 to 16384\n");
}

TEST_CASE("services that name each other again and again are refused at once") {
  std::string text = std::string(kZones) + "policy:\n  services:\n    s0: tcp/1\n    t0: tcp/2\n";
  for (int i = 1; i < 60; ++i) {
    text += fmt::format("    s{0}: [s{1}, t{1}]\n    t{0}: [t{1}, s{1}]\n", i, i - 1);
  }
  const CheckResult result = check_text(text, "f");
  CHECK_FALSE(result.ok());
  CHECK(result.to_text().find("more than 1024 members") != std::string::npos);
}

TEST_CASE("ten thousand rules and a hundred thousand prefixes are checked while somebody waits") {
  std::string rules = many_rules(10'000);
  std::string prefixes = std::string(kZones) + "policy:\n  addresses:\n    many:\n";
  for (int i = 0; i < 100'000; ++i) {
    prefixes += fmt::format("      - {}.{}.{}.0/24\n", 11 + i / 65536, i / 256 % 256, i % 256);
  }
  for (const auto& [what, text] : {std::pair("10,000 rules", &rules), std::pair("100,000 prefixes", &prefixes)}) {
    REQUIRE(text->size() < kMostBytes);
    const std::uint64_t begin_ns = thread_cpu_ns();
    const CheckResult result = check_text(*text, "f");
    const std::uint64_t took_ns = thread_cpu_ns() - begin_ns;
    INFO(what);
    CHECK(result.to_text().empty());
    std::printf("%s: %zu bytes checked in %.2f s\n", what, text->size(), static_cast<double>(took_ns) / 1e9);
    // Generous, for builds with sanitizers; a square of the number of rules would take minutes.
    CHECK(took_ns < 30 * kNanosecondsPerSecond);
  }
}
