// SPDX-License-Identifier: Apache-2.0
// Destination and static NAT's configuration: what goes together, and what is said about what does not.
#include <string>
#include <vector>

#include "config/config.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// Two zones and a policy in lines 1 to 3; nat begins in line 4.
constexpr const char* kFirewall =
    "interfaces: {lan0: {zone: trust}, wan0: {zone: internet}}\nzones: {trust: , internet: }\n"
    "policy: {addresses: {lan: 198.18.0.0/24}, services: {web: [tcp/80, tcp/443], odd: icmp/8}}\n";

struct Row {
  std::string nat;
  std::string said;  ///< behind "f:"; empty: nothing
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.nat);
    const std::string said = check_text(kFirewall + row.nat, "f").to_text();
    CHECK(said == (row.said.empty() ? "" : "f:" + row.said + "\n"));
  }
}

std::string forward(const std::string& keys) {
  return "nat:\n  destination:\n    - {name: a, " + keys + "}\n";
}
std::string fixed(const std::string& keys) {
  return "nat:\n  static:\n    - {name: a, " + keys + "}\n";
}

}  // namespace

TEST_CASE("what destination and static rules say lands where it belongs") {
  const CheckResult result = check_text(
      std::string(kFirewall) +
          "nat:\n"
          "  destination:\n"
          "    - {name: web, from: internet, source: lan, destination: interface, service: [web, udp/53],\n"
          "       translate: 198.18.0.9, port: 8080, description: Ours., enabled: false}\n"
          "    - {name: all, destination: 192.0.2.0/30, translate: 198.18.0.4-198.18.0.7}\n"
          "  static:\n"
          "    - {name: six, outside: internet, external: \"2001:db8:1::/48\", internal: \"2001:db8:2::/48\",\n"
          "       checksum_neutral: true}\n",
      "f");
  INFO(result.to_text());
  REQUIRE(result.ok());
  const NatConfig& nat = result.config->nat.value();
  REQUIRE(nat.destination.size() == 2);
  const DestinationNatRuleConfig& web = nat.destination[0];
  CHECK(web.destination.interface);
  CHECK(web.from == std::vector<std::string>{"internet"});
  CHECK(web.source.names == std::vector<std::string>{"lan"});
  CHECK(web.service.names == std::vector<std::string>{"web"});
  CHECK(to_text(web.translate) == "198.18.0.9");
  CHECK(web.port == PortRange{8080, 8080});
  CHECK(!web.enabled);
  CHECK(to_text(nat.destination[1].destination.addresses) == "192.0.2.0-192.0.2.3");
  CHECK(!nat.destination[1].port.has_value());
  REQUIRE(nat.static_rules.size() == 1);
  CHECK(nat.static_rules[0].checksum_neutral);
  CHECK(prefix_length(nat.static_rules[0].external) == 48U);
}

TEST_CASE("addresses and ports of destination rules fit each other") {
  check_rows({
      {forward("destination: 192.0.2.0/31, translate: 198.18.0.2-198.18.0.3"), ""},
      {forward("destination: 192.0.2.0/31, translate: 198.18.0.2-198.18.0.4"),
       "6:55: nat.destination[0].translate: 192.0.2.0-192.0.2.1 and 198.18.0.2-198.18.0.4 are not as many; write one "
       "address, or as many as destination has"},
      {forward("destination: 192.0.2.1, translate: \"2001:db8::1\""),
       "6:52: nat.destination[0].translate: 192.0.2.1 and 2001:db8::1 are of two families; write a rule for each "
       "family; between them nothing is translated"},
      {forward("destination: interface, translate: 198.18.0.2/31"),
       "6:52: nat.destination[0].translate: an interface has one address, and this is more than one; write one "
       "address"},
      {forward("destination: 192.0.2.1, service: [tcp/8000-8009, udp/9000-9009], translate: 198.18.0.2, port: 80-89"),
       ""},
      {forward("destination: 192.0.2.1, service: [tcp/8000-8009, udp/9000-9008], translate: 198.18.0.2, port: 80-89"),
       "6:111: nat.destination[0].port: every service of the rule needs one destination port, or as many as these; "
       "write the ports, as in service: tcp/8080, or port: same"},
      {forward("destination: 192.0.2.1, service: tcp, translate: 198.18.0.2, port: 80"),
       "6:84: nat.destination[0].port: every service of the rule needs one destination port, or as many as these; "
       "write the ports, as in service: tcp/8080, or port: same"},
      {forward("destination: 192.0.2.1, service: tcp/2222, translate: 192.0.2.1, port: 22"),
       "6:71: nat.destination[0].translate: 192.0.2.1 is in destination of rule a, too; an external address is nobody "
       "inside; translate to the host's own address"},
      {"nat:\n  source: [{name: s, to: internet, translate: interface}]\n"
       "  destination: [{name: a, destination: interface, service: tcp/1-65535, translate: 198.18.0.2}]\n",
       "6:40: nat.destination[0].destination: the rule takes every port, and translate: interface needs some of them; "
       "name services with ports, or translate to a pool in source"},
      {"nat:\n  source: [{name: s, to: internet, translate: interface}]\n"
       "  destination: [{name: a, destination: interface, service: tcp/80, translate: 198.18.0.2}]\n",
       ""},
      {forward("destination: 192.0.2.1, service: odd, translate: 198.18.0.2"),
       "6:50: nat.destination[0].service: icmp/echo-request is more than a protocol and its destination's ports; write "
       "tcp/80, udp/5000-5099, icmp or gre"},
  });
}

TEST_CASE("external addresses are one's own") {
  const std::string pool =
      "nat:\n  pools: {p: {addresses: [192.0.2.1]}}\n  source: [{name: s, to: internet, translate: p}]\n";
  check_rows({
      {pool + "  destination: [{name: a, destination: 192.0.2.1, service: tcp/80, translate: 198.18.0.2}]\n", ""},
      {pool + "  destination: [{name: a, destination: 192.0.2.0/30, service: tcp, translate: 198.18.0.2}]\n",
       "7:40: nat.destination[0].destination: 192.0.2.1 is in pool p, too; name services with ports, which the pool "
       "then "
       "leaves out, or take the address out of the pool"},
      {pool + "  static: [{name: a, external: 192.0.2.1, internal: 198.18.0.2}]\n",
       "7:32: nat.static[0].external: 192.0.2.1 is in pool p, too; an address outside is one host's; take it out of "
       "one "
       "of them"},
      {fixed("external: 192.0.2.1, internal: 198.18.0.2") +
           "    - {name: b, external: 192.0.2.1, internal: 198.18.0.3}\n",
       "7:27: nat.static[1].external: 192.0.2.1 is in static rule a, too; an address outside is one host's; take it "
       "out "
       "of one of them"},
      {fixed("external: 192.0.2.1, internal: 198.18.0.2, outside: internet") +
           "    - {name: b, external: 192.0.2.2, internal: 198.18.0.2, outside: trust}\n",
       ""},
      {fixed("external: 192.0.2.1, internal: 198.18.0.2, outside: internet") +
           "    - {name: b, external: 192.0.2.2, internal: 198.18.0.2}\n",
       "7:48: nat.static[1].internal: 198.18.0.2 is in static rule a, too; a host has one address in a zone outside; "
       "take it out of one of them"},
      {fixed("external: 198.18.0.0/30, internal: 198.18.0.2/31"),
       "6:52: nat.static[0].internal: 198.18.0.0-198.18.0.3 and 198.18.0.2-198.18.0.3 are not as many; write as many "
       "addresses inside as outside"},
      {fixed("external: 198.18.0.0/30, internal: 198.18.0.2-198.18.0.5"),
       "6:52: nat.static[0].internal: some addresses are both external and internal; use addresses that are different"},
  });
}

TEST_CASE("checksum-neutral translation is for prefixes of IPv6") {
  const auto said = [](const std::string& external, const std::string& internal) {
    return check_text(kFirewall + fixed("external: \"" + external + "\", internal: \"" + internal +
                                        "\", checksum_neutral: true"),
                      "f")
        .to_text();
  };
  CHECK(said("2001:db8:1::/48", "fd01:203:405::/48").empty());
  CHECK(said("2001:db8:1:2::/64", "fd01:203:405:1::/64").empty());
  for (const auto& [external, internal] : std::vector<std::pair<std::string, std::string>>{
           {"2001:db8:1:2::/65", "fd01:203:405:1::/65"},
           {"192.0.2.0/24", "198.18.0.0/24"},
           {"2001:db8:1::1-2001:db8:1::10", "2001:db8:2::1-2001:db8:2::10"}}) {
    INFO(external);
    CHECK(said(external, internal).find("are not IPv6 prefixes of one length of at most 64") != std::string::npos);
  }
}

TEST_CASE("names of destination rules are somebody's") {
  check_rows({
      {forward("destination: 192.0.2.1, translate: 198.18.0.2, from: outside"),
       "6:70: nat.destination[0].from: there is no zone outside; the zones are trust, internet"},
      {forward("destination: 192.0.2.1, translate: 198.18.0.2") +
           "    - {name: a, destination: 192.0.2.2, translate: 198.18.0.2}\n",
       "7:14: nat.destination[1].name: there is a rule a already; it is in line 6; give this one another name"},
  });
}
