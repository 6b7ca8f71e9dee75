// SPDX-License-Identifier: Apache-2.0
#include "packet/checksum.h"

#include "base/hash.h"
#include "packet/transport_checksum.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/packet/samples.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

constexpr std::uint64_t kSeed = 42;

Bytes random_bytes(std::uint64_t& state, std::size_t size) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(splitmix64(state) >> 56);
  return bytes;
}

TEST_CASE("The sum of any number of bytes at any alignment is RFC 1071's") {
  std::uint64_t state = kSeed;
  const GuardedBuffer buffer(70000);
  for (std::size_t size = 0; size < 400; ++size) {
    const Bytes bytes = random_bytes(state, size);
    const auto placed = buffer.at_end(bytes);
    REQUIRE(checksum_of(ones_sum(placed.data(), size)).host() == naive_checksum(bytes));
  }
  for (const std::size_t size : {1499U, 1500U, 4096U, 9001U, 65535U}) {
    const Bytes ones(size, std::byte{0xff});
    REQUIRE(checksum_of(ones_sum(buffer.at_end(ones).data(), size)).host() == naive_checksum(ones));
    const Bytes bytes = random_bytes(state, size);
    REQUIRE(checksum_of(ones_sum(buffer.at_begin(bytes).data(), size)).host() == naive_checksum(bytes));
  }
}

TEST_CASE("RFC 1071's example") {
  const Bytes bytes = hex("0001 f203 f4f5 f6f7");
  CHECK(fold_sum(ones_sum(bytes.data(), bytes.size())) == byte_swap(std::uint16_t{0xddf2}));
}

TEST_CASE("Zero only comes from zeros") {
  CHECK(fold_sum(0) == 0);
  CHECK(fold_sum(0xffff) == 0xffff);
  CHECK(fold_sum(0xffff0001fffeULL) == 0xffff);
  CHECK(fold_sum(~std::uint64_t{0}) == 0xffff);
}

TEST_CASE("An updated checksum is as right as a new one") {
  std::uint64_t state = kSeed;
  for (int round = 0; round < 100000; ++round) {
    Bytes bytes = random_bytes(state, 40);
    // Extremes are where ones' complement arithmetic goes wrong.
    if (round % 3 == 0)
      std::fill(bytes.begin(), bytes.begin() + 34, std::byte{round % 2 == 0 ? std::uint8_t{0} : std::uint8_t{255}});
    set16(bytes, 38, 0);
    set16(bytes, 38, naive_checksum(bytes));
    Bytes changed = bytes;
    const Bytes fresh = random_bytes(state, 24);
    std::copy(fresh.begin(), fresh.begin() + 2, changed.begin());
    std::copy(fresh.begin() + 2, fresh.begin() + 6, changed.begin() + 2);
    std::copy(fresh.begin() + 6, fresh.begin() + 22, changed.begin() + 6);
    ChecksumDelta delta;
    delta.replace(load<Be16>(bytes.data()), load<Be16>(changed.data()));
    delta.replace(load<Ipv4Address>(bytes.data() + 2), load<Ipv4Address>(changed.data() + 2));
    ChecksumDelta other;
    other.replace(load<Ipv6Address>(bytes.data() + 6), load<Ipv6Address>(changed.data() + 6));
    delta.add(other);
    set16(changed, 38, delta.apply(Be16(get16(bytes, 38))).host());
    REQUIRE(naive_checksum(changed) == 0);
    const Be16 stored = ChecksumDelta::from_folded(delta.folded()).apply(Be16(get16(bytes, 38)));
    set16(changed, 38, stored.host());
    REQUIRE(naive_checksum(changed) == 0);
  }
}

TEST_CASE("A delta that was folded changes a checksum as it did before") {
  std::uint64_t random = 7;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t words = splitmix64(random), more = splitmix64(random);
    ChecksumDelta delta;
    delta.replace(Be32(static_cast<std::uint32_t>(words)), Be32(static_cast<std::uint32_t>(words >> 32)));
    delta.replace(Be16(static_cast<std::uint16_t>(more)), Be16(static_cast<std::uint16_t>(more >> 16)));
    // Of all checksums those at the ends more often.
    const std::uint64_t end = i % 16 == 0 ? 0xffff : 0;
    const auto checksum = static_cast<std::uint16_t>(i % 8 == 0 ? end : more >> 32);
    REQUIRE(ChecksumDelta::apply_folded(Be16(checksum), delta.folded()) == delta.apply(Be16(checksum)));
  }
}

TEST_CASE("RFC 1624's example: a checksum does not become 0xffff") {
  // 0x5555 becomes 0x3285 under the checksum 0xdd2f: 0x0000 (RFC 1624 4).
  ChecksumDelta delta;
  delta.replace(Be16(0x5555), Be16(0x3285));
  CHECK(delta.apply(Be16(0xdd2f)).host() == 0x0000);
}

TEST_CASE("CRC32c's check value, and any length") {
  const Bytes digits = hex("31 32 33 34 35 36 37 38 39");
  CHECK(crc32c(digits.data(), digits.size()) == 0xe3069283);
  std::uint64_t state = kSeed;
  for (std::size_t size = 0; size < 100; ++size) {
    const Bytes bytes = random_bytes(state, size);
    REQUIRE(crc32c(bytes.data(), size) == naive_crc32c(bytes));
    REQUIRE(crc32c(bytes.data() + size / 3, size - size / 3, crc32c(bytes.data(), size / 3)) == naive_crc32c(bytes));
  }
}

ChecksumState state_of(Bytes bytes) {
  const Packet packet = parsed(bytes);
  REQUIRE(packet.drop_reason == DropReason::kNone);
  return verify_transport_checksum(packet);
}

TEST_CASE("Samples verify, a changed byte does not, and writing repairs it") {
  int verified = 0;
  for (const Bytes& sample : sample_packets()) {
    Bytes bytes = sample;
    Packet packet = parsed(bytes);
    INFO(to_text(fields_of(packet)));
    REQUIRE(packet.drop_reason == DropReason::kNone);
    const ChecksumState state = verify_transport_checksum(packet);
    if (state == ChecksumState::kUnknown) {
      CHECK_FALSE(write_transport_checksum(packet));
      CHECK(bytes == sample);
      continue;
    }
    if (state == ChecksumState::kAbsent) continue;
    ++verified;
    CHECK(state == ChecksumState::kRight);
    CHECK(reference_checksum_right(bytes, fields_of(packet)));
    // The byte in front of the checksum field belongs to every header and moves nothing.
    const std::size_t field = packet.transport_offset + checksum_field_offset(packet.protocol);
    set8(bytes, field, get8(bytes, field) ^ 0x10U);
    CHECK(verify_transport_checksum(packet) == ChecksumState::kWrong);
    CHECK(write_transport_checksum(packet));
    CHECK(bytes == sample);
    set16(bytes, packet.transport_offset, get16(bytes, packet.transport_offset) ^ 0x0001U);
    CHECK(verify_transport_checksum(packet) == ChecksumState::kWrong);
    CHECK(write_transport_checksum(packet));
    CHECK(reference_checksum_right(bytes, fields_of(packet)));
  }
  CHECK(verified > 15);
}

TEST_CASE("A UDP checksum of zero means none over IPv4 and is wrong over IPv6") {
  CHECK(state_of(PacketBuilder().ethernet().ipv4().udp(1, 2).checksum(BuildChecksum::kZero).build()) ==
        ChecksumState::kAbsent);
  CHECK(state_of(PacketBuilder().ethernet().ipv6().udp(1, 2).checksum(BuildChecksum::kZero).build()) ==
        ChecksumState::kWrong);
}

TEST_CASE("A UDP checksum that would be zero is written as 0xffff") {
  for (const bool version4 : {true, false}) {
    const auto base = version4 ? PacketBuilder().ethernet().ipv4() : PacketBuilder().ethernet().ipv6();
    Bytes bytes = PacketBuilder(base).udp(1, 2).payload(Bytes(2)).build();
    Packet packet = parsed(bytes);
    // The two payload bytes take the checksum's value: the sum becomes 0xffff.
    const std::size_t udp = packet.transport_offset;
    set16(bytes, udp + 8, get16(bytes, udp + 6));
    REQUIRE(write_transport_checksum(packet));
    CHECK(get16(bytes, udp + 6) == 0xffff);
    CHECK(verify_transport_checksum(packet) == ChecksumState::kRight);
  }
}

TEST_CASE("UDP covers its own length, not what IP carries behind it") {
  Bytes bytes = PacketBuilder().ethernet().ipv4().udp(1, 2).payload(6).build();
  set16(bytes, 38, 12);
  Packet packet = parsed(bytes);
  REQUIRE(packet.drop_reason == DropReason::kNone);
  REQUIRE(write_transport_checksum(packet));
  CHECK(reference_checksum_right(bytes, fields_of(packet)));
  set8(bytes, 46, 0x55);
  CHECK(verify_transport_checksum(packet) == ChecksumState::kRight);
}

}  // namespace
}  // namespace culvert::test
