// SPDX-License-Identifier: Apache-2.0
// The XDP program's contract as tables: one section for each step of the order in docs/xdp.md.
#include <algorithm>
#include <array>

#include "test/kernel_redirect/judge.h"

namespace culvert::test {
namespace {

const std::string kClaimed4 = "192.0.2.1", kUnclaimed4 = "192.0.2.2", kDenied4 = "198.18.66.9";
const std::string kClaimed6 = "2001:db8::1", kUnclaimed6 = "2001:db8::2", kDenied6 = "2001:db8:66:1::9";

Bytes tcp4(const std::string& to, std::uint16_t port) {
  return ethernet(kV4) + ip4({.destination = to}) + ports(40000, port);
}
Bytes tcp6(const std::string& to, std::uint16_t port) {
  return ethernet(kV6) + ip6({.destination = to}) + ports(40000, port);
}
Bytes denied4(const std::string& to, std::uint16_t port) {
  return ethernet(kV4) + ip4({.source = kDenied4, .destination = to}) + ports(1, port);
}
Bytes denied6(const std::string& to, std::uint16_t port) {
  return ethernet(kV6) + ip6({.source = kDenied6, .destination = to}) + ports(1, port);
}
/// An ICMP error to `to` that quotes a packet of `quoted_source`, port `port`.
Bytes error4(std::uint8_t type, const std::string& to, const std::string& quoted_source, std::uint16_t port,
             std::uint8_t protocol = kTcp) {
  return ethernet(kV4) + ip4({.destination = to, .protocol = kIcmp}) + icmp(type) +
         ip4({.source = quoted_source, .destination = "198.18.0.7", .protocol = protocol}) + ports(port, 40000);
}
Bytes error6(std::uint8_t type, const std::string& to, const std::string& quoted_source, std::uint16_t port) {
  return ethernet(kV6) + ip6({.destination = to, .next = kIcmp6}) + icmp(type) +
         ip6({.source = quoted_source, .destination = "2001:db8:7::7"}) + ports(port, 40000);
}
Bytes neighbour(std::uint8_t type, const std::string& to, std::uint8_t hop_limit) {
  return ethernet(kV6) + ip6({.destination = to, .next = kIcmp6, .hop_limit = hop_limit}) + icmp(type) + Bytes(16);
}

}  // namespace

TEST_CASE("what is not IP stays with the kernel", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"ARP, broadcast", ethernet(kArp, 0xff) + Bytes(28), kActionNotIp},
      {"ARP, unicast answer", ethernet(kArp) + Bytes(28), kActionNotIp},
      {"LLDP", ethernet(0x88cc, 0x01) + Bytes(30), kActionNotIp},
      {"IEEE 802.3 length instead of a type", ethernet(64) + Bytes(64), kActionNotIp},
      {"an Ethernet header and nothing else", ethernet(0x88b5), kActionNotIp},
  });
}

TEST_CASE("multicast, broadcast and link-local destinations stay with the kernel", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"all hosts", ethernet(kV4, 0x01) + ip4({.destination = "224.0.0.1"}), kActionGroup},
      {"multicast in a unicast frame", ethernet(kV4) + ip4({.destination = "239.255.255.255"}), kActionGroup},
      {"the address before multicast", ethernet(kV4) + ip4({.destination = "223.255.255.255"}), kActionRedirected},
      {"the address after multicast", ethernet(kV4) + ip4({.destination = "240.0.0.0"}), kActionRedirected},
      {"DHCP", ethernet(kV4, 0xff) + ip4({.destination = "255.255.255.255", .protocol = kUdp}), kActionGroup},
      {"limited broadcast in a unicast frame", ethernet(kV4) + ip4({.destination = "255.255.255.255"}), kActionGroup},
      {"unicast in a broadcast frame", ethernet(kV4, 0xff) + ip4({}), kActionGroup},
      {"IPv4 link-local", ethernet(kV4) + ip4({.destination = "169.254.77.1"}), kActionLinkLocal},
      {"the address after link-local", ethernet(kV4) + ip4({.destination = "169.255.0.0"}), kActionRedirected},
      {"IPv6 multicast", ethernet(kV6, 0x33) + ip6({.destination = "ff02::1"}), kActionGroup},
      {"IPv6 multicast in a unicast frame", ethernet(kV6) + ip6({.destination = "ff0e::5"}), kActionGroup},
      {"IPv6 link-local", ethernet(kV6) + ip6({.destination = "fe80::1"}), kActionLinkLocal},
      {"the end of IPv6 link-local", ethernet(kV6) + ip6({.destination = "febf:ffff::1"}), kActionLinkLocal},
      {"the address after link-local", ethernet(kV6) + ip6({.destination = "fec0::1"}), kActionRedirected},
  });
}

TEST_CASE("a source in the deny list is dropped, before failsafe and local", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"forwarded", denied4("203.0.113.9", 443), kActionDenied},
      {"to a failsafe port", denied4(kClaimed4, 22), kActionDenied},
      {"to an unclaimed address", denied4(kUnclaimed4, 80), kActionDenied},
      {"but multicast comes first", ethernet(kV4) + ip4({.source = kDenied4, .destination = "224.0.0.5"}),
       kActionGroup},
      {"a neighbour of the prefix", ethernet(kV4) + ip4({.source = "198.18.67.1"}) + ports(1, 2), kActionRedirected},
      {"IPv6, forwarded", denied6("2001:db8:9::9", 443), kActionDenied},
      {"IPv6, to a failsafe port", denied6(kClaimed6, 22), kActionDenied},
      {"IPv6, to an unclaimed address", denied6(kUnclaimed6, 80), kActionDenied},
      {"IPv6, a neighbour of the prefix", ethernet(kV6) + ip6({.source = "2001:db8:67::1"}), kActionRedirected},
  });
  REQUIRE(judge.state().replace_deny_list({{}, {{v6("2001:db8:66::"), 48}}}));
  judge.expect({"no longer denied", denied4("203.0.113.9", 443), kActionRedirected});
  judge.expect({"IPv6, still denied", denied6("2001:db8:9::9", 443), kActionDenied});
  REQUIRE(judge.state().replace_deny_list({{{v4("198.18.66.9"), 32}}, {{v6("2001:db8:66:1::9"), 128}}}));
  judge.expect({"one address is denied", denied4("203.0.113.9", 443), kActionDenied});
  judge.expect({"its neighbour is not", ethernet(kV4) + ip4({.source = "198.18.66.8"}), kActionRedirected});
  judge.expect({"IPv6, one address is denied", denied6("2001:db8:9::9", 443), kActionDenied});
  judge.expect({"IPv6, its neighbour is not", ethernet(kV6) + ip6({.source = "2001:db8:66:1::8"}), kActionRedirected});
  REQUIRE(judge.state().replace_deny_list({{{v4("0.0.0.0"), 0}}, {}}));
  judge.expect({"everybody is denied", tcp4(kUnclaimed4, 22), kActionDenied});
  judge.expect({"IPv6, no longer denied", denied6("2001:db8:9::9", 443), kActionRedirected});
}

TEST_CASE("failsafe ports of our addresses stay reachable", "[decisions]") {
  Judge judge;
  const auto udp = [](const std::string& to, std::uint16_t port) {
    return ethernet(kV4) + ip4({.destination = to, .protocol = kUdp}) + ports(1, port);
  };
  judge.expect_all({
      {"ssh to a claimed address", tcp4(kClaimed4, 22), kActionFailsafe},
      {"ssh to an unclaimed address", tcp4(kUnclaimed4, 22), kActionFailsafe},
      {"ssh through us", tcp4("203.0.113.9", 22), kActionRedirected},
      {"another port of a claimed address", tcp4(kClaimed4, 23), kActionRedirected},
      {"the port counts as destination only", ethernet(kV4) + ip4({.destination = kClaimed4}) + ports(22, 40000),
       kActionRedirected},
      {"WireGuard", udp(kClaimed4, 51820), kActionFailsafe},
      {"udp/22 is not tcp/22", udp(kClaimed4, 22), kActionRedirected},
      {"SCTP", ethernet(kV4) + ip4({.destination = kClaimed4, .protocol = kSctp}) + ports(1, 22), kActionFailsafe},
      {"a protocol without ports", ethernet(kV4) + ip4({.destination = kClaimed4, .protocol = 47}) + ports(0, 22),
       kActionRedirected},
      {"behind options", ethernet(kV4) + ip4({.destination = kClaimed4, .header_words = 15}) + ports(1, 22),
       kActionFailsafe},
      {"options that look like a port",
       ethernet(kV4) + ip4({.destination = kClaimed4, .header_words = 6}) + ports(22, 1), kActionRedirected},
      {"IPv6 ssh", tcp6(kClaimed6, 22), kActionFailsafe},
      {"IPv6 ssh, unclaimed", tcp6(kUnclaimed6, 22), kActionFailsafe},
      {"IPv6 ssh through us", tcp6("2001:db8:9::9", 22), kActionRedirected},
      {"IPv6, another port", tcp6(kClaimed6, 23), kActionRedirected},
  });
  REQUIRE(judge.state().replace_failsafe_ports({}));
  judge.expect({"no failsafe ports any more", tcp4(kClaimed4, 22), kActionRedirected});
}

TEST_CASE("IPv6 extension headers before a failsafe port are walked", "[decisions]") {
  Judge judge;
  const auto behind = [](std::uint8_t first, const Bytes& headers) {
    return ethernet(kV6) + ip6({.destination = kClaimed6, .next = first}) + headers + ports(1, 22);
  };
  Bytes eight, nine;
  for (int i = 0; i < 7; i++) eight = eight + extension(60);
  nine = eight + extension(60) + extension(kTcp);
  eight = eight + extension(kTcp);
  judge.expect_all({
      {"hop-by-hop", behind(0, extension(kTcp)), kActionFailsafe},
      {"hop-by-hop, routing, destination", behind(0, extension(43) + extension(60, 3) + extension(kTcp, 1)),
       kActionFailsafe},
      {"authentication", behind(51, authentication(kTcp)), kActionFailsafe},
      {"eight headers", behind(60, eight), kActionFailsafe},
      {"nine headers are too many", behind(60, nine), kActionRedirected},
      {"no next header", behind(59, {}), kActionRedirected},
      {"ESP hides the port", behind(50, {}), kActionRedirected},
      {"a header that ends behind the packet", behind(0, {kTcp, 200, 0, 0, 0, 0, 0, 0}), kActionRedirected},
      {"to an unclaimed address they don't matter",
       ethernet(kV6) + ip6({.destination = kUnclaimed6, .next = 60}) + extension(50), kActionLocal},
  });
}

TEST_CASE("fragments are never failsafe, so that a datagram is not torn", "[decisions]") {
  Judge judge;
  const auto part4 = [](const std::string& to, std::uint16_t fragment) {
    return ethernet(kV4) + ip4({.destination = to, .fragment = fragment}) + ports(1, 22);
  };
  const auto part6 = [](const std::string& to, std::uint16_t fragment) {
    return ethernet(kV6) + ip6({.destination = to, .next = 44}) + fragment6(kTcp, fragment) + ports(1, 22);
  };
  judge.expect_all({
      {"don't fragment is no fragment", part4(kClaimed4, 0x4000), kActionFailsafe},
      {"first", part4(kClaimed4, 0x2000), kActionRedirected},
      {"middle", part4(kClaimed4, 0x2010), kActionRedirected},
      {"last", part4(kClaimed4, 0x0020), kActionRedirected},
      {"to an unclaimed address", part4(kUnclaimed4, 0x0020), kActionLocal},
      {"through us", part4("203.0.113.9", 0x2000), kActionRedirected},
      {"IPv6 first", part6(kClaimed6, 0x0001), kActionRedirected},
      {"IPv6 last", part6(kClaimed6, 0x0040), kActionRedirected},
      {"IPv6 atomic (RFC 6946)", part6(kClaimed6, 0), kActionRedirected},
      {"IPv6 to an unclaimed address", part6(kUnclaimed6, 0x0040), kActionLocal},
  });
  REQUIRE(judge.program().clear_socket(0));
  judge.state().set_fail_mode(FailMode::kClosed);
  judge.expect({"closed and nobody there", part4(kClaimed4, 0x0020), kActionNoSocketDropped});
}

TEST_CASE("ICMP errors about a failsafe connection reach the host", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"fragmentation needed", error4(3, kClaimed4, kClaimed4, 22), kActionFailsafe},
      {"time exceeded", error4(11, kClaimed4, kClaimed4, 22), kActionFailsafe},
      {"parameter problem", error4(12, kClaimed4, kClaimed4, 22), kActionFailsafe},
      {"redirect is no error about a packet", error4(5, kClaimed4, kClaimed4, 22), kActionRedirected},
      {"about another port", error4(3, kClaimed4, kClaimed4, 443), kActionRedirected},
      {"about somebody else's packet", error4(3, kClaimed4, "192.0.2.77", 22), kActionRedirected},
      {"about another protocol", error4(3, kClaimed4, kClaimed4, 22, kUdp), kActionRedirected},
      {"echo to a claimed address", error4(8, kClaimed4, kClaimed4, 22), kActionRedirected},
      {"echo to an unclaimed address", error4(8, kUnclaimed4, kUnclaimed4, 22), kActionLocal},
      {"through us", error4(3, "203.0.113.9", "203.0.113.9", 22), kActionRedirected},
      {"IPv6 packet too big", error6(2, kClaimed6, kClaimed6, 22), kActionFailsafe},
      {"IPv6 unreachable", error6(1, kClaimed6, kClaimed6, 22), kActionFailsafe},
      {"IPv6 parameter problem", error6(4, kClaimed6, kClaimed6, 22), kActionFailsafe},
      {"IPv6 about another port", error6(2, kClaimed6, kClaimed6, 443), kActionRedirected},
      {"IPv6 about somebody else's packet", error6(2, kClaimed6, kUnclaimed6, 22), kActionRedirected},
      {"IPv6 echo", error6(128, kClaimed6, kClaimed6, 22), kActionRedirected},
  });
}

TEST_CASE("IPv6 neighbour discovery to our own addresses is the kernel's", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"router solicitation", neighbour(133, kClaimed6, 255), kActionNeighbour},
      {"solicitation", neighbour(135, kClaimed6, 255), kActionNeighbour},
      {"advertisement", neighbour(136, kClaimed6, 255), kActionNeighbour},
      {"redirect", neighbour(137, kClaimed6, 255), kActionNeighbour},
      {"one below", neighbour(132, kClaimed6, 255), kActionRedirected},
      {"one above", neighbour(138, kClaimed6, 255), kActionRedirected},
      {"from behind a router", neighbour(135, kClaimed6, 254), kActionRedirected},
      {"for somebody else", neighbour(135, "2001:db8:9::9", 255), kActionRedirected},
      {"to everybody", ethernet(kV6, 0x33) + ip6({.destination = "ff02::1:ff00:1", .next = kIcmp6}), kActionGroup},
  });
}

TEST_CASE("a unicast frame for another station is not ours", "[decisions]") {
  Judge judge;
  const MacAddress own = kStation, virtual_router{{0x00, 0x00, 0x5e, 0x00, 0x01, 0x07}};
  const auto to = [](const MacAddress& station, Bytes frame) {
    std::copy(station.bytes.begin(), station.bytes.end(), frame.begin());
    return frame;
  };
  const auto forwarded4 = [&](const MacAddress& station) { return to(station, tcp4("203.0.113.9", 443)); };
  for (std::size_t byte = 0; byte < own.bytes.size(); byte++) {
    MacAddress other = own;
    other.bytes[byte] ^= 0x80;
    judge.expect({"differs in one byte", forwarded4(other), kActionOtherStationPassed});
  }
  judge.expect_all({
      {"ours", forwarded4(own), kActionRedirected},
      {"no address at all", forwarded4(MacAddress{}), kActionOtherStationPassed},
      {"IPv6", to(virtual_router, tcp6("2001:db8:9::9", 443)), kActionOtherStationPassed},
      {"to a claimed address of ours", to(virtual_router, tcp4(kClaimed4, 443)), kActionOtherStationPassed},
      {"denied comes first", to(virtual_router, denied4("203.0.113.9", 443)), kActionDenied},
      {"a group is no station", to(MacAddress{{0x01, 0, 0, 0, 0, 1}}, tcp4("203.0.113.9", 443)), kActionGroup},
  });
  judge.stale();
  judge.expect({"whether workers live or not", forwarded4(virtual_router), kActionOtherStationPassed});
  judge.alive();
  judge.state().set_fail_mode(FailMode::kClosed);
  judge.expect({"closed", forwarded4(virtual_router), kActionOtherStationDropped});
  judge.expect({"closed, ours", forwarded4(own), kActionRedirected});

  std::vector<MacAddress> stations(kRedirectMaxStations, own);
  stations.back() = virtual_router;
  REQUIRE(judge.program().set_stations(stations));
  judge.expect({"the last of sixteen", forwarded4(virtual_router), kActionRedirected});
  stations.push_back(own);
  CHECK(judge.program().set_stations(stations).has_error());
  judge.expect({"seventeen are refused, and nothing changes", forwarded4(virtual_router), kActionRedirected});
  REQUIRE(judge.program().set_stations(std::array{virtual_router}));
  judge.expect({"ours no longer", forwarded4(own), kActionOtherStationDropped});
  REQUIRE(judge.program().set_stations({}));
  judge.expect({"no station", forwarded4(MacAddress{}), kActionOtherStationDropped});
}

TEST_CASE("a local address that nothing claims is the host's own", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"unclaimed", tcp4(kUnclaimed4, 443), kActionLocal},
      {"claimed", tcp4(kClaimed4, 443), kActionRedirected},
      {"IPv6 unclaimed", tcp6(kUnclaimed6, 443), kActionLocal},
      {"IPv6 claimed", tcp6(kClaimed6, 443), kActionRedirected},
  });
  REQUIRE(judge.state().set_local_address(v4(kClaimed4), AddressUse::kUnclaimed));
  judge.expect({"claimed no longer", tcp4(kClaimed4, 443), kActionLocal});
  REQUIRE(judge.state().remove_local_address(v4(kClaimed4)));
  judge.expect({"local no longer", tcp4(kClaimed4, 22), kActionRedirected});
  REQUIRE(judge.state().remove_local_address(v6(kUnclaimed6)));
  judge.expect({"IPv6, local no longer", tcp6(kUnclaimed6, 22), kActionRedirected});
}

}  // namespace culvert::test
