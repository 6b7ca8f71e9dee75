// SPDX-License-Identifier: Apache-2.0
// Packets in, fields or drop reason out.
#include "packet/parse.h"

#include <string>

#include "packet/tcp.h"
#include "test/packet/packets.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

DropReason reason_of(Bytes bytes) {
  const Packet packet = parsed(bytes);
  REQUIRE((packet.verdict == Verdict::kDrop) == (packet.drop_reason != DropReason::kNone));
  return packet.drop_reason;
}

PacketBuilder v4() {
  return PacketBuilder().ethernet().ipv4();
}
PacketBuilder v6() {
  return PacketBuilder().ethernet().ipv6();
}

struct Accepted {
  const char* what;
  Bytes bytes;
  NetworkKind network;
  unsigned vlan_tags, network_offset, network_length, transport_offset, protocol;
  unsigned source_port, destination_port;
  unsigned flags;
};

constexpr unsigned kV6 = kFlagDontFragment;
constexpr unsigned kFirst = kFlagFragment | kFlagFirstFragment;
constexpr unsigned kAtomic = kFirst | kFlagLastFragment;
constexpr auto k4 = NetworkKind::kIpv4;
constexpr auto k6 = NetworkKind::kIpv6;

std::vector<Accepted> accepted_ipv4() {
  const Bytes record_route = hex("07 07 04 00000000 01");
  return {
      {"tcp", v4().tcp(1024, 80).build(), k4, 0, 14, 40, 34, 6, 1024, 80, kFlagTransport},
      {"tcp with options", v4().tcp(1, 2, {.options = pattern(40)}).build(), k4, 0, 14, 80, 34, 6, 1, 2,
       kFlagTransport},
      {"udp", v4().udp(53, 5353).payload(3).build(), k4, 0, 14, 31, 34, 17, 53, 5353, kFlagTransport},
      {"udp, nothing in it", v4().udp(53, 5353).build(), k4, 0, 14, 28, 34, 17, 53, 5353, kFlagTransport},
      {"udp, padding", v4().udp(53, 53).padding(18).build(), k4, 0, 14, 28, 34, 17, 53, 53, kFlagTransport},
      {"don't fragment",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.dont_fragment = true}).udp(1, 2).build(), k4, 0, 14,
       28, 34, 17, 1, 2, kFlagTransport | kFlagDontFragment},
      {"vlan", PacketBuilder().ethernet().vlan(7).ipv4().tcp(1, 2).build(), k4, 1, 18, 40, 38, 6, 1, 2, kFlagTransport},
      {"two tags", PacketBuilder().ethernet().vlan(7, 0x88a8).vlan(8).ipv4().udp(1, 2).build(), k4, 2, 22, 28, 42, 17,
       1, 2, kFlagTransport},
      {"group MAC", PacketBuilder().ethernet("ff:ff:ff:ff:ff:ff").ipv4().udp(1, 2).build(), k4, 0, 14, 28, 34, 17, 1, 2,
       kFlagTransport | kFlagGroupFrame},
      {"record route",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.options = record_route}).udp(1, 2).build(), k4, 0, 14,
       36, 42, 17, 1, 2, kFlagTransport | kFlagIpv4Options},
      {"loose source route",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.options = hex("83 07 04 0a000001")}).udp(1, 2).build(),
       k4, 0, 14, 36, 42, 17, 1, 2, kFlagTransport | kFlagIpv4Options | kFlagSourceRoute | kFlagRoutePending},
      {"strict source route",
       PacketBuilder()
           .ethernet()
           .ipv4("10.0.0.1", "10.0.0.2", {.options = hex("01 89 07 04 0a000001")})
           .udp(1, 2)
           .build(),
       k4, 0, 14, 36, 42, 17, 1, 2, kFlagTransport | kFlagIpv4Options | kFlagSourceRoute | kFlagRoutePending},
      {"router alert",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.options = hex("94 04 0000")}).udp(1, 2).build(), k4, 0,
       14, 32, 38, 17, 1, 2, kFlagTransport | kFlagIpv4Options | kFlagRouterAlert},
      {"nothing is looked at behind the end of options",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.options = hex("00 94ff 83")}).udp(1, 2).build(), k4, 0,
       14, 32, 38, 17, 1, 2, kFlagTransport | kFlagIpv4Options},
      {"echo request", v4().icmp(8, 0, 0x12340001).build(), k4, 0, 14, 28, 34, 1, 0x1234, 0x1234, kFlagTransport},
      {"timestamp", v4().icmp(13, 0, 0x12340001).payload(12).build(), k4, 0, 14, 40, 34, 1, 0x1234, 0x1234,
       kFlagTransport},
      {"time exceeded", v4().icmp(11).payload(28).build(), k4, 0, 14, 56, 34, 1, 0, 0, kFlagTransport | kFlagIcmpError},
      {"sctp", v4().sctp(5, 6).build(), k4, 0, 14, 32, 34, 132, 5, 6, kFlagTransport},
      {"udp-lite", v4().udp_lite(5, 6).build(), k4, 0, 14, 28, 34, 136, 0, 0, kFlagTransport},
      {"dccp", v4().dccp(5, 6).build(), k4, 0, 14, 32, 34, 33, 0, 0, kFlagTransport},
      {"gre", v4().gre(0x0800, 0x2000).payload(20).build(), k4, 0, 14, 48, 34, 47, 0, 0, kFlagTransport},
      {"esp is carried", PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.protocol = 50}).payload(8).build(),
       k4, 0, 14, 28, 0, 50, 0, 0, 0},
      {"ICMPv6 in IPv4 is just a number",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.protocol = 58}).build(), k4, 0, 14, 20, 0, 58, 0, 0,
       0},
  };
}

std::vector<Accepted> accepted_ipv4_fragments_and_addresses() {
  return {
      {"first fragment",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true}).udp(1, 2).payload(8).build(),
       k4, 0, 14, 36, 34, 17, 1, 2, kFlagTransport | kFirst},
      {"middle fragment",
       PacketBuilder()
           .ethernet()
           .ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true, .offset = 1480, .protocol = 17})
           .payload(16)
           .build(),
       k4, 0, 14, 36, 0, 17, 0, 0, kFlagFragment},
      {"last fragment, to the last byte",
       PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.offset = 65504, .protocol = 6}).payload(11).build(),
       k4, 0, 14, 31, 0, 6, 0, 0, kFlagFragment | kFlagLastFragment},
      {"from a link-local address", PacketBuilder().ethernet().ipv4("169.254.1.1", "10.0.0.2").udp(1, 2).build(), k4, 0,
       14, 28, 34, 17, 1, 2, kFlagTransport | kFlagSourceLinkLocal},
      {"class E and net 0 are usable", PacketBuilder().ethernet().ipv4("240.0.0.1", "0.0.0.1").udp(1, 2).build(), k4, 0,
       14, 28, 34, 17, 1, 2, kFlagTransport},
      {"169.253 is not link-local", PacketBuilder().ethernet().ipv4("169.253.255.255", "169.255.0.0").udp(1, 2).build(),
       k4, 0, 14, 28, 34, 17, 1, 2, kFlagTransport},
  };
}

std::vector<Accepted> accepted_ipv6() {
  constexpr unsigned kExtended = kV6 | kFlagIpv6Extensions;
  return {
      {"tcp", v6().tcp(1024, 443).build(), k6, 0, 14, 60, 54, 6, 1024, 443, kV6 | kFlagTransport},
      {"udp, two tags", PacketBuilder().ethernet().vlan(1).vlan(2).ipv6().udp(1, 2).build(), k6, 2, 22, 48, 62, 17, 1,
       2, kV6 | kFlagTransport},
      {"echo", v6().icmpv6(128, 0, 0xabcd0001).build(), k6, 0, 14, 48, 54, 58, 0xabcd, 0xabcd, kV6 | kFlagTransport},
      {"too big", v6().icmpv6(2, 0, 1280).payload(48).build(), k6, 0, 14, 96, 54, 58, 0, 0,
       kV6 | kFlagTransport | kFlagIcmpError},
      {"ICMPv4 in IPv6 is just a number", v6().icmp(8).build(), k6, 0, 14, 48, 0, 1, 0, 0, kV6},
      {"hop-by-hop", v6().hop_by_hop().udp(1, 2).build(), k6, 0, 14, 56, 62, 17, 1, 2, kExtended | kFlagTransport},
      {"router alert", v6().hop_by_hop(hex("05 02 0000")).icmpv6(143).build(), k6, 0, 14, 56, 62, 58, 0, 0,
       kExtended | kFlagTransport | kFlagRouterAlert},
      {"destination options", v6().destination_options(pattern(0)).tcp(1, 2).build(), k6, 0, 14, 68, 62, 6, 1, 2,
       kExtended | kFlagTransport},
      {"type 0 routing header", v6().routing(0, 1, pattern(20)).udp(1, 2).build(), k6, 0, 14, 72, 78, 17, 1, 2,
       kExtended | kFlagTransport | kFlagSourceRoute | kFlagRoutePending},
      {"segment routing header, at its end", v6().routing(4, 0, pattern(20)).udp(1, 2).build(), k6, 0, 14, 72, 78, 17,
       1, 2, kExtended | kFlagTransport},
      {"authentication", v6().authentication().udp(1, 2).build(), k6, 0, 14, 72, 78, 17, 1, 2,
       kExtended | kFlagTransport},
      {"all of them",
       v6().hop_by_hop()
           .destination_options()
           .routing(2, 1, pattern(20))
           .fragment(0, false)
           .authentication()
           .destination_options()
           .sctp(3, 4)
           .build(),
       k6, 0, 14, 132, 134, 132, 3, 4, kExtended | kFlagTransport | kAtomic | kFlagRoutePending},
      {"atomic fragment", v6().fragment(0, false).udp(1, 2).build(), k6, 0, 14, 56, 62, 17, 1, 2,
       kExtended | kFlagTransport | kAtomic},
      {"first fragment", v6().fragment(0, true).udp(1, 2).payload(8).build(), k6, 0, 14, 64, 62, 17, 1, 2,
       kExtended | kFlagTransport | kFirst},
      {"last fragment", v6().fragment(1448, false, 1, 17).payload(3).build(), k6, 0, 14, 51, 0, 17, 0, 0,
       kExtended | kFlagFragment | kFlagLastFragment},
      {"a fragment's protocol may be an extension", v6().fragment(1448, true, 1, 60).payload(8).build(), k6, 0, 14, 56,
       0, 60, 0, 0, kExtended | kFlagFragment},
      {"no next header", v6().payload(5).build(), k6, 0, 14, 45, 0, 59, 0, 0, kV6},
      {"from a link-local address", PacketBuilder().ethernet().ipv6("fe80::1", "2001:db8::1").udp(1, 2).build(), k6, 0,
       14, 48, 54, 17, 1, 2, kV6 | kFlagTransport | kFlagSourceLinkLocal},
  };
}

void check(const Accepted& expected) {
  INFO(expected.what);
  Bytes bytes = expected.bytes;
  const Packet packet = parsed(bytes);
  REQUIRE(drop_reason_text(packet.drop_reason).name == "none");
  CHECK(packet.verdict == Verdict::kNone);
  CHECK(packet.network == expected.network);
  CHECK(packet.vlan_tags == expected.vlan_tags);
  CHECK(packet.network_offset == expected.network_offset);
  CHECK(packet.network_length == expected.network_length);
  if (packet.has(kFlagTransport)) CHECK(packet.transport_offset == expected.transport_offset);
  CHECK(packet.protocol == expected.protocol);
  CHECK(packet.source_port.host() == expected.source_port);
  CHECK(packet.destination_port.host() == expected.destination_port);
  CHECK(packet.flags == expected.flags);
  CHECK(bytes == expected.bytes);
}

TEST_CASE("IPv4 packets that are accepted") {
  for (const Accepted& expected : accepted_ipv4()) check(expected);
  for (const Accepted& expected : accepted_ipv4_fragments_and_addresses()) check(expected);
}

TEST_CASE("IPv6 packets that are accepted") {
  for (const Accepted& expected : accepted_ipv6()) check(expected);
}

struct Dropped {
  const char* what;
  Bytes bytes;
  DropReason reason;
};

Bytes poke8(Bytes bytes, std::size_t offset, std::uint32_t value) {
  set8(bytes, offset, value);
  return bytes;
}
Bytes poke16(Bytes bytes, std::size_t offset, std::uint32_t value) {
  set16(bytes, offset, value);
  return bytes;
}
/// Pokes and makes the IPv4 header checksum right again.
Bytes poke4(Bytes bytes, std::size_t offset, std::uint32_t value) {
  set16(bytes, offset, value);
  set16(bytes, 24, 0);
  set16(bytes, 24, naive_checksum(slice(bytes, 14, (get8(bytes, 14) & 15U) * 4)));
  return bytes;
}
Bytes options4(std::string_view options) {
  return PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", {.options = hex(options)}).udp(1, 2).build();
}
Bytes fragment4(const Ipv4Fields& fields, std::size_t size) {
  return PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", fields).payload(size).build();
}
Bytes pair4(std::string_view source, std::string_view destination) {
  return PacketBuilder().ethernet().ipv4(source, destination).udp(1, 2).build();
}
Bytes pair6(std::string_view source, std::string_view destination) {
  return PacketBuilder().ethernet().ipv6(source, destination).udp(1, 2).build();
}

void check(const std::vector<Dropped>& table) {
  for (const Dropped& expected : table) {
    INFO(expected.what);
    CHECK(drop_reason_text(reason_of(expected.bytes)).name == drop_reason_text(expected.reason).name);
  }
}

TEST_CASE("Frames that are not IP are dropped") {
  check({
      {"nothing", {}, DropReason::kEthernetTruncated},
      {"three tags", PacketBuilder().ethernet().vlan(1).vlan(2).vlan(3).ipv4().udp(1, 2).build(),
       DropReason::kVlanTooMany},
      {"ARP", poke16(v4().udp(1, 2).build(), 12, 0x0806), DropReason::kNotIp},
      {"802.3 length", poke16(v4().udp(1, 2).build(), 12, 46), DropReason::kNotIp},
  });
}

TEST_CASE("IPv4 packets that are dropped") {
  const Bytes udp = v4().udp(1, 2).payload(4).build();
  const Bytes tcp = v4().tcp(1, 2).payload(4).build();
  check({
      {"version 5", poke4(udp, 14, 0x5500), DropReason::kIpv4HeaderLength},
      {"header of 16 bytes", poke4(udp, 14, 0x4400), DropReason::kIpv4HeaderLength},
      {"header longer than the frame", poke16(udp, 14, 0x4f00), DropReason::kIpv4Truncated},
      {"total length one more than the frame", poke4(udp, 16, 33), DropReason::kIpv4TotalLength},
      {"total length less than the header", poke4(udp, 16, 19), DropReason::kIpv4TotalLength},
      {"checksum off by one bit", poke8(udp, 22, 63), DropReason::kIpv4Checksum},
      {"TCP data offset 4", poke8(tcp, 46, 0x40), DropReason::kTransportLength},
      {"TCP data offset one word past the end", poke8(tcp, 46, 0x70), DropReason::kTransportLength},
      {"UDP length 7", poke16(udp, 38, 7), DropReason::kTransportLength},
      {"UDP length one more than the packet", poke16(udp, 38, 13), DropReason::kTransportLength},
      {"GRE key missing", v4().gre(0x0800).build(), DropReason::kNone},
      {"UDP-Lite of 7 bytes", poke4(v4().payload(7).build(), 22, 0x4088), DropReason::kTransportTruncated},
      {"DCCP of 11 bytes", poke4(v4().payload(11).build(), 22, 0x4021), DropReason::kTransportTruncated},
      {"GRE key missing", poke16(v4().gre(0x0800).build(), 34, 0x2000), DropReason::kTransportTruncated},
      {"an option without its length", options4("01 01 01 44"), DropReason::kIpv4Options},
      {"an option of length 1", options4("44 01 0000"), DropReason::kIpv4Options},
      {"an option past the header", options4("44 05 0000"), DropReason::kIpv4Options},
      {"an option to the header's end", options4("44 04 0000"), DropReason::kNone},
  });
}

TEST_CASE("IPv4 fragments that are dropped") {
  check({
      {"not a multiple of 8", fragment4({.more_fragments = true, .protocol = 17}, 9), DropReason::kFragmentBad},
      {"empty", fragment4({.offset = 8, .protocol = 17}, 0), DropReason::kFragmentBad},
      {"past the end", fragment4({.offset = 65504, .protocol = 17}, 12), DropReason::kFragmentBad},
      {"overwrites TCP flags", fragment4({.offset = 8, .protocol = 6}, 16), DropReason::kFragmentBad},
      {"tiny first fragment", fragment4({.more_fragments = true, .protocol = 6}, 16), DropReason::kTransportTruncated},
  });
}

TEST_CASE("IPv4 addresses that are dropped") {
  check({
      {"from 0.0.0.0", pair4("0.0.0.0", "10.0.0.1"), DropReason::kSourceMartian},
      {"from loopback", pair4("127.255.255.255", "10.0.0.1"), DropReason::kSourceMartian},
      {"from multicast", pair4("224.0.0.1", "10.0.0.1"), DropReason::kSourceMartian},
      {"from 239", pair4("239.255.255.255", "10.0.0.1"), DropReason::kSourceMartian},
      {"from broadcast", pair4("255.255.255.255", "10.0.0.1"), DropReason::kSourceMartian},
      {"to 0.0.0.0", pair4("10.0.0.1", "0.0.0.0"), DropReason::kDestinationMartian},
      {"to loopback", pair4("10.0.0.1", "127.0.0.1"), DropReason::kDestinationMartian},
      {"to multicast", pair4("10.0.0.1", "224.0.0.251"), DropReason::kMulticast},
      {"to broadcast", pair4("10.0.0.1", "255.255.255.255"), DropReason::kMulticast},
      {"to link-local", pair4("10.0.0.1", "169.254.0.1"), DropReason::kDestinationLinkLocal},
      {"126, 128 and 223 are ordinary", pair4("126.0.0.1", "223.255.255.255"), DropReason::kNone},
      {"128", pair4("128.0.0.0", "1.0.0.0"), DropReason::kNone},
  });
}

TEST_CASE("IPv6 packets that are dropped") {
  const Bytes udp = v6().udp(1, 2).payload(4).build();
  auto many = v6();
  for (int i = 0; i < 8; ++i) many.destination_options();
  auto too_many = many;
  too_many.destination_options();
  check({
      {"version 4", poke8(udp, 14, 0x40), DropReason::kIpv6Truncated},
      {"payload length one more than the frame", poke16(udp, 18, 13), DropReason::kIpv6PayloadLength},
      {"eight extension headers", many.udp(1, 2).build(), DropReason::kNone},
      {"nine extension headers", too_many.udp(1, 2).build(), DropReason::kIpv6ExtensionTooMany},
      {"extension without end", v6().destination_options({}, 60).build(), DropReason::kIpv6ExtensionTruncated},
      {"extension past the end", poke8(v6().destination_options().build(), 55, 1), DropReason::kIpv6ExtensionTruncated},
      {"hop-by-hop second", v6().destination_options().hop_by_hop().udp(1, 2).build(), DropReason::kIpv6ExtensionBad},
      {"hop-by-hop behind fragment", v6().fragment(0, false).hop_by_hop().udp(1, 2).build(),
       DropReason::kIpv6ExtensionBad},
      {"two fragment headers", v6().fragment(0, false).fragment(0, false).udp(1, 2).build(),
       DropReason::kIpv6ExtensionBad},
      {"option past the header", v6().hop_by_hop(hex("05 05 0000 0000")).udp(1, 2).build(),
       DropReason::kIpv6ExtensionBad},
      {"option without its length", v6().hop_by_hop(hex("01 03 000000 05")).udp(1, 2).build(),
       DropReason::kIpv6ExtensionBad},
      {"sixteen options", v6().hop_by_hop(hex("00000000 00000000 00000000 000000 01 01 00 00 00 00")).udp(1, 2).build(),
       DropReason::kIpv6ExtensionTooMany},
      {"authentication of 8 bytes", poke8(v6().authentication(0).udp(1, 2).payload(8).build(), 55, 0),
       DropReason::kIpv6ExtensionBad},
      {"first fragment without the whole chain", v6().fragment(0, true, 1, 60).build(), DropReason::kFragmentBad},
      {"first fragment, TCP header cut", v6().fragment(0, true, 1, 6).payload(16).build(),
       DropReason::kTransportTruncated},
      {"first fragment ends inside an extension",
       v6().fragment(0, true, 1, 60).payload(hex("0602000000000000")).build(), DropReason::kIpv6ExtensionTruncated},
      {"fragment not a multiple of 8", v6().fragment(8, true, 1, 17).payload(7).build(), DropReason::kFragmentBad},
      {"fragment past the end", v6().fragment(65528, false, 1, 17).payload(8).build(), DropReason::kFragmentBad},
      {"fragment past the end, counting what stands before its header",
       v6().destination_options().fragment(65528, false, 1, 17).payload(7).build(), DropReason::kFragmentBad},
      {"fragment to the end", v6().fragment(65528, false, 1, 17).payload(7).build(), DropReason::kNone},
      {"payload length 0 is no jumbogram here", poke16(v6().hop_by_hop().build(), 18, 0),
       DropReason::kIpv6ExtensionTruncated},
      {"UDP length 0", poke16(udp, 58, 0), DropReason::kTransportLength},
  });
}

TEST_CASE("IPv6 addresses that are dropped") {
  check({
      {"from ::", pair6("::", "2001:db8::1"), DropReason::kSourceMartian},
      {"from ::1", pair6("::1", "2001:db8::1"), DropReason::kSourceMartian},
      {"from multicast", pair6("ff0e::1", "2001:db8::1"), DropReason::kSourceMartian},
      {"from mapped", pair6("::ffff:10.0.0.1", "2001:db8::1"), DropReason::kSourceMartian},
      {"to ::", pair6("2001:db8::1", "::"), DropReason::kDestinationMartian},
      {"to ::1", pair6("2001:db8::1", "::1"), DropReason::kDestinationMartian},
      {"to mapped", pair6("2001:db8::1", "::ffff:10.0.0.1"), DropReason::kDestinationMartian},
      {"to multicast", pair6("2001:db8::1", "ff02::1"), DropReason::kMulticast},
      {"to link-local", pair6("2001:db8::1", "fe80::1"), DropReason::kDestinationLinkLocal},
      {"febf is link-local", pair6("2001:db8::1", "febf::1"), DropReason::kDestinationLinkLocal},
      {"fec0 is not", pair6("2001:db8::1", "fec0::1"), DropReason::kNone},
      {"::2 is ordinary", pair6("::2", "2001:db8::1"), DropReason::kNone},
  });
}

TEST_CASE("A burst is parsed like its packets one by one") {
  Burst burst;
  std::vector<Bytes> kept{v4().tcp(1, 2).build(), v6().udp(3, 4).build(), {}, v4().icmp(11).payload(28).build()};
  for (Bytes& bytes : kept) {
    Packet& packet = burst.append();
    packet.data = bytes.data();
    packet.length = static_cast<std::uint16_t>(bytes.size());
  }
  parse_burst(burst, {});
  CHECK(burst[0].protocol == 6);
  CHECK(burst[1].destination_port == Be16(4));
  CHECK(burst[2].drop_reason == DropReason::kEthernetTruncated);
  CHECK(burst[3].has(kFlagIcmpError));
}

TEST_CASE("The TCP flags octet is kept") {
  Bytes bytes = v4().tcp(1, 2, {.flags = kTcpSyn | kTcpAck}).build();
  CHECK(parsed(bytes).tcp_flags == (kTcpSyn | kTcpAck));
  bytes = PacketBuilder().ethernet().vlan(1).ipv4().tcp(1, 2, {.flags = kTcpRst}).build();
  CHECK(parsed(bytes).tcp_flags == kTcpRst);
}

}  // namespace
}  // namespace culvert::test
