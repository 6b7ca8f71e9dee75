// SPDX-License-Identifier: Apache-2.0
#include "packet/partial_checksum.h"

#include "packet/transport_checksum.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

constexpr ParseContext kLocal{.partial_checksums = true};

std::vector<PacketBuilder> shapes() {
  const auto v4 = PacketBuilder().ethernet().ipv4();
  const auto v6 = PacketBuilder().ethernet().ipv6();
  return {
      PacketBuilder(v4).tcp(1024, 80).payload(101),
      PacketBuilder(v4).udp(1024, 53).payload(33),
      PacketBuilder(v4).udp(1024, 53).padding(20),
      PacketBuilder(v4).sctp(1024, 53).payload(32),
      PacketBuilder(v6).tcp(1024, 80).payload(1400),
      PacketBuilder(v6).udp(1024, 53).payload(1),
      PacketBuilder(v6).destination_options().udp(1024, 53).payload(64),
      PacketBuilder().ethernet().vlan(3).ipv4("198.18.0.1", "198.18.0.2", {.options = hex("94040000")}).tcp(1, 2),
  };
}

TEST_CASE("Unfinished checksums are finished on lanes of local stacks only") {
  for (const PacketBuilder& shape : shapes()) {
    const Bytes partial = PacketBuilder(shape).checksum(BuildChecksum::kPartial).build();
    Bytes bytes = partial;
    Cell completed;
    const Packet packet = parsed(bytes, {.partial_checksums = true, .partial_checksums_completed = &completed});
    CHECK(packet.has(kFlagPartialChecksum));
    CHECK(bytes == shape.build());
    CHECK(completed.read() == 1);

    Bytes untouched = partial;
    CHECK_FALSE(parsed(untouched).has(kFlagPartialChecksum));
    CHECK(untouched == partial);
  }
}

TEST_CASE("Finished checksums, and none at all, are left alone") {
  for (const PacketBuilder& shape : shapes()) {
    Bytes bytes = shape.build();
    CHECK_FALSE(parsed(bytes, kLocal).has(kFlagPartialChecksum));
    CHECK(bytes == shape.build());
  }
  const Bytes none = PacketBuilder().ethernet().ipv4().udp(1, 2).checksum(BuildChecksum::kZero).build();
  Bytes bytes = none;
  CHECK_FALSE(parsed(bytes, kLocal).has(kFlagPartialChecksum));
  CHECK(bytes == none);
}

TEST_CASE("Fragments and packets on a source route are left alone") {
  for (const Bytes& before : {
           PacketBuilder()
               .ethernet()
               .ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true})
               .udp(1, 2)
               .payload(8)
               .checksum(BuildChecksum::kPartial)
               .build(),
           PacketBuilder()
               .ethernet()
               .ipv6()
               .fragment(0, true)
               .udp(1, 2)
               .payload(8)
               .checksum(BuildChecksum::kPartial)
               .build(),
           PacketBuilder()
               .ethernet()
               .ipv6()
               .routing(4, 1, pattern(20))
               .udp(1, 2)
               .checksum(BuildChecksum::kPartial)
               .build(),
       }) {
    Bytes bytes = before;
    const Packet packet = parsed(bytes, kLocal);
    REQUIRE(packet.drop_reason == DropReason::kNone);
    CHECK_FALSE(packet.has(kFlagPartialChecksum));
    CHECK(bytes == before);
  }
}

/// Gives the packet's last two bytes (even offset) the value that makes its right checksum equal the pseudo-header sum.
bool make_collision(Bytes& bytes, const Packet& packet) {
  const std::size_t field = packet.transport_offset + checksum_field_offset(packet.protocol);
  const std::uint16_t pseudo = Be16::from_wire(folded_pseudo_header(packet)).host();
  set16(bytes, field, pseudo);
  for (std::uint32_t value = 0; value < 0x10000; ++value) {
    set16(bytes, bytes.size() - 2, value);
    if (verify_transport_checksum(packet) == ChecksumState::kRight) return true;
  }
  return false;
}

TEST_CASE("A right checksum that equals the pseudo-header sum by chance stays right") {
  int collisions = 0;
  for (std::uint16_t port = 1; port < 40; ++port) {
    for (const bool tcp : {true, false}) {
      for (const bool version4 : {true, false}) {
        auto builder = version4 ? PacketBuilder().ethernet().ipv4() : PacketBuilder().ethernet().ipv6();
        Bytes bytes = (tcp ? builder.tcp(port, 80) : builder.udp(port, 80)).payload(8).build();
        REQUIRE(make_collision(bytes, parsed(bytes)));
        const Bytes before = bytes;
        const Packet packet = parsed(bytes, kLocal);
        // It does look unfinished, it is "finished", and nothing changes.
        CHECK(packet.has(kFlagPartialChecksum));
        CHECK(reference_checksum_right(bytes, fields_of(packet)));
        CHECK(bytes == before);
        ++collisions;
      }
    }
  }
  CHECK(collisions == 39 * 4);
}

}  // namespace
}  // namespace culvert::test
