// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "packet/address.h"
#include "packet/packet.h"

namespace culvert {

/// Number of a zone, a group of interfaces. 0 is the zone of interfaces that were given none.
using Zone = std::uint8_t;
inline constexpr Zone kNoZone = 0;
inline constexpr std::size_t kMaxZones = 64;  ///< with kNoZone; a rule's zones are one word of bits

/// What the policy decides on: the first packet of a session, with its original source and its translated destination.
/// Integers are in host order.
struct PolicyKey {
  NetworkKind network = NetworkKind::kNone;
  Zone from = kNoZone;
  Zone to = kNoZone;
  std::uint8_t protocol = 0;  ///< IANA number; of the whole datagram, when it came in fragments
  /// TCP, UDP, SCTP. ICMP and ICMPv6: 0, and type << 8 | code in the destination's. Others: 0.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  /// IPv4: the address in `low` of each, in its low 32 bits.
  struct Address {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
  };
  Address source;
  Address destination;

  static Address address_of(Ipv4Address address) noexcept { return {0, address.value.host()}; }
  static Address address_of(const Ipv6Address& address) noexcept {
    return {byte_swap(address.high()), byte_swap(address.low())};
  }
};

}  // namespace culvert
