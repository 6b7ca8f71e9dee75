// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_shift.h"

#include <cstdio>
#include <cstdlib>
#include <random>

#include "packet/tcp.h"
#include "packet/tcp_options.h"
#include "packet/transport_checksum.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

constexpr std::uint8_t kSyn = kTcpSyn, kAck = kTcpAck, kRst = kTcpRst, kFin = kTcpFin;

/// The server counts from 5000, we from 1000; its clock is 70, ours 50; its scale 9, ours 7; the client's goes to a
/// server that scales.
constexpr TcpShift kShift{0U - 4000, 0U - 20, 2, 0};

Bytes packet_of(bool version4, const TcpFields& fields, std::size_t data) {
  PacketBuilder builder;
  builder.ethernet();
  version4 ? builder.ipv4() : builder.ipv6();
  return builder.tcp(1024, 80, fields).payload(data).build();
}

enum class Way { kToClient, kToServer };

Bytes shifted(const Bytes& bytes, Way way, const TcpShift& shift) {
  const GuardedBuffer buffer(4096);
  Packet packet = parsed(buffer.at_end(bytes));
  REQUIRE(packet.drop_reason == DropReason::kNone);
  way == Way::kToClient ? shift_to_client(packet, shift) : shift_to_server(packet, shift);
  CHECK(verify_transport_checksum(packet) == ChecksumState::kRight);
  const Bytes after = bytes_in(packet);
  CHECK(reference_checksum_right(after, reference_parse(after)));
  return after;
}

struct Row {
  const char* what;
  Way way;
  TcpFields before, after;
  TcpShift shift = kShift;
};

void check(const std::vector<Row>& table) {
  for (const Row& row : table) {
    for (const bool version4 : {true, false}) {
      for (const std::size_t data : {0U, 1U, 100U}) {
        INFO(row.what << " " << version4 << " " << data);
        const Bytes after = shifted(packet_of(version4, row.before, data), row.way, row.shift);
        CHECK(to_hex(after) == to_hex(packet_of(version4, row.after, data)));
      }
    }
  }
}

TEST_CASE("segments of the server are shifted to what the client counts") {
  const Way way = Way::kToClient;
  check({
      {"data", way, {kAck, 5001, 301, 20}, {kAck, 1001, 301, 80}},
      {"FIN", way, {kAck | kFin, 5001, 301, 20}, {kAck | kFin, 1001, 301, 80}},
      {"RST", way, {kRst, 5001, 0, 0}, {kRst, 1001, 0, 0}},
      {"RST and ACK", way, {kRst | kAck, 5001, 301, 0}, {kRst | kAck, 1001, 301, 0}},
      {"SYN-ACK, whose window is not scaled", way, {kSyn | kAck, 5000, 301, 20}, {kSyn | kAck, 1000, 301, 20}},
      {"the wrap", way, {kAck, 3999, 301, 1}, {kAck, 0xffffffff, 301, 4}},
      {"a large window", way, {kAck, 5001, 301, 0x4000}, {kAck, 1001, 301, 0xffff}},
      {"the largest window that fits", way, {kAck, 5001, 301, 0x3fff}, {kAck, 1001, 301, 0xfffc}},
      {"time stamps",
       way,
       {kAck, 5001, 301, 1, hex("0101080a 00000046 00000007")},
       {kAck, 1001, 301, 4, hex("0101080a 00000032 00000007")}},
      {"time stamps at an odd offset",
       way,
       {kAck, 5001, 301, 1, hex("01 080a 00000046 00000007")},
       {kAck, 1001, 301, 4, hex("01 080a 00000032 00000007")}},
      {"blocks that the server got are of the client's counting",
       way,
       {kAck, 5001, 301, 1, hex("0101050a 00000200 00000300")},
       {kAck, 1001, 301, 4, hex("0101050a 00000200 00000300")}},
      {"no change",
       way,
       {kAck, 5001, 301, 1, hex("0101080a 00000046 00000007")},
       {kAck, 5001, 301, 1, hex("0101080a 00000046 00000007")},
       TcpShift{}},
  });
}

TEST_CASE("segments of the client are shifted to what the server counts") {
  const Way way = Way::kToServer;
  // Edges 1201..1301 and 1401..1501.
  const Bytes two = hex("0101 0512 000004b1 00000515 00000579 000005dd");
  const Bytes two_after = hex("0101 0512 00001451 000014b5 00001519 0000157d");
  const Bytes odd = hex("01 0512 000004b1 00000515 00000579 000005dd");
  const Bytes odd_after = hex("01 0512 00001451 000014b5 00001519 0000157d");
  check({
      {"ACK", way, {kAck, 301, 1001, 50}, {kAck, 301, 5001, 50}},
      {"FIN", way, {kAck | kFin, 301, 1001, 50}, {kAck | kFin, 301, 5001, 50}},
      {"RST says nothing of the server's", way, {kRst, 301, 77, 0}, {kRst, 301, 77, 0}},
      {"RST and ACK", way, {kRst | kAck, 301, 1001, 0}, {kRst | kAck, 301, 5001, 0}},
      {"SYN",
       way,
       {kSyn, 300, 0, 50, hex("080a 00000007 00000000")},
       {kSyn, 300, 0, 50, hex("080a 00000007 00000000")}},
      {"the wrap", way, {kAck, 301, 0xfffffff0, 50}, {kAck, 301, 3984, 50}},
      {"time stamps",
       way,
       {kAck, 301, 1001, 50, hex("0101080a 00000007 00000032")},
       {kAck, 301, 5001, 50, hex("0101080a 00000007 00000046")}},
      {"blocks", way, {kAck, 301, 1001, 50, two}, {kAck, 301, 5001, 50, two_after}},
      {"blocks at an odd offset", way, {kAck, 301, 1001, 50, odd}, {kAck, 301, 5001, 50, odd_after}},
      {"a duplicate below the acknowledgment",
       way,
       {kAck, 301, 1001, 50, hex("0101050a 000003e8 000003e9")},
       {kAck, 301, 5001, 50, hex("0101050a 00001388 00001389")}},
      {"blocks and time stamps",
       way,
       {kAck, 301, 1001, 50, hex("080a 00000007 00000032 050a 000003e8 000003e9")},
       {kAck, 301, 5001, 50, hex("080a 00000007 00000046 050a 00001388 00001389")}},
      {"a server that scales no windows", way, {kAck, 301, 1001, 50}, {kAck, 301, 5001, 6400}, {0U - 4000, 0, -7, 7}},
      {"more than it can be told", way, {kAck, 301, 1001, 512}, {kAck, 301, 5001, 65535}, {0U - 4000, 0, -7, 7}},
      {"no data of the window's SYN",
       way,
       {kSyn | kAck, 301, 1001, 512},
       {kSyn | kAck, 301, 5001, 512},
       {0U - 4000, 0, -7, 7}},
  });
}

TEST_CASE("options that mean nothing stay, and end the walk where they don't fit") {
  // Timestamps behind each would be shifted, if the option were not in the way.
  const Bytes stamps = hex("080a 00000007 00000032"), stamps_after = hex("080a 00000007 00000046");
  const auto with = [](std::string_view text, const Bytes& rest) {
    Bytes bytes = hex(text);
    append(bytes, rest);
    return bytes;
  };
  for (const char* skipped : {"01", "1e04 abcd", "0504 0000", "050c 000004b1 00000515 0000", "0808 01020304 0000",
                              "0502", "fe02", "0303 07"}) {
    INFO(skipped);
    check({{"skipped",
            Way::kToServer,
            {kAck, 301, 1001, 50, with(skipped, stamps)},
            {kAck, 301, 5001, 50, with(skipped, stamps_after)}}});
  }
  for (const char* end : {"00", "1e00", "1e01", "fe28", "05ff", "0800"}) {
    INFO(end);
    check({{"the end",
            Way::kToServer,
            {kAck, 301, 1001, 50, with(end, stamps)},
            {kAck, 301, 5001, 50, with(end, stamps)}}});
  }
}

TEST_CASE("windows in another scale are never larger than they were") {
  for (int from = 0; from <= 14; ++from) {
    for (int to = 0; to <= 14; ++to) {
      for (const std::uint16_t window : std::initializer_list<std::uint16_t>{0, 1, 127, 128, 501, 0x7fff, 0xffff}) {
        const std::uint16_t after = shift_window(window, from - to);
        const std::uint64_t bytes = std::uint64_t{window} << from, bytes_after = std::uint64_t{after} << to;
        CHECK(bytes_after <= bytes);
        if (after != 0xffff) CHECK(bytes - bytes_after < std::uint64_t{1} << to);
      }
    }
  }
}

// Random segments beside a reference that knows no increments.

/// The reference: fields are changed where the walk finds them, and the checksum is left to whoever looks.
void shift_slowly(Bytes& bytes, std::size_t tcp, Way way, const TcpShift& shift) {
  const bool to_client = way == Way::kToClient;
  const std::uint8_t flags = get8(bytes, tcp + 13);
  const int scale = to_client ? shift.window_to_client : shift.window_to_server;
  if ((flags & kSyn) == 0) {
    const double window = get16(bytes, tcp + 14) * (scale >= 0 ? 1 << scale : 1.0 / (1 << -scale));
    set16(bytes, tcp + 14, window > 65535 ? 65535 : static_cast<std::uint32_t>(window));
  }
  if (to_client) set32(bytes, tcp + 4, get32(bytes, tcp + 4) + shift.sequence);
  if (!to_client && (flags & kAck) == 0) return;
  if (!to_client) set32(bytes, tcp + 8, get32(bytes, tcp + 8) - shift.sequence);
  const std::size_t end = tcp + (get8(bytes, tcp + 12) >> 4) * 4U;
  for (std::size_t at = tcp + 20; at < end;) {
    const std::uint8_t kind = get8(bytes, at);
    if (kind == 0) return;
    if (kind == 1) {
      ++at;
      continue;
    }
    const std::size_t size = at + 1 < end ? get8(bytes, at + 1) : 0;
    if (size < 2 || at + size > end) return;
    if (kind == 8 && size == 10 && to_client) set32(bytes, at + 2, get32(bytes, at + 2) + shift.timestamp);
    if (kind == 8 && size == 10 && !to_client) set32(bytes, at + 6, get32(bytes, at + 6) - shift.timestamp);
    if (kind == 5 && (size - 2) % 8 == 0 && !to_client) {
      for (std::size_t edge = at + 2; edge < at + size; edge += 4) {
        set32(bytes, edge, get32(bytes, edge) - shift.sequence);
      }
    }
    at += size;
  }
}

Bytes random_options(std::mt19937_64& random) {
  Bytes options;
  if (random() % 3 == 0) {
    options.resize(random() % 11 * 4);
    for (std::byte& byte : options) byte = static_cast<std::byte>(random() % (random() % 4 == 0 ? 256 : 12));
    return options;
  }
  const auto add = [&options, &random](std::uint32_t kind, std::size_t size) {
    if (options.size() + size > 40) return;
    append8(options, kind);
    append8(options, static_cast<std::uint32_t>(size));
    for (std::size_t i = 2; i < size; ++i) append8(options, static_cast<std::uint32_t>(random() & 0xff));
  };
  while (options.size() < 36 && random() % 4 != 0) {
    for (std::size_t nops = random() % 4; nops > 0 && options.size() < 40; --nops) append8(options, 1);
    random() % 2 == 0 ? add(8, 10) : add(5, 2 + 8 * (1 + random() % 4));
    if (random() % 5 == 0) add(30, 2 + random() % 6);
  }
  return options;
}

TEST_CASE("random segments are shifted as the reference does, with right checksums, and back") {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  const GuardedBuffer buffer(4096);
  int changed_options = 0;
  for (int i = 0; i < 60'000; ++i) {
    const auto word = [&random] { return static_cast<std::uint32_t>(random()); };
    const bool version4 = random() % 2 == 0;
    const std::uint8_t flags = random() % 4 == 0 ? static_cast<std::uint8_t>(random()) : kAck;
    const TcpFields fields{flags, word(), word(), static_cast<std::uint16_t>(word()), random_options(random)};
    const Bytes before = packet_of(version4, fields, random() % 4);
    const std::size_t tcp = version4 ? 34 : 54;
    const TcpShift shift{word(), word(), static_cast<std::int8_t>(static_cast<int>(random() % 29) - 14),
                         static_cast<std::uint8_t>(random() % 15)};
    const Way way = random() % 2 == 0 ? Way::kToClient : Way::kToServer;
    Packet packet = parsed(buffer.at_end(before));
    REQUIRE(packet.drop_reason == DropReason::kNone);
    way == Way::kToClient ? shift_to_client(packet, shift) : shift_to_server(packet, shift);
    Bytes after = bytes_in(packet);
    REQUIRE(reference_checksum_right(after, reference_parse(after)));
    Bytes expected = before;
    shift_slowly(expected, tcp, way, shift);
    changed_options += slice(expected, tcp + 20) != slice(before, tcp + 20);
    set16(expected, tcp + 16, get16(after, tcp + 16));
    REQUIRE(to_hex(after) == to_hex(expected));
    // Back again, windows aside: they have lost bits.
    const TcpShift back{0 - shift.sequence, 0 - shift.timestamp, 0, 0};
    way == Way::kToClient ? shift_to_client(packet, back) : shift_to_server(packet, back);
    after = bytes_in(packet);
    set16(after, tcp + 14, get16(before, tcp + 14));
    set16(after, tcp + 16, get16(before, tcp + 16));
    REQUIRE(to_hex(after) == to_hex(before));
  }
  CHECK(changed_options > 10'000);
}

TEST_CASE("a wrong checksum stays wrong") {
  Bytes bytes = packet_of(true, {kAck, 5001, 301, 20, hex("01 080a 00000046 00000007")}, 5);
  set16(bytes, 34 + 16, get16(bytes, 34 + 16) ^ 0x0100U);
  Packet packet = parsed(bytes);
  shift_to_client(packet, kShift);
  CHECK(verify_transport_checksum(packet) == ChecksumState::kWrong);
}

TEST_CASE("a first fragment is shifted without the rest of its datagram") {
  const Bytes whole = packet_of(true, {kAck, 5001, 301, 20}, 64);
  const Bytes whole_after = packet_of(true, {kAck, 1001, 301, 80}, 64);
  PacketBuilder builder;
  Bytes first = builder.ethernet()
                    .ipv4("198.18.0.1", "198.18.1.1", {.more_fragments = true, .protocol = 6})
                    .payload(slice(whole, 34, 48))
                    .build();
  Packet packet = parsed(first);
  REQUIRE(packet.has(kFlagTransport));
  shift_to_client(packet, kShift);
  CHECK(to_hex(slice(bytes_in(packet), 34)) == to_hex(slice(whole_after, 34, 48)));
}

TEST_CASE("the segment that an ICMP error quotes is shifted, however little is quoted") {
  for (const bool version4 : {true, false}) {
    const Bytes segment = slice(packet_of(version4, {kAck, 1001, 301, 80}, 10), 14);
    const std::size_t header = version4 ? 20 : 40;
    for (std::size_t size = header + 8; size <= segment.size(); ++size) {
      INFO(version4 << " " << size);
      PacketBuilder builder;
      builder.ethernet();
      Bytes bytes = version4 ? builder.ipv4().icmp(3, 1).payload(slice(segment, 0, size)).build()
                             : builder.ipv6().icmpv6(1, 0).payload(slice(segment, 0, size)).build();
      Packet packet = parsed(bytes);
      IcmpQuote quote;
      REQUIRE(read_icmp_quote(packet, quote) == QuoteRefusal::kNone);
      REQUIRE(quote.has_tcp_sequence);
      shift_quoted_sequence(packet, quote, 4000);
      CHECK(quote.tcp_sequence == 5001);
      CHECK(verify_transport_checksum(packet) == ChecksumState::kRight);
      const Bytes after = bytes_in(packet);
      CHECK(reference_checksum_right(after, reference_parse(after)));
      Bytes expected = slice(segment, 0, size);
      set32(expected, header + 4, 5001);
      CHECK(to_hex(slice(after, after.size() - size)) == to_hex(expected));
    }
  }
}

}  // namespace
}  // namespace culvert::test
