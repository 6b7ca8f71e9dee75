// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/packet.h"
#include "sessions/tcp_state.h"

namespace culvert {

/// The segment of a TCP packet. Of a datagram in fragments `packet` is the first one, which holds the whole header, and
/// `transport_length` the bytes that header and data have in all fragments together; 0: it is whole.
inline TcpSegment segment_of(const Packet& packet, std::uint32_t transport_length) noexcept {
  TcpSegment segment = tcp_segment_of(packet);
  if (transport_length != 0) {
    const std::uint32_t header_length = view<TcpHeader>(packet.transport_header()).header_length();
    segment.payload = static_cast<std::uint16_t>(transport_length - header_length);
  }
  return segment;
}

/// Why tracking drops a segment, as operators count it.
inline DropReason reason_of(TcpDrop drop) noexcept {
  switch (drop) {
    case TcpDrop::kNone:
      return DropReason::kNone;
    case TcpDrop::kBadFlags:
      return DropReason::kTcpFlags;
    case TcpDrop::kNoSyn:
      return DropReason::kTcpNoSession;
    case TcpDrop::kNoHandshake:
    case TcpDrop::kSynAckWrong:
      return DropReason::kTcpHandshake;
    case TcpDrop::kOutOfWindow:
    case TcpDrop::kAckUnsent:
    case TcpDrop::kAckOld:
    case TcpDrop::kResetWrong:
      return DropReason::kTcpOutOfWindow;
    case TcpDrop::kClosed:
      return DropReason::kTcpClosed;
  }
  return DropReason::kNone;
}

}  // namespace culvert
