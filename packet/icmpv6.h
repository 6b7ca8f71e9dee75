// SPDX-License-Identifier: Apache-2.0
// ICMPv6 (RFC 4443). The header is IcmpHeader's first four bytes; "packet too big" has a 32-bit MTU behind them.
#pragma once

#include <cstdint>

#include "base/endian.h"
#include "packet/icmp.h"

namespace culvert {

struct Icmpv6TooBig {
  std::uint8_t type;
  std::uint8_t code;
  Be16 checksum;
  Be32 mtu;
};

inline constexpr std::uint8_t kIcmpv6Unreachable = 1;
inline constexpr std::uint8_t kIcmpv6PacketTooBig = 2;
inline constexpr std::uint8_t kIcmpv6TimeExceeded = 3;
inline constexpr std::uint8_t kIcmpv6ParameterProblem = 4;
inline constexpr std::uint8_t kIcmpv6Echo = 128;
inline constexpr std::uint8_t kIcmpv6EchoReply = 129;
inline constexpr std::uint8_t kIcmpv6NeighborSolicitation = 135;
inline constexpr std::uint8_t kIcmpv6NeighborAdvertisement = 136;
inline constexpr std::uint8_t kIcmpv6Redirect = 137;
inline constexpr std::uint8_t kIcmpv6ExtendedEcho = 160;  ///< RFC 8335
inline constexpr std::uint8_t kIcmpv6ExtendedEchoReply = 161;

inline constexpr std::uint8_t kIcmpv6CodeNoRoute = 0;
inline constexpr std::uint8_t kIcmpv6CodeProhibited = 1;
inline constexpr std::uint8_t kIcmpv6CodeAddress = 3;
inline constexpr std::uint8_t kIcmpv6CodePort = 4;

/// RFC 4443 2.1: the high bit clear.
constexpr bool is_icmpv6_error(std::uint8_t type) noexcept {
  return type < 128;
}

constexpr bool is_icmpv6_query(std::uint8_t type) noexcept {
  return type == kIcmpv6Echo || type == kIcmpv6EchoReply || type == kIcmpv6ExtendedEcho ||
         type == kIcmpv6ExtendedEchoReply;
}

static_assert(sizeof(Icmpv6TooBig) == 8 && alignof(Icmpv6TooBig) == 1);

}  // namespace culvert
