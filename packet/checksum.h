// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624), and CRC32c for SCTP.
//
// A sum is kept unfolded in 64 bits, of words as they lie in memory: ones' complement sums do not care about byte order
// (RFC 1071 2 B), so nothing is swapped and results are stored as they are. The steps:
//
//   sum = ones_sum(bytes)            add parts in any order; each but the last has an even length
//   fold_sum(sum)                    the 16-bit sum; 0xffff over a region that contains its right checksum
//   checksum_of(sum)                 the complement: what the checksum field gets
//
// Example: an IPv4 header whose sum without the checksum field folds to 0x4dd6 gets 0xb229; with it, it sums to 0xffff.
// Zero and 0xffff are the same number here; UDP alone tells them apart (0: no checksum), see transport_checksum.h.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/endian.h"
#include "packet/address.h"

namespace culvert {

/// An unfolded ones' complement sum. Holds 2^32 32-bit words: more than any packet has.
using OnesSum = std::uint64_t;

/// Sum of `length` bytes (0..2^33); an odd last byte is padded with zero (RFC 1071 1).
OnesSum ones_sum(const std::byte* bytes, std::size_t length) noexcept;

constexpr OnesSum add_word(OnesSum sum, std::uint32_t wire_word) noexcept {
  return sum + wire_word;
}

/// The sum in 16 bits, as it lies in memory; 0 only if every word was 0.
constexpr std::uint16_t fold_sum(OnesSum sum) noexcept {
  // The upper half of x plus x with its halves exchanged is the sum of both halves, with the lower one's carry.
  const auto halves = static_cast<std::uint32_t>((sum + std::rotr(sum, 32)) >> 32);
  return static_cast<std::uint16_t>((halves + std::rotr(halves, 16)) >> 16);
}

/// What goes into the checksum field.
constexpr Be16 checksum_of(OnesSum sum) noexcept {
  return Be16::from_wire(static_cast<std::uint16_t>(~fold_sum(sum)));
}

/// The pseudo-headers of RFC 9293 3.1 and RFC 8200 8.1. `length`: bytes of the transport header and its data.
constexpr OnesSum pseudo_header_sum(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol,
                                    std::uint32_t length) noexcept {
  return OnesSum{source.value.wire()} + destination.value.wire() + byte_swap(std::uint32_t{protocol}) +
         byte_swap(length);
}
inline OnesSum pseudo_header_sum(const Ipv6Address& source, const Ipv6Address& destination, std::uint8_t protocol,
                                 std::uint32_t length) noexcept {
  const auto half = [](std::uint64_t words) { return (words & 0xffffffff) + (words >> 32); };
  return half(source.high()) + half(source.low()) + half(destination.high()) + half(destination.low()) +
         byte_swap(std::uint32_t{protocol}) + byte_swap(length);
}

/// What one or several replaced fields change in a checksum: RFC 1624 3, HC' = ~(~HC + ~m + m'). Collect it once (a
/// rewrite's addresses and ports are the same for all packets of a session), apply it to every packet.
/// Fields must begin at an even offset of what is summed.
class ChecksumDelta {
 public:
  constexpr ChecksumDelta() noexcept = default;

  constexpr ChecksumDelta& replace(Be16 old_value, Be16 new_value) noexcept {
    sum_ += (old_value.wire() ^ 0xffffU) + OnesSum{new_value.wire()};
    return *this;
  }
  constexpr ChecksumDelta& replace(Be32 old_value, Be32 new_value) noexcept {
    sum_ += OnesSum{old_value.wire() ^ 0xffffffffU} + new_value.wire();
    return *this;
  }
  constexpr ChecksumDelta& replace(Ipv4Address old_value, Ipv4Address new_value) noexcept {
    return replace(old_value.value, new_value.value);
  }
  ChecksumDelta& replace(const Ipv6Address& old_value, const Ipv6Address& new_value) noexcept {
    const auto half = [](std::uint64_t words) { return (words & 0xffffffff) + (words >> 32); };
    sum_ += half(~old_value.high()) + half(~old_value.low()) + half(new_value.high()) + half(new_value.low());
    return *this;
  }
  constexpr ChecksumDelta& add(const ChecksumDelta& other) noexcept {
    sum_ += other.sum_;
    return *this;
  }

  /// The delta in 16 bits, to be stored, or applied more than once.
  constexpr std::uint16_t folded() const noexcept { return fold_sum(sum_); }
  static constexpr ChecksumDelta from_folded(std::uint16_t folded) noexcept {
    ChecksumDelta delta;
    delta.sum_ = folded;
    return delta;
  }

  /// apply() of what was folded().
  static constexpr Be16 apply_folded(Be16 checksum, std::uint16_t folded) noexcept {
    const std::uint32_t sum = (checksum.wire() ^ 0xffffU) + folded;
    return Be16::from_wire(static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16))));
  }

  /// The new checksum. Never turns a right checksum into a wrong one; 0 and 0xffff both may come out for "zero".
  constexpr Be16 apply(Be16 checksum) const noexcept { return checksum_of(sum_ + (checksum.wire() ^ 0xffffU)); }

 private:
  OnesSum sum_ = 0;
};

/// CRC32c (Castagnoli) of `length` bytes; `crc` continues an earlier result. RFC 9260 appendix A: the SCTP checksum is
/// this over the packet with a zero checksum field, least significant byte first on the wire.
std::uint32_t crc32c(const std::byte* bytes, std::size_t length, std::uint32_t crc = 0) noexcept;

}  // namespace culvert
