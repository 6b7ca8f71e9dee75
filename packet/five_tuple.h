// SPDX-License-Identifier: Apache-2.0
// The key of a session or flow: addresses, ports, protocol, VRF. Without padding, so it is compared and hashed as
// words. IPv4: 16 bytes, IPv6: 40. A fragment has no ports here, the first one neither: all fragments of a datagram
// have one key. (An atomic fragment is a whole packet.) ICMP queries have their identifier in both ports.
//
// symmetric_hash() is the same for both directions of a conversation: it hashes the two endpoints in ascending order,
// with the keyed hash of base/hash.h, so that nobody outside can choose the bucket (ECMP member, owner).
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "packet/address.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/packet.h"

namespace culvert {

struct alignas(8) FiveTuple4 {
  Ipv4Address source;
  Ipv4Address destination;
  Be16 source_port;
  Be16 destination_port;
  std::uint8_t protocol = 0;
  std::uint8_t zero = 0;
  std::uint16_t vrf = 0;

  FiveTuple4 reversed() const noexcept {
    return {destination, source, destination_port, source_port, protocol, zero, vrf};
  }
  std::array<std::uint64_t, 2> words() const noexcept { return load<std::array<std::uint64_t, 2>>(this); }
  friend bool operator==(const FiveTuple4& a, const FiveTuple4& b) noexcept { return a.words() == b.words(); }
};

struct alignas(8) FiveTuple6 {
  Ipv6Address source;
  Ipv6Address destination;
  Be16 source_port;
  Be16 destination_port;
  std::uint8_t protocol = 0;
  std::uint8_t zero = 0;
  std::uint16_t vrf = 0;

  FiveTuple6 reversed() const noexcept {
    return {destination, source, destination_port, source_port, protocol, zero, vrf};
  }
  std::array<std::uint64_t, 5> words() const noexcept { return load<std::array<std::uint64_t, 5>>(this); }
  friend bool operator==(const FiveTuple6& a, const FiveTuple6& b) noexcept { return a.words() == b.words(); }
};

static_assert(sizeof(FiveTuple4) == 16 && sizeof(FiveTuple6) == 40);

/// The key of a parsed IPv4 packet.
inline FiveTuple4 five_tuple4(const Packet& packet, std::uint16_t vrf = 0) noexcept {
  const auto& header = view<Ipv4Header>(packet.network_header());
  FiveTuple4 tuple{header.source, header.destination, {}, {}, packet.protocol, 0, vrf};
  if (packet.has(kFlagTransport) && !packet.is_part()) {
    tuple.source_port = packet.source_port;
    tuple.destination_port = packet.destination_port;
  }
  return tuple;
}

/// The key of a parsed IPv6 packet. The protocol of a fragment is 44 here: only the first one knows the real one when
/// more extension headers follow (RFC 8200 4.5).
inline FiveTuple6 five_tuple6(const Packet& packet, std::uint16_t vrf = 0) noexcept {
  const auto& header = view<Ipv6Header>(packet.network_header());
  FiveTuple6 tuple{header.source, header.destination, {}, {}, packet.protocol, 0, vrf};
  if (packet.is_part()) {
    tuple.protocol = kNextFragment;
  } else if (packet.has(kFlagTransport)) {
    tuple.source_port = packet.source_port;
    tuple.destination_port = packet.destination_port;
  }
  return tuple;
}

/// Hash of one direction; source and destination are not exchangeable.
inline std::uint64_t hash_of(const HashKey& key, const FiveTuple4& tuple) noexcept {
  const auto words = tuple.words();
  return hash16(key, words[0], words[1]);
}
inline std::uint64_t hash_of(const HashKey& key, const FiveTuple6& tuple) noexcept {
  return hash40(key, tuple.words());
}

/// The same for a tuple and its reverse.
inline std::uint64_t symmetric_hash(const HashKey& key, const FiveTuple4& tuple) noexcept {
  const std::uint64_t one = std::uint64_t{tuple.source.value.wire()} << 16 | tuple.source_port.wire();
  const std::uint64_t two = std::uint64_t{tuple.destination.value.wire()} << 16 | tuple.destination_port.wire();
  const std::uint64_t low = one < two ? one : two;
  const std::uint64_t high = one < two ? two : one;
  return hash16(key, low | std::uint64_t{tuple.protocol} << 48, high | std::uint64_t{tuple.vrf} << 48);
}

inline std::uint64_t symmetric_hash(const HashKey& key, const FiveTuple6& tuple) noexcept {
  using Endpoint = std::array<std::uint64_t, 3>;
  Endpoint one{tuple.source.high(), tuple.source.low(), tuple.source_port.wire()};
  Endpoint two{tuple.destination.high(), tuple.destination.low(), tuple.destination_port.wire()};
  if (two < one) std::swap(one, two);
  const std::uint64_t last =
      one[2] | two[2] << 16 | std::uint64_t{tuple.protocol} << 32 | std::uint64_t{tuple.vrf} << 48;
  return hash40(key, {one[0], one[1], two[0], two[1], last});
}

/// Of a parsed packet.
inline std::uint64_t symmetric_hash(const HashKey& key, const Packet& packet, std::uint16_t vrf = 0) noexcept {
  return packet.network == NetworkKind::kIpv4 ? symmetric_hash(key, five_tuple4(packet, vrf))
                                              : symmetric_hash(key, five_tuple6(packet, vrf));
}

}  // namespace culvert
