// SPDX-License-Identifier: Apache-2.0
#include "packet/icmp_error.h"

#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

IcmpError error_of(IcmpErrorKind kind, std::uint16_t mtu = 0) {
  return {kind, mtu, ip4("192.0.2.1"), ip6("2001:db8:f::1"), mac("02:00:00:00:00:aa"), mac("02:00:00:00:00:bb")};
}

struct KindNumbers {
  IcmpErrorKind kind;
  unsigned type4, code4, type6, code6;
};

constexpr KindNumbers kKinds[] = {
    {IcmpErrorKind::kTimeExceeded, 11, 0, 3, 0},
    {IcmpErrorKind::kReassemblyTime, 11, 1, 3, 1},
    {IcmpErrorKind::kNetworkUnreachable, 3, 0, 1, 0},
    {IcmpErrorKind::kHostUnreachable, 3, 1, 1, 3},
    {IcmpErrorKind::kPortUnreachable, 3, 3, 1, 4},
    {IcmpErrorKind::kProhibited, 3, 13, 1, 1},
    {IcmpErrorKind::kTooBig, 3, 4, 2, 0},
};

/// Everything a message must be, whatever it is about.
void check_message(const Packet& made, const Bytes& original, const ReferenceFields& about, const KindNumbers& kind,
                   std::uint16_t mtu) {
  const Bytes message = bytes_in(made);
  const ReferenceFields fields = reference_parse(message);
  INFO(to_text(fields) << "\n" << to_hex(message));
  REQUIRE(fields.reason == DropReason::kNone);
  const bool version4 = about.network == NetworkKind::kIpv4;
  ReferenceFields found = fields_of(made);
  CHECK(made.has(kFlagGenerated));
  found.flags &= ~static_cast<unsigned>(kFlagGenerated);
  CHECK(to_text(found) == to_text(fields));
  CHECK(made.verdict == Verdict::kNone);
  CHECK(fields.vlan_tags == about.vlan_tags);
  CHECK(fields.protocol == (version4 ? 1 : 58));
  CHECK(reference_checksum_right(message, fields));

  const std::size_t ip = fields.network_offset;
  const std::size_t icmp = fields.transport_offset;
  CHECK(slice(message, 0, 12) == hex("0200000000bb 0200000000aa"));
  CHECK(slice(message, 12, ip - 12) == slice(original, 12, ip - 12));
  CHECK(get8(message, icmp) == (version4 ? kind.type4 : kind.type6));
  CHECK(get8(message, icmp + 1) == (version4 ? kind.code4 : kind.code6));
  const std::uint32_t rest = kind.kind == IcmpErrorKind::kTooBig ? mtu : 0;
  CHECK(get32(message, icmp + 4) == rest);
  CHECK(get8(message, ip + (version4 ? 8 : 7)) == 64);
  const Bytes sender = version4 ? slice(original, ip + 12, 4) : slice(original, ip + 8, 16);
  CHECK(slice(message, ip + (version4 ? 16 : 24), sender.size()) == sender);
  CHECK(slice(message, ip + (version4 ? 12 : 8), sender.size()) ==
        (version4 ? hex("c0000201") : hex("20010db8 000f0000 00000000 00000001")));
  // The quote is the packet as it came.
  const Bytes quote = slice(message, icmp + 8);
  CHECK(quote == slice(original, about.network_offset, quote.size()));
  CHECK(fields.network_length <= (version4 ? 576U : 1280U));
  const std::size_t whole = about.network_length + (version4 ? 28U : 48U);
  CHECK(fields.network_length <= whole);
}

TEST_CASE("Every kind about every sample, with headroom") {
  const GuardedBuffer buffer(8192);
  for (const Bytes& sample : sample_packets()) {
    const ReferenceFields about = reference_parse(sample);
    if ((about.flags & kFlagSourceLinkLocal) != 0) continue;  // never answered, and the parser refuses the answer
    for (const KindNumbers& kind : kKinds) {
      const auto placed = buffer.at_end(sample);
      Packet packet = parsed(placed);
      packet.ingress = 3;
      packet.frame = 4096;
      REQUIRE(
          build_icmp_error(packet, error_of(kind.kind, 1400), {buffer.all().data(), placed.data() + placed.size()}));
      check_message(packet, sample, about, kind, 1400);
      CHECK(packet.ingress == 3);
      CHECK(packet.frame == 4096);
      const std::size_t whole = about.network_length + (about.network == NetworkKind::kIpv4 ? 28U : 48U);
      CHECK(packet.network_length == whole);
    }
  }
}

TEST_CASE("Any headroom and any tailroom: a message that fits, or nothing at all") {
  const KindNumbers kind = kKinds[0];
  for (const bool version4 : {true, false}) {
    auto builder = PacketBuilder().ethernet().vlan(1);
    const Bytes sample = (version4 ? builder.ipv4() : builder.ipv6()).udp(1, 2).payload(30).build();
    const ReferenceFields about = reference_parse(sample);
    const std::size_t grown = version4 ? 28 : 48;
    const std::size_t least = 18 + grown + (version4 ? 28 : 48);
    for (std::size_t headroom = 0; headroom < 60; ++headroom) {
      for (std::size_t tailroom = 0; tailroom < 60; ++tailroom) {
        // Exactly this room, with the forbidden page behind it.
        const GuardedBuffer buffer(4096);
        const std::size_t room = headroom + sample.size() + tailroom;
        std::byte* begin = buffer.all().data() + buffer.all().size() - room;
        std::memcpy(begin + headroom, sample.data(), sample.size());
        Packet packet = parsed({begin + headroom, sample.size()});
        const bool made = build_icmp_error(packet, error_of(kind.kind), {begin, begin + room});
        const std::size_t space = headroom >= grown ? sample.size() + tailroom + grown : room;
        REQUIRE(made == (space >= least));
        if (made) {
          REQUIRE(packet.data >= begin);
          check_message(packet, sample, about, kind, 0);
          REQUIRE(packet.length == std::min(sample.size() + grown, space));
        } else {
          REQUIRE(bytes_in(packet) == sample);
        }
      }
    }
  }
}

TEST_CASE("A long packet is quoted up to 576 and 1280 bytes, a padded one without its padding") {
  const GuardedBuffer buffer(4096);
  for (const bool version4 : {true, false}) {
    auto builder = version4 ? PacketBuilder().ethernet().ipv4() : PacketBuilder().ethernet().ipv6();
    const Bytes sample = builder.tcp(1, 2).payload(1440).build();
    const auto placed = buffer.at_end(sample);
    Packet packet = parsed(placed);
    REQUIRE(build_icmp_error(packet, error_of(IcmpErrorKind::kTooBig, 1280),
                             {buffer.all().data(), placed.data() + placed.size()}));
    CHECK(packet.network_length == (version4 ? 576 : 1280));
    CHECK(packet.length == packet.network_length + 14);
    check_message(packet, sample, reference_parse(sample), kKinds[6], 1280);
  }
  const Bytes sample = PacketBuilder().ethernet().ipv4().udp(1, 2).padding(18).build();
  const auto placed = buffer.at_end(sample);
  Packet packet = parsed(placed);
  REQUIRE(build_icmp_error(packet, error_of(IcmpErrorKind::kTimeExceeded),
                           {buffer.all().data(), placed.data() + placed.size()}));
  CHECK(packet.length == 14 + 28 + 28);
}

TEST_CASE("Precedence 6, the low DSCP bits of the packet, no ECN") {
  const GuardedBuffer buffer(4096);
  const Bytes sample = PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", {.tos = 0xff}).udp(1, 2).build();
  const auto placed = buffer.at_end(sample);
  Packet packet = parsed(placed);
  REQUIRE(build_icmp_error(packet, error_of(IcmpErrorKind::kTimeExceeded),
                           {buffer.all().data(), placed.data() + placed.size()}));
  CHECK(get8(bytes_in(packet), 15) == 0xdc);
}

struct Answer {
  const char* what;
  bool allowed;
  Bytes bytes;
};

void check(const std::vector<Answer>& table) {
  for (const Answer& answer : table) {
    INFO(answer.what);
    Bytes bytes = answer.bytes;
    CHECK(may_answer(parsed(bytes)) == answer.allowed);
  }
}

TEST_CASE("What is answered: IPv4 (RFC 1122 3.2.2, RFC 1812 4.3.2.7)") {
  const auto v4 = [](std::string_view source, const Ipv4Fields& fields = {}) {
    return PacketBuilder().ethernet().ipv4(source, "198.18.1.1", fields);
  };
  check({
      {"udp", true, v4("198.18.0.1").udp(1, 2).build()},
      {"echo", true, v4("198.18.0.1").icmp(8).build()},
      {"destination unreachable", false, v4("198.18.0.1").icmp(3).payload(28).build()},
      {"source quench", false, v4("198.18.0.1").icmp(4).payload(28).build()},
      {"redirect", false, v4("198.18.0.1").icmp(5).payload(28).build()},
      {"time exceeded", false, v4("198.18.0.1").icmp(11).payload(28).build()},
      {"parameter problem", false, v4("198.18.0.1").icmp(12).payload(28).build()},
      {"first fragment", true, v4("198.18.0.1", {.more_fragments = true}).udp(1, 2).build()},
      {"first fragment of an error", false, v4("198.18.0.1", {.more_fragments = true}).icmp(3).build()},
      {"later fragment", false, v4("198.18.0.1", {.offset = 80, .protocol = 17}).payload(8).build()},
      {"group MAC", false, PacketBuilder().ethernet("01:00:5e:00:00:01").ipv4().udp(1, 2).build()},
      {"to multicast", false, PacketBuilder().ethernet().ipv4("198.18.0.1", "224.0.0.1").udp(1, 2).build()},
      {"to broadcast", false, PacketBuilder().ethernet().ipv4("198.18.0.1", "255.255.255.255").udp(1, 2).build()},
      {"from net 0", false, v4("0.0.0.9").udp(1, 2).build()},
      {"from 0.0.0.0", false, v4("0.0.0.0").udp(1, 2).build()},
      {"from loopback", false, v4("127.0.0.1").udp(1, 2).build()},
      {"from multicast", false, v4("224.0.0.1").udp(1, 2).build()},
      {"from broadcast", false, v4("255.255.255.255").udp(1, 2).build()},
      {"from link-local", false, v4("169.254.0.1").udp(1, 2).build()},
      {"not IP", false, Bytes(60)},
  });
}

TEST_CASE("What is answered: IPv6 (RFC 4443 2.4 e)") {
  const auto v6 = [](std::string_view source) { return PacketBuilder().ethernet().ipv6(source, "2001:db8:1::1"); };
  check({
      {"tcp", true, v6("2001:db8::1").tcp(1, 2).build()},
      {"echo", true, v6("2001:db8::1").icmpv6(128).build()},
      {"error", false, v6("2001:db8::1").icmpv6(1).payload(48).build()},
      {"unknown error", false, v6("2001:db8::1").icmpv6(127).build()},
      {"redirect", false, v6("2001:db8::1").icmpv6(137).payload(32).build()},
      {"error behind extensions", false, v6("2001:db8::1").hop_by_hop().icmpv6(3).payload(48).build()},
      {"later fragment of UDP", true, v6("2001:db8::1").fragment(80, false, 1, 17).payload(8).build()},
      {"later fragment of ICMPv6", false, v6("2001:db8::1").fragment(80, false, 1, 58).payload(8).build()},
      {"group MAC", false, PacketBuilder().ethernet("33:33:00:00:00:01").ipv6().udp(1, 2).build()},
      {"to multicast", false, PacketBuilder().ethernet().ipv6("2001:db8::1", "ff0e::1").udp(1, 2).build()},
      {"from ::", false, v6("::").udp(1, 2).build()},
      {"from ::1", false, v6("::1").udp(1, 2).build()},
      {"from multicast", false, v6("ff02::1").udp(1, 2).build()},
      {"from link-local", false, v6("fe80::1").udp(1, 2).build()},
  });
}

TEST_CASE("A message of ours is never answered") {
  const GuardedBuffer buffer(4096);
  const Bytes sample = PacketBuilder().ethernet().ipv4().udp(1, 2).build();
  const auto placed = buffer.at_end(sample);
  Packet packet = parsed(placed);
  REQUIRE(build_icmp_error(packet, error_of(IcmpErrorKind::kTimeExceeded),
                           {buffer.all().data(), placed.data() + placed.size()}));
  CHECK_FALSE(may_answer(packet));
}

}  // namespace
}  // namespace culvert::test
