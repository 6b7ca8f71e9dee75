// SPDX-License-Identifier: Apache-2.0
#include "packet/rewrite.h"

#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

TEST_CASE("Each TTL loses one and the header checksum follows, whatever it was") {
  // The identification walks the checksum through every value, 0xfeff and 0x00ff included.
  for (std::uint32_t id = 0; id < 0x10000; ++id) {
    const auto ttl = static_cast<std::uint8_t>(2 + id % 254);
    Bytes bytes = PacketBuilder()
                      .ethernet()
                      .ipv4("198.18.0.1", "198.18.1.1", {.ttl = ttl, .tos = 0xb9, .id = static_cast<std::uint16_t>(id)})
                      .udp(1, 2)
                      .build();
    Packet packet = parsed(bytes);
    REQUIRE(ttl_of(packet) == ttl);
    REQUIRE(decrement_ttl(packet));
    Bytes expected =
        PacketBuilder()
            .ethernet()
            .ipv4("198.18.0.1", "198.18.1.1",
                  {.ttl = static_cast<std::uint8_t>(ttl - 1), .tos = 0xb9, .id = static_cast<std::uint16_t>(id)})
            .udp(1, 2)
            .build();
    REQUIRE(bytes == expected);
  }
}

TEST_CASE("A TTL of one or zero is not decremented") {
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    for (const Bytes& before : {
             PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", {.ttl = ttl}).udp(1, 2).build(),
             PacketBuilder().ethernet().ipv6("2001:db8::1", "2001:db8::2", {.hop_limit = ttl}).udp(1, 2).build(),
         }) {
      Bytes bytes = before;
      Packet packet = parsed(bytes);
      CHECK(ttl_of(packet) == ttl);
      CHECK_FALSE(decrement_ttl(packet));
      CHECK(bytes == before);
    }
  }
}

TEST_CASE("The hop limit loses one and nothing else changes") {
  const auto build = [](std::uint8_t hop_limit) {
    return PacketBuilder()
        .ethernet()
        .vlan(9)
        .ipv6("2001:db8::1", "2001:db8::2", {.hop_limit = hop_limit, .traffic_class = 0xb9, .flow_label = 0x12345})
        .udp(1, 2)
        .build();
  };
  Bytes bytes = build(255);
  Packet packet = parsed(bytes);
  CHECK(decrement_ttl(packet));
  CHECK(bytes == build(254));
}

TEST_CASE("Both MAC addresses are replaced") {
  Bytes bytes = PacketBuilder().ethernet().vlan(9).ipv4().udp(1, 2).build();
  Packet packet = parsed(bytes);
  set_macs(packet, MacRewrite::of(mac("02:11:22:33:44:55"), mac("02:66:77:88:99:aa")));
  CHECK(bytes == PacketBuilder().ethernet("02:11:22:33:44:55", "02:66:77:88:99:aa").vlan(9).ipv4().udp(1, 2).build());
}

}  // namespace
}  // namespace culvert::test
