// SPDX-License-Identifier: Apache-2.0
// A translated packet is compared, byte by byte, with one that was built with the other addresses and ports.
#include "packet/translate.h"

#include <functional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/transport_checksum.h"
#include "test/packet/packets.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"
#include "test/support/seed.h"

namespace culvert::test {
namespace {

/// The two ends of a packet.
struct Ends {
  const char* source;
  const char* destination;
  std::uint16_t source_port, destination_port;
};

constexpr Ends kInside4{"198.18.0.2", "192.0.2.1", 5060, 53}, kOutside4{"198.18.1.1", "192.0.2.1", 40001, 53};
constexpr Ends kInside6{"2001:db8::2", "2001:db8:f::1", 5060, 53},
    kOutside6{"2001:db8:1::1", "2001:db8:f::1", 40001, 53};

const Ends& ends(bool version4, bool outside) {
  if (version4) return outside ? kOutside4 : kInside4;
  return outside ? kOutside6 : kInside6;
}

PacketBuilder ip(bool version4, const Ends& ends) {
  return version4 ? PacketBuilder().ipv4(ends.source, ends.destination)
                  : PacketBuilder().ipv6(ends.source, ends.destination);
}
PacketBuilder framed(bool version4, const Ends& ends) {
  PacketBuilder builder = PacketBuilder().ethernet().vlan(7);
  return version4 ? builder.ipv4(ends.source, ends.destination, {.options = Bytes(4, std::byte{1})})
                  : builder.ipv6(ends.source, ends.destination).hop_by_hop();
}

/// What is to be translated, by its ends.
struct Case {
  const char* what;
  std::function<PacketBuilder(PacketBuilder, const Ends&, bool version4)> transport;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"TCP",
       [](PacketBuilder b, const Ends& e, bool) { return b.tcp(e.source_port, e.destination_port).payload(101); }},
      {"UDP",
       [](PacketBuilder b, const Ends& e, bool) { return b.udp(e.source_port, e.destination_port).payload(33); }},
      {"UDP, nothing in it",
       [](PacketBuilder b, const Ends& e, bool) { return b.udp(e.source_port, e.destination_port); }},
      {"SCTP",
       [](PacketBuilder b, const Ends& e, bool) { return b.sctp(e.source_port, e.destination_port, 7).payload(700); }},
      {"SCTP, header only",
       [](PacketBuilder b, const Ends& e, bool) { return b.sctp(e.source_port, e.destination_port); }},
      {"echo request",
       [](PacketBuilder b, const Ends& e, bool version4) {
         const std::uint32_t rest = std::uint32_t{e.source_port} << 16 | 9;
         return (version4 ? b.icmp(kIcmpEcho, 0, rest) : b.icmpv6(kIcmpv6Echo, 0, rest)).payload(57);
       }},
      {"GRE", [](PacketBuilder b, const Ends&, bool) { return b.gre(0x0800).ipv4("198.18.0.2").udp(1, 2).payload(8); }},
  };
  return all;
}

/// Their ports stay. What errors quote of them keeps its checksum, which nobody looks at.
const Case kByAddress[] = {
    {"UDP-Lite", [](PacketBuilder b, const Ends&, bool) { return b.udp_lite(7, 9).payload(33); }},
    {"DCCP", [](PacketBuilder b, const Ends&, bool) { return b.dccp(7, 9).payload(34); }},
};

template <typename Tuple>
Tuple tuple_of(const Packet& packet) {
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
    return five_tuple4(packet);
  } else {
    return five_tuple6(packet);
  }
}

/// Calls with the packet's tuple, of its family.
template <typename Call>
void with_tuple_of(const Bytes& bytes, Call call) {
  const GuardedBuffer buffer(4096);
  const Packet packet = parsed(buffer.at_end(bytes));
  REQUIRE(packet.drop_reason == DropReason::kNone);
  packet.network == NetworkKind::kIpv4 ? call(five_tuple4(packet)) : call(five_tuple6(packet));
}

/// `bytes` with the addresses and ports of another packet.
Bytes translated(const Bytes& bytes, const Bytes& like) {
  Bytes after;
  with_tuple_of(like, [&](const auto& to) {
    using Tuple = std::decay_t<decltype(to)>;
    const GuardedBuffer buffer(4096);
    Packet packet = parsed(buffer.at_end(bytes));
    REQUIRE(packet.drop_reason == DropReason::kNone);
    translate(packet, to);
    CHECK(tuple_of<Tuple>(packet) == to);  // header and fields of the view agree
    after = bytes_in(packet);
  });
  return after;
}

TEST_CASE("a translated packet is the one that would have been built") {
  std::vector<Case> all = cases();
  all.insert(all.end(), std::begin(kByAddress), std::end(kByAddress));
  for (const Case& test : all) {
    for (const bool version4 : {true, false}) {
      INFO(test.what << (version4 ? " IPv4" : " IPv6"));
      const auto build = [&](bool outside) {
        const Ends& e = ends(version4, outside);
        return test.transport(framed(version4, e), e, version4).build();
      };
      CHECK(to_hex(translated(build(false), build(true))) == to_hex(build(true)));
      CHECK(to_hex(translated(build(true), build(false))) == to_hex(build(false)));
    }
  }
}

TEST_CASE("what was broken stays as broken, and no checksum stays none") {
  for (const Case& test : cases()) {
    for (const bool version4 : {true, false}) {
      INFO(test.what << (version4 ? " IPv4" : " IPv6"));
      const Ends& inside = ends(version4, false);
      const Bytes like = test.transport(framed(version4, ends(version4, true)), ends(version4, true), version4).build();
      Bytes broken = test.transport(framed(version4, inside), inside, version4).build();
      if (std::string_view(test.what).find(',') != std::string_view::npos) continue;  // no payload to break
      broken.back() ^= std::byte{0x40};
      Bytes after = translated(broken, like);
      after.back() ^= std::byte{0x40};
      CHECK(to_hex(after) == to_hex(like));
    }
  }
  const auto none = [](const Ends& e) {
    return framed(true, e).udp(e.source_port, e.destination_port).payload(9).checksum(BuildChecksum::kZero).build();
  };
  CHECK(to_hex(translated(none(kInside4), none(kOutside4))) == to_hex(none(kOutside4)));
}

TEST_CASE("a UDP checksum that comes out as zero is written as all ones") {
  // One payload in 65536 has it; the builder writes 0xffff there, as RFC 768 says.
  int found = 0;
  for (std::uint32_t word = 0; word < 0x10000; ++word) {
    const Bytes payload{std::byte(word >> 8), std::byte(word & 0xff)};
    const auto build = [&payload](const Ends& e) {
      return ip(true, e).udp(e.source_port, e.destination_port).payload(payload).build();
    };
    const Bytes outside = build(kOutside4);
    if (outside[26] != std::byte{0xff} || outside[27] != std::byte{0xff}) continue;
    ++found;
    const auto whole = [&payload](const Ends& e) {
      return framed(true, e).udp(e.source_port, e.destination_port).payload(payload).build();
    };
    CHECK(to_hex(translated(whole(kInside4), whole(kOutside4))) == to_hex(whole(kOutside4)));
  }
  CHECK(found > 0);
}

TEST_CASE("of fragments, the first has ports and a checksum of the whole, the others only addresses") {
  const Bytes data = pattern(1600);
  const auto fragments = [&data](const Ends& e, bool first) {
    const Bytes datagram = ip(true, e).udp(e.source_port, e.destination_port).payload(data).build();
    const auto udp = std::span<const std::byte>(datagram).subspan(20);
    const Ipv4Fields fields{.more_fragments = first, .offset = first ? 0U : 800U, .protocol = kProtocolUdp};
    return PacketBuilder()
        .ethernet()
        .ipv4(e.source, e.destination, fields)
        .payload(first ? slice(udp.first(800), 0) : slice(udp.subspan(800), 0))
        .build();
  };
  for (const bool first : {true, false}) {
    const GuardedBuffer buffer(4096);
    const Bytes before = fragments(kInside4, first);
    Packet packet = parsed(buffer.at_end(before));
    REQUIRE(packet.drop_reason == DropReason::kNone);
    const Bytes like = fragments(kOutside4, true);
    FiveTuple4 to{};
    {
      const GuardedBuffer other(4096);
      const Packet outside = parsed(other.at_end(like));
      to = five_tuple4(outside);
      to.source_port = Be16(kOutside4.source_port);
      to.destination_port = Be16(kOutside4.destination_port);
    }
    translate(packet, to);
    CHECK(to_hex(bytes_in(packet)) == to_hex(fragments(kOutside4, first)));
  }
}

TEST_CASE("the first fragment of an SCTP datagram follows by the length of the whole") {
  const auto whole = [](const Ends& e) {
    return ip(true, e).sctp(e.source_port, e.destination_port, 7).payload(1200).build();
  };
  const auto first = [&whole](const Ends& e) {
    const Bytes datagram = whole(e);
    const auto sctp = std::span<const std::byte>(datagram).subspan(20);
    return PacketBuilder()
        .ethernet()
        .ipv4(e.source, e.destination, {.more_fragments = true, .protocol = kProtocolSctp})
        .payload(slice(sctp.first(400), 0))
        .build();
  };
  const GuardedBuffer buffer(4096);
  const Bytes before = first(kInside4);
  Packet packet = parsed(buffer.at_end(before));
  FiveTuple4 to = five_tuple4(packet);
  to.source = load<Ipv4Address>(slice(whole(kOutside4), 12).data());
  to.source_port = Be16(kOutside4.source_port);
  to.destination_port = Be16(kOutside4.destination_port);
  translate(packet, to, 1212);
  CHECK(to_hex(bytes_in(packet)) == to_hex(first(kOutside4)));
}

/// An ICMP error to the source of these ends, about a packet of which it quotes `length` bytes.
Bytes error_about(const Case& test, const Ends& e, bool version4, std::size_t length) {
  const Bytes packet = test.transport(ip(version4, e), e, version4).build();
  if (length > packet.size()) return {};
  const Bytes quote = slice(std::span<const std::byte>(packet).first(length), 0);
  PacketBuilder builder = PacketBuilder().ethernet();
  return version4 ? builder.ipv4("192.0.2.254", e.source).icmp(kIcmpTimeExceeded).payload(quote).build()
                  : builder.ipv6("2001:db8:f::f", e.source).icmpv6(kIcmpv6TimeExceeded).payload(quote).build();
}

/// The error of the outside becomes the inside's. Empty: the quote is too short for a session to be found.
Bytes translated_error(const Bytes& error, const Bytes& inside_packet) {
  Bytes after;
  with_tuple_of(inside_packet, [&](const auto& inside) {
    const GuardedBuffer buffer(4096);
    Packet packet = parsed(buffer.at_end(error));
    REQUIRE(packet.drop_reason == DropReason::kNone);
    IcmpQuote quote;
    if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone) return;
    auto own = tuple_of<std::decay_t<decltype(inside)>>(packet);
    own.destination = inside.source;
    translate_quoted(packet, quote, inside);
    translate(packet, own);
    CHECK(verify_transport_checksum(packet) == ChecksumState::kRight);
    after = bytes_in(packet);
  });
  return after;
}

/// Bytes of a transport header up to which a quote can be followed: half a checksum can't, nor one over what is
/// missing.
bool can_follow(std::uint8_t protocol, std::size_t quoted) {
  if (protocol == kProtocolSctp) return quoted <= 8;
  return protocol == kProtocolGre || quoted != checksum_field_offset(protocol) + 1;
}

TEST_CASE("an ICMP error and what it quotes are translated, however little it quotes") {
  for (const Case& test : cases()) {
    for (const bool version4 : {true, false}) {
      const Ends& inside = ends(version4, false);
      const Bytes inside_packet = test.transport(framed(version4, inside), inside, version4).build();
      const std::size_t header = version4 ? 20 : 40;
      int compared = 0;
      for (std::size_t quoted = 0; quoted < 160; ++quoted) {
        INFO(test.what << (version4 ? " IPv4, " : " IPv6, ") << quoted << " bytes of the transport header");
        const Bytes error = error_about(test, ends(version4, true), version4, header + quoted);
        if (error.empty()) break;
        const GuardedBuffer buffer(4096);
        const std::uint8_t protocol = parsed(buffer.at_end(inside_packet)).protocol;
        const Bytes after = translated_error(error, inside_packet);
        if (after.empty() || !can_follow(protocol, quoted)) continue;
        CHECK(to_hex(after) == to_hex(error_about(test, inside, version4, header + quoted)));
        ++compared;
      }
      CHECK(compared >= 4);
    }
  }
}

Bytes random_bytes(std::uint64_t& random) {
  Bytes bytes(16);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(splitmix64(random));
  return bytes;
}

bool is_echo(std::uint8_t protocol) {
  return protocol == kProtocolIcmp || protocol == kProtocolIcmpv6;
}

TEST_CASE("there and back again leaves every packet as it was") {
  std::uint64_t random = seed_of_run();
  INFO("CULVERT_SEED=" << random);
  int count = 0;
  for (const Bytes& sample : sample_packets()) {
    const GuardedBuffer buffer(8192);
    Packet packet = parsed(buffer.at_end(sample));
    if (packet.drop_reason != DropReason::kNone || packet.has(kFlagIcmpError)) continue;
    INFO(to_hex(sample));
    const ChecksumState before = verify_transport_checksum(packet);
    const auto there_and_back = [&](auto own) {
      auto other = own;
      other.source = load<decltype(other.source)>(random_bytes(random).data());
      other.source_port = Be16(static_cast<std::uint16_t>(splitmix64(random)));
      if (is_echo(own.protocol)) other.destination_port = other.source_port;
      translate(packet, other);
      CHECK(verify_transport_checksum(packet) == before);
      translate(packet, own);
      CHECK(verify_transport_checksum(packet) == before);
    };
    packet.network == NetworkKind::kIpv4 ? there_and_back(five_tuple4(packet)) : there_and_back(five_tuple6(packet));
    ++count;
  }
  CHECK(count > 30);
}

}  // namespace
}  // namespace culvert::test
