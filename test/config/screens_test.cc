// SPDX-License-Identifier: Apache-2.0
// Screens and limits of zones: what their text means, and what is said about a wrong one.
#include <string>
#include <vector>

#include "config/config.h"
#include "config/schema.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

CheckResult checked(const std::string& zone, const std::string& rest) {
  return check_text("interfaces: {wan0: {zone: out}}\nzones: {out: " + zone + "}\npolicy:\n" + rest, "f");
}

}  // namespace

TEST_CASE("screens and limits land where they belong") {
  const CheckResult result = checked(
      "{screen: strict, limits: {sessions_per_source: 200, new_sessions_per_source: 50/s, new_sessions: 10k/s}}",
      "screens:\n"
      "  strict:\n"
      "    {description: Strict., winnuke: false, icmp_flood: 100/s, udp_flood: 10k/s, port_scan: 30,\n"
      "     address_sweep: off, alarm_only: [port_scan, land]}\n");
  INFO(result.to_text());
  REQUIRE(result.ok());
  CHECK(result.diagnostics.empty());
  const ZoneConfig& zone = result.config->zones.at("out");
  CHECK(zone.screen == "strict");
  CHECK(zone.limits.sessions_per_source == 200);
  CHECK(zone.limits.new_sessions_per_source == 50);
  CHECK(zone.limits.new_sessions == 10'000);
  const ScreenConfig& screen = result.config->screens.at("strict");
  CHECK(screen.land);
  CHECK_FALSE(screen.winnuke);
  CHECK(screen.icmp_flood == 100);
  CHECK(screen.udp_flood == 10'000);
  CHECK(screen.port_scan == 30);
  CHECK_FALSE(screen.address_sweep.has_value());
  CHECK(screen.alarm_only == std::vector<Screen>{Screen::kPortScan, Screen::kLand});
}

TEST_CASE("without a word a zone has no screen and no limit, and an empty screen has what nobody means well") {
  const CheckResult result = checked("", "screens: {plain: }\n");
  REQUIRE(result.ok());
  CHECK_FALSE(result.config->zones.at("out").screen.has_value());
  CHECK(result.config->zones.at("out").limits == ZoneLimitsConfig{});
  const ScreenConfig& screen = result.config->screens.at("plain");
  CHECK((screen.land && screen.winnuke && screen.syn_fin && screen.no_flags && screen.fin_no_ack));
  CHECK((screen.source_route && screen.tiny_fragment));
  CHECK_FALSE((screen.icmp_flood || screen.udp_flood || screen.port_scan || screen.address_sweep));
  CHECK(result.to_text() ==
        "f:4:11: warning: screens.plain: no zone has this screen; write screen: plain below a zone\n");
}

TEST_CASE("wrong screens and limits say what would be right") {
  struct Row {
    std::string zone, rest, said;
  };
  const std::vector<Row> rows{
      {"{screen: strikt}", "screens: {strict: }\n", "there is no screen strikt; did you mean strict?"},
      {"{screen: strict}", "", "there is no screen strict; write it below screens"},
      {"{screen: s}", "screens: {s: {port_scan: 4}}\n", "4 is less than 5; use 5 to 1000"},
      {"{screen: s}", "screens: {s: {port_scan: 1001}}\n", "1001 is more than 1000; use 5 to 1000"},
      {"{screen: s}", "screens: {s: {udp_flood: 0/s}}\n", "0/s is less than 1/s"},
      {"{screen: s}", "screens: {s: {udp_flood: 5}}\n", "udp_flood: "},
      {"{screen: s}", "screens: {s: {alarm_only: [lnad]}}\n", "did you mean land?"},
      {"{screen: s}", "screens: {s: {alarm_only: [land, land]}}\n", "land is in the list twice"},
      {"{screen: s}", "screens: {s: {land: maybe}}\n", "land: "},
      {"{screen: s}", "screens: {s: {lnd: true}}\n", "there is no such key"},
      {"{limits: {sessions_per_source: 0}}", "", "0 is less than 1"},
      {"{limits: {new_sessions: 100}}", "", "new_sessions: "},
      {"{limits: {new_session: 100/s}}", "", "there is no such key"},
  };
  for (const Row& row : rows) {
    INFO(row.zone << row.rest);
    const CheckResult result = checked(row.zone, row.rest);
    CHECK_FALSE(result.ok());
    CHECK(result.to_text().find(row.said) != std::string::npos);
  }
}

TEST_CASE("an alarm of a screen that is off is worth a warning") {
  const auto said = [](const std::string& screen) {
    return checked("{screen: s}", "screens: {s: {" + screen + "}}\n").to_text();
  };
  CHECK(said("alarm_only: [land, port_scan]") ==
        "f:4:34: warning: screens.s.alarm_only[1]: port_scan is off, so it counts nothing; switch port_scan on, or "
        "leave it out here\n");
  CHECK(said("land: false, alarm_only: [land]").find("land is off") != std::string::npos);
  for (const std::string name : {"icmp_flood", "udp_flood", "syn_flood", "port_scan", "address_sweep"}) {
    const std::string on = name + (name.ends_with("_flood") ? ": 10/s" : ": 10");
    INFO(name);
    CHECK(said("alarm_only: [" + name + "]").find(name + " is off") != std::string::npos);
    CHECK(said(on + ", alarm_only: [" + name + "]").empty());
    CHECK_FALSE(said(name + ": off, alarm_only: [" + name + "]").empty());
  }
  for (const std::string name :
       {"land", "winnuke", "syn_fin", "no_flags", "fin_no_ack", "source_route", "tiny_fragment"}) {
    INFO(name);
    CHECK(said("alarm_only: [" + name + "]").empty());
    CHECK_FALSE(said(name + ": false, alarm_only: [" + name + "]").empty());
  }
}

TEST_CASE("a policy that fails open is worth a warning") {
  const auto said = [](const std::string& fail) {
    return check_text("system: {fail: " + fail + "}\ninterfaces: {wan0: {zone: out}}\nzones: {out: }\npolicy:\n", "f")
        .to_text();
  };
  CHECK(
      said("open") ==
      "f:1:16: warning: system.fail: the policy holds only while culvertd runs: then the kernel lets everything pass, "
      "and connections that begin meanwhile are dropped afterwards; use closed, or auto\n");
  CHECK(said("auto").empty());
  CHECK(said("closed").empty());
}

TEST_CASE("a running culvertd takes every change of screens and limits") {
  for (const KeyInfo& info : schema_keys()) {
    if (info.path.starts_with("screens")) CHECK(info.reload == Reload::kLive);
  }
}
