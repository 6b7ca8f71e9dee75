// SPDX-License-Identifier: Apache-2.0
// How much of what a configuration may hold the running one does.
#include "control/configuration_rows.h"

#include "config/check.h"
#include "config/policy_schema.h"
#include "config/screen_schema.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

Config checked(const std::string& text) {
  const CheckResult result = check_text(text, "f");
  INFO(result.to_text());
  REQUIRE(result.ok());
  return *result.config;
}

Config config() {
  return checked(R"(
interfaces: {lan0: {zone: lan, further_stations: ["00:00:5e:00:01:07"]}, wan0: {zone: wan}}
zones: {lan: {}, wan: {screen: outside}, dmz: {}}
screens: {outside: {}}
policy:
  addresses: {office: [198.18.0.0/24, 198.18.1.0/24], all: [office, 198.18.2.0/24]}
  services: {web: [tcp/80, tcp/443]}
  schedules: {evening: {hours: "18:00-22:00"}}
  rules: [{name: all, from: lan, to: wan, action: permit, schedule: evening}]
nat:
  source:
    - {name: office, to: wan, source: [all, office, 192.0.2.0/24], destination: 192.0.2.128/25, translate: none}
    - {name: rest, to: wan, source: all, translate: interface}
  destination:
    - {name: web, from: wan, destination: interface, service: [web, udp/443], translate: 198.18.0.10}
    - {name: gre, from: wan, destination: 192.0.2.9, translate: 198.18.0.11, enabled: false}
  static:
    - {name: lab, outside: wan, external: 192.0.2.16/28, internal: 198.18.9.0/28}
)");
}

/// Used and max of a row; nothing when there is none.
std::pair<std::uint64_t, std::uint64_t> row(const Registry& registry, std::string_view resource,
                                            std::string_view scope = "culvertd") {
  for (const ResourceReading& reading : registry.read()) {
    if (resource_text(reading.kind).name == resource && reading.scope == scope) return {*reading.used, *reading.max};
  }
  return {};
}

using Row = std::pair<std::uint64_t, std::uint64_t>;

}  // namespace

TEST_CASE("each table of a configuration has its row, with what it holds and what it may hold") {
  Registry registry;
  ConfigurationRows rows(registry);
  rows.observe(config());
  CHECK(row(registry, "further_stations", "lan0") == Row{1, kMostFurtherStations});
  CHECK(row(registry, "further_stations", "wan0") == Row{0, kMostFurtherStations});
  CHECK(row(registry, "zones") == Row{3, kMostZones});
  CHECK(row(registry, "screens") == Row{1, kMostScreens});
  CHECK(row(registry, "address_sets") == Row{2, kMostSets});
  CHECK(row(registry, "policy_prefixes") == Row{3, kMostPolicyPrefixes});
  CHECK(row(registry, "services") == Row{1, kMostSets});
  CHECK(row(registry, "schedules") == Row{1, kMostSchedules});
  CHECK(row(registry, "nat_rules", "source") == Row{2, kMostSourceRules});
  CHECK(row(registry, "nat_rules", "destination") == Row{2, kMostDestinationRules});
  CHECK(row(registry, "nat_rules", "services") == Row{4, kMostDestinationMatches});
  CHECK(row(registry, "nat_rules", "static") == Row{1, kMostDestinationRules});
  // 3 + 2 + 1 and 1; 3.
  CHECK(row(registry, "nat_prefixes") == Row{10, kMostNatPrefixes});
}

TEST_CASE("rows follow the configuration, and keep their peaks until they are cleared") {
  Registry registry;
  ConfigurationRows rows(registry);
  Config now = config();
  rows.observe(now);
  const std::size_t count = registry.size();
  now.policy->addresses.erase("all");
  now.nat->source.clear();
  rows.observe(now);
  CHECK(registry.size() == count);
  CHECK(row(registry, "address_sets").first == 1);
  CHECK(row(registry, "policy_prefixes").first == 2);
  CHECK(row(registry, "nat_prefixes").first == 0);
  const auto peak = [&registry] {
    for (const ResourceReading& reading : registry.read()) {
      if (reading.kind == ResourceKind::kPolicyPrefixes) return *reading.peak;
    }
    return std::uint64_t{0};
  };
  CHECK(peak() == 3);
  rows.clear_peaks();
  CHECK(peak() == 2);
}

TEST_CASE("a router has the rows of its interfaces, a firewall without NAT none of NAT") {
  Registry router, firewall;
  ConfigurationRows of_router(router), of_firewall(firewall);
  of_router.observe(checked("interfaces: {lan0: {}, wan0: {}}\nzones: {lan: {}}\n"));
  CHECK(router.size() == 2);
  of_firewall.observe(checked("interfaces: {lan0: {}, wan0: {}}\npolicy: {}\n"));
  CHECK(firewall.size() == 8);
  CHECK_FALSE(firewall.has(ResourceKind::kNatRules));
  CHECK_FALSE(firewall.has(ResourceKind::kNatPrefixes));
}
