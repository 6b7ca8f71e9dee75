// SPDX-License-Identifier: Apache-2.0
// What tracking leaves of a TCP connection that has come to a state: 1000 is the client's first number, 5000 the
// server's.
#pragma once

#include "packet/tcp.h"
#include "sessions/tcp_state.h"
#include "test/support/catch.h"

namespace culvert::test {

struct TcpSides {
  TcpSide original;
  TcpSide reply;
};

inline TcpSegment tcp_segment(std::uint32_t sequence, std::uint32_t acknowledgment, unsigned flags) {
  TcpSegment segment;
  segment.sequence = sequence;
  segment.acknowledgment = acknowledgment;
  segment.window = 64000;
  segment.flags = static_cast<std::uint8_t>(flags);
  return segment;
}

inline TcpSides tcp_sides(TcpState state) {
  TcpSides sides;
  std::uint32_t again = 0;
  const auto client = [&](const TcpSegment& segment) {
    REQUIRE(tcp_track(sides.original, sides.reply, segment, again).action == TcpAction::kPass);
  };
  const auto server = [&](const TcpSegment& segment) {
    REQUIRE(tcp_track(sides.reply, sides.original, segment, again).action == TcpAction::kPass);
  };
  REQUIRE(tcp_open(sides.original, sides.reply, tcp_segment(1000, 0, kTcpSyn), TcpPickUp::kOnlySyn).action ==
          TcpAction::kPass);
  if (state >= TcpState::kSynReceived) server(tcp_segment(5000, 1001, kTcpSyn | kTcpAck));
  if (state >= TcpState::kEstablished) client(tcp_segment(1001, 5001, kTcpAck));
  if (state == TcpState::kReset) {
    server(tcp_segment(5001, 1001, kTcpRst | kTcpAck));
  } else {
    if (state >= TcpState::kFinWait) client(tcp_segment(1001, 5001, kTcpFin | kTcpAck));
    if (state >= TcpState::kClosing) server(tcp_segment(5001, 1002, kTcpFin | kTcpAck));
    if (state >= TcpState::kTimeWait) client(tcp_segment(1002, 5002, kTcpAck));
  }
  REQUIRE(tcp_state_of(sides.original, sides.reply) == state);
  return sides;
}

inline constexpr TcpState kTcpStates[] = {TcpState::kSynSent, TcpState::kSynReceived, TcpState::kEstablished,
                                          TcpState::kFinWait, TcpState::kClosing,     TcpState::kTimeWait,
                                          TcpState::kReset};

}  // namespace culvert::test
