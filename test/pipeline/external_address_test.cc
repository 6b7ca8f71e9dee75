// SPDX-License-Identifier: Apache-2.0
// What comes to an external address and belongs to no session.
#include "test/packet/packets.h"
#include "test/pipeline/translating.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// Everybody may go everywhere.
RuleSet everything() {
  RuleSet set;
  for (const Zone from : {kZoneTrust, kZoneInternet}) {
    for (const Zone to : {kZoneTrust, kZoneInternet}) set.rules.push_back(rule(from, to, RuleAction::kPermit));
  }
  return set;
}

const char* prefix(const Family& family) {
  return family.ipv4 ? "198.18.1.100/32" : "2001:db8:1::100/128";
}

/// All that could begin something.
std::vector<Bytes> strangers(const Family& family, const char* source) {
  const auto ip = [&] { return ip_packet(family, source, external(family)); };
  return {ip().udp(53, 4000).payload(9).build(),
          ip().tcp(1024, 443, {.flags = kTcpSyn}).build(),
          ip().tcp(1024, 443, {.flags = kTcpAck}).build(),
          ip().sctp(1, 2).payload(9).build(),
          echo(ip(), family, true, 7).build(),
          ip().gre(0x0800).payload(9).build()};
}

/// About a packet from the external address to the server's port 53.
Bytes error_about(const Family& family, std::uint16_t port) {
  PacketBuilder quote;
  family.ipv4 ? quote.ipv4(external(family), family.server) : quote.ipv6(external(family), family.server);
  const Bytes quoted = quote.udp(port, 53).payload(9).build();
  PacketBuilder error = ip_packet(family, family.server, external(family));
  family.ipv4 ? error.icmp(3, 3) : error.icmpv6(1, 4);
  return error.payload(quoted).build();
}

std::uint16_t port_of(const Bytes& packet) {
  Bytes copy = packet;
  return parsed(copy).source_port.host();
}

/// A session, its answers and errors, wherever routes to its external address lead.
void check_session(Translating& nat, const Family& family) {
  const auto out = nat.through(from_client(family).udp(4001, 53).payload(9));
  REQUIRE(out.has_value());
  const std::uint16_t port = port_of(*out);
  CHECK(nat.fate(ip_packet(family, family.server, external(family)).udp(53, port), kInternet) == "passed");
  CHECK(nat.fate(error_about(family, port), kInternet) == "passed");
}

}  // namespace

TEST_CASE("nobody is led to an external address by a route, whatever the policy says") {
  struct Route {
    NextHopKind kind;
    InterfaceIndex interface;
  };
  constexpr Route kRoutes[] = {{NextHopKind::kForward, kTrust},           {NextHopKind::kForward, kInternet},
                               {NextHopKind::kGlean, kInternet},          {NextHopKind::kBlackhole, kNoInterface},
                               {NextHopKind::kUnreachable, kNoInterface}, {NextHopKind::kProhibit, kNoInterface}};
  for (const Family& family : kFamilies) {
    for (const Route& route : kRoutes) {
      Translating nat;
      nat.use(everything());
      INFO(static_cast<int>(route.kind));
      if (route.kind == NextHopKind::kForward) {
        nat.forward(prefix(family), route.interface, test_mac(9));
      } else {
        nat.special(prefix(family), route.kind, route.interface);
      }
      for (const Bytes& packet : strangers(family, family.server)) {
        CHECK(nat.fate(packet, kInternet) == "nat_no_mapping");
      }
      for (const Bytes& packet : strangers(family, family.client)) CHECK(nat.fate(packet) == "nat_no_mapping");
      CHECK(nat.fate(error_about(family, 4000), kInternet) == "icmp_unrelated");
      CHECK(nat.sent(kTrust).size() == 0);
      CHECK(nat.sent(kInternet).size() == 0);
      CHECK(nat.count() == 0);
      check_session(nat, family);
    }
  }
}

TEST_CASE("an external address that is the host's: what belongs to no session is for the host") {
  for (const Family& family : kFamilies) {
    Translating nat;
    nat.special(prefix(family), NextHopKind::kLocal);
    for (const Bytes& packet : strangers(family, family.server)) CHECK(nat.fate(packet, kInternet) == "punted");
    for (const Bytes& packet : strangers(family, family.client)) CHECK(nat.fate(packet) == "punted");
    const Bytes error = error_about(family, 4000);
    const std::size_t before = nat.punted().size();
    CHECK(nat.fate(error, kInternet) == "punted");
    REQUIRE(nat.punted().size() == before + 1);
    CHECK(to_hex(nat.punted().back()) == to_hex(slice(error, kEthernet)));
    CHECK(nat.count() == 0);
    check_session(nat, family);
    CHECK(nat.punted().size() == before + 1);
  }
}
