// SPDX-License-Identifier: Apache-2.0
// The options of a TCP header (RFC 9293 3.1 and 3.2), walked once: kind, length, data; kinds 0 and 1 are one byte.
//
//   02 04 05 b4                      the largest segment that the sender takes: 1460
//   04 02                            selective acknowledgments are welcome (RFC 2018)
//   01 03 03 07                      windows count in units of 2^7 bytes (RFC 7323 2.2)
//   01 01 08 0a tttttttt eeeeeeee    time stamps (RFC 7323 3.2)
//   01 01 05 0a llllllll rrrrrrrr    the bytes from l up to r are here, something before l is not (RFC 2018 3)
//
// An option whose length is wrong for its kind is skipped, as if it were unknown; one that does not fit ends the walk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace culvert {

inline constexpr std::uint8_t kTcpOptionEnd = 0;
inline constexpr std::uint8_t kTcpOptionNop = 1;
inline constexpr std::uint8_t kTcpOptionMss = 2;
inline constexpr std::uint8_t kTcpOptionWindowScale = 3;
inline constexpr std::uint8_t kTcpOptionSackPermitted = 4;
inline constexpr std::uint8_t kTcpOptionSack = 5;
inline constexpr std::uint8_t kTcpOptionTimestamps = 8;

/// Larger shifts count as this one (RFC 7323 2.3).
inline constexpr std::uint8_t kTcpMaxScale = 14;

struct TcpOptions {
  std::uint32_t sack_edge = 0;  ///< with has_sack: the right edge of the block that lies highest
  std::uint32_t timestamp = 0;  ///< with has_timestamps
  std::uint32_t timestamp_echo = 0;
  std::uint16_t mss = 0;          ///< 0: not given
  std::int8_t window_scale = -1;  ///< 0..kTcpMaxScale; -1: not given
  bool sack_permitted = false;
  bool has_sack = false;
  bool has_timestamps = false;
  bool malformed = false;  ///< an option did not fit; what came before it is here
};

/// What the options say; the bytes between the fixed header and the data, at most 40. Of a kind that comes twice the
/// last one counts.
TcpOptions read_tcp_options(std::span<const std::byte> options) noexcept;

}  // namespace culvert
