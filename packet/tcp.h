// SPDX-License-Identifier: Apache-2.0
// The TCP header (RFC 9293 3.1).
#pragma once

#include <cstdint>

#include "base/endian.h"

namespace culvert {

struct TcpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgment;
  std::uint8_t data_offset;  ///< header length in 32-bit words in the high half
  std::uint8_t flags;
  Be16 window;
  Be16 checksum;
  Be16 urgent;

  constexpr std::uint32_t header_length() const noexcept { return (data_offset >> 4) * 4U; }
};

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrg = 0x20;

static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

}  // namespace culvert
