// SPDX-License-Identifier: Apache-2.0
#include "packet/five_tuple.h"

#include <set>

#include "test/packet/packets.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

const HashKey kKey = HashKey::from_seed(1);

FiveTuple4 tuple4(Bytes bytes, std::uint16_t vrf = 0) {
  return five_tuple4(parsed(bytes), vrf);
}
FiveTuple6 tuple6(Bytes bytes, std::uint16_t vrf = 0) {
  return five_tuple6(parsed(bytes), vrf);
}
std::uint64_t hash(Bytes bytes) {
  return symmetric_hash(kKey, parsed(bytes));
}
PacketBuilder v4(std::string_view source, std::string_view destination, const Ipv4Fields& fields = {}) {
  return PacketBuilder().ethernet().ipv4(source, destination, fields);
}
PacketBuilder v6(std::string_view source, std::string_view destination) {
  return PacketBuilder().ethernet().ipv6(source, destination);
}

TEST_CASE("The bytes of the keys are the wire's") {
  const FiveTuple4 four = tuple4(v4("198.18.0.1", "198.18.1.2").tcp(0x1234, 80).build(), 0x0102);
  CHECK(to_hex(bytes_of(four)) == "c612 0001 c612 0102 1234 0050 0600 0201");
  const FiveTuple6 six = tuple6(v6("2001:db8::1", "2001:db8::2").udp(0x1234, 53).build());
  CHECK(to_hex(bytes_of(six)) ==
        "2001 0db8 0000 0000 0000 0000 0000 0001 2001 0db8 0000 0000 0000 0000 0000 0002 1234 0035 1100 0000");
}

TEST_CASE("A reply has the reversed key and the same symmetric hash") {
  const Bytes there = v4("198.18.0.1", "198.18.1.2").tcp(1000, 80).build();
  const Bytes back = v4("198.18.1.2", "198.18.0.1").tcp(80, 1000).build();
  CHECK(tuple4(there).reversed() == tuple4(back));
  CHECK(hash(there) == hash(back));
  CHECK(hash_of(kKey, tuple4(there)) != hash_of(kKey, tuple4(back)));
  const Bytes there6 = v6("2001:db8::1", "2001:db8::2").udp(1000, 80).build();
  const Bytes back6 = v6("2001:db8::2", "2001:db8::1").udp(80, 1000).build();
  CHECK(tuple6(there6).reversed() == tuple6(back6));
  CHECK(hash(there6) == hash(back6));
  CHECK(hash_of(kKey, tuple6(there6)) != hash_of(kKey, tuple6(back6)));
  CHECK(hash(v4("10.0.0.1", "10.0.0.2").icmp(8, 0, 0x770001).build()) ==
        hash(v4("10.0.0.2", "10.0.0.1").icmp(0, 0, 0x770001).build()));
}

TEST_CASE("Ports belong to their address: swapping only the ports is another conversation") {
  CHECK(hash(v4("10.0.0.1", "10.0.0.2").tcp(1, 2).build()) != hash(v4("10.0.0.1", "10.0.0.2").tcp(2, 1).build()));
  CHECK(hash(v6("2001:db8::1", "2001:db8::2").tcp(1, 2).build()) !=
        hash(v6("2001:db8::1", "2001:db8::2").tcp(2, 1).build()));
}

TEST_CASE("Every field of the key counts") {
  std::set<std::uint64_t> hashes4;
  std::set<std::uint64_t> hashes6;
  const FiveTuple4 base4 = tuple4(v4("10.0.0.1", "10.0.0.2").tcp(1, 2).build());
  const FiveTuple6 base6 = tuple6(v6("2001:db8::1", "2001:db8::2").tcp(1, 2).build());
  const auto flip = [](auto tuple, std::size_t byte) {
    auto raw = load<std::array<std::byte, sizeof(tuple)>>(&tuple);
    raw[byte] ^= std::byte{0x80};
    return load<decltype(tuple)>(raw.data());
  };
  // Byte 13 of 16 and 37 of 40 are always zero.
  for (std::size_t byte = 0; byte < 16; ++byte) {
    if (byte != 13) hashes4.insert(symmetric_hash(kKey, flip(base4, byte)));
  }
  for (std::size_t byte = 0; byte < 40; ++byte) {
    if (byte != 37) hashes6.insert(symmetric_hash(kKey, flip(base6, byte)));
  }
  CHECK(hashes4.size() == 15);
  CHECK(hashes6.size() == 39);
}

TEST_CASE("All fragments of a datagram have one key, an atomic one is no fragment") {
  const auto first = tuple4(v4("10.0.0.1", "10.0.0.2", {.more_fragments = true}).udp(1, 2).build());
  const auto later = tuple4(v4("10.0.0.1", "10.0.0.2", {.offset = 8, .protocol = 17}).payload(8).build());
  CHECK(first == later);
  CHECK(first.source_port == Be16());
  const auto first6 =
      tuple6(v6("2001:db8::1", "2001:db8::2").fragment(0, true).destination_options().udp(1, 2).build());
  const auto later6 = tuple6(v6("2001:db8::1", "2001:db8::2").fragment(24, false, 1, 60).payload(8).build());
  CHECK(first6 == later6);
  const auto atomic = tuple6(v6("2001:db8::1", "2001:db8::2").fragment(0, false).udp(1, 2).build());
  CHECK(atomic == tuple6(v6("2001:db8::1", "2001:db8::2").udp(1, 2).build()));
}

TEST_CASE("64 ECMP buckets are filled evenly by consecutive ports") {
  std::array<int, 64> buckets{};
  FiveTuple4 tuple{ip4("198.18.0.1"), ip4("198.18.1.1"), Be16(), Be16(80), 6, 0, 0};
  for (std::uint32_t port = 0; port < 64 * 1024; ++port) {
    tuple.source_port = Be16(static_cast<std::uint16_t>(port));
    ++buckets[symmetric_hash(kKey, tuple) >> 58];
  }
  for (const int count : buckets) {
    CHECK(count > 1024 * 8 / 10);
    CHECK(count < 1024 * 12 / 10);
  }
}

}  // namespace
}  // namespace culvert::test
