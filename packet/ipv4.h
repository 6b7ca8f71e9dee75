// SPDX-License-Identifier: Apache-2.0
// The IPv4 header (RFC 791 3.1) and the options that a router must know.
#pragma once

#include <cstdint>

#include "base/endian.h"
#include "packet/address.h"

namespace culvert {

struct Ipv4Header {
  std::uint8_t version_length;  ///< version 4 in the high half, header length in 32-bit words in the low
  std::uint8_t type_of_service;
  Be16 total_length;  ///< header and payload
  Be16 identification;
  Be16 fragment;  ///< reserved, DF, MF, 13 bits of offset in units of 8 bytes
  std::uint8_t ttl;
  std::uint8_t protocol;
  Be16 checksum;
  Ipv4Address source;
  Ipv4Address destination;

  constexpr std::uint32_t version() const noexcept { return version_length >> 4; }
  constexpr std::uint32_t header_length() const noexcept { return (version_length & 0x0fU) * 4; }
};

inline constexpr std::uint32_t kIpv4HeaderSize = sizeof(Ipv4Header);  ///< without options

inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;
inline constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr std::uint16_t kIpv4OffsetMask = 0x1fff;
inline constexpr std::uint32_t kFragmentUnit = 8;  ///< bytes; offsets count them, in IPv6 too

/// Every link carries this much (RFC 791 3.2).
inline constexpr std::uint16_t kIpv4MinimumMtu = 68;

inline constexpr std::uint8_t kOptionEnd = 0;
inline constexpr std::uint8_t kOptionNop = 1;
inline constexpr std::uint8_t kOptionLooseSourceRoute = 131;
inline constexpr std::uint8_t kOptionStrictSourceRoute = 137;
inline constexpr std::uint8_t kOptionRouterAlert = 148;  ///< RFC 2113
inline constexpr std::uint8_t kOptionCopied = 0x80;      ///< this bit of the type: repeated in every fragment

/// Protocol numbers (IANA), also IPv6's next header.
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolDccp = 33;
inline constexpr std::uint8_t kProtocolGre = 47;
inline constexpr std::uint8_t kProtocolEsp = 50;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kProtocolSctp = 132;
inline constexpr std::uint8_t kProtocolUdpLite = 136;

/// The parts of their headers that are always there (RFC 4340 5.1, RFC 3828 3.1). Both have their checksum, which
/// covers a pseudo-header, where UDP has it.
inline constexpr std::uint32_t kDccpHeaderBytes = 12;
inline constexpr std::uint32_t kUdpLiteHeaderBytes = 8;

static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

}  // namespace culvert
