// SPDX-License-Identifier: Apache-2.0
// The parser against the reference parser: every sample cut at every byte, and a million mutations, each with its last
// byte at the end of a mapping (or its first at the beginning), so that reading outside is a crash.
#include <random>

#include "base/hash.h"
#include "packet/parse.h"
#include "test/packet/reference_parser.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

constexpr std::size_t kRoom = 4096;

Packet parse_in_place(std::span<std::byte> bytes) {
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  // What an earlier packet may have left: parse must write every field.
  packet.flags = 0x7fff;
  packet.protocol = packet.vlan_tags = packet.tcp_flags = 0xff;
  packet.source_port = packet.destination_port = Be16(0xffff);
  parse(packet, {});
  return packet;
}

/// Fails the test with everything needed to repeat it.
void compare(std::span<const std::byte> bytes, std::span<std::byte> placed) {
  const ReferenceFields expected = reference_parse(bytes);
  const ReferenceFields found = fields_of(parse_in_place(placed));
  const bool unchanged = std::equal(bytes.begin(), bytes.end(), placed.begin());
  if (found == expected && unchanged) return;
  UNSCOPED_INFO("packet   " << to_hex(bytes));
  UNSCOPED_INFO("expected " << to_text(expected));
  UNSCOPED_INFO("found    " << to_text(found));
  REQUIRE((found == expected && unchanged));
}

/// The IP packet's length fields made to fit a frame that was cut, so that the parser gets to its end.
void fix_lengths(Bytes& frame) {
  std::size_t at = 12;
  while (at + 6 <= frame.size() && (get16(frame, at) == 0x8100 || get16(frame, at) == 0x88a8)) at += 4;
  const std::size_t ip = at + 2;
  if (frame.size() >= ip + 20 && get16(frame, at) == 0x0800)
    set16(frame, ip + 2, static_cast<std::uint32_t>(frame.size() - ip));
  if (frame.size() >= ip + 40 && get16(frame, at) == 0x86dd)
    set16(frame, ip + 4, static_cast<std::uint32_t>(frame.size() - ip - 40));
  fix_ipv4_checksum(frame);
}

TEST_CASE("Samples cut at every byte are read alike") {
  const GuardedBuffer buffer(kRoom);
  for (const Bytes& sample : sample_packets()) {
    for (std::size_t size = 0; size <= sample.size(); ++size) {
      Bytes cut = slice(sample, 0, size);
      compare(cut, buffer.at_end(cut));
      fix_lengths(cut);
      compare(cut, buffer.at_end(cut));
    }
  }
}

TEST_CASE("Options that end with the memory are not read past it") {
  const GuardedBuffer buffer(kRoom);
  for (const std::string_view options : {"01010144", "44030000", "01014402", "01440344", "94050000"}) {
    const Ipv4Fields fields{.options = hex(options), .protocol = 50};
    const Bytes packet = PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2", fields).build();
    compare(packet, buffer.at_end(packet));
  }
  for (const std::string_view options :
       {"01 03 000000 05", "00 00 00 00 00 01", "05 02 0000 0100", "05 02 0000 0101"}) {
    const Bytes packet = PacketBuilder().ethernet().ipv6().hop_by_hop(hex(options)).build();
    compare(packet, buffer.at_end(packet));
  }
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : state_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return splitmix64(state_) % bound; }

  Bytes mutate(Bytes bytes) {
    for (std::uint64_t times = 1 + below(4); times > 0; --times) change(bytes);
    if (below(4) != 0) fix_ipv4_checksum(bytes);
    return bytes;
  }

 private:
  void change(Bytes& bytes) {
    if (bytes.empty()) return;
    static constexpr std::uint8_t kTelling[] = {0,  1,  2,  4,  5,  6,   7,   8,   17,  33,  43, 44,
                                                47, 51, 58, 59, 60, 127, 128, 132, 136, 254, 255};
    const std::size_t header_part = std::min<std::size_t>(bytes.size(), 110);
    const std::size_t at =
        below(4) == 0 ? below(header_part) : std::min<std::size_t>(12 + below(header_part), bytes.size() - 1);
    switch (below(7)) {
      case 0:
        return set8(bytes, at, static_cast<std::uint32_t>(below(256)));
      case 1:
        return set8(bytes, at, kTelling[below(std::size(kTelling))]);
      case 2:
        return set8(bytes, at, get8(bytes, at) ^ (1U << below(8)));
      case 3:
        return set8(bytes, at, get8(bytes, at) + (below(2) == 0 ? 1U : 255U));
      case 4:
        return bytes.resize(below(bytes.size() + 1));
      case 5:
        return append(bytes, pattern(below(40)));
      default:
        return set8(bytes, at, get8(bytes, below(bytes.size())));
    }
  }

  std::uint64_t state_;
};

TEST_CASE("A million mutated packets are read alike and nothing outside them is touched") {
  const std::uint64_t seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : std::random_device{}();
  WARN("seed " << seed << " (repeat with --rng-seed)");
  Mutator mutator(seed);
  const std::vector<Bytes> samples = sample_packets();
  const GuardedBuffer buffer(kRoom);
  std::size_t accepted = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const Bytes packet = mutator.mutate(samples[mutator.below(samples.size())]);
    compare(packet, i % 8 == 0 ? buffer.at_begin(packet) : buffer.at_end(packet));
    accepted += reference_parse(packet).reason == DropReason::kNone ? 1U : 0U;
  }
  // Mutations that only ever break packets would not test what follows a break.
  CHECK(accepted > 100'000);
  CHECK(accepted < 900'000);
}

}  // namespace
}  // namespace culvert::test
