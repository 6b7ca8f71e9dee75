// SPDX-License-Identifier: Apache-2.0
#include "sessions/tcp_state.h"

#include <array>

namespace culvert {
namespace {

/// A side's facts that take a segment off the short way, when they differ from "has acknowledged and nothing else".
constexpr std::uint16_t kDeciding = kTcpSideAcked | kTcpSideFin | kTcpSideRst | kTcpSideLoose;
constexpr std::uint16_t kScaleMask = 0xf;
constexpr std::uint8_t kDecidingFlags = kTcpFin | kTcpSyn | kTcpRst | kTcpAck;

/// A sender may go beyond the window by the byte that probes a closed one (RFC 9293 3.8.6.1) and the FIN behind it; and
/// a keep-alive lies one below what was sent (RFC 9293 3.8.4).
constexpr std::uint32_t kProbe = 2;
/// A retransmission or acknowledgment that was overtaken may be this old, however small the window is: segments that a
/// network can hold back are not worth a session. The largest window without scaling.
constexpr std::uint32_t kSmallestReach = 65536;

constexpr TcpOutcome kPassed{TcpAction::kPass, TcpDrop::kNone};
constexpr TcpOutcome kUnbelieved{TcpAction::kPassUnbelieved, TcpDrop::kNone};
constexpr TcpOutcome kRenewed{TcpAction::kRenew, TcpDrop::kNone};

constexpr TcpOutcome drop(TcpDrop reason) noexcept {
  return {TcpAction::kDrop, reason};
}

constexpr std::uint32_t reach_of(const TcpSide& side) noexcept {
  const std::uint32_t window = side.window_bytes();
  return window > kSmallestReach ? window : kSmallestReach;
}

/// Exactly one of SYN, RST and ACK decides what a segment is (ACK may stand beside each of the others), and only a
/// segment with ACK may carry FIN. RFC 9293 3.10.7.4: without ACK nothing in a connection is looked at.
constexpr bool flags_make_sense(std::uint8_t flags) noexcept {
  const std::uint8_t kind = flags & (kTcpSyn | kTcpRst);
  if (kind == (kTcpSyn | kTcpRst)) return false;
  if (kind == 0) return (flags & kTcpAck) != 0;
  return (flags & kTcpFin) == 0;
}

// What fits.

bool is_loose(const TcpSide& from, const TcpSide& to) noexcept {
  return ((from.bits | to.bits) & kTcpSideLoose) != 0;
}

bool sequence_fits(const TcpSide& from, const TcpSide& to, std::uint32_t end) noexcept {
  const std::uint32_t reach = reach_of(to);
  std::uint32_t high = to.acked + to.window_bytes() + kProbe;
  // The segment that `to` was learnt from may have been overtaken by others, which nobody saw.
  if (to.has(kTcpSideLearnt)) high += reach;
  return sequence_within(end, from.end - reach - kProbe, high);
}

/// The highest number that `from` may acknowledge. What a side had sent before it was learnt shows only when it is
/// acknowledged; but it cannot have gone beyond the window of `from`. A FIN is the end, learnt or not.
std::uint32_t newest_ack(const TcpSide& from, const TcpSide& to) noexcept {
  if (!to.has(kTcpSideLearnt) || to.has(kTcpSideFin)) return to.end;
  const std::uint32_t edge = from.acked + 2 * reach_of(from);
  return sequence_after(edge, to.end) ? edge : to.end;
}

/// The right edge of what `from` says to have got: a selective acknowledgment counts when both permitted it (RFC 2018
/// 2), and below the cumulative one it reports a duplicate (RFC 2883 4).
std::uint32_t highest_ack(const TcpSide& from, const TcpSide& to, const TcpSegment& segment) noexcept {
  const bool counts = segment.has_sack && (from.bits & to.bits & kTcpSideSack) != 0 &&
                      sequence_after(segment.sack_edge, segment.acknowledgment);
  return counts ? segment.sack_edge : segment.acknowledgment;
}

/// kNone when the acknowledgment is one that `from` can send now (RFC 5961 5.2).
TcpDrop judge_ack(const TcpSide& from, const TcpSide& to, const TcpSegment& segment) noexcept {
  // The first one must answer the SYN.
  const std::uint32_t oldest = from.has(kTcpSideAcked) ? from.acked - reach_of(from) : from.acked;
  const std::uint32_t newest = newest_ack(from, to);
  if (!sequence_within(segment.acknowledgment, oldest, newest)) {
    return sequence_after(segment.acknowledgment, newest) ? TcpDrop::kAckUnsent : TcpDrop::kAckOld;
  }
  return sequence_after(highest_ack(from, to, segment), newest) ? TcpDrop::kAckUnsent : TcpDrop::kNone;
}

/// While a side is loose, everything fits.
TcpDrop judge(const TcpSide& from, const TcpSide& to, const TcpSegment& segment) noexcept {
  if (is_loose(from, to)) return TcpDrop::kNone;
  if (!sequence_fits(from, to, segment.end())) return TcpDrop::kOutOfWindow;
  return judge_ack(from, to, segment);
}

/// Does the first segment of a loose side belong to what the other side has said since? Twice the reach, because either
/// may have been overtaken by others that nobody saw.
bool agrees(const TcpSide& from, const TcpSide& to, const TcpSegment& segment) noexcept {
  TcpSide claimed = from;
  if (segment.window > claimed.window) claimed.window = segment.window;
  const std::uint32_t forward = 2 * reach_of(to) + kProbe;
  const std::uint32_t backward = 2 * reach_of(claimed);
  return sequence_within(segment.end(), to.acked - forward, to.acked + forward) &&
         sequence_within(segment.acknowledgment, to.end - backward, to.end + backward);
}

// What a side has said.

/// A side whose first word is this SYN: its window is never scaled (RFC 7323 2.2), so it stays in bytes until settle().
TcpSide side_of_syn(const TcpSegment& segment) noexcept {
  TcpSide side{segment.end(), segment.sequence, segment.window, kTcpSideSyn};
  if (segment.window_scale >= 0) {
    side.set(kTcpSideScale);
    side.set(static_cast<std::uint16_t>(segment.window_scale) & kScaleMask);
  }
  if (segment.sack_permitted) side.set(kTcpSideSack);
  return side;
}

void count_window_in_units(TcpSide& side) noexcept {
  const unsigned scale = side.bits & kScaleMask;
  side.window = static_cast<std::uint16_t>((side.window + (1U << scale) - 1) >> scale);
}

/// Both SYNs are here: windows are scaled only if both offered it (RFC 7323 2.2).
void settle(TcpSide& one, TcpSide& other) noexcept {
  if ((one.bits & other.bits & kTcpSideScale) == 0) {
    one.clear(kTcpSideScale | kScaleMask);
    other.clear(kTcpSideScale | kScaleMask);
  }
  count_window_in_units(one);
  count_window_in_units(other);
}

/// Takes the numbers of a side from a segment, because it or the other side is loose. When the two contradict each
/// other, one of them is not genuine and nobody can tell which: then the other side must speak again, so that a forged
/// segment never shuts out genuine ones.
void learn_from(TcpSide& from, TcpSide& to, const TcpSegment& segment) noexcept {
  if (from.has(kTcpSideLoose) && !to.has(kTcpSideLoose) && !agrees(from, to, segment)) to.set(kTcpSideLoose);
  if (!from.has(kTcpSideFin)) from.end = segment.end();  // behind a FIN comes nothing: that end stays
  from.acked = segment.acknowledgment;
  from.clear(kTcpSideLoose);
}

/// Takes in a segment that fits.
void believe(TcpSide& from, TcpSide& to, const TcpSegment& segment) noexcept {
  if (is_loose(from, to)) learn_from(from, to, segment);
  const std::uint32_t end = segment.end();
  if (sequence_after(end, from.end)) {
    from.end = end;
    from.clear(kTcpSideFin);  // data behind a FIN: it was none
  }
  if (segment.has(kTcpFin) && end == from.end) from.set(kTcpSideFin);
  if (!from.has(kTcpSideAcked) || sequence_after(segment.acknowledgment, from.acked)) {
    from.acked = segment.acknowledgment;
    from.set(kTcpSideAcked);
  }
  if (segment.window > from.window) from.window = segment.window;
}

// What a segment is.

/// Passes a segment of another connection on the same ports, and keeps the number by which its answer is known.
TcpOutcome note_again(TcpSide& from, TcpSide& to, std::uint32_t number, std::uint32_t& again) noexcept {
  from.set(kTcpSideAgain);
  to.clear(kTcpSideAgain);
  again = number;
  return kUnbelieved;
}

/// SYN without ACK: the beginning, its retransmission, the other half of a simultaneous open (RFC 9293 3.5), or one
/// that comes into a connection and changes nothing there, whatever its number (RFC 5961 4.2).
TcpOutcome track_syn(TcpSide& from, TcpSide& to, const TcpSegment& segment, std::uint32_t& again) noexcept {
  if (to.is_silent()) {
    // It was answered while nobody looked (tcp_learn()).
    if (from.has(kTcpSideSyn) && from.has(kTcpSideAcked)) return note_again(from, to, segment.sequence, again);
    // Nobody has answered, so another number only means that the client has given up and begins again.
    if (from.has(kTcpSideAcked) || segment.sequence != from.acked) return kRenewed;
    const TcpSide repeated = side_of_syn(segment);
    // A repeated SYN may have lost options or data: the answer may be to either.
    if (sequence_after(repeated.end, from.end)) from.end = repeated.end;
    if (repeated.window > from.window) from.window = repeated.window;
    if (!from.has(kTcpSideScale)) from.set(repeated.bits);
    from.set(repeated.bits & kTcpSideSack);
    return kPassed;
  }
  if (from.is_silent() && to.has(kTcpSideSyn) && !to.has(kTcpSideAcked)) {
    const std::uint32_t expected = to.acked + 1;
    from = side_of_syn(segment);
    to.acked = segment.sequence + 1;
    from.acked = expected;
    settle(from, to);
    return kPassed;
  }
  // RFC 9293 3.10.7.4, RFC 6191: above everything that the old connection has used, it is no old duplicate.
  if (tcp_state_of(from, to) == TcpState::kTimeWait && !sequence_after(from.end, segment.sequence)) return kRenewed;
  const bool handshake = !from.has(kTcpSideAcked) || !to.has(kTcpSideAcked);
  if (handshake && from.has(kTcpSideSyn) && (segment.sequence + 1 == to.acked || segment.end() == from.end)) {
    return kPassed;
  }
  return note_again(from, to, segment.sequence, again);
}

/// The first SYN-ACK; it must acknowledge the SYN, and may the data on it (RFC 7413 4.2).
TcpOutcome answer_syn(TcpSide& from, TcpSide& to, const TcpSegment& segment) noexcept {
  if (!sequence_within(segment.acknowledgment, to.acked + 1, to.end)) return drop(TcpDrop::kSynAckWrong);
  from = side_of_syn(segment);
  from.acked = segment.acknowledgment;
  from.set(kTcpSideAcked);
  to.acked = segment.sequence + 1;
  settle(from, to);
  return kPassed;
}

/// A SYN-ACK behind the first, before it was acknowledged: repeated, or of a server that has forgotten the first (SYN
/// cookies have no memory), whose number then counts.
TcpOutcome answer_syn_again(TcpSide& from, TcpSide& to, const TcpSegment& segment) noexcept {
  if (segment.acknowledgment != from.acked && segment.acknowledgment != to.end) return drop(TcpDrop::kSynAckWrong);
  if (segment.sequence + 1 == to.acked) return kPassed;
  from = side_of_syn(segment);
  from.acked = segment.acknowledgment;
  from.set(kTcpSideAcked);
  if (!to.has(kTcpSideScale)) from.clear(kTcpSideScale | kScaleMask);
  count_window_in_units(from);
  to.acked = segment.sequence + 1;
  return kPassed;
}

TcpOutcome track_syn_ack(TcpSide& from, TcpSide& to, const TcpSegment& segment) noexcept {
  const bool waits = to.has(kTcpSideSyn) && !to.has(kTcpSideAcked);
  if (waits && from.is_silent()) return answer_syn(from, to, segment);
  if (is_loose(from, to)) {
    believe(from, to, segment);
    return kPassed;
  }
  if (to.is_silent()) return drop(TcpDrop::kSynAckWrong);
  if (waits && from.has(kTcpSideAcked)) return answer_syn_again(from, to, segment);
  // What remains repeats a SYN that is known: in a simultaneous open as an answer, later because the last ACK of the
  // handshake was lost.
  if (judge(from, to, segment) != TcpDrop::kNone || sequence_after(segment.end(), from.end)) {
    return drop(TcpDrop::kSynAckWrong);
  }
  if (from.has(kTcpSideAcked)) return kUnbelieved;
  from.acked = segment.acknowledgment;
  from.set(kTcpSideAcked);
  return kPassed;
}

/// A reset is believed when its number is the one that the receiver expects (RFC 5961 3.2) or lies right behind all
/// that was sent; in SYN-SENT, when it acknowledges the SYN (RFC 9293 3.10.7.3).
bool is_exact_reset(const TcpSide& from, const TcpSide& to, const TcpSegment& segment) noexcept {
  const bool acknowledges = segment.has(kTcpAck);
  if (from.is_silent()) return acknowledges && sequence_within(segment.acknowledgment, to.acked + 1, to.end);
  if (segment.sequence == from.end) return true;
  if (to.is_silent()) return false;
  if (segment.sequence == to.acked) return true;
  // The SYN-ACK may not have arrived: its receiver still is in SYN-SENT.
  return acknowledges && from.has(kTcpSideAcked) && !to.has(kTcpSideAcked) && segment.acknowledgment == from.acked;
}

/// While a side is loose nothing is exact: the numbers may be those of a forged segment.
TcpOutcome track_reset(TcpSide& from, const TcpSide& to, const TcpSegment& segment, std::uint32_t again) noexcept {
  if (is_loose(from, to)) return kUnbelieved;
  if (is_exact_reset(from, to, segment)) {
    from.set(kTcpSideRst);
    return kPassed;
  }
  if (to.has(kTcpSideAgain)) {
    // Refuses a SYN that came into the connection; or the client in SYN-SENT rejects what its server says of an older
    // connection (RFC 9293 3.5.1).
    const bool refuses = segment.has(kTcpAck) && segment.acknowledgment == again + 1;
    if (refuses || (to.is_silent() && segment.sequence == again)) return kUnbelieved;
  }
  const bool early = from.is_silent() || to.is_silent();
  return !early && sequence_fits(from, to, segment.sequence) ? kUnbelieved : drop(TcpDrop::kResetWrong);
}

/// After a reset: a SYN begins anew. The side that was reset may not have got it, or found it inexact and asks (RFC
/// 5961 3.2); that passes, so that the other side can answer with a reset again.
TcpOutcome track_closed(const TcpSide& from, const TcpSide& to, const TcpSegment& segment) noexcept {
  if (segment.has(kTcpSyn)) return segment.has(kTcpAck) ? drop(TcpDrop::kClosed) : kRenewed;
  if (segment.has(kTcpRst)) return kUnbelieved;
  const bool was_reset = !from.has(kTcpSideRst) && !from.is_silent() && !to.is_silent();
  return was_reset && judge(from, to, segment) == TcpDrop::kNone ? kUnbelieved : drop(TcpDrop::kClosed);
}

/// In SYN-SENT. A server that still has an older connection on these ports says so by a bare ACK, which the client
/// answers with a reset (RFC 9293 3.5.1); nothing else may come before the handshake.
TcpOutcome track_early(TcpSide& from, TcpSide& to, const TcpSegment& segment, std::uint32_t& again) noexcept {
  if (!from.is_silent() || segment.payload != 0 || segment.has(kTcpFin)) return drop(TcpDrop::kNoHandshake);
  return note_again(from, to, segment.acknowledgment, again);
}

/// Apart from tcp_track(), whose short way then saves no registers.
[[gnu::noinline]] TcpOutcome track_unusual(TcpSide& from, TcpSide& to, const TcpSegment& segment,
                                           std::uint32_t& again) noexcept {
  if (!flags_make_sense(segment.flags)) return drop(TcpDrop::kBadFlags);
  if (from.has(kTcpSideRst) || to.has(kTcpSideRst)) return track_closed(from, to, segment);
  if (segment.has(kTcpSyn)) {
    return segment.has(kTcpAck) ? track_syn_ack(from, to, segment) : track_syn(from, to, segment, again);
  }
  if (segment.has(kTcpRst)) return track_reset(from, to, segment, again);
  if (!is_loose(from, to) && (from.is_silent() || to.is_silent())) return track_early(from, to, segment, again);
  const TcpDrop reason = judge(from, to, segment);
  if (reason != TcpDrop::kNone) return drop(reason);
  believe(from, to, segment);
  return kPassed;
}

}  // namespace

TcpOutcome tcp_track(TcpSide& from, TcpSide& to, const TcpSegment& segment, std::uint32_t& again) noexcept {
  const unsigned unusual = ((from.bits ^ kTcpSideAcked) | (to.bits ^ kTcpSideAcked)) & kDeciding;
  if (unusual != 0 || (segment.flags & kDecidingFlags) != kTcpAck || segment.has_sack) {
    return track_unusual(from, to, segment, again);
  }
  // Established, and nothing but an acknowledgment, perhaps with data: judge() and believe() for that case.
  const std::uint32_t end = segment.sequence + segment.payload;
  const std::uint32_t ack = segment.acknowledgment;
  if (!sequence_fits(from, to, end)) return drop(TcpDrop::kOutOfWindow);
  const std::uint32_t newest = newest_ack(from, to);
  if (!sequence_within(ack, from.acked - reach_of(from), newest)) {
    return drop(sequence_after(ack, newest) ? TcpDrop::kAckUnsent : TcpDrop::kAckOld);
  }
  if (sequence_after(end, from.end)) from.end = end;
  if (sequence_after(ack, from.acked)) from.acked = ack;
  if (segment.window > from.window) from.window = segment.window;
  return kPassed;
}

TcpOutcome tcp_open(TcpSide& original, TcpSide& reply, const TcpSegment& segment, TcpPickUp pick_up) noexcept {
  original = reply = TcpSide{};
  if (!flags_make_sense(segment.flags)) return drop(TcpDrop::kBadFlags);
  if ((segment.flags & (kTcpSyn | kTcpAck)) == kTcpSyn) {
    original = side_of_syn(segment);
    return kPassed;
  }
  if (pick_up == TcpPickUp::kOnlySyn || segment.has(kTcpRst)) return drop(TcpDrop::kNoSyn);
  // Neither scale is known: the largest there is drops nothing that is genuine.
  const std::uint16_t unknown = kTcpSideLoose | kTcpSideLearnt | kTcpMaxScale;
  original.bits = reply.bits = unknown;
  believe(original, reply, segment);
  return kPassed;
}

void tcp_learn(TcpSide& one, TcpSide& other) noexcept {
  // A SYN that was answered while nobody looked: the scale of the answer is not known.
  if (one.has(kTcpSideScale) && other.is_silent()) other.set(kTcpMaxScale);
  if (other.has(kTcpSideScale) && one.is_silent()) one.set(kTcpMaxScale);
  one.set(kTcpSideLoose | kTcpSideLearnt);
  other.set(kTcpSideLoose | kTcpSideLearnt);
}

TcpState tcp_state_of(const TcpSide& original, const TcpSide& reply) noexcept {
  if (original.has(kTcpSideRst) || reply.has(kTcpSideRst)) return TcpState::kReset;
  if (original.is_silent() || reply.is_silent()) return TcpState::kSynSent;
  if ((original.bits & reply.bits & kTcpSideAcked) == 0) return TcpState::kSynReceived;
  const bool one = original.has(kTcpSideFin);
  const bool other = reply.has(kTcpSideFin);
  if (!one && !other) return TcpState::kEstablished;
  if (!one || !other) return TcpState::kFinWait;
  const bool acknowledged = reply.acked == original.end && original.acked == reply.end;
  return acknowledged ? TcpState::kTimeWait : TcpState::kClosing;
}

std::string_view tcp_state_name(TcpState state) noexcept {
  constexpr std::array<std::string_view, 7> kNames{"syn_sent", "syn_received", "established", "fin_wait",
                                                   "closing",  "time_wait",    "reset"};
  const auto index = static_cast<std::size_t>(state);
  return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace culvert
