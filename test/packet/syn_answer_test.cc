// SPDX-License-Identifier: Apache-2.0
#include "packet/syn_answer.h"

#include "test/packet/syn_ends.h"

namespace culvert::test {
namespace {

/// What our SYN-ACK says of itself.
Bytes our_options(const Ends& ends, const SynRow& row, std::uint32_t stamp, std::uint32_t echo) {
  Bytes options = words({0x02040000U | ends.our_mss()});
  if (row.stamps) append(options, words({row.sack ? 0x0402080aU : 0x0101080aU, stamp, echo}));
  if (!row.stamps && row.sack) append(options, words({0x01010402}));
  if (row.scale >= 0) append(options, words({0x01030307}));
  return options;
}

TEST_CASE("a SYN becomes a SYN-ACK with a cookie, no window, and the options that both have") {
  for (const Ends& ends : kEnds) {
    for (const SynRow& row : syn_rows()) {
      for (const std::size_t data : {0U, 5U}) {
        INFO(row.what << " " << ends.version4() << " " << data);
        Packet packet = placed(ends.client({kSyn, 300, 0, 64240, row.asked}).payload(data).build());
        packet.ingress = 3;
        packet.frame = 4096;
        REQUIRE(may_answer_syn(packet));
        REQUIRE(answer_syn(packet, cookies(), kOffer, kNow, room()));
        const std::uint32_t cookie = get32(bytes_in(packet), ends.tcp() + 4);
        const Bytes options = our_options(ends, row, cookies().timestamp(kNow), 7);
        CHECK(to_hex(bytes_in(packet)) == to_hex(ends.ours_to_client({kSyn | kAck, cookie, 301, 0, options})));
        const bool good = ends.version4() ? cookies().check(five_tuple4(packet).reversed(), 300, cookie, kNow)
                                          : cookies().check(five_tuple6(packet).reversed(), 300, cookie, kNow);
        CHECK(good);
        CHECK(packet.ingress == 3);
        CHECK(packet.frame == 4096);
        check_view(packet, true);
      }
    }
  }
}

TEST_CASE("a SYN with all flags of ECN, extension headers or VLAN tags is answered without") {
  const PacketBuilder plain = PacketBuilder().ethernet().vlan(5).ipv6("2001:db8::7", "2001:db8:2::80");
  PacketBuilder asking = plain;
  Packet packet = placed(asking.hop_by_hop().tcp(1024, 80, {0xc2, 300, 0, 64240}).build());
  REQUIRE(may_answer_syn(packet));
  REQUIRE(answer_syn(packet, cookies(), kOffer, kNow, room()));
  const std::uint32_t cookie = get32(bytes_in(packet), 58 + 4);
  const Bytes expected = PacketBuilder()
                             .ethernet("02:00:00:00:00:01", "02:00:00:00:00:02")
                             .vlan(5)
                             .ipv6("2001:db8:2::80", "2001:db8::7")
                             .tcp(80, 1024, {kSyn | kAck, cookie, 301, 0, words({0x020405a0})})
                             .build();
  CHECK(to_hex(bytes_in(packet)) == to_hex(expected));
  check_view(packet, true);
}

TEST_CASE("what is offered is configured") {
  const Bytes syn = kEnds[0].client({kSyn, 300, 0, 64240, syn_rows()[0].asked}).build();
  Packet packet = placed(syn);
  REQUIRE(answer_syn(packet, cookies(), {1300, 1200, 3, false}, kNow, room()));
  CHECK(to_hex(slice(bytes_in(packet), 54)) == "0204 0514 0101 0402 0103 0303");
}

TEST_CASE("only a SYN with a right checksum from a single host is answered") {
  const Ends& ends = kEnds[0];
  const auto may = [](Bytes bytes) { return may_answer_syn(parsed(bytes)); };
  for (const std::uint8_t flags :
       std::initializer_list<std::uint8_t>{kSyn | kAck, kSyn | kFin, kSyn | kRst, kAck, kRst, 0}) {
    CHECK_FALSE(may(ends.client({flags, 300}).build()));
  }
  Bytes wrong = ends.client({kSyn, 300}).build();
  wrong.back() ^= std::byte{1};
  CHECK_FALSE(may(wrong));
  CHECK_FALSE(may(PacketBuilder().ethernet().ipv4("0.0.0.9").tcp(1, 2, {kSyn}).build()));
  CHECK_FALSE(may(PacketBuilder().ethernet().ipv4().udp(1, 2).build()));
  CHECK(may(ends.client({kSyn | kTcpPsh | kTcpUrg, 300}).build()));
}

TEST_CASE("an answer that does not fit changes nothing") {
  for (const Ends& ends : kEnds) {
    const Bytes syn = ends.client({kSyn, 300}).build();
    for (const std::size_t more : {0U, 3U, 4U}) {
      const auto at = memory().all().subspan(memory().all().size() - syn.size() - more, syn.size());
      std::memcpy(at.data(), syn.data(), syn.size());
      Packet packet = parsed(at);
      CHECK(answer_syn(packet, cookies(), kOffer, kNow, room()) == (more == 4));
      if (more < 4) CHECK(bytes_in(packet) == syn);
    }
  }
}

TEST_CASE("the ACK of a cookie, and what repeats it, completes the handshake") {
  for (const Ends& ends : kEnds) {
    for (const SynRow& row : syn_rows()) {
      INFO(row.what << " " << ends.version4());
      const Client client(ends, row);
      const auto read = [](const PacketBuilder& builder) {
        return read_cookie_ack(placed(builder.build()), cookies(), kOffer, kNow + kNanosecondsPerSecond);
      };
      for (const PacketBuilder& ack :
           {client.ack(), client.ack().payload(1), client.ack().payload(1000), client.ack(300),
            client.ack(301, kAck | kFin), client.ack(301, kAck | kTcpPsh).payload(3)}) {
        const auto handshake = read(ack);
        REQUIRE(handshake.has_value());
        CHECK(*handshake == client.handshake());
        CHECK(repeats_cookie_ack(placed(ack.build()), *handshake));
      }
      for (const PacketBuilder& other :
           {client.ack(302), client.ack(299), client.ack(300).payload(1), client.ack(301, kRst | kAck),
            client.ack(301, kSyn | kAck), client.ack(301, kFin), client.ack(301, 0)}) {
        CHECK_FALSE(read(other).has_value());
        CHECK_FALSE(repeats_cookie_ack(placed(other.build()), client.handshake()));
      }
      Bytes wrong = client.ack().payload(2).build();
      wrong.back() ^= std::byte{1};
      CHECK_FALSE(read_cookie_ack(placed(wrong), cookies(), kOffer, kNow).has_value());
      CHECK_FALSE(repeats_cookie_ack(placed(wrong), client.handshake()));
      const Packet late = placed(client.ack().build());
      CHECK_FALSE(read_cookie_ack(late, cookies(), kOffer, kNow + 200 * kNanosecondsPerSecond).has_value());
    }
  }
}

TEST_CASE("another acknowledgment, port or protocol completes no handshake") {
  const Client client(kEnds[0], syn_rows()[0]);
  const auto read = [](const PacketBuilder& builder) {
    return read_cookie_ack(placed(builder.build()), cookies(), kOffer, kNow).has_value();
  };
  CHECK(read(client.ack()));
  CHECK_FALSE(read(kEnds[0].client({kAck, 301, client.cookie, 502})));
  CHECK_FALSE(read(kEnds[0].client({kAck, 301, client.cookie + 2, 502})));
  CHECK_FALSE(read(kEnds[0].ip(true, 64, true, 0).tcp(1025, 80, {kAck, 301, client.cookie + 1, 502})));
  CHECK_FALSE(read(kEnds[0].ip(true, 64, true, 0).udp(1024, 80)));
}

TEST_CASE("the client's SYN is built again out of its ACK, whatever data that has") {
  for (const Ends& ends : kEnds) {
    for (const SynRow& row : syn_rows()) {
      for (const std::size_t data : {0U, 1U, 77U}) {
        INFO(row.what << " " << ends.version4() << " " << data);
        const Client client(ends, row);
        Packet packet = placed(client.ack().payload(data).build());
        packet.ingress = 3;
        REQUIRE(rebuild_syn(packet, client.handshake(), room()));
        const SynOptions kept = SynCookies::options_in(client.cookie, ends.network);
        Bytes options = words({0x02040000U | kept.mss});
        if (row.stamps) append(options, words({row.sack ? 0x0402080aU : 0x0101080aU, 9, 0}));
        if (!row.stamps && row.sack) append(options, words({0x01010402}));
        if (row.scale >= 0) append(options, words({0x01030300U | static_cast<std::uint32_t>(row.scale)}));
        const std::uint32_t window = row.scale < 0 ? 502 : std::min(502U << row.scale, 65535U);
        const Bytes syn = ends.client({kSyn, 300, 0, static_cast<std::uint16_t>(window), options}).build();
        CHECK(to_hex(bytes_in(packet)) == to_hex(syn));
        CHECK(packet.ingress == 3);
        check_view(packet, false);
      }
    }
  }
}

TEST_CASE("a SYN that does not fit into its ACK's frame changes nothing") {
  for (const Ends& ends : kEnds) {
    const Client client(ends, syn_rows()[0]);
    const Bytes ack = client.ack().build();
    for (const std::size_t more : {0U, 7U, 8U}) {
      const auto at = memory().all().subspan(memory().all().size() - ack.size() - more, ack.size());
      std::memcpy(at.data(), ack.data(), ack.size());
      Packet packet = parsed(at);
      CHECK(rebuild_syn(packet, client.handshake(), room()) == (more == 8));
      if (more < 8) CHECK(bytes_in(packet) == ack);
    }
  }
}

}  // namespace
}  // namespace culvert::test
