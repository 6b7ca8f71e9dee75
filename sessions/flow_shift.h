// SPDX-License-Identifier: Apache-2.0
// What a session with kFlowShifted knows besides: a SYN proxy has done its handshake (packet/syn_answer.h). It lies in
// the place of the reply's FlowInfo, which needs nothing of its own but the interface. So there is room for it in every
// session, and it outlives the process with them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "packet/syn_answer.h"
#include "packet/tcp_shift.h"
#include "sessions/flow_head.h"

namespace culvert {

/// Bits of FlowShift::bits.
inline constexpr std::uint8_t kShiftWaits = 1 << 0;       ///< the server has not answered yet
inline constexpr std::uint8_t kShiftTimestamps = 1 << 1;  ///< SynHandshake::has_timestamps

struct alignas(8) FlowShift {
  std::uint32_t sequence = 0;        ///< TcpShift; while it waits: the cookie
  std::uint32_t timestamp = 0;       ///< TcpShift; while it waits: SynHandshake
  std::uint32_t client_isn = 0;      ///< SynHandshake
  std::int8_t window_to_client = 0;  ///< TcpShift; while it waits: the scale that we offered
  std::uint8_t window_to_server = 0;
  std::uint8_t ingress = 0;  ///< as in FlowInfo
  std::uint8_t bits = 0;

  bool waits() const noexcept { return (bits & kShiftWaits) != 0; }

  /// Of one that waits.
  SynHandshake handshake() const noexcept {
    return {client_isn, sequence, timestamp, window_to_client, (bits & kShiftTimestamps) != 0};
  }
  static FlowShift waiting(const SynHandshake& handshake) noexcept {
    FlowShift shift;
    shift.sequence = handshake.cookie;
    shift.timestamp = handshake.timestamp;
    shift.client_isn = handshake.client_isn;
    shift.window_to_client = handshake.offered_scale;
    shift.bits = static_cast<std::uint8_t>(kShiftWaits | (handshake.has_timestamps ? kShiftTimestamps : 0));
    return shift;
  }

  /// Of one that does not.
  TcpShift shift() const noexcept { return {sequence, timestamp, window_to_client, window_to_server}; }
  /// The server has answered.
  FlowShift answered(const TcpShift& shift) const noexcept {
    FlowShift next = *this;
    next.sequence = shift.sequence;
    next.timestamp = shift.timestamp;
    next.window_to_client = shift.window_to_client;
    next.window_to_server = shift.window_to_server;
    next.bits = static_cast<std::uint8_t>(bits & ~kShiftWaits);
    return next;
  }
};

static_assert(sizeof(FlowShift) == sizeof(FlowInfo) && offsetof(FlowShift, ingress) == offsetof(FlowInfo, ingress));

}  // namespace culvert
