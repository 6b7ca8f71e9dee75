// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sessions/flow_head.h"

namespace culvert {

/// How long a session lives without a packet, in flow dates (flow_date_span). What a session has is decided anew each
/// time that its timeout is looked at, so a changed configuration counts for the sessions that there are.
struct SessionTimeouts {
  static constexpr std::uint32_t seconds(std::uint64_t count) noexcept {
    return flow_date_span(count * kNanosecondsPerSecond);
  }

  std::uint32_t tcp_syn = seconds(20);  ///< no handshake yet
  std::uint32_t tcp_established = seconds(3600);
  std::uint32_t tcp_half_closed = seconds(240);  ///< one side has closed (RFC 5382 5: transitory, 4 minutes)
  std::uint32_t tcp_fin = seconds(30);           ///< both sides have closed
  std::uint32_t tcp_reset = seconds(10);
  std::uint32_t udp = seconds(60);
  std::uint32_t icmp = seconds(10);
  std::uint32_t other = seconds(600);
};

/// Of a session that is not TCP's.
inline std::uint32_t timeout_of(FlowKind kind, const SessionTimeouts& timeouts) noexcept {
  if (kind == FlowKind::kUdp) return timeouts.udp;
  return kind == FlowKind::kIcmp ? timeouts.icmp : timeouts.other;
}

/// Of a session by the heads of its directions.
inline std::uint32_t timeout_of(const FlowHead& original, const FlowHead& reply,
                                const SessionTimeouts& timeouts) noexcept {
  if (original.kind() != FlowKind::kTcp) return timeout_of(original.kind(), timeouts);
  switch (tcp_state_of(original.tcp, reply.tcp)) {
    case TcpState::kSynSent:
    case TcpState::kSynReceived:
      return timeouts.tcp_syn;
    case TcpState::kEstablished:
      return timeouts.tcp_established;
    case TcpState::kFinWait:
      return timeouts.tcp_half_closed;
    case TcpState::kReset:
      return timeouts.tcp_reset;
    default:
      return timeouts.tcp_fin;
  }
}

}  // namespace culvert
