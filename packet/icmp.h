// SPDX-License-Identifier: Apache-2.0
// ICMP (RFC 792, RFC 1191 for the MTU, RFC 1812 5.2.7 for the codes that routers send).
#pragma once

#include <cstdint>

#include "base/endian.h"

namespace culvert {

/// The first 8 bytes of every ICMP and ICMPv6 message that crosses a router.
struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  Be16 checksum;
  Be16 identifier;  ///< queries; in errors: unused
  Be16 sequence;    ///< queries; in "fragmentation needed": the next hop's MTU
};

inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpSourceQuench = 4;
inline constexpr std::uint8_t kIcmpRedirect = 5;
inline constexpr std::uint8_t kIcmpEcho = 8;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpParameterProblem = 12;
inline constexpr std::uint8_t kIcmpTimestamp = 13;
inline constexpr std::uint8_t kIcmpAddressMaskReply = 18;
inline constexpr std::uint8_t kIcmpExtendedEcho = 42;  ///< RFC 8335
inline constexpr std::uint8_t kIcmpExtendedEchoReply = 43;

inline constexpr std::uint8_t kIcmpCodeNet = 0;
inline constexpr std::uint8_t kIcmpCodeHost = 1;
inline constexpr std::uint8_t kIcmpCodePort = 3;
inline constexpr std::uint8_t kIcmpCodeFragmentationNeeded = 4;
inline constexpr std::uint8_t kIcmpCodeProhibited = 13;

/// Errors are never answered by errors (RFC 1122 3.2.2).
constexpr bool is_icmp_error(std::uint8_t type) noexcept {
  return type == kIcmpUnreachable || type == kIcmpSourceQuench || type == kIcmpRedirect || type == kIcmpTimeExceeded ||
         type == kIcmpParameterProblem;
}

/// Messages with an identifier that the answer repeats: echo, timestamp, information, address mask, extended echo.
constexpr bool is_icmp_query(std::uint8_t type) noexcept {
  return type == kIcmpEchoReply || type == kIcmpEcho || (type >= kIcmpTimestamp && type <= kIcmpAddressMaskReply) ||
         type == kIcmpExtendedEcho || type == kIcmpExtendedEchoReply;
}

static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

}  // namespace culvert
