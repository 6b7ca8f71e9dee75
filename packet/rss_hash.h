// SPDX-License-Identifier: Apache-2.0
// The hash by which a NIC chooses a receive queue (RSS): Toeplitz over source and destination address, and over both
// ports of TCP and UDP, in the wire's order ("Introduction to Receive Side Scaling", Windows driver documentation,
// which has the test vectors, too). Under the key 6d:5a, repeated, it is the same for both directions (Woo, Park:
// "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling"): a bit of the input adds the 32 bits of the
// key that begin at its place, and the key repeats every 16 bits, so only the exclusive or of all 16-bit words counts.
//
// It is linear and its key is known: whoever can choose ports can choose the queue.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "packet/five_tuple.h"

namespace culvert {

inline constexpr std::uint16_t kSymmetricRssKey = 0x6d5a;

namespace rss_detail {

/// What one byte of a word adds; `first_bit`: 0 for the word's first byte, 8 for its second.
constexpr std::array<std::uint32_t, 256> contributions(int first_bit) noexcept {
  constexpr std::uint32_t kKey = std::uint32_t{kSymmetricRssKey} << 16 | kSymmetricRssKey;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte)
    for (int bit = 0; bit < 8; ++bit)
      if ((byte >> (7 - bit) & 1U) != 0) table[byte] ^= std::rotl(kKey, first_bit + bit);
  return table;
}

inline constexpr std::array<std::uint32_t, 256> kFirstByte = contributions(0);
inline constexpr std::array<std::uint32_t, 256> kSecondByte = contributions(8);

/// `folded`: the exclusive or of the input, in the wire's order, in its lower 16 bits and its upper ones.
inline std::uint32_t of_folded(std::uint32_t folded) noexcept {
  const Be16 word = Be16::from_wire(static_cast<std::uint16_t>(folded ^ folded >> 16));
  return kFirstByte[word.host() >> 8] ^ kSecondByte[word.host() & 0xffU];
}

inline std::uint32_t fold(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word ^ word >> 32);
}

/// NICs look at the ports of these only.
constexpr bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == kProtocolTcp || protocol == kProtocolUdp;
}

template <typename Tuple>
std::uint32_t ports(const Tuple& tuple) noexcept {
  return has_ports(tuple.protocol) ? std::uint32_t{tuple.source_port.wire()} ^ tuple.destination_port.wire() : 0;
}

}  // namespace rss_detail

inline std::uint32_t symmetric_rss_hash(const FiveTuple4& tuple) noexcept {
  return rss_detail::of_folded(tuple.source.value.wire() ^ tuple.destination.value.wire() ^ rss_detail::ports(tuple));
}

inline std::uint32_t symmetric_rss_hash(const FiveTuple6& tuple) noexcept {
  const std::uint64_t words =
      tuple.source.high() ^ tuple.source.low() ^ tuple.destination.high() ^ tuple.destination.low();
  return rss_detail::of_folded(rss_detail::fold(words) ^ rss_detail::ports(tuple));
}

}  // namespace culvert
