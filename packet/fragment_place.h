// SPDX-License-Identifier: Apache-2.0
// Of which datagram a received fragment is a part, and of which of its bytes. fragment.h makes fragments; this is what
// somebody needs who waits for all of them.
//
// Example: 198.18.0.1 -> 198.18.1.1, UDP, identification 7, 20 bytes of IP, 1480 of data at offset 1480, more to come:
// datagram {198.18.0.1, 198.18.1.1, 7, 17}, offset 1480, length 1480, not last, data_offset 34. The same as IPv6 has 48
// bytes of headers, the last 8 of which are the fragment header: header_offset 54, data_offset 62; its protocol is not
// in the datagram's identity, since only the first fragment's counts (RFC 8200 4.5).
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/hash.h"
#include "packet/address.h"
#include "packet/packet.h"

namespace culvert {

/// What all fragments of one datagram have in common, and those of two datagrams don't within a few seconds (RFC 791
/// 3.2, RFC 8200 4.5). Without padding, so it is compared and hashed as words.
struct alignas(8) DatagramId {
  Ipv6Address source;  ///< IPv4: in the first four bytes, the others are zero
  Ipv6Address destination;
  Be32 identification;
  std::uint8_t protocol = 0;  ///< IPv4 only
  NetworkKind network = NetworkKind::kNone;
  std::uint16_t vrf = 0;

  std::array<std::uint64_t, 5> words() const noexcept { return load<std::array<std::uint64_t, 5>>(this); }
  friend bool operator==(const DatagramId& a, const DatagramId& b) noexcept { return a.words() == b.words(); }
};

static_assert(sizeof(DatagramId) == 40);

inline std::uint64_t hash_of(const HashKey& key, const DatagramId& datagram) noexcept {
  return hash40(key, datagram.words());
}

struct FragmentPlace {
  DatagramId datagram;
  std::uint16_t offset = 0;         ///< of its first byte of data in the datagram's
  std::uint16_t length = 0;         ///< bytes of data; at least one
  std::uint16_t before = 0;         ///< bytes that count against the 65535 of the whole when this is the first fragment
  std::uint16_t header_offset = 0;  ///< from Packet::data to IPv6's fragment header; 0 for IPv4
  std::uint16_t data_offset = 0;    ///< from Packet::data to the first byte of data
  bool last = false;

  std::uint32_t end() const noexcept { return std::uint32_t{offset} + length; }
};

/// Of a packet that was parsed and not dropped, with packet.is_part(). Parse has seen that before + offset + length are
/// at most 65535, and that what is not last has a length that is a multiple of 8.
FragmentPlace fragment_place(const Packet& packet, std::uint16_t vrf = 0) noexcept;

}  // namespace culvert
