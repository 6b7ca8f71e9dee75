// SPDX-License-Identifier: Apache-2.0
#include "packet/fragment_place.h"

#include "packet/fragment.h"
#include "packet/ipv4.h"
#include "test/packet/packets.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

PacketBuilder v4(const Ipv4Fields& fields) {
  return PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", fields);
}
PacketBuilder v6() {
  return PacketBuilder().ethernet().ipv6("2001:db8::1", "2001:db8:1::1");
}

FragmentPlace place_of(const Bytes& frame, std::uint16_t vrf = 0) {
  static const GuardedBuffer buffer(70'000);
  const Packet packet = parsed(buffer.at_end(frame));
  REQUIRE(packet.verdict == Verdict::kNone);
  REQUIRE(packet.is_part());
  return fragment_place(packet, vrf);
}

struct Place {
  const char* what;
  Bytes frame;
  std::uint32_t offset, length, before, header_offset, data_offset;
  bool last;
};

void check(const std::vector<Place>& table) {
  for (const Place& expected : table) {
    INFO(expected.what);
    const FragmentPlace place = place_of(expected.frame);
    CHECK(place.offset == expected.offset);
    CHECK(place.length == expected.length);
    CHECK(place.before == expected.before);
    CHECK(place.header_offset == expected.header_offset);
    CHECK(place.data_offset == expected.data_offset);
    CHECK(place.last == expected.last);
  }
}

TEST_CASE("where fragments of IPv4 belong") {
  const Bytes options = hex("94 04 0000");
  check({
      {"first", v4({.more_fragments = true}).udp(1, 2).payload(16).build(), 0, 24, 20, 0, 34, false},
      {"middle", v4({.more_fragments = true, .offset = 1480, .protocol = 17}).payload(1480).build(), 1480, 1480, 20, 0,
       34, false},
      {"last", v4({.offset = 2960, .protocol = 17}).payload(1).build(), 2960, 1, 20, 0, 34, true},
      {"padded", v4({.offset = 8, .protocol = 17}).payload(3).padding(23).build(), 8, 3, 20, 0, 34, true},
      {"options", v4({.offset = 8, .options = options, .protocol = 17}).payload(3).build(), 8, 3, 24, 0, 38, true},
      {"tagged",
       PacketBuilder()
           .ethernet()
           .vlan(1)
           .vlan(2)
           .ipv4("198.18.0.1", "198.18.1.1", {.more_fragments = true})
           .udp(1, 2)
           .build(),
       0, 8, 20, 0, 42, false},
      {"up to the end of all", v4({.offset = 65512, .protocol = 17}).payload(3).build(), 65512, 3, 20, 0, 34, true},
  });
}

TEST_CASE("where fragments of IPv6 belong") {
  check({
      {"first", v6().fragment(0, true).udp(1, 2).payload(16).build(), 0, 24, 0, 54, 62, false},
      {"middle", v6().fragment(1448, true, 7, 17).payload(1448).build(), 1448, 1448, 0, 54, 62, false},
      {"last", v6().fragment(2896, false, 7, 17).payload(1).build(), 2896, 1, 0, 54, 62, true},
      {"extensions in front", v6().hop_by_hop().routing(2, 1, pattern(20)).fragment(8, false, 7, 17).payload(5).build(),
       8, 5, 32, 86, 94, true},
      {"authentication in front", v6().authentication().fragment(8, false, 7, 17).payload(5).build(), 8, 5, 24, 78, 86,
       true},
      {"extensions behind are data", v6().fragment(0, true).destination_options().udp(1, 2).build(), 0, 16, 0, 54, 62,
       false},
      {"what looks like a fragment header", v6().fragment(8, true, 7, 44).payload(8).build(), 8, 8, 0, 54, 62, false},
      {"up to the end of all", v6().fragment(65528, false, 7, 17).payload(7).build(), 65528, 7, 0, 54, 62, true},
  });
}

TEST_CASE("a datagram's identity is what the RFCs say, and nothing else") {
  const DatagramId four = place_of(v4({.id = 0x0102, .offset = 8, .protocol = 17}).payload(8).build(), 5).datagram;
  CHECK(slice(bytes_of(four), 0) ==
        hex("c6120001 00000000 00000000 00000000 c6120101 00000000 00000000 00000000 00000102 11 01 0500"));
  // RFC 791: not the offset, the length, the TTL or the type of service.
  const Ipv4Fields other{.ttl = 3, .tos = 4, .id = 0x0102, .more_fragments = true, .offset = 800, .protocol = 17};
  CHECK(place_of(v4(other).payload(16).build(), 5).datagram == four);
  CHECK_FALSE(place_of(v4({.id = 0x0103, .offset = 8, .protocol = 17}).payload(8).build(), 5).datagram == four);
  CHECK_FALSE(place_of(v4({.id = 0x0102, .offset = 8, .protocol = 50}).payload(8).build(), 5).datagram == four);
  CHECK_FALSE(place_of(v4({.id = 0x0102, .offset = 8, .protocol = 17}).payload(8).build(), 6).datagram == four);

  const DatagramId six = place_of(v6().fragment(8, false, 0x01020304, 17).payload(8).build()).datagram;
  CHECK(slice(bytes_of(six), 0) ==
        hex("20010db8 00000000 00000000 00000001 20010db8 00010000 00000000 00000001 01020304 00 02 0000"));
  // RFC 8200 4.5: the next header of a fragment but the first does not count.
  CHECK(place_of(v6().fragment(0, true, 0x01020304).destination_options().udp(1, 2).build()).datagram == six);
  CHECK_FALSE(place_of(v6().fragment(8, false, 0x01020305, 17).payload(8).build()).datagram == six);
}

TEST_CASE("the hash is keyed and takes the whole identity") {
  const DatagramId one = place_of(v4({.id = 1, .offset = 8, .protocol = 17}).payload(8).build()).datagram;
  const DatagramId two = place_of(v4({.id = 2, .offset = 8, .protocol = 17}).payload(8).build()).datagram;
  const HashKey key = HashKey::from_seed(1);
  CHECK(hash_of(key, one) == hash_of(key, one));
  CHECK(hash_of(key, one) != hash_of(key, two));
  CHECK(hash_of(key, one) != hash_of(HashKey::from_seed(2), one));
}

TEST_CASE("the fragments that we make have places one behind the other") {
  Bytes bytes = PacketBuilder().ethernet().ipv4().udp(1, 2).payload(3000).build();
  Packet packet = parsed(bytes);
  const std::uint32_t count = fragments_needed(packet, 576);
  REQUIRE(count == 6);
  std::vector<Bytes> rooms(count - 1, Bytes(14 + 576));
  std::vector<Packet> others(count - 1);
  std::vector<Packet*> pointers;
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].data = rooms[i].data();
    others[i].length = static_cast<std::uint16_t>(rooms[i].size());
    pointers.push_back(&others[i]);
  }
  REQUIRE(fragment_ipv4(packet, 576, pointers));
  FragmentPlace place = fragment_place(packet);
  CHECK(place.offset == 0);
  for (const Packet& other : others) {
    const FragmentPlace next = fragment_place(other);
    CHECK_FALSE(place.last);
    CHECK(next.offset == place.end());
    CHECK(next.datagram == place.datagram);
    place = next;
  }
  CHECK(place.last);
  CHECK(place.end() == 3008);
}

}  // namespace
}  // namespace culvert::test
