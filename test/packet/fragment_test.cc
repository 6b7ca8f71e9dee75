// SPDX-License-Identifier: Apache-2.0
#include "packet/fragment.h"

#include <memory>

#include "base/hash.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

/// Fresh packets with exactly the room that a fragment may need, each at the end of its own memory.
class Frames {
 public:
  Frames(std::size_t count, std::size_t room) {
    for (std::size_t i = 0; i < count; ++i) {
      buffers_.push_back(std::make_unique<GuardedBuffer>(room));
      auto packet = std::make_unique<Packet>();
      packet->data = buffers_.back()->all().data() + buffers_.back()->all().size() - room;
      packet->frame = 4096 * (i + 1);
      packet->length = static_cast<std::uint16_t>(room);
      pointers_.push_back(packet.get());
      packets_.push_back(std::move(packet));
    }
  }
  std::span<Packet* const> span() const { return pointers_; }

 private:
  std::vector<std::unique_ptr<GuardedBuffer>> buffers_;
  std::vector<std::unique_ptr<Packet>> packets_;
  std::vector<Packet*> pointers_;
};

/// What the fragments are made into again; checks each on the way.
Bytes join(const Packet& first, std::span<Packet* const> others, std::uint32_t mtu, std::uint32_t base, bool more) {
  std::vector<const Packet*> all{&first};
  all.insert(all.end(), others.begin(), others.end());
  Bytes data;
  for (const Packet* piece : all) {
    const Bytes bytes = bytes_in(*piece);
    const ReferenceFields fields = reference_parse(bytes);
    INFO(to_text(fields) << "\n" << to_hex(bytes));
    // The parser refuses TCP and UDP cut inside their header, which a small MTU forces: such a piece is still right.
    const bool cut = fields.reason == DropReason::kTransportTruncated || fields.reason == DropReason::kTransportLength;
    REQUIRE((fields.reason == DropReason::kNone || (cut && piece == &first)));
    const std::size_t ip = piece->network_offset;
    const std::size_t header = (get8(bytes, ip) & 15U) * 4;
    REQUIRE(naive_checksum(slice(bytes, ip, header)) == 0);
    REQUIRE(get16(bytes, ip + 2) == piece->network_length);
    REQUIRE(piece->network_length <= mtu);
    REQUIRE(bytes.size() == ip + piece->network_length);
    const std::uint32_t place = get16(bytes, ip + 6);
    REQUIRE((place & 0x1fff) * 8 == base + data.size());
    REQUIRE(((place & 0x2000) != 0) == (piece != all.back() || more));
    if (piece != &first) {
      CHECK(piece->has(kFlagGenerated));
      ReferenceFields found = fields_of(*piece);
      found.flags &= ~static_cast<unsigned>(kFlagGenerated);
      // The offset-1 rule of RFC 1858 speaks of fragments received, not of those that a small MTU makes.
      if (fields.reason == DropReason::kNone) CHECK(to_text(found) == to_text(fields));
    }
    append(data, slice(bytes, ip + header));
  }
  return data;
}

std::uint32_t cut_up(Bytes bytes, std::uint32_t mtu, std::uint32_t base = 0, bool more = false) {
  const Bytes original = bytes;
  Packet packet = parsed(bytes);
  REQUIRE(packet.drop_reason == DropReason::kNone);
  const std::uint32_t count = fragments_needed(packet, mtu);
  if (count <= 1) return count;
  const Frames frames(count - 1, packet.network_offset + mtu);
  REQUIRE(fragment_ipv4(packet, mtu, frames.span()));
  const std::size_t header = (get8(original, packet.network_offset) & 15U) * 4;
  const Bytes data = join(packet, frames.span(), mtu, base, more);
  REQUIRE(data == slice(original, packet.network_offset + header, get16(original, packet.network_offset + 2) - header));
  return count;
}

PacketBuilder v4(const Ipv4Fields& fields = {}) {
  return PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", fields);
}

TEST_CASE("Boundaries of size and MTU") {
  CHECK(cut_up(v4().udp(1, 2).payload(1472).build(), 1500) == 1);
  CHECK(cut_up(v4().udp(1, 2).payload(1473).build(), 1500) == 2);
  CHECK(cut_up(v4().udp(1, 2).payload(3992).build(), 1500) == 3);
  CHECK(cut_up(v4().udp(1, 2).payload(100).padding(20).build(), 68) == 3);
  CHECK(cut_up(v4().udp(1, 2).payload(100).build(), 67) == 0);
  CHECK(cut_up(v4({.dont_fragment = true}).udp(1, 2).payload(1473).build(), 1500) == 0);
  CHECK(cut_up(PacketBuilder().ethernet().ipv6().udp(1, 2).payload(1473).build(), 1500) == 0);
  CHECK(cut_up(PacketBuilder().ethernet().vlan(1).vlan(2).ipv4().udp(1, 2).payload(2000).build(), 576) == 4);
  CHECK(cut_up(v4().udp(1, 2).payload(48 * 64 - 8).build(), 68) == 64);
  CHECK(cut_up(v4().udp(1, 2).payload(48 * 64 - 7).build(), 68) == 0);
}

TEST_CASE("Any size with any MTU") {
  std::uint64_t state = 7;
  for (int round = 0; round < 2000; ++round) {
    const std::size_t size = splitmix64(state) % 2000;
    const auto mtu = static_cast<std::uint32_t>(68 + splitmix64(state) % 1500);
    cut_up(v4().udp(1, 2).payload(size).build(), mtu);
    cut_up(v4({.options = pattern(0)}).tcp(1, 2).payload(size).build(), mtu);
  }
}

TEST_CASE("A fragment is cut into fragments of the same datagram") {
  CHECK(cut_up(v4({.more_fragments = true, .offset = 1480, .protocol = 17}).payload(1480).build(), 576, 1480, true) ==
        3);
  CHECK(cut_up(v4({.offset = 2960, .protocol = 17}).payload(1001).build(), 576, 2960, false) == 2);
}

TEST_CASE("Later fragments have the options with the copied bit, and no others") {
  // Record route (7), router alert (148, copied), timestamp (68), a NOP, security (130, copied).
  const Bytes options = hex("07 07 04 00000000 94 04 0000 44 04 05 00 01 82 03 aa");
  Bytes bytes = v4({.options = options}).udp(1, 2).payload(1000).build();
  CHECK(cut_up(bytes, 576) == 2);
  Packet packet = parsed(bytes);
  const Frames frames(1, 14 + 576);
  REQUIRE(fragment_ipv4(packet, 576, frames.span()));
  const Bytes first = bytes_in(packet);
  CHECK(slice(first, 34, options.size()) == options);
  const Packet& other = *frames.span()[0];
  CHECK(get8(bytes_in(other), 14) == 0x47);
  CHECK(slice(bytes_in(other), 34, 8) == hex("94 04 0000 82 03 aa 00"));
  CHECK(other.has(kFlagIpv4Options));

  const Bytes uncopied = v4({.options = hex("07 07 04 00000000")}).udp(1, 2).payload(1000).build();
  bytes = uncopied;
  packet = parsed(bytes);
  REQUIRE(fragment_ipv4(packet, 576, frames.span()) == false);  // its length is now the fragment's, not the room
  const Frames fresh(1, 14 + 576);
  REQUIRE(fragment_ipv4(packet, 576, fresh.span()));
  CHECK(get8(bytes_in(*fresh.span()[0]), 14) == 0x45);
  CHECK_FALSE(fresh.span()[0]->has(kFlagIpv4Options));
}

TEST_CASE("Routing results are copied, frames are not; wrong rooms change nothing") {
  Bytes bytes = v4().udp(1, 2).payload(1000).build();
  const Bytes original = bytes;
  Packet packet = parsed(bytes);
  packet.next_hop = 5;
  packet.egress = 2;
  packet.ingress = 1;
  packet.frame = 8192;
  const Frames none(0, 100);
  CHECK_FALSE(fragment_ipv4(packet, 576, none.span()));
  const Frames small(1, 14 + 20 + 400);
  CHECK_FALSE(fragment_ipv4(packet, 576, small.span()));
  CHECK(bytes == original);
  const Frames frames(1, 14 + 576);
  REQUIRE(fragment_ipv4(packet, 576, frames.span()));
  const Packet& other = *frames.span()[0];
  CHECK(other.next_hop == 5);
  CHECK(other.egress == 2);
  CHECK(other.ingress == 1);
  CHECK(other.frame == 4096);
  CHECK(packet.frame == 8192);
  CHECK(packet.has(kFlagFirstFragment));
  CHECK_FALSE(packet.has(kFlagLastFragment));
}

}  // namespace
}  // namespace culvert::test
