// SPDX-License-Identifier: Apache-2.0
// Somebody outside speaks first to a mapping: whom filtering lets in, and what becomes of the session.
#include "test/pipeline/endpoint_nat.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// The policy of the tests with another beginning.
RuleSet trust_may_use(std::uint16_t port) {
  return rules({rule(kZoneTrust, kZoneInternet, RuleAction::kPermit, {service(kProtocolUdp, port)})});
}

}  // namespace

TEST_CASE("filtering decides who may speak first") {
  struct Row {
    NatFiltering filtering;
    const char* other_port;  ///< of an address that the endpoint speaks to
    const char* other_address;
  };
  const Row rows[] = {{NatFiltering::kEndpointIndependent, "passed", "passed"},
                      {NatFiltering::kAddressDependent, "passed", "nat_filtered"},
                      {NatFiltering::kAddressAndPortDependent, "nat_filtered", "nat_filtered"}};
  for (const Row& row : rows) {
    for (const Family& family : kFamilies) {
      INFO(static_cast<int>(row.filtering) << (family.ipv4 ? " IPv4" : " IPv6"));
      EndpointNat nat(row.filtering);
      const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
      CHECK(nat.comes(family, family.server, 5060, port) == "passed");
      CHECK(nat.comes(family, family.server, 9, port) == row.other_port);
      CHECK(nat.comes(family, stranger(family), 5060, port) == row.other_address);
      CHECK(nat.comes(family, family.server, 5060, static_cast<std::uint16_t>(port + 1)) == "nat_no_mapping");
      // No rule was asked about them.
      CHECK(nat.evaluations() == 1);
    }
  }
}

TEST_CASE("who has come in is answered from the same port, and the session is one") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    auto in = nat.through(ip_packet(family, stranger(family), external(family)).udp(77, port).payload(8), kInternet);
    REQUIRE(in.has_value());
    const Packet arrived = parsed(*in);
    CHECK(arrived.destination_port.host() == 5060);
    CHECK(arrived.source_port.host() == 77);
    CHECK(nat.count() == 2);
    CHECK(nat.udp(family, 5060, stranger(family), 77) == port);
    CHECK(nat.count() == 2);
    CHECK(nat.comes(family, stranger(family), 77, port) == "passed");
    CHECK(nat.count() == 2);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 1);
  }
}

TEST_CASE("only packets from inside keep a mapping open") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    nat.wait(200'000);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    SECTION("nobody answers") {
      nat.wait(200'000);
      // The port is still the endpoint's, for what has come in; nobody else comes in by it.
      CHECK(nat.count() == 1);
      CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 1);
      CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
      CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
      nat.wait(200'000);
      CHECK(nat.count() == 0);
      CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 0);
      CHECK(nat.comes(family, stranger(family), 1, port) == "nat_no_mapping");
    }
    SECTION("the endpoint answers") {
      CHECK(nat.udp(family, 5060, stranger(family), 1) == port);
      nat.wait(200'000);
      CHECK(nat.count() == 1);
      CHECK(nat.comes(family, stranger(family), 2, port) == "passed");
      nat.wait(400'000);
      CHECK(nat.mappings(family) == 0);
    }
  }
}

TEST_CASE("whom the endpoint has answered is one whom it has spoken to") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    for (SourceRule& nat_rule : nat.nat_rules) nat_rule.filtering = NatFiltering::kAddressDependent;
    nat.apply();
    CHECK(nat.udp(family, 5060, family.server, 5060) == port);  // allowed by the new policy
    CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
    CHECK(nat.udp(family, 5060, stranger(family), 1) == port);
    CHECK(nat.comes(family, stranger(family), 2, port) == "passed");
    nat.wait(400'000);
    CHECK(nat.mappings(family) == 0);
  }
}

TEST_CASE("a TCP connection may begin outside, and no other segment may") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kAddressDependent);
    const std::uint16_t port = nat.port_of(from_client(family).tcp(7000, 443, syn(1000)));
    REQUIRE(port != 0);
    const auto from_outside = [&](std::uint16_t source, const TcpFields& fields) {
      return nat.fate(ip_packet(family, family.server, external(family)).tcp(source, port, fields), kInternet);
    };
    CHECK(from_outside(99, {.flags = kTcpAck, .sequence = 7, .acknowledgment = 8}) == "tcp_no_session");
    CHECK(from_outside(99, {.flags = kTcpRst, .sequence = 7}) == "tcp_no_session");
    CHECK(nat.count() == 1);
    CHECK(from_outside(99, syn(5000)) == "passed");
    CHECK(nat.shard().half_open() == 2);
    CHECK(nat.port_of(from_client(family).tcp(
              7000, 99, {.flags = kTcpSyn | kTcpAck, .sequence = 3000, .acknowledgment = 5001, .window = 64000})) ==
          port);
    CHECK(from_outside(99, {.flags = kTcpAck, .sequence = 5001, .acknowledgment = 3001, .window = 64000}) == "passed");
    CHECK(nat.shard().half_open() == 1);
    CHECK(from_outside(99, {.flags = kTcpAck, .sequence = 900'000, .acknowledgment = 3001}) == "tcp_out_of_window");
    CHECK(nat.count() == 2);
  }
}

TEST_CASE("what goes no further, or has no way, begins nothing") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.fate(ip_packet(family, stranger(family), external(family), 1).udp(1, port), kInternet) == "ttl_expired");
    CHECK(nat.count() == 1);
    // Nor what comes to the external address from inside: the rules translate nothing that way.
    CHECK(nat.fate(ip_packet(family, family.client, external(family)).udp(1, port)) == "nat_filtered");
    CHECK(nat.count() == 1);
  }
}

TEST_CASE("a mapping lets nobody in whom the policy of now has not allowed it for") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    SECTION("not before one of its sessions is allowed again") {
      nat.use(trust_may_use(5060));
      CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
      CHECK(nat.comes(family, stranger(family), 1, port) == "policy_changed");
      CHECK(nat.udp(family, 5060, family.server, 5060) == port);
      CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
      CHECK(nat.comes(family, stranger(family), 2, port) == "passed");
    }
    SECTION("unless the endpoint could begin that session") {
      nat.use(rules({rule(kZoneTrust, kZoneInternet, RuleAction::kPermit, {service(kProtocolUdp, 1, 3)})}));
      CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
      CHECK(nat.comes(family, stranger(family), 2, port) == "passed");
      CHECK(nat.comes(family, stranger(family), 4, port) == "nat_filtered");
    }
    SECTION("and never when the host may send nothing more") {
      nat.use(trust_may_use(9999));
      CHECK(nat.fate(from_client(family).udp(5060, 5060)) == "policy_changed");
      CHECK(nat.comes(family, stranger(family), 1, port) == "policy_changed");
      CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
      nat.wait(400'000);
      CHECK(nat.count() == 0);
      CHECK(nat.mappings(family) == 0);
    }
  }
}

TEST_CASE("other rules close what they would not translate so") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    for (SourceRule& nat_rule : nat.nat_rules) nat_rule.action = SourceAction::kKeep;
    nat.apply();
    CHECK(nat.comes(family, stranger(family), 1, port) == "policy_changed");
    CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
    CHECK(nat.fate(from_client(family).udp(5060, 5060)) == "policy_changed");
    CHECK(nat.count() == 0);
    CHECK(nat.mappings(family) == 0);
  }
}

TEST_CASE("what nobody inside answers makes way for others") {
  for (const Family& family : kFamilies) {
    RigConfig config;
    config.sessions = 64;
    EndpointNat nat(NatFiltering::kAddressDependent, {}, config);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, family.server, 5060, port) == "passed");
    for (std::uint16_t from = 1; from < 500; ++from) nat.comes(family, family.server, from, port);
    CHECK(nat.count() == 64);
    // A session that has had packets both ways is there still, and new ones begin.
    CHECK(nat.udp(family, 5060, family.server, 5060) == port);
    int begun = 0;
    for (std::uint16_t from = 1024; from < 1044; ++from) begun += nat.udp(family, from, stranger(family), 53) != 0;
    CHECK(begun >= 18);  // each looks at a few neighbours only
    nat.wait(400'000);
    CHECK(nat.mappings(family) == 0);
  }
}

TEST_CASE("where the host itself listens now, mappings of before let nobody in") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    nat.special(family.ipv4 ? "198.18.1.100/32" : "2001:db8:1::100/128", NextHopKind::kLocal);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    const HostPort service{PortKind::kUdp, port};
    nat.addresses[family.ipv4 ? 0 : 1].excluded = std::span(&service, 1);
    nat.addresses[family.ipv4 ? 0 : 1].version = 2;
    nat.apply();
    CHECK(nat.udp(family, 5060, family.server, 5060) == port);  // who has it keeps it
    CHECK(nat.comes(family, stranger(family), 2, port) == "punted");
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
  }
}

TEST_CASE("a policy that forbids is not got round by an answer, when sessions are kept") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    nat.settings.close_on_change = false;
    nat.use(trust_may_use(9999));
    CHECK(nat.udp(family, 5060, stranger(family), 1) == port);  // its first answer
    CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
  }
}

TEST_CASE("a mapping is a permit between the zones for which it was given") {
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent);
    for (SourceRule& nat_rule : nat.nat_rules) nat_rule.to = kAnyNatZone;
    nat.apply();
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 1, port) == "passed");
    // The interface where strangers come in becomes another zone's, for which no rule lets anybody go.
    constexpr Zone kGuests = 5;
    nat.settings.zone[kInternet] = kGuests;
    RuleSet policy = trust_goes_out();
    nat.use(policy);
    CHECK(nat.comes(family, stranger(family), 2, port) == "nat_filtered");
    CHECK(nat.count() == 2);
  }
}
