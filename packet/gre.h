// SPDX-License-Identifier: Apache-2.0
// The GRE header (RFC 2784, key and sequence: RFC 2890, version 1: RFC 2637).
#pragma once

#include <cstdint>

#include "base/endian.h"

namespace culvert {

struct GreHeader {
  Be16 flags;
  Be16 protocol;  ///< an EtherType

  /// Bytes of the header with the fields that its flags announce.
  constexpr std::uint32_t header_length() const noexcept;
};

inline constexpr std::uint16_t kGreChecksum = 0x8000;
inline constexpr std::uint16_t kGreRouting = 0x4000;  ///< RFC 1701, gone since RFC 2784
inline constexpr std::uint16_t kGreKey = 0x2000;
inline constexpr std::uint16_t kGreSequence = 0x1000;
inline constexpr std::uint16_t kGreAcknowledgment = 0x0080;  ///< version 1 only
inline constexpr std::uint16_t kGreVersionMask = 0x0007;

constexpr std::uint32_t GreHeader::header_length() const noexcept {
  const std::uint16_t bits = flags.host();
  std::uint32_t length = 4;
  if ((bits & (kGreChecksum | kGreRouting)) != 0) length += 4;
  if ((bits & kGreKey) != 0) length += 4;
  if ((bits & kGreSequence) != 0) length += 4;
  if ((bits & kGreVersionMask) == 1 && (bits & kGreAcknowledgment) != 0) length += 4;
  return length;
}

static_assert(sizeof(GreHeader) == 4 && alignof(GreHeader) == 1);

}  // namespace culvert
