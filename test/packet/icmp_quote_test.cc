// SPDX-License-Identifier: Apache-2.0
#include "packet/icmp_quote.h"

#include "packet/icmp.h"
#include "packet/icmp_error.h"
#include "packet/icmpv6.h"
#include "test/packet/packets.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

Bytes error4(const Bytes& quote, std::uint8_t type = 3, std::uint32_t rest = 0) {
  return PacketBuilder().ethernet().ipv4("198.18.1.254", "198.18.0.1").icmp(type, 0, rest).payload(quote).build();
}
Bytes error6(const Bytes& quote, std::uint8_t type = 1, std::uint32_t rest = 0) {
  return PacketBuilder().ethernet().ipv6("2001:db8:1::f", "2001:db8::1").icmpv6(type, 0, rest).payload(quote).build();
}
Bytes error_about(bool version4, const Bytes& quote) {
  return version4 ? error4(quote) : error6(quote);
}

PacketBuilder v4(const Ipv4Fields& fields = {}) {
  return PacketBuilder().ipv4("198.18.0.1", "198.18.1.1", fields);
}
PacketBuilder v6(const Ipv6Fields& fields = {}) {
  return PacketBuilder().ipv6("2001:db8::1", "2001:db8:1::1", fields);
}

struct Found {
  QuoteRefusal refusal;
  IcmpQuote quote;
};

/// Reads the quote of an error whose last byte is the last one that may be read.
Found read(const Bytes& error, std::uint16_t vrf = 0) {
  static const GuardedBuffer buffer(70'000);
  const Packet packet = parsed(buffer.at_end(error));
  REQUIRE(packet.verdict == Verdict::kNone);
  REQUIRE(packet.has(kFlagIcmpError));
  Found found;
  found.refusal = read_icmp_quote(packet, found.quote, vrf);
  return found;
}

TEST_CASE("the quote of any packet that passes has the five-tuple with which it passed") {
  const GuardedBuffer buffer(8192);
  int compared = 0;
  for (const Bytes& sample : sample_packets()) {
    const auto placed = buffer.at_end(sample);
    Packet packet = parsed(placed);
    if (!may_answer(packet)) continue;
    INFO(to_hex(sample));
    const Packet before = packet;
    const FiveTuple4 tuple4 = packet.network == NetworkKind::kIpv4 ? five_tuple4(packet) : FiveTuple4{};
    const FiveTuple6 tuple6 = packet.network == NetworkKind::kIpv6 ? five_tuple6(packet) : FiveTuple6{};
    REQUIRE(build_icmp_error(packet, {}, {buffer.all().data(), placed.data() + placed.size()}));
    IcmpQuote quote;
    REQUIRE(read_icmp_quote(packet, quote) == QuoteRefusal::kNone);
    CHECK(quote.network_offset == packet.transport_offset + 8);
    CHECK(quote.network_length == before.network_length);
    const bool later = before.is_part() && !before.has(kFlagFirstFragment);
    CHECK(quote.later_fragment == later);
    if (before.has(kFlagTransport)) {
      CHECK(quote.transport_offset - quote.network_offset == before.transport_offset - before.network_offset);
    }
    const bool version4 = before.network == NetworkKind::kIpv4;
    if (before.is_part()) {
      // A fragment has no tuple of its own: the quote has the ports of its datagram when it is the first.
      CHECK((version4 ? quote.tuple4.source_port : quote.tuple6.source_port) == before.source_port);
      CHECK((version4 ? quote.tuple4.protocol : quote.tuple6.protocol) == before.protocol);
      continue;
    }
    CHECK(quote.tuple4 == tuple4);
    CHECK(quote.tuple6 == tuple6);
    ++compared;
  }
  CHECK(compared > 20);
}

/// `ip`: bytes in front of the transport header; `least`: bytes of the quote without which it is refused.
struct Cut {
  const char* what;
  bool version4;
  Bytes quote;
  std::size_t ip, least;
  std::uint8_t protocol;
  std::uint16_t source = 0, destination = 0;
  bool ports = true;
};

std::vector<Cut> cuts4() {
  const Bytes options = hex("44 08 05 00 00000000 94 04 0000 01");
  return {
      {"tcp", true, v4().tcp(1024, 80, {.sequence = 0x01020304}).payload(9).build(), 20, 24, 6, 1024, 80},
      {"udp", true, v4().udp(1024, 53).payload(9).build(), 20, 24, 17, 1024, 53},
      {"sctp", true, v4().sctp(7, 8).payload(9).build(), 20, 24, 132, 7, 8},
      {"echo", true, v4().icmp(8, 0, 0x70001).payload(9).build(), 20, 26, 1, 7, 7},
      {"router advertisement", true, v4().icmp(9, 0, 0x70001).build(), 20, 21, 1, 0, 0, false},
      {"options", true, v4({.options = options}).udp(1024, 53).payload(9).build(), 36, 40, 17, 1024, 53},
      {"gre", true, v4().gre(0x0800).ipv4().udp(1, 2).build(), 20, 20, 47, 0, 0, false},
      {"ip in ip", true, v4().ipv4().udp(1, 2).build(), 20, 20, 4, 0, 0, false},
      {"esp", true, v4({.protocol = 50}).payload(20).build(), 20, 20, 50, 0, 0, false},
      {"authentication", true, v4({.protocol = 51}).payload(24).build(), 20, 20, 51, 0, 0, false},
      {"icmpv6 in ipv4", true, v4({.protocol = 58}).payload(24).build(), 20, 20, 58, 0, 0, false},
      {"first fragment", true, v4({.more_fragments = true}).udp(5, 6).payload(8).build(), 20, 24, 17, 5, 6},
  };
}

std::vector<Cut> cuts6() {
  return {
      {"tcp", false, v6().tcp(1024, 80, {.sequence = 0x01020304}).payload(9).build(), 40, 44, 6, 1024, 80},
      {"udp", false, v6().udp(1024, 53).payload(9).build(), 40, 44, 17, 1024, 53},
      {"sctp", false, v6().sctp(7, 8).payload(9).build(), 40, 44, 132, 7, 8},
      {"echo", false, v6().icmpv6(128, 0, 0x70001).payload(9).build(), 40, 46, 58, 7, 7},
      {"neighbour solicitation", false, v6().icmpv6(135).payload(16).build(), 40, 41, 58, 0, 0, false},
      {"hop-by-hop", false, v6().hop_by_hop(hex("05 02 0000")).udp(5, 6).build(), 48, 52, 17, 5, 6},
      {"routing, destination options", false, v6().routing(2, 1, pattern(20)).destination_options().udp(5, 6).build(),
       72, 76, 17, 5, 6},
      {"authentication", false, v6().authentication().tcp(5, 6).build(), 64, 68, 6, 5, 6},
      {"atomic fragment", false, v6().fragment(0, false).udp(5, 6).build(), 48, 52, 17, 5, 6},
      {"first fragment", false, v6().fragment(0, true).destination_options().udp(5, 6).payload(8).build(), 56, 60, 17,
       5, 6},
      {"gre", false, v6().gre(0x86dd).ipv6().udp(1, 2).build(), 40, 40, 47, 0, 0, false},
      {"ipv4 inside", false, v6().ipv4().udp(1, 2).build(), 40, 40, 4, 0, 0, false},
      {"esp", false, v6({.next_header = 50}).payload(20).build(), 40, 40, 50, 0, 0, false},
      {"icmp in ipv6", false, v6({.next_header = 1}).payload(20).build(), 40, 40, 1, 0, 0, false},
      {"no next header", false, v6().payload(8).build(), 40, 40, 59, 0, 0, false},
  };
}

/// Cut behind every byte: refused until everything is there that it needs, then read with what is there.
void check_cuts(const std::vector<Cut>& table) {
  for (const Cut& cut : table) {
    for (std::size_t size = 0; size <= cut.quote.size(); ++size) {
      INFO(cut.what << " " << size);
      const Found found = read(error_about(cut.version4, slice(cut.quote, 0, size)));
      REQUIRE(found.refusal == (size < cut.least ? QuoteRefusal::kTruncated : QuoteRefusal::kNone));
      if (size < cut.least) continue;
      const IcmpQuote& quote = found.quote;
      const std::uint32_t start = cut.version4 ? 42 : 62;
      CHECK(quote.network_offset == start);
      CHECK(quote.network_length == size);
      CHECK(quote.transport_offset == start + cut.ip);
      CHECK(quote.transport_length == size - cut.ip);
      CHECK(quote.has_ports == cut.ports);
      CHECK_FALSE(quote.later_fragment);
      CHECK(quote.has_tcp_sequence == (cut.protocol == 6 && size >= cut.ip + 8));
      CHECK(quote.tcp_sequence == (quote.has_tcp_sequence ? get32(cut.quote, cut.ip + 4) : 0));
      const FiveTuple4 tuple4{ip4("198.18.0.1"), ip4("198.18.1.1"), Be16(cut.source), Be16(cut.destination),
                              cut.protocol};
      const FiveTuple6 tuple6{ip6("2001:db8::1"), ip6("2001:db8:1::1"), Be16(cut.source), Be16(cut.destination),
                              cut.protocol};
      CHECK(quote.tuple4 == (cut.version4 ? tuple4 : FiveTuple4{}));
      CHECK(quote.tuple6 == (cut.version4 ? FiveTuple6{} : tuple6));
    }
  }
}

TEST_CASE("quotes of IPv4 packets, cut behind every byte") {
  check_cuts(cuts4());
}

TEST_CASE("quotes of IPv6 packets, cut behind every byte") {
  check_cuts(cuts6());
}

TEST_CASE("a later fragment has no ports, whatever its bytes look like") {
  const Found four = read(error4(v4({.offset = 1480, .protocol = 17}).payload(24).build()));
  REQUIRE(four.refusal == QuoteRefusal::kNone);
  CHECK(four.quote.later_fragment);
  CHECK_FALSE(four.quote.has_ports);
  CHECK(four.quote.transport_length == 0);
  CHECK(four.quote.tuple4 == FiveTuple4{ip4("198.18.0.1"), ip4("198.18.1.1"), {}, {}, 17});

  // What follows the fragment header is data, also where its next header is an extension.
  const Found six = read(error6(v6().destination_options().fragment(1448, true, 7, 60).payload(16).build()));
  REQUIRE(six.refusal == QuoteRefusal::kNone);
  CHECK(six.quote.later_fragment);
  CHECK_FALSE(six.quote.has_ports);
  CHECK(six.quote.transport_offset == 62 + 40 + 8 + 8);
  CHECK(six.quote.transport_length == 0);
}

struct Refused {
  const char* what;
  QuoteRefusal refusal;
  Bytes error;
};

void check(const std::vector<Refused>& table) {
  for (const Refused& refused : table) {
    INFO(refused.what);
    CHECK(read(refused.error).refusal == refused.refusal);
  }
}

Bytes poke8(Bytes bytes, std::size_t offset, std::uint32_t value) {
  set8(bytes, offset, value);
  return bytes;
}
Bytes poke16(Bytes bytes, std::size_t offset, std::uint32_t value) {
  set16(bytes, offset, value);
  return bytes;
}

TEST_CASE("quotes of IPv4 packets that are refused") {
  const Bytes udp = v4().udp(1, 2).payload(8).build();
  const auto options = [](std::string_view text) { return v4({.options = hex(text)}).udp(1, 2).build(); };
  check({
      {"right", QuoteRefusal::kNone, error4(udp)},
      {"version 6", QuoteRefusal::kVersion, error4(v6().udp(1, 2).build())},
      {"version 5", QuoteRefusal::kVersion, error4(poke8(udp, 0, 0x55))},
      {"header of 16 bytes", QuoteRefusal::kLength, error4(poke8(udp, 0, 0x44))},
      {"header longer than the packet", QuoteRefusal::kLength, error4(poke8(poke16(udp, 2, 40), 0, 0x4b))},
      {"header longer than the quote", QuoteRefusal::kTruncated, error4(poke8(poke16(udp, 2, 400), 0, 0x4f))},
      {"total length of a header", QuoteRefusal::kLength, error4(poke16(udp, 2, 20))},
      {"total length before the ports' end", QuoteRefusal::kLength, error4(poke16(udp, 2, 23))},
      {"total length at the ports' end", QuoteRefusal::kNone, error4(poke16(udp, 2, 24))},
      {"total length beyond the quote", QuoteRefusal::kNone, error4(poke16(udp, 2, 65535))},
      {"option past the header", QuoteRefusal::kHeaders, error4(options("07 05 04 00"))},
      {"option of one byte", QuoteRefusal::kHeaders, error4(options("01 01 07 01"))},
      {"option without its length", QuoteRefusal::kHeaders, error4(options("01 01 01 07"))},
      {"anything behind the last option", QuoteRefusal::kNone, error4(options("00 07 ff ff"))},
      {"of an error", QuoteRefusal::kIcmpError, error4(v4().icmp(3).payload(28).build())},
      {"of a redirect", QuoteRefusal::kIcmpError, error4(v4().icmp(5).payload(28).build())},
      {"of one byte of an error", QuoteRefusal::kIcmpError, error4(slice(v4().icmp(11).build(), 0, 21))},
  });
}

/// So many one-byte and so many two-byte options.
Bytes padding(std::size_t ones, std::size_t twos) {
  Bytes bytes(ones);
  for (; twos > 0; --twos) append16(bytes, 0x0100);
  return bytes;
}

TEST_CASE("quotes of IPv6 packets that are refused") {
  const Bytes udp = v6().udp(1, 2).payload(8).build();
  auto eight = v6();
  for (int i = 0; i < 8; ++i) eight.destination_options();
  auto nine = PacketBuilder(eight).destination_options();
  const Bytes options = v6().destination_options().udp(1, 2).build();
  const Bytes small_authentication = poke8(v6().authentication(4).udp(1, 2).build(), 41, 0);
  check({
      {"right", QuoteRefusal::kNone, error6(udp)},
      {"version 4", QuoteRefusal::kVersion, error6(v4().udp(1, 2).payload(20).build())},
      {"payload length before the ports' end", QuoteRefusal::kLength, error6(poke16(udp, 4, 3))},
      {"payload length at the ports' end", QuoteRefusal::kNone, error6(poke16(udp, 4, 4))},
      {"payload length of nothing", QuoteRefusal::kLength, error6(poke16(udp, 4, 0))},
      {"payload length beyond the quote", QuoteRefusal::kNone, error6(poke16(udp, 4, 65535))},
      {"extension longer than the packet", QuoteRefusal::kLength, error6(poke8(options, 41, 2))},
      {"extension longer than the quote", QuoteRefusal::kTruncated, error6(poke16(poke8(options, 41, 255), 4, 4000))},
      {"eight extensions", QuoteRefusal::kNone, error6(eight.udp(1, 2).build())},
      {"nine extensions", QuoteRefusal::kHeaders, error6(nine.udp(1, 2).build())},
      {"hop-by-hop not first", QuoteRefusal::kHeaders,
       error6(v6().destination_options().hop_by_hop().udp(1, 2).build())},
      {"option past its header", QuoteRefusal::kHeaders,
       error6(v6().hop_by_hop(hex("05 07 0000 01 00")).udp(1, 2).build())},
      {"sixteen options", QuoteRefusal::kNone, error6(v6().hop_by_hop(padding(10, 6)).udp(1, 2).build())},
      {"seventeen options", QuoteRefusal::kHeaders, error6(v6().hop_by_hop(padding(12, 5)).udp(1, 2).build())},
      {"two fragment headers", QuoteRefusal::kHeaders,
       error6(v6().fragment(0, true).fragment(0, true).udp(1, 2).build())},
      {"authentication of 8 bytes", QuoteRefusal::kHeaders, error6(small_authentication)},
      {"of an error", QuoteRefusal::kIcmpError, error6(v6().icmpv6(1).payload(48).build())},
      {"of an error behind extensions", QuoteRefusal::kIcmpError, error6(v6().hop_by_hop().icmpv6(127).build())},
  });
}

TEST_CASE("what follows the quote is not taken for it (RFC 4884)") {
  const Bytes udp = v4().udp(1, 2).payload(100).build();  // 128 bytes
  Bytes extended = udp;
  append(extended, hex("2000 dfff 0008 0101 00012001"));
  const auto length4 = [](std::uint32_t words) { return words << 16; };
  for (const std::uint8_t type : {kIcmpUnreachable, kIcmpTimeExceeded, kIcmpParameterProblem}) {
    const Found found = read(error4(extended, type, length4(32)));
    REQUIRE(found.refusal == QuoteRefusal::kNone);
    CHECK(found.quote.network_length == 128);
    CHECK(read(error4(extended, type, length4(5))).refusal == QuoteRefusal::kTruncated);
    CHECK(read(error4(extended, type, length4(6))).refusal == QuoteRefusal::kNone);
    CHECK(read(error4(extended, type, length4(35))).refusal == QuoteRefusal::kNone);
    CHECK(read(error4(extended, type, length4(36))).refusal == QuoteRefusal::kLength);
  }
  // What a redirect has there is an address.
  CHECK(read(error4(udp, 5, 0xc0ff0201)).refusal == QuoteRefusal::kNone);
  // Padded by the router to 128 bytes: zeros are no part of the packet.
  Bytes padded = v4().udp(1, 2).build();
  padded.resize(128);
  CHECK(read(error4(padded, 11, length4(32))).quote.network_length == 28);

  const Bytes six = v6().udp(1, 2).payload(80).build();  // 128 bytes
  for (const std::uint8_t type : {kIcmpv6Unreachable, kIcmpv6TimeExceeded}) {
    CHECK(read(error6(six, type, 16U << 24)).refusal == QuoteRefusal::kNone);
    CHECK(read(error6(six, type, 5U << 24)).refusal == QuoteRefusal::kTruncated);
    CHECK(read(error6(six, type, 17U << 24)).refusal == QuoteRefusal::kLength);
  }
  // The MTU of "packet too big" stands there; of 1500, and of one that nobody has.
  CHECK(read(error6(six, 2, 1500)).refusal == QuoteRefusal::kNone);
  CHECK(read(error6(six, 2, 0xffffffff)).refusal == QuoteRefusal::kNone);
}

TEST_CASE("an error of nothing but its header quotes nothing") {
  CHECK(read(error4({})).refusal == QuoteRefusal::kTruncated);
  CHECK(read(error6({})).refusal == QuoteRefusal::kTruncated);
}

TEST_CASE("the Ethernet padding behind an error is no part of its quote") {
  const Bytes quote = v4().udp(1, 2).build();
  const Bytes error = PacketBuilder().ethernet().ipv4().icmp(3).payload(slice(quote, 0, 22)).padding(18).build();
  CHECK(read(error).refusal == QuoteRefusal::kTruncated);
}

TEST_CASE("the tuple is of the VRF that the caller names") {
  CHECK(read(error4(v4().udp(1, 2).build()), 7).quote.tuple4.vrf == 7);
  CHECK(read(error6(v6().udp(1, 2).build()), 7).quote.tuple6.vrf == 7);
}

}  // namespace
}  // namespace culvert::test
