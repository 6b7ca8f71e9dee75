// SPDX-License-Identifier: Apache-2.0
// TCP resets, of two kinds. One answers a segment that is refused: it is built over the segment in its own frame, as
// ICMP errors are, and is no longer than the segment was. The other ends a session that both ends take for alive: it is
// built in an empty frame out of the session's five-tuple.
//
// RFC 9293 3.5.2: to a segment with ACK, the reset has that acknowledgment as its sequence number, so that its receiver
// knows that it is meant; to one without, it has sequence number 0 and acknowledges all that the segment took of the
// sequence space, SYN and FIN counted.
//
// Example: 198.18.0.1:1024 -> 198.18.1.1:80, SYN, sequence 1000 is refused: its frame becomes 198.18.1.1:80 ->
// 198.18.0.1:1024, RST and ACK, sequence 0, acknowledgment 1001, TTL 64, DF. To an ACK of 5000 with data it would be
// RST, sequence 5000. No options, no data, no window; the caller limits the rate.
#pragma once

#include <cstdint>

#include "packet/five_tuple.h"
#include "packet/packet.h"

namespace culvert {

/// The numbers of a reset. A receiver that has synchronized wants the sequence number that it expects next (RFC 5961
/// 3.2), one in SYN-SENT an acknowledgment of its SYN (RFC 9293 3.10.7.3).
struct TcpResetNumbers {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;  ///< with `acknowledges`
  bool acknowledges = false;         ///< RST and ACK instead of RST
};

/// True when this parsed packet, not dropped by parse, may be answered by a reset: a whole TCP segment with a right
/// checksum and no RST (RFC 9293 3.5.2), to and from single hosts (RFC 1122 4.2.3.10), not made by us, whose source
/// could be reached by routing, and which has no stop left on a source route.
bool may_reset(const Packet& packet) noexcept;

/// Makes the reset of a packet for which may_reset() is true out of its frame, MAC addresses exchanged, VLAN tags kept;
/// the packet is then parsed, kFlagGenerated, without verdict, next hop or egress.
void build_tcp_reset(Packet& packet) noexcept;

/// A reset from tuple.source to tuple.destination in an empty frame: `data` of `packet` is where to write, `frame` the
/// frame and `length` the room from data on. It becomes what build_tcp_reset() makes, without VLAN tags; routing fills
/// in the MAC addresses. False, and nothing changed, when the room is too small (54 bytes for IPv4, 74 for IPv6).
bool tcp_reset_at(Packet& packet, const FiveTuple4& tuple, const TcpResetNumbers& numbers) noexcept;
bool tcp_reset_at(Packet& packet, const FiveTuple6& tuple, const TcpResetNumbers& numbers) noexcept;

}  // namespace culvert
