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
  // Of sessions that are translated; those that are not here, and `other`, count for both.
  std::uint32_t nat_tcp_transitory = seconds(240);    ///< TCP that is not established (RFC 5382 REQ-5, RFC 7857 2.2)
  std::uint32_t nat_tcp_established = seconds(7440);  ///< the same REQ: two hours and four minutes
  std::uint32_t nat_udp = seconds(300);               ///< RFC 4787 REQ-5
  std::uint32_t nat_icmp = seconds(60);               ///< RFC 5508 REQ-2
};

/// Of a session that is not TCP's, by the head of either direction.
inline std::uint32_t timeout_of(const FlowHead& head, const SessionTimeouts& timeouts) noexcept {
  const bool translated = head.has(kFlowTranslated);
  if (head.kind() == FlowKind::kUdp) return translated ? timeouts.nat_udp : timeouts.udp;
  if (head.kind() == FlowKind::kIcmp) return translated ? timeouts.nat_icmp : timeouts.icmp;
  return timeouts.other;
}

/// Of a session by the heads of its directions.
inline std::uint32_t timeout_of(const FlowHead& original, const FlowHead& reply,
                                const SessionTimeouts& timeouts) noexcept {
  if (original.kind() != FlowKind::kTcp) return timeout_of(original, timeouts);
  const TcpState state = tcp_state_of(original.tcp, reply.tcp);
  if (original.has(kFlowTranslated)) {
    return state == TcpState::kEstablished ? timeouts.nat_tcp_established : timeouts.nat_tcp_transitory;
  }
  switch (state) {
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

/// When a session had the packet that its timeout is counted from. Of one that holds a port outside and is not TCP's
/// only packets from inside count (RFC 4787 REQ-6): nobody outside keeps a port taken.
inline FlowDate last_seen(const FlowHead& original, const FlowHead& reply) noexcept {
  if (original.has(kFlowHoldsPort) && original.kind() != FlowKind::kTcp) return original.seen;
  return static_cast<std::int32_t>(original.seen - reply.seen) > 0 ? original.seen : reply.seen;
}

}  // namespace culvert
