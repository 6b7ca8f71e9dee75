// SPDX-License-Identifier: Apache-2.0
// TCP as a stateful firewall follows it: one function for every segment of a session, on plain data of 12 bytes a
// direction. It has seen the handshake, so it knows which sequence numbers either end can send and acknowledge now, and
// what lies outside changes nothing: whoever cannot see the traffic has to guess 32 bits.
//
//   198.18.0.7:1024 -> 192.0.2.80:80                 original                    reply
//   SYN 1000, scale 7                                end 1001                    -                  kSynSent
//   SYN-ACK 5000, ack 1001, scale 7, window 64000    end 1001                    end 5001           kSynReceived
//                                                    expects 5001                expects 1001
//   ACK 1001, ack 5001, window 502                   window 502 << 7             window 500 << 7    kEstablished
//   100 bytes 1001..1101                             end 1101
//   RST 70000 (forged)                               may send up to 1001 + 64000: dropped
//   RST 6000 as if from 192.0.2.80 (forged)          in the window, not exact: passes, nobody believes it
//
// The bounds are the four of Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001), by which every
// stateful filter lives. For a segment of A to B:
//
//   its end   <= what B expects + the largest window that B has announced     (B takes nothing beyond it)
//   its end   >= A's highest end - that window                                (a retransmission is not older)
//   its ack   <= B's highest end                                              (RFC 5961 5.2: nothing is acknowledged
//   its ack   >= the highest ack of A - the largest window of A                that was not sent, nothing ancient)
//
// Each side holds what its sender has said: `end` and `acked`. The largest window instead of the last one makes the
// upper bound independent of the order of segments, never too low, and needs no right edge to be stored; and `acked`
// is what a reset must hit exactly (RFC 5961 3.2).
//
// What passes without being believed changes nothing here, and must not prolong the session: RFC 5961 lets the receiver
// judge it, by a challenge ACK. So a client that has rebooted comes back to its old ports: its SYN passes, the server's
// challenge ACK passes, the client's RST is exact now and believed, its next SYN begins anew (kRenew).
#pragma once

#include <cstdint>
#include <string_view>

#include "sessions/tcp_segment.h"

namespace culvert {

/// Bits of TcpSide::bits above the window scale.
enum TcpSideBit : std::uint16_t {
  kTcpSideSyn = 1 << 4,      ///< has sent a SYN
  kTcpSideAcked = 1 << 5,    ///< has sent an acknowledgment of what the other side sent: `acked` is its word
  kTcpSideFin = 1 << 6,      ///< has sent FIN, the last number before `end`
  kTcpSideRst = 1 << 7,      ///< has sent a reset that was believed: the session is over
  kTcpSideScale = 1 << 8,    ///< its SYN offered window scaling; once both SYNs are here: both did
  kTcpSideSack = 1 << 9,     ///< its SYN permitted selective acknowledgments
  kTcpSideLoose = 1 << 10,   ///< `end` and `acked` are out of date, until it sends something
  kTcpSideLearnt = 1 << 11,  ///< was loose once: what it had sent before is known only from what was acknowledged
  kTcpSideAgain = 1 << 12,   ///< has sent a segment of another connection, whose number is in `again`
};

/// What the sender of one direction has said. Before it acknowledges anything, `acked` is its initial sequence number,
/// and from the other side's SYN on what it is going to expect.
struct TcpSide {
  std::uint32_t end = 0;     ///< the highest sequence number behind something that it has sent
  std::uint32_t acked = 0;   ///< its highest acknowledgment: what it expects next
  std::uint16_t window = 0;  ///< the largest that it has announced, in units of its scale, rounded up
  std::uint16_t bits = 0;    ///< 0..3: the scale, 0..14 (14 while it is not known); above: TcpSideBit

  constexpr bool has(std::uint16_t some) const noexcept { return (bits & some) != 0; }
  constexpr void set(std::uint16_t some) noexcept { bits = static_cast<std::uint16_t>(bits | some); }
  constexpr void clear(std::uint16_t some) noexcept { bits = static_cast<std::uint16_t>(bits & ~some); }
  /// Bytes; below 2^30.
  constexpr std::uint32_t window_bytes() const noexcept { return std::uint32_t{window} << (bits & 0xfU); }
  /// Nothing of it has been believed yet.
  constexpr bool is_silent() const noexcept { return !has(kTcpSideSyn | kTcpSideAcked); }
};

static_assert(sizeof(TcpSide) == 12 && alignof(TcpSide) == 4, "two of them lie in a session's hot line");

enum class TcpAction : std::uint8_t {
  kPass,            ///< forward it; the state has taken it in, the session is alive
  kPassUnbelieved,  ///< forward it, but it proves nothing: leave the session's timer alone
  kRenew,           ///< a SYN after the end: ask the policy again, and tcp_open() the session anew
  kDrop,            ///< for the reason beside it; nothing has changed
};

enum class TcpDrop : std::uint8_t {
  kNone,
  kBadFlags,  ///< none, or those that exclude each other (SYN with FIN or RST, RST with FIN), or neither SYN, RST, ACK
  kNoHandshake,  ///< data, FIN or ACK before the other side has answered the SYN
  kNoSyn,        ///< the first packet of a session is no SYN, and the policy picks up nothing in mid-stream
  kOutOfWindow,  ///< its sequence numbers are not those that the sender may send now
  kAckUnsent,    ///< it acknowledges what was never sent
  kAckOld,       ///< its acknowledgment is older than a window
  kSynAckWrong,  ///< a SYN-ACK that answers no SYN of this session
  kResetWrong,   ///< a reset outside the window, or one that does not answer our SYN
  kClosed,       ///< the session was reset
};

struct TcpOutcome {
  TcpAction action = TcpAction::kPass;
  TcpDrop reason = TcpDrop::kNone;  ///< with kDrop

  friend constexpr bool operator==(const TcpOutcome&, const TcpOutcome&) = default;
};

/// RFC 9293 3.3.2, as far as somebody between the two ends can tell; for timeouts and for people.
enum class TcpState : std::uint8_t {
  kSynSent,      ///< only one side has spoken
  kSynReceived,  ///< both have, but not both acknowledged the other's beginning
  kEstablished,
  kFinWait,   ///< one side has sent FIN; the other may go on sending
  kClosing,   ///< both have; not both are acknowledged (CLOSING, LAST-ACK)
  kTimeWait,  ///< both are
  kReset,
};

/// Nobody has finished the handshake: what a SYN flood is made of, counted apart.
constexpr bool is_half_open(TcpState state) noexcept {
  return state == TcpState::kSynSent || state == TcpState::kSynReceived;
}

/// May the first packet of a session be something else than a SYN?
enum class TcpPickUp : bool { kOnlySyn, kMidStream };

/// Begins a session with its first segment, which `original` has sent; both sides are overwritten. kPass, or kDrop
/// with kBadFlags or kNoSyn (a reset opens nothing): then the sides are worth nothing. A session picked up in
/// mid-stream begins as tcp_learn() leaves one, and its scales count as 14.
TcpOutcome tcp_open(TcpSide& original, TcpSide& reply, const TcpSegment& segment, TcpPickUp pick_up) noexcept;

/// A segment of an open session, sent by `from` to `to`. `again` is a word of the session that lives in its cold part:
/// it is written with kTcpSideAgain, and read only then.
TcpOutcome tcp_track(TcpSide& from, TcpSide& to, const TcpSegment& segment, std::uint32_t& again) noexcept;

/// The kernel or nobody may have carried segments of this session for a while (a restart, a time without workers): each
/// side's numbers are taken from what it sends next, and nothing is checked until both have been seen and agree. What
/// is known of SYN, FIN, RST, scales and windows stays.
void tcp_learn(TcpSide& one, TcpSide& other) noexcept;

/// The order of the sides does not matter.
TcpState tcp_state_of(const TcpSide& original, const TcpSide& reply) noexcept;

/// "syn_sent", "established", ...: stable names for status and metrics.
std::string_view tcp_state_name(TcpState state) noexcept;

}  // namespace culvert
