// SPDX-License-Identifier: Apache-2.0
// Endpoint-independent mapping: which sessions share a port outside, and for how long.
#include <set>

#include "test/pipeline/endpoint_nat.h"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("all sessions of an inside endpoint leave with one port") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kAddressDependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    REQUIRE(port != 0);
    CHECK(nat.udp(family, 5060, family.server, 5061) == port);
    CHECK(nat.udp(family, 5060, stranger(family), 53) == port);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 1);
    CHECK(nat.count() == 3);
    // Another endpoint has another, and so has another protocol.
    CHECK(nat.udp(family, 5061, family.server, 5060) != port);
    const char* neighbor = family.ipv4 ? "198.18.0.3" : "2001:db8::3";
    CHECK(nat.port_of(ip_packet(family, neighbor, family.server).udp(5060, 5060)) != port);
    CHECK(nat.port_of(from_client(family).tcp(5060, 443, syn(1000))) != 0);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 3);
    CHECK(nat.ports_used(PortKind::kTcp, family.ipv4 ? 0 : 1) == 1);
  }
}

TEST_CASE("answers of all sessions with one port reach the endpoint") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kAddressAndPortDependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.udp(family, 5060, stranger(family), 53) == port);
    for (const auto& [from, at] : {std::pair{family.server, 5060}, std::pair{stranger(family), 53}}) {
      auto back = nat.through(
          ip_packet(family, from, external(family)).udp(static_cast<std::uint16_t>(at), port).payload(8), kInternet);
      REQUIRE(back.has_value());
      const Packet packet = parsed(*back);
      CHECK(packet.destination_port.host() == 5060);
      CHECK(packet.source_port.host() == at);
    }
  }
}

TEST_CASE("a mapping ends with its last session, and gives the port back") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kAddressDependent);
    const std::size_t slot = family.ipv4 ? 0 : 1;
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    nat.wait(200'000);
    CHECK(nat.udp(family, 5060, stranger(family), 53) == port);
    nat.wait(200'000);
    CHECK(nat.count() == 1);
    CHECK(nat.mappings(family) == 2);  // it, and the stranger's address, which is not in it
    CHECK(nat.ports_used(PortKind::kUdp, slot) == 1);
    CHECK(nat.udp(family, 5060, family.server, 5060) == port);
    nat.wait(400'000);
    CHECK(nat.count() == 0);
    CHECK(nat.mappings(family) == 0);
    CHECK(nat.ports_used(PortKind::kUdp, slot) == 0);
  }
}

TEST_CASE("a pool without a free port lets endpoints that have one begin sessions, and no others") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kAddressDependent, {5000, 5001});
    CHECK(nat.udp(family, 4000, family.server, 53) != 0);
    CHECK(nat.udp(family, 4001, family.server, 53) != 0);
    CHECK(nat.fate(from_client(family).udp(4002, 53)) == "nat_ports_exhausted");
    for (std::uint16_t port = 54; port < 64; ++port) CHECK(nat.fate(from_client(family).udp(4000, port)) == "passed");
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 2);
  }
}

TEST_CASE("an endpoint keeps its mapping to another address of the pool than the host's own") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kAddressDependent, {5000, 5000});
    // A second address of one port in each pool.
    for (std::size_t i = 0; i < 2; ++i) {
      nat.addresses.push_back({external_address(kFamilies[i], 101), {5000, 5000}});
      nat.slots[i].push_back(static_cast<std::uint16_t>(2 + i));
    }
    nat.apply();
    const auto source = [&](std::uint16_t from, std::uint16_t to) {
      auto out = nat.through(from_client(family).udp(from, to).payload(8));
      if (!out.has_value()) return std::string("none");
      return to_hex(std::span<const std::byte>(*out).subspan(kEthernet + (family.ipv4 ? 12 : 8), family.ipv4 ? 4 : 16));
    };
    const std::string first = source(4000, 53), second = source(4001, 53);
    REQUIRE(first != "none");
    REQUIRE(second != "none");
    CHECK(first != second);
    CHECK(source(4000, 54) == first);
    CHECK(source(4001, 54) == second);
    CHECK(source(4002, 53) == "none");
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 1);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 2 : 3) == 1);
  }
}

TEST_CASE("a session that finds no place in the table leaves no mapping behind") {
  for (const Family& family : kFamilies) {
    RigConfig config;
    config.sessions = 16;
    EndpointNat nat(NatFiltering::kAddressDependent, {}, config);
    for (std::uint16_t from = 1024; from < 1100; ++from) {
      auto out = nat.through(from_client(family).udp(from, 53).payload(8));
      if (!out.has_value()) continue;
      // Answered, so that it need not make way.
      const std::uint16_t port = parsed(*out).source_port.host();
      CHECK(nat.comes(family, family.server, 53, port) == "passed");
    }
    CHECK(nat.count() == 16);
    CHECK(nat.mappings(family) == 16);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 16);
  }
}

TEST_CASE("queries of one identifier have one outside, and what is asked of us with it is not theirs") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const auto id = [&](const char* to) {
      auto out = nat.through(echo(ip_packet(family, family.client, to), family, true, 7));
      return out.has_value() ? parsed(*out).source_port.host() : std::uint16_t{0};
    };
    const std::uint16_t outside = id(family.server);
    REQUIRE(outside != 0);
    CHECK(id(stranger(family)) == outside);  // RFC 5508 REQ-1
    CHECK(nat.ports_used(PortKind::kIcmp, family.ipv4 ? 0 : 1) == 1);
    for (const char* from : {family.server, stranger(family)}) {
      auto back = nat.through(echo(ip_packet(family, from, external(family)), family, false, outside), kInternet);
      REQUIRE(back.has_value());
      CHECK(parsed(*back).source_port.host() == 7);
      // A request from outside is no answer, whatever its identifier.
      CHECK(nat.fate(echo(ip_packet(family, from, external(family)), family, true, outside), kInternet) ==
            "icmp_unsolicited");
    }
    const char* other = family.ipv4 ? "198.18.1.77" : "2001:db8:1::77";
    CHECK(nat.fate(echo(ip_packet(family, other, external(family)), family, true, outside), kInternet) ==
          "nat_no_mapping");
    nat.wait(100'000);
    CHECK(nat.mappings(family) == 0);
    CHECK(nat.ports_used(PortKind::kIcmp, family.ipv4 ? 0 : 1) == 0);
    // Protocols without ports have none.
    CHECK(nat.fate(from_client(family).gre(0x0800).payload(20)) == "passed");
    CHECK(nat.mappings(family) == 0);
  }
}
