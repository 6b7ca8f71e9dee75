// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_reset.h"

#include "packet/ethernet.h"
#include "packet/tcp.h"
#include "packet/transport_checksum.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

constexpr std::uint8_t kSyn = kTcpSyn, kAck = kTcpAck, kFin = kTcpFin, kRst = kTcpRst;

PacketBuilder v4(const Ipv4Fields& fields = {}) {
  return PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", fields);
}
PacketBuilder v6() {
  return PacketBuilder().ethernet().ipv6("2001:db8::1", "2001:db8:1::1");
}

/// What answers a packet of v4() or v6(), from port 80 to port 1024.
Bytes reset4(const TcpFields& fields) {
  return PacketBuilder()
      .ethernet("02:00:00:00:00:01", "02:00:00:00:00:02")
      .ipv4("198.18.1.1", "198.18.0.1", {.id = 0, .dont_fragment = true})
      .tcp(80, 1024, fields)
      .build();
}
Bytes reset6(const TcpFields& fields) {
  return PacketBuilder()
      .ethernet("02:00:00:00:00:01", "02:00:00:00:00:02")
      .ipv6("2001:db8:1::1", "2001:db8::1")
      .tcp(80, 1024, fields)
      .build();
}
TcpFields rst(std::uint32_t sequence) {
  return {.flags = kRst, .sequence = sequence, .acknowledgment = 0, .window = 0};
}
TcpFields rst_ack(std::uint32_t acknowledgment) {
  return {.flags = kRst | kAck, .sequence = 0, .acknowledgment = acknowledgment, .window = 0};
}

/// The view of a packet that we made is what parse makes of its bytes.
void check_view(const Packet& made) {
  const Bytes bytes = bytes_in(made);
  CHECK(made.has(kFlagGenerated));
  CHECK(made.verdict == Verdict::kNone);
  CHECK(made.egress == kNoInterface);
  ReferenceFields found = fields_of(made);
  found.flags &= ~static_cast<unsigned>(kFlagGenerated);
  const ReferenceFields fields = reference_parse(bytes);
  CHECK(to_text(found) == to_text(fields));
  CHECK(reference_checksum_right(bytes, fields));
}

struct Answer {
  const char* what;
  Bytes segment, reset;
};

void check(const std::vector<Answer>& table) {
  const GuardedBuffer buffer(70'000);
  for (const Answer& answer : table) {
    INFO(answer.what);
    Packet packet = parsed(buffer.at_end(answer.segment));
    packet.ingress = 3;
    packet.frame = 4096;
    packet.drop(DropReason::kNoRoute);
    REQUIRE(may_reset(packet));
    build_tcp_reset(packet);
    CHECK(to_hex(bytes_in(packet)) == to_hex(answer.reset));
    CHECK(packet.ingress == 3);
    CHECK(packet.frame == 4096);
    check_view(packet);
  }
}

TEST_CASE("resets that answer segments over IPv4 (RFC 9293 3.5.2)") {
  const TcpFields syn{.flags = kSyn, .sequence = 1000};
  const TcpFields last_syn{.flags = kSyn, .sequence = 0xffffffff};
  const TcpFields options{.flags = kSyn, .sequence = 1000, .options = hex("020405b4 0402 080a 0000000000000000")};
  check({
      {"SYN", v4().tcp(1024, 80, syn).build(), reset4(rst_ack(1001))},
      {"SYN with options", v4().tcp(1024, 80, options).build(), reset4(rst_ack(1001))},
      {"SYN with data", v4().tcp(1024, 80, syn).payload(10).build(), reset4(rst_ack(1011))},
      {"SYN at the end of the sequence space", v4().tcp(1024, 80, last_syn).build(), reset4(rst_ack(0))},
      {"SYN and FIN", v4().tcp(1024, 80, {.flags = kSyn | kFin, .sequence = 5}).build(), reset4(rst_ack(7))},
      {"FIN without ACK", v4().tcp(1024, 80, {.flags = kFin, .sequence = 5}).payload(3).build(), reset4(rst_ack(9))},
      {"nothing", v4().tcp(1024, 80, {.flags = 0, .sequence = 5}).build(), reset4(rst_ack(5))},
      {"padding is no data", v4().tcp(1024, 80, syn).padding(6).build(), reset4(rst_ack(1001))},
      {"ACK", v4().tcp(1024, 80, {.flags = kAck, .sequence = 9, .acknowledgment = 5000}).build(), reset4(rst(5000))},
      {"ACK with data", v4().tcp(1024, 80, {.sequence = 9, .acknowledgment = 5000}).payload(1400).build(),
       reset4(rst(5000))},
      {"SYN and ACK", v4().tcp(1024, 80, {.flags = kSyn | kAck, .acknowledgment = 0xfedcba98}).build(),
       reset4(rst(0xfedcba98))},
      {"ACK of 0", v4().tcp(1024, 80, {.acknowledgment = 0}).build(), reset4(rst(0))},
      {"IP options", v4({.tos = 0xff, .id = 9, .options = hex("94 04 0000")}).tcp(1024, 80, syn).payload(2).build(),
       reset4(rst_ack(1003))},
      {"as long as a packet may be", v4().tcp(1024, 80, {.flags = 0, .sequence = 0}).payload(65480).build(),
       reset4(rst_ack(65480))},
  });
}

TEST_CASE("resets that answer segments over IPv6") {
  const TcpFields syn{.flags = kSyn, .sequence = 1000};
  check({
      {"SYN", v6().tcp(1024, 80, syn).build(), reset6(rst_ack(1001))},
      {"SYN with data", v6().tcp(1024, 80, syn).payload(10).padding(4).build(), reset6(rst_ack(1011))},
      {"ACK", v6().tcp(1024, 80, {.acknowledgment = 5000}).payload(7).build(), reset6(rst(5000))},
      {"extension headers", v6().hop_by_hop().destination_options().tcp(1024, 80, syn).payload(1).build(),
       reset6(rst_ack(1002))},
      {"an atomic fragment", v6().fragment(0, false).tcp(1024, 80, syn).payload(1).build(), reset6(rst_ack(1002))},
  });
}

TEST_CASE("VLAN tags stay on a reset") {
  auto to = PacketBuilder().ethernet().vlan(5).vlan(6).ipv4("198.18.0.1", "198.18.1.1");
  auto back = PacketBuilder()
                  .ethernet("02:00:00:00:00:01", "02:00:00:00:00:02")
                  .vlan(5)
                  .vlan(6)
                  .ipv4("198.18.1.1", "198.18.0.1", {.id = 0, .dont_fragment = true});
  check({{"two tags", to.tcp(1024, 80, {.acknowledgment = 7}).build(), back.tcp(80, 1024, rst(7)).build()}});
}

struct Allowed {
  const char* what;
  bool allowed;
  Bytes bytes;
};

TEST_CASE("what is answered by a reset") {
  const auto from = [](std::string_view source) { return PacketBuilder().ethernet().ipv4(source, "198.18.1.1"); };
  Bytes wrong = v4().tcp(1, 2).payload(5).build();
  wrong.back() ^= std::byte{1};
  const std::vector<Allowed> table{
      {"SYN", true, v4().tcp(1, 2, {.flags = kSyn}).build()},
      {"RST", false, v4().tcp(1, 2, {.flags = kRst}).build()},
      {"RST and ACK", false, v4().tcp(1, 2, {.flags = kRst | kAck}).build()},
      {"everything", false, v4().tcp(1, 2, {.flags = 0xff}).build()},
      {"everything but RST", true, v4().tcp(1, 2, {.flags = 0xfb}).build()},
      {"RST over IPv6", false, v6().tcp(1, 2, {.flags = kRst}).build()},
      {"wrong checksum", false, wrong},
      {"UDP", false, v4().udp(1, 2).build()},
      {"first fragment", false, v4({.more_fragments = true}).tcp(1, 2).payload(4).build()},
      {"later fragment", false, v4({.offset = 80, .protocol = 6}).payload(40).build()},
      {"first fragment over IPv6", false, v6().fragment(0, true).tcp(1, 2).payload(4).build()},
      {"stops left", false, v6().routing(4, 1, pattern(20)).tcp(1, 2).build()},
      {"no stops left", true, v6().routing(4, 0, pattern(20)).tcp(1, 2).build()},
      {"source route", false, v4({.options = hex("83 07 04 c6120001 00")}).tcp(1, 2).build()},
      {"group MAC", false, PacketBuilder().ethernet("01:00:5e:00:00:01").ipv4().tcp(1, 2).build()},
      {"to multicast", false, PacketBuilder().ethernet().ipv4("198.18.0.1", "224.0.0.1").tcp(1, 2).build()},
      {"from net 0", false, from("0.0.0.9").tcp(1, 2).build()},
      {"from loopback", false, from("127.0.0.1").tcp(1, 2).build()},
      {"from link-local", false, from("169.254.0.1").tcp(1, 2).build()},
      {"from link-local IPv6", false, PacketBuilder().ethernet().ipv6("fe80::1").tcp(1, 2).build()},
      {"TCP inside IPv4", false, v4().ipv4().tcp(1, 2).build()},
      {"not IP", false, Bytes(60)},
  };
  for (const Allowed& row : table) {
    INFO(row.what);
    Bytes bytes = row.bytes;
    CHECK(may_reset(parsed(bytes)) == row.allowed);
  }
}

TEST_CASE("a reset of ours is never answered") {
  Bytes bytes = v4().tcp(1024, 80).build();
  Packet packet = parsed(bytes);
  REQUIRE(may_reset(packet));
  build_tcp_reset(packet);
  CHECK_FALSE(may_reset(packet));
}

TEST_CASE("whatever sample may be answered, its reset is a packet that parse takes, to where the segment came from") {
  const GuardedBuffer buffer(8192);
  int made = 0;
  for (const Bytes& sample : sample_packets()) {
    Packet packet = parsed(buffer.at_end(sample));
    if (packet.verdict == Verdict::kDrop || !may_reset(packet)) continue;
    ++made;
    INFO(to_hex(sample));
    const Packet before = packet;
    const FiveTuple6 tuple6 = packet.network == NetworkKind::kIpv6 ? five_tuple6(packet) : FiveTuple6{};
    const FiveTuple4 tuple4 = packet.network == NetworkKind::kIpv4 ? five_tuple4(packet) : FiveTuple4{};
    build_tcp_reset(packet);
    check_view(packet);
    CHECK(packet.length <= before.length);
    if (packet.network == NetworkKind::kIpv4) CHECK(five_tuple4(packet) == tuple4.reversed());
    if (packet.network == NetworkKind::kIpv6) CHECK(five_tuple6(packet) == tuple6.reversed());
  }
  CHECK(made >= 4);
}

constexpr std::string_view kNobody = "00:00:00:00:00:00";

TEST_CASE("a reset in an empty frame, for one end of a session of IPv4") {
  const FiveTuple4 tuple{ip4("198.18.0.1"), ip4("198.18.1.1"), Be16(1024), Be16(80), 6, 0, 9};
  const auto expected = [](const TcpFields& fields) {
    return PacketBuilder()
        .ethernet(kNobody, kNobody)
        .ipv4("198.18.0.1", "198.18.1.1", {.id = 0, .dont_fragment = true})
        .tcp(1024, 80, fields)
        .build();
  };
  for (const std::size_t room : {53U, 54U, 2048U}) {
    const GuardedBuffer buffer(4096);
    std::byte* const begin = buffer.all().data() + buffer.all().size() - room;
    for (const bool acknowledges : {false, true}) {
      Packet packet;
      packet.data = begin;
      packet.frame = 8192;
      packet.length = static_cast<std::uint16_t>(room);
      const TcpResetNumbers numbers{0x01020304, 77, acknowledges};
      REQUIRE(tcp_reset_at(packet, tuple, numbers) == (room >= 54));
      if (room < 54) {
        CHECK(packet.length == room);
        CHECK(packet.network == NetworkKind::kNone);
        continue;
      }
      TcpFields fields = acknowledges ? rst_ack(77) : rst(0);
      fields.sequence = 0x01020304;
      CHECK(to_hex(bytes_in(packet)) == to_hex(expected(fields)));
      CHECK(packet.frame == 8192);
      check_view(packet);
    }
  }
}

TEST_CASE("a reset in an empty frame, for one end of a session of IPv6") {
  const FiveTuple6 tuple{ip6("2001:db8::1"), ip6("2001:db8:1::1"), Be16(1024), Be16(80), 6};
  Bytes room(73, std::byte{0xcc});
  Packet packet;
  packet.data = room.data();
  packet.length = 73;
  CHECK_FALSE(tcp_reset_at(packet, tuple, {5}));
  CHECK(room == Bytes(73, std::byte{0xcc}));
  room.resize(74);
  packet.data = room.data();
  packet.length = 74;
  REQUIRE(tcp_reset_at(packet, tuple, {5}));
  auto expected = PacketBuilder().ethernet(kNobody, kNobody).ipv6("2001:db8::1", "2001:db8:1::1");
  CHECK(to_hex(bytes_in(packet)) == to_hex(expected.tcp(1024, 80, rst(5)).build()));
  check_view(packet);
}

}  // namespace
}  // namespace culvert::test
