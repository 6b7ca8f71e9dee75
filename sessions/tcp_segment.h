// SPDX-License-Identifier: Apache-2.0
// What tracking reads of a TCP segment, in host order; and the arithmetic of sequence numbers, which wrap at 2^32 (RFC
// 9293 3.4).
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "packet/packet.h"
#include "packet/tcp.h"
#include "packet/tcp_options.h"

namespace culvert {

struct TcpSegment {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;  ///< counts only with kTcpAck
  std::uint32_t sack_edge = 0;       ///< with has_sack: the highest right edge of its blocks
  std::uint16_t window = 0;          ///< as it stands in the header, not scaled
  std::uint16_t payload = 0;         ///< bytes
  std::uint8_t flags = 0;
  std::int8_t window_scale = -1;  ///< 0..14; -1: no such option
  bool sack_permitted = false;
  bool has_sack = false;

  constexpr bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  /// The sequence number behind everything that it holds: SYN and FIN count as one (RFC 9293 3.4).
  constexpr std::uint32_t end() const noexcept {
    return sequence + payload + (has(kTcpSyn) ? 1U : 0U) + (has(kTcpFin) ? 1U : 0U);
  }
};

/// Is `a` behind `b` in a space that wraps? Both lie within 2^31 of each other.
constexpr bool sequence_after(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0;
}
/// Is `low` <= `value` <= `high`, counted upwards from `low`?
constexpr bool sequence_within(std::uint32_t value, std::uint32_t low, std::uint32_t high) noexcept {
  return value - low <= high - low;
}

/// The segment of a whole TCP packet (kFlagTransport, no part of a datagram) that parse() let through, so that header
/// and options lie inside it.
inline TcpSegment tcp_segment_of(const Packet& packet) noexcept {
  const std::byte* start = packet.transport_header();
  const auto& header = view<TcpHeader>(start);
  const std::uint32_t header_length = header.header_length();
  const std::uint32_t end = packet.network_offset + std::uint32_t{packet.network_length};
  TcpSegment segment;
  segment.sequence = header.sequence.host();
  segment.acknowledgment = header.acknowledgment.host();
  segment.window = header.window.host();
  segment.payload = static_cast<std::uint16_t>(end - packet.transport_offset - header_length);
  segment.flags = header.flags;
  // Most segments carry time stamps, laid out as RFC 7323 appendix A recommends, and nothing else.
  constexpr std::uint32_t kWithTimestamps = sizeof(TcpHeader) + 12;
  constexpr std::uint32_t kTimestampsHead = 0x0101080a;
  if (header_length == sizeof(TcpHeader)) return segment;
  if (header_length == kWithTimestamps && load<Be32>(start + sizeof(TcpHeader)).host() == kTimestampsHead) {
    return segment;
  }
  const TcpOptions options = read_tcp_options({start + sizeof(TcpHeader), header_length - sizeof(TcpHeader)});
  segment.window_scale = options.window_scale;
  segment.sack_permitted = options.sack_permitted;
  segment.has_sack = options.has_sack;
  segment.sack_edge = options.sack_edge;
  return segment;
}

}  // namespace culvert
