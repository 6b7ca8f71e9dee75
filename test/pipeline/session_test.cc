// SPDX-License-Identifier: Apache-2.0
// What the first packet of a connection meets, what its answers meet, and what the policy is asked.
#include "packet/ipv4.h"
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr Family kIpv4Family = kFamilies[0];
using Check = decltype(StatefulSnapshot::reverse_path)::value_type;

/// A packet of a protocol that the builder has no layer for.
PacketBuilder other(const Family& family, const char* source, const char* destination, int protocol) {
  PacketBuilder builder;
  builder.ethernet();
  if (family.ipv4) return builder.ipv4(source, destination, {.protocol = protocol}).payload(64);
  return builder.ipv6(source, destination, {.next_header = protocol}).payload(64);
}

}  // namespace

TEST_CASE("without a rule that permits it nothing passes, and the default counts it") {
  for (const Family& family : kFamilies) {
    Firewall firewall(rules({}));
    CHECK(firewall.fate(from_client(family).udp(1024, 53)) == "policy_deny");
    CHECK(firewall.fate(from_client(family).tcp(1024, 80, {.flags = kTcpSyn})) == "policy_deny");
    CHECK(firewall.fate(echo(from_client(family), family, true, 7)) == "policy_deny");
    CHECK(firewall.fate(other(family, family.client, family.server, 50)) == "policy_deny");
    CHECK(firewall.rule_hits(0) == 4);
    CHECK(firewall.evaluations() == 4);
    CHECK(firewall.count() == 0);
    CHECK(firewall.sent(kTrust).size() == 0);  // a denial is silent
  }
}

TEST_CASE("a permitted packet begins a session, whose answers pass without a rule") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    CHECK(firewall.fate(from_server(family).udp(53, 1024), kInternet) == "policy_deny");
    CHECK(firewall.fate(from_client(family).udp(1024, 53).payload(20)) == "passed");
    CHECK(firewall.fate(from_server(family).udp(53, 1024).payload(40), kInternet) == "passed");
    CHECK(firewall.fate(from_server(family).udp(54, 1024), kInternet) == "policy_deny");
    CHECK(firewall.fate(from_server(family).udp(53, 1025), kInternet) == "policy_deny");
    CHECK(firewall.fate(from_server(family).tcp(53, 1024, {.flags = kTcpSyn}), kInternet) == "policy_deny");
    CHECK(firewall.count() == 1);
    CHECK(firewall.rule_hits(0) == 1);
    CHECK(firewall.rule_hits(1) == 4);
  }
}

TEST_CASE("what leaves is forwarded as by a router") {
  Firewall firewall;
  REQUIRE(firewall.fate(from_client(kIpv4Family).udp(1024, 53).payload(20)) == "passed");
  const Bytes want = PacketBuilder()
                         .ethernet("02:00:00:00:00:a1", "02:00:00:00:01:01")
                         .ipv4("198.18.0.2", "198.18.1.2", {.ttl = 63})
                         .udp(1024, 53)
                         .payload(20)
                         .build();
  const auto got = firewall.sent(kInternet)[0];
  CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end()));
}

TEST_CASE("a session knows its zones, its rule and what has passed in each direction") {
  Firewall firewall(rules(
      {rule(kZoneInternet, kZoneTrust, RuleAction::kDeny), rule(kZoneTrust, kZoneInternet, RuleAction::kPermit)}));
  REQUIRE(firewall.fate(from_client(kIpv4Family).udp(1024, 53).payload(20)) == "passed");
  REQUIRE(firewall.fate(from_client(kIpv4Family).udp(1024, 53).payload(30)) == "passed");
  REQUIRE(firewall.fate(from_server(kIpv4Family).udp(53, 1024).payload(100), kInternet) == "passed");
  const auto sessions = firewall.sessions<FiveTuple4>();
  REQUIRE(sessions.size() == 1);
  const SessionView<FiveTuple4>& session = sessions[0];
  CHECK(session.original.key == FiveTuple4{ip4("198.18.0.2"), ip4("198.18.1.2"), Be16(1024), Be16(53), 17, 0, 0});
  CHECK(session.reply.key == session.original.key.reversed());
  CHECK(session.original.head.zone == kZoneTrust);
  CHECK(session.reply.head.zone == kZoneInternet);
  CHECK(session.original.info.ingress == kTrust);
  CHECK(session.reply.info.ingress == kInternet);
  CHECK(session.original.info.rule == 1);
  CHECK(session.original.head.packets() == 2);
  CHECK(session.original.head.bytes == 48 + 58);
  CHECK(session.reply.head.packets() == 1);
  CHECK(session.reply.head.bytes == 128);
}

TEST_CASE("a thousand connections of ten packets are a thousand evaluations and two thousand route lookups") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.turn();
    for (std::uint16_t port = 1; port <= 1000; ++port) {
      for (int i = 0; i < 5; ++i) {
        REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(port, 53).build()));
        firewall.turns(2);
        REQUIRE(firewall.lane(kInternet).inject(from_server(family).udp(53, port).build()));
        firewall.turns(2);
      }
    }
    CHECK(firewall.sum(&PipelineCells::forwarded) == 10'000);
    CHECK(firewall.evaluations() == 1000);
    CHECK(firewall.sum(&PipelineCells::route_lookups) == 2000);
    CHECK(firewall.count() == 1000);
  }
}

TEST_CASE("two packets of a new connection in one burst are one session") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.turn();
    for (int i = 0; i < 2; ++i) REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(1024, 53).build()));
    // Of another session, which the bulk lookup has not found either.
    REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(1025, 53).build()));
    firewall.turns(2);
    CHECK(firewall.sent(kInternet).size() == 3);
    CHECK(firewall.count() == 2);
    CHECK(firewall.evaluations() == 2);
  }
}

TEST_CASE("both families in one burst") {
  Firewall firewall;
  firewall.turn();
  for (std::uint16_t port = 1; port <= 20; ++port) {
    for (const Family& family : kFamilies) {
      REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(port, 53).build()));
    }
  }
  firewall.turns(2);
  CHECK(firewall.sent(kInternet).size() == 40);
  CHECK(firewall.sessions<FiveTuple4>().size() == 20);
  CHECK(firewall.sessions<FiveTuple6>().size() == 20);
  CHECK(firewall.unaccounted_frames() == 0);
}

TEST_CASE("a rejected SYN is answered by a reset that acknowledges it") {
  for (const Family& family : kFamilies) {
    Firewall firewall(rules({rule(kZoneTrust, kZoneInternet, RuleAction::kReject)}));
    CHECK(firewall.fate(from_client(family).tcp(1024, 80, {.flags = kTcpSyn, .sequence = 1000})) == "policy_reject");
    REQUIRE(firewall.sent(kTrust).size() == 1);
    const auto answer = firewall.sent(kTrust)[0];
    const std::size_t tcp = family.transport();
    CHECK(get16(answer, tcp) == 80);
    CHECK(get16(answer, tcp + 2) == 1024);
    CHECK(get32(answer, tcp + 4) == 0);
    CHECK(get32(answer, tcp + 8) == 1001);
    CHECK(get8(answer, tcp + 13) == (kTcpRst | kTcpAck));
    CHECK(firewall.sum(&PipelineCells::tcp_resets_sent) == 1);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("what else is rejected is answered by ICMP administratively prohibited, at the rate of all answers") {
  for (const Family& family : kFamilies) {
    Firewall firewall(rules({rule(kZoneTrust, kZoneInternet, RuleAction::kReject)}));
    firewall.snapshot().icmp_errors_per_second = 3;
    for (int i = 0; i < 5; ++i) CHECK(firewall.fate(from_client(family).udp(1024, 53)) == "policy_reject");
    REQUIRE(firewall.sent(kTrust).size() == 3);
    const auto answer = firewall.sent(kTrust)[0];
    CHECK(get8(answer, family.transport()) == (family.ipv4 ? 3 : 1));
    CHECK(get8(answer, family.transport() + 1) == (family.ipv4 ? 13 : 1));
    CHECK(firewall.fate(from_client(family).tcp(1024, 80, {.flags = kTcpSyn})) == "policy_reject");
    CHECK(firewall.sum(&PipelineCells::tcp_resets_sent) == 0);
    CHECK(firewall.sum(&PipelineCells::icmp_errors_suppressed) == 3);
  }
}

TEST_CASE("protocols without ports have sessions by their addresses, SCTP by its ports") {
  for (const Family& family : kFamilies) {
    for (const int protocol : {50, 99, 47}) {
      const auto there = [&] {
        return protocol == 47 ? from_client(family).gre(0x0800).payload(40)
                              : other(family, family.client, family.server, protocol);
      };
      const auto back = [&] {
        return protocol == 47 ? from_server(family).gre(0x0800).payload(40)
                              : other(family, family.server, family.client, protocol);
      };
      Firewall firewall;
      CHECK(firewall.fate(back(), kInternet) == "policy_deny");
      CHECK(firewall.fate(there()) == "passed");
      CHECK(firewall.fate(back(), kInternet) == "passed");
      CHECK(firewall.count() == 1);
    }
    Firewall firewall;
    CHECK(firewall.fate(from_client(family).sctp(1024, 2905).payload(16)) == "passed");
    CHECK(firewall.fate(from_server(family).sctp(2905, 1024).payload(16), kInternet) == "passed");
    CHECK(firewall.fate(from_server(family).sctp(2906, 1024).payload(16), kInternet) == "policy_deny");
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("what forwarding won't pass on begins no session, though the policy permits it") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    CHECK(firewall.fate(from_client(family, 1).udp(1024, 53)) == "ttl_expired");
    CHECK(firewall.sent(kTrust).size() == 1);  // time exceeded
    CHECK(firewall.count() == 0);
    // Of a session that exists, it is what traceroute wants, too.
    CHECK(firewall.fate(from_client(family).udp(1024, 53)) == "passed");
    CHECK(firewall.fate(from_client(family, 1).udp(1024, 53)) == "ttl_expired");
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("what goes to this host or nowhere is not the policy's") {
  Firewall firewall;
  firewall.special("198.18.9.1/32", NextHopKind::kLocal);
  firewall.special("203.0.113.0/24", NextHopKind::kBlackhole);
  const auto to = [](const char* address) { return ip_packet(kIpv4Family, "198.18.0.2", address).udp(1024, 53); };
  CHECK(firewall.fate(to("198.18.9.1")) == "punted");
  CHECK(firewall.fate(to("203.0.113.9")) == "route_blackhole");
  CHECK(firewall.fate(to("192.0.2.9")) == "no_route");
  CHECK(firewall.evaluations() == 0);
  CHECK(firewall.count() == 0);
}

TEST_CASE("a packet of a session from another zone is dropped") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(from_client(family).udp(1024, 53)) == "passed");
    CHECK(firewall.fate(from_client(family).udp(1024, 53), kInternet) == "session_zone");
    CHECK(firewall.fate(from_server(family).udp(53, 1024), kTrust) == "session_zone");
    CHECK(firewall.fate(from_server(family).udp(53, 1024), kInternet) == "passed");
  }
}

TEST_CASE("interfaces of one zone share its sessions") {
  RigConfig config;
  config.interfaces = 3;
  Firewall firewall(rules({}), config);
  firewall.settings.zone[2] = kZoneInternet;
  firewall.use(trust_goes_out());
  REQUIRE(firewall.fate(from_client(kIpv4Family).udp(1024, 53)) == "passed");
  firewall.pass(from_server(kIpv4Family).udp(53, 1024).build(), 2);
  CHECK(firewall.sent(kTrust).size() == 1);
}

TEST_CASE("the way back to the source: strict asks for the interface, loose for any route, off for nothing") {
  struct Row {
    const char* source;
    Check check;
    const char* fate;
  };
  const Row rows[] = {
      {"198.18.0.9", Check::kStrict, "passed"},       {"198.18.1.9", Check::kStrict, "reverse_path"},
      {"192.0.2.9", Check::kStrict, "reverse_path"},  {"203.0.113.9", Check::kStrict, "passed"},
      {"198.18.7.9", Check::kStrict, "reverse_path"}, {"198.18.1.9", Check::kLoose, "passed"},
      {"192.0.2.9", Check::kLoose, "reverse_path"},   {"198.18.7.9", Check::kLoose, "reverse_path"},
      {"192.0.2.9", Check::kOff, "passed"},
  };
  for (const Row& row : rows) {
    Firewall firewall;
    const MultipathMember members[] = {{firewall.forward("203.0.114.1/32", 0, test_mac(1)), 1},
                                       {firewall.forward("203.0.114.2/32", 1, test_mac(2)), 1}};
    firewall.multipath("203.0.113.0/24", members);
    firewall.special("198.18.7.0/24", NextHopKind::kBlackhole);
    firewall.settings.reverse_path[kTrust] = row.check;
    firewall.use(trust_goes_out());
    INFO(row.source);
    CHECK(firewall.fate(ip_packet(kIpv4Family, row.source, "198.18.1.2").udp(1024, 53)) == row.fate);
  }
  Firewall firewall;
  firewall.settings.reverse_path[kTrust] = Check::kStrict;
  firewall.use(trust_goes_out());
  CHECK(firewall.fate(ip_packet(kFamilies[1], "2001:db8:1::7", "2001:db8:1::2").udp(1, 2)) == "reverse_path");
  CHECK(firewall.fate(ip_packet(kFamilies[1], "2001:db8::7", "2001:db8:1::2").udp(1, 2)) == "passed");
}

TEST_CASE("that no route leads to a destination is told to nobody who can't be where the packet comes from") {
  const char* const nowhere = "192.0.2.9";
  for (const Check check : {Check::kOff, Check::kStrict}) {
    Firewall firewall;
    firewall.settings.reverse_path[kTrust] = check;
    firewall.use(trust_goes_out());
    const bool strict = check == Check::kStrict;
    CHECK(firewall.fate(ip_packet(kIpv4Family, "198.18.1.9", nowhere).udp(1, 2)) ==
          (strict ? "reverse_path" : "no_route"));
    CHECK(firewall.sent(kInternet).size() == (strict ? 0 : 1));
    CHECK(firewall.fate(ip_packet(kIpv4Family, "198.18.0.9", nowhere).udp(1, 2)) == "no_route");
    CHECK(firewall.sent(kTrust).size() == 1);
  }
}

TEST_CASE("rules match what they name: services, prefixes, and the first one wins") {
  RuleSet set = rules({rule(kZoneTrust, kZoneInternet, RuleAction::kDeny, {service(kProtocolTcp, 25)}),
                       rule(kZoneTrust, kZoneInternet, RuleAction::kPermit,
                            {service(kProtocolTcp, 1, 1023), service(kProtocolIcmp, 8 << 8, (8 << 8) + 255)})});
  set.prefixes.push_back({{Prefix4(ip4("198.18.1.0"), 25)}, {}});
  set.rules[1].destinations = {0};
  Firewall firewall(set);
  const auto syn = [](const char* destination, std::uint16_t port) {
    return ip_packet(kIpv4Family, "198.18.0.2", destination).tcp(1024, port, {.flags = kTcpSyn});
  };
  CHECK(firewall.fate(syn("198.18.1.2", 25)) == "policy_deny");
  CHECK(firewall.fate(syn("198.18.1.2", 80)) == "passed");
  CHECK(firewall.fate(syn("198.18.1.200", 80)) == "policy_deny");
  CHECK(firewall.fate(syn("198.18.1.2", 8080)) == "policy_deny");
  CHECK(firewall.fate(echo(from_client(kIpv4Family), kIpv4Family, true, 9)) == "passed");
  CHECK(firewall.fate(from_client(kIpv4Family).udp(1024, 53)) == "policy_deny");
  CHECK(firewall.rule_hits(0) == 1);
  CHECK(firewall.rule_hits(1) == 2);
  CHECK(firewall.rule_hits(2) == 3);
}

TEST_CASE("without a policy it is a router, whatever sessions there were") {
  Firewall firewall;
  CHECK(firewall.fate(from_server(kIpv4Family).udp(53, 1024), kInternet) == "policy_deny");
  firewall.use_no_policy();
  CHECK(firewall.fate(from_server(kIpv4Family).udp(53, 1024), kInternet) == "passed");
  CHECK(firewall.count() == 0);
  firewall.use(trust_goes_out());
  CHECK(firewall.fate(from_server(kIpv4Family).udp(53, 1024), kInternet) == "policy_deny");
}
