// SPDX-License-Identifier: Apache-2.0
// Sessions as text. One line is one segment and what must come of it:
//
//   c SA 1000 ack 5001 len 100 win 500 scale 7 sackok sack 5601 : pass established
//
// c or s: the client or the server sends it; the flags S, F, R, A, P, U or - for none; the sequence number; then what
// is not zero. Behind the colon: "pass", "unbelieved", "renew", or "drop" and the reason; and, if given, the state. The
// line "learn" calls tcp_learn(). Windows are 500 when nothing is said.
//
// The first segment opens the session, and so does one that renews it. A segment that is dropped or not believed must
// leave both sides as they were.
#pragma once

#include <string>
#include <string_view>

#include "sessions/tcp_state.h"

namespace culvert::test {

/// Numbers of the text are relative to these: so the same text is played across the wrap.
struct TraceBases {
  std::uint32_t client = 0;
  std::uint32_t server = 0;
};

/// Plays the lines from several bases, with a CHECK for each line.
void play(std::string_view text, TcpPickUp pick_up = TcpPickUp::kOnlySyn);

/// SYN 1000, SYN-ACK 5000, ACK; both windows are 500 units of 128: 64000 bytes.
inline const std::string kHandshake =
    "c S 1000 win 64000 scale 7 sackok : pass syn_sent\n"
    "s SA 5000 ack 1001 win 64000 scale 7 sackok : pass syn_received\n"
    "c A 1001 ack 5001 : pass established\n"
    "s A 5001 ack 1001 : pass established\n";

}  // namespace culvert::test
