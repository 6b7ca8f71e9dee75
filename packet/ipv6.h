// SPDX-License-Identifier: Apache-2.0
// The IPv6 header and its extension headers (RFC 8200 3 and 4; authentication: RFC 4302 2).
#pragma once

#include <cstdint>

#include "base/endian.h"
#include "packet/address.h"

namespace culvert {

struct Ipv6Header {
  Be32 version_class_label;  ///< version 6 (4 bits), traffic class (8), flow label (20)
  Be16 payload_length;       ///< everything behind these 40 bytes, extension headers included
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  Ipv6Address source;
  Ipv6Address destination;

  constexpr std::uint32_t version() const noexcept { return version_class_label.host() >> 28; }
};

/// The first bytes of hop-by-hop options, destination options, routing and authentication headers.
struct Ipv6Extension {
  std::uint8_t next_header;
  std::uint8_t length;  ///< in 8-byte units without the first; authentication: 4-byte units minus 2

  constexpr std::uint32_t size() const noexcept { return (length + 1U) * 8; }
  constexpr std::uint32_t authentication_size() const noexcept { return (length + 2U) * 4; }
};

struct Ipv6RoutingHeader {
  std::uint8_t next_header;
  std::uint8_t length;
  std::uint8_t type;
  std::uint8_t segments_left;
};

struct Ipv6FragmentHeader {
  std::uint8_t next_header;
  std::uint8_t reserved;
  Be16 offset;  ///< 13 bits of offset in units of 8 bytes, 2 reserved, M
  Be32 identification;
};

inline constexpr std::uint32_t kIpv6HeaderSize = sizeof(Ipv6Header);  ///< without extension headers

inline constexpr std::uint8_t kNextHopByHop = 0;
inline constexpr std::uint8_t kNextRouting = 43;
inline constexpr std::uint8_t kNextFragment = 44;
inline constexpr std::uint8_t kNextAuthentication = 51;
inline constexpr std::uint8_t kNextNone = 59;
inline constexpr std::uint8_t kNextDestinationOptions = 60;

inline constexpr std::uint16_t kIpv6OffsetMask = 0xfff8;  ///< already in bytes
inline constexpr std::uint16_t kIpv6MoreFragments = 0x0001;

inline constexpr std::uint8_t kOptionPad1 = 0;
inline constexpr std::uint8_t kOptionIpv6RouterAlert = 5;  ///< RFC 2711

/// The source route of RFC 2460, deprecated by RFC 5095.
inline constexpr std::uint8_t kRoutingTypeSource = 0;

/// Every link carries this much (RFC 8200 5).
inline constexpr std::uint16_t kIpv6MinimumMtu = 1280;

static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);
static_assert(sizeof(Ipv6FragmentHeader) == 8 && alignof(Ipv6FragmentHeader) == 1);

}  // namespace culvert
