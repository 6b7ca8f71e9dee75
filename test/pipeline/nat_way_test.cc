// SPDX-License-Identifier: Apache-2.0
// A multipath route to the internet, by two interfaces: a session leaves by one of them, also what waits for its
// neighbour and what we send for an inside host, though these packets have another source than those that chose it.
#include <map>

#include "test/packet/packets.h"
#include "test/pipeline/translating.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr InterfaceIndex kSecond = 2;

struct TwoWays : Translating {
  static RigConfig three_interfaces() {
    RigConfig config;
    config.interfaces = 3;
    return config;
  }
  explicit TwoWays(const Family& of) : Translating({}, three_interfaces()), family(of) {
    settings.zone[kSecond] = kZoneInternet;
    apply();
    const char* const gateways[] = {family.ipv4 ? "192.0.2.1/32" : "2001:db8:77::1/128",
                                    family.ipv4 ? "192.0.2.2/32" : "2001:db8:77::2/128"};
    members = {MultipathMember{unresolved(gateways[0], kInternet), 1},
               MultipathMember{unresolved(gateways[1], kSecond), 1}};
    multipath(family.ipv4 ? "198.18.1.0/24" : "2001:db8:1::/64", members);
  }
  void resolve_both() {
    resolve(members[0].next_hop, test_mac(1));
    resolve(members[1].next_hop, test_mac(2));
    turns(10, kNanosecondsPerMillisecond);
  }

  /// By which of both interfaces one packet has left that was passed to this one; nothing else may have.
  InterfaceIndex way_of(const Bytes& packet, InterfaceIndex from = kTrust) {
    const std::size_t before = sent(kInternet).size(), before_second = sent(kSecond).size();
    pass(packet, from);
    REQUIRE(sent(kInternet).size() + sent(kSecond).size() == before + before_second + 1);
    return sent(kInternet).size() > before ? kInternet : kSecond;
  }
  Bytes last(InterfaceIndex interface) { return slice(sent(interface)[sent(interface).size() - 1], 0); }

  Family family;
  std::array<MultipathMember, 2> members{};
};

/// A client's segment, and one of the server to the external port.
Bytes segment(const Family& family, std::uint16_t port, const TcpFields& fields) {
  return from_client(family).tcp(port, 443, fields).build();
}
Bytes answer(const Family& family, std::uint16_t port, const TcpFields& fields) {
  return ip_packet(family, family.server, external(family)).tcp(443, port, fields).build();
}

std::uint16_t port_of(const Bytes& packet) {
  Bytes copy = packet;
  return parsed(copy).source_port.host();
}

}  // namespace

TEST_CASE("what waited for its neighbour leaves by the interface that its session has") {
  for (const Family& family : kFamilies) {
    TwoWays nat(family);
    constexpr std::uint16_t kSessions = 32;
    for (std::uint16_t port = 0; port < kSessions; ++port) {
      CHECK(nat.fate(from_client(family).udp(static_cast<std::uint16_t>(4000 + port), 53)) == "held");
    }
    nat.resolve_both();
    std::map<std::uint16_t, InterfaceIndex> left;  // by external port
    for (const InterfaceIndex interface : {kInternet, kSecond}) {
      for (std::size_t i = 0; i < nat.sent(interface).size(); ++i) {
        left[port_of(slice(nat.sent(interface)[i], 0))] = interface;
      }
    }
    REQUIRE(left.size() == kSessions);
    CHECK(nat.sent(kInternet).size() > 4);
    CHECK(nat.sent(kSecond).size() > 4);
    for (std::uint16_t port = 0; port < kSessions; ++port) {
      const Bytes next = from_client(family).udp(static_cast<std::uint16_t>(4000 + port), 53).build();
      const InterfaceIndex way = nat.way_of(next);
      CHECK(left[port_of(nat.last(way))] == way);
    }
  }
}

TEST_CASE("a packet that waits for a member that is one no more takes another") {
  for (const Family& family : kFamilies) {
    TwoWays nat(family);
    for (std::uint16_t port = 4000; port < 4016; ++port) {
      CHECK(nat.fate(from_client(family).udp(port, 53)) == "held");
    }
    nat.multipath(family.ipv4 ? "198.18.1.0/24" : "2001:db8:1::/64", {nat.members.data(), 1});
    nat.resolve_both();
    CHECK(nat.sent(kInternet).size() == 16);
    CHECK(nat.sent(kSecond).size() == 0);
  }
}

TEST_CASE("what the SYN proxy sends to a server leaves by the interface that the session has") {
  for (const Family& family : kFamilies) {
    TwoWays nat(family);
    nat.resolve_both();
    ZoneScreens& screens = nat.settings.screens[kZoneTrust];
    screens.on = mask_of(Screen::kSynFlood);
    screens.syn = MeterRate::per_second(1);
    nat.apply();
    for (std::uint16_t port = 20'000; port < 20'020; ++port) nat.pass(segment(family, port, {kTcpSyn, 1}));
    std::map<InterfaceIndex, int> ways;
    for (std::uint16_t port = 4000; port < 4024; ++port) {
      const std::size_t before = nat.sent(kTrust).size();
      nat.pass(segment(family, port, {kTcpSyn, 1000, 0}));
      REQUIRE(nat.sent(kTrust).size() == before + 1);
      const std::uint32_t cookie = get32(nat.last(kTrust), family.transport() + 4);
      const InterfaceIndex way = nat.way_of(segment(family, port, {kTcpAck, 1001, cookie + 1}));
      const std::uint16_t outside = port_of(nat.last(way));
      // It has an older connection with these ports: it gets a reset.
      CHECK(nat.way_of(answer(family, outside, {kTcpAck, 70'000, 90'000}), way) == way);
      CHECK(get8(nat.last(way), family.transport() + 13) == kTcpRst);
      CHECK(port_of(nat.last(way)) == outside);
      // And its SYN-ACK an ACK.
      CHECK(nat.way_of(answer(family, outside, {kTcpSyn | kTcpAck, 7000, 1001}), way) == way);
      CHECK(get8(nat.last(way), family.transport() + 13) == kTcpAck);
      CHECK(port_of(nat.last(way)) == outside);
      ++ways[way];
    }
    CHECK(ways[kInternet] > 4);
    CHECK(ways[kSecond] > 4);
  }
}
