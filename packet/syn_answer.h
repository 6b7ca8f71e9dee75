// SPDX-License-Identifier: Apache-2.0
// A SYN proxy's segments: we do the client's handshake with a cookie, and only when it is done the server's, in the
// client's name. Nothing is remembered before step 3.
//
//   client                          we                                        server
//   1. SYN 300, MSS, scale, stamps
//                                   2. answer_syn(): SYN-ACK <cookie>,
//                                      acknowledges 301, window 0
//   3. ACK 301 of <cookie> + 1
//                                   read_cookie_ack(), rebuild_syn(): SYN 300 with the client's options
//                                                                             4. SYN-ACK 5000, acknowledges 301
//                                   acknowledge_syn(): ACK 301, acknowledges 5001
//                                   open_window(): ACK <cookie> + 1, acknowledges 301, the server's window
//   from here on each segment is shifted by shift_between() (tcp_shift.h)
//
// Window 0 keeps the client from sending data to a server that may not be there (RFC 9293 3.8.6.1); what it sends
// nevertheless, a byte that probes, is cut off and comes again. Its probes are how a SYN that was lost is sent again,
// too: a client that waits for the server to speak first does not probe, and has to come again.
//
// What we offer must be what servers can, for they are asked afterwards. Windows and sequence numbers can be shifted to
// whatever the server says; SACK blocks it may ignore; but time stamps cannot be added to segments that have none.
// Never offered: ECN, TCP Fast Open, MPTCP, authentication (RFC 2385, RFC 5925).
#pragma once

#include <cstdint>
#include <optional>

#include "packet/frame_room.h"
#include "packet/packet.h"
#include "packet/syn_cookie.h"
#include "packet/tcp_shift.h"

namespace culvert {

/// What our SYN-ACKs say of servers that we have not asked.
struct SynOffer {
  std::uint16_t mss_ipv4 = 1460;  ///< bytes
  std::uint16_t mss_ipv6 = 1440;
  std::uint8_t window_scale = 7;  ///< 0..14
  bool timestamps = true;         ///< every server has them
};

/// A handshake that the client has done, and the server not yet.
struct SynHandshake {
  std::uint32_t client_isn = 0;    ///< the number of the client's SYN
  std::uint32_t cookie = 0;        ///< that of our SYN-ACK
  std::uint32_t timestamp = 0;     ///< with has_timestamps: our TSval, as the client echoes it
  std::int8_t offered_scale = -1;  ///< our window scale; -1: the client scales none
  bool has_timestamps = false;

  /// What of the client's SYN the cookie has kept.
  SynOptions options(NetworkKind network) const noexcept { return SynCookies::options_in(cookie, network); }
  friend constexpr bool operator==(const SynHandshake&, const SynHandshake&) = default;
};

/// True when this parsed packet, not dropped by parse, is a SYN that may be answered: a whole segment with a right
/// checksum, from and to single hosts (may_reset()), and none of ACK, RST and FIN.
bool may_answer_syn(const Packet& packet) noexcept;

/// Makes our SYN-ACK of such a SYN in its frame, as answer_tcp() does. False, and nothing changed, when the room is too
/// small.
bool answer_syn(Packet& packet, const SynCookies& cookies, const SynOffer& offer, Now now,
                const FrameRoom& room) noexcept;

/// The handshake that a parsed TCP segment completes; none when it does not acknowledge a cookie, or its checksum is
/// wrong. A client repeats its ACK as a probe of the closed window, with or without a byte (RFC 9293 3.8.6.1), or with
/// the number before it, as Linux does: each is as good as the first.
std::optional<SynHandshake> read_cookie_ack(const Packet& packet, const SynCookies& cookies, const SynOffer& offer,
                                            Now now) noexcept;

/// Whether a segment of the client is one that read_cookie_ack() would take for this handshake.
bool repeats_cookie_ack(const Packet& packet, const SynHandshake& handshake) noexcept;

/// Makes the client's SYN out of such a segment, in its place; only what is in front of TCP stays. False, and nothing
/// changed, when the room is too small.
bool rebuild_syn(Packet& packet, const SynHandshake& handshake, const FrameRoom& room) noexcept;

// Of the server's SYN-ACK, whose checksum the caller has found right: it becomes other segments with one that is.

/// What it makes of a handshake.
TcpShift shift_between(const Packet& syn_ack, const SynHandshake& handshake) noexcept;

/// Writes the ACK that completes the server's handshake into an empty frame, as answer_tcp_at() does. `window`: the
/// client's, in the units of what its SYN said.
bool acknowledge_syn(Packet& packet, const Packet& syn_ack, std::uint16_t window) noexcept;

/// Makes the ACK that opens the server's window to the client out of the SYN-ACK, in its place.
void open_window(Packet& packet, const SynHandshake& handshake) noexcept;

/// The server refuses the SYN: its reset gets the number that the client expects.
void shift_refusal(Packet& packet, const SynHandshake& handshake) noexcept;

}  // namespace culvert
