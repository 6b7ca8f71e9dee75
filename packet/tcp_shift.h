// SPDX-License-Identifier: Apache-2.0
// A connection whose handshake we have done for the server has two countings: the client knows the numbers of our
// SYN-ACK, the server its own. Every segment is shifted from one to the other, with its checksum (RFC 1624), whether
// the rest of it makes sense or not.
//
//   to the client   sequence number; TSval; window, from the server's scale to the one that we offered
//   to the server   acknowledgment, SACK blocks (RFC 2018, RFC 2883), TSecr; window, if the server scales none
//
//   our SYN-ACK 1000, scale 7; the server's 5000, scale 9          sequence -4000, windows to the client << 2
//   server: 100 bytes 5001, acknowledges 301, window 20            to the client: 1001, acknowledges 301, window 80
//   client: acknowledges 1101, SACK 1201..1301                     to the server: acknowledges 5101, SACK 5201..5301
//
// A window is never announced larger than it is: bits shifted out are lost, and what 16 bits don't hold is 65535. So a
// window may seem to shrink by less than one unit of the new scale, as any scaled one may (RFC 7323 2.4); and one below
// a unit (128 bytes with scale 7) seems closed, until the receiver opens it by a segment (RFC 9293 3.8.6.2.2).
//
// The other counting, the client's, needs no shift: the server got the client's own SYN number.
#pragma once

#include <cstdint>

#include "packet/icmp_quote.h"
#include "packet/packet.h"

namespace culvert {

struct TcpShift {
  std::uint32_t sequence = 0;         ///< added to the server's numbers
  std::uint32_t timestamp = 0;        ///< added to the server's TSval
  std::int8_t window_to_client = 0;   ///< windows of the server are shifted left by so much; -14..14
  std::uint8_t window_to_server = 0;  ///< windows of the client are; 0..14

  friend constexpr bool operator==(const TcpShift&, const TcpShift&) = default;
};

/// A window in another scale: `bits` to the left, or to the right when negative.
constexpr std::uint16_t shift_window(std::uint16_t window, int bits) noexcept {
  if (bits < 0) return static_cast<std::uint16_t>(window >> -bits);
  const std::uint32_t wide = std::uint32_t{window} << bits;
  return static_cast<std::uint16_t>(wide < 0xffff ? wide : 0xffff);
}

/// A TCP segment of the server, whole or the first fragment, with all of its header. A SYN's window is not scaled and
/// stays (RFC 7323 2.2).
void shift_to_client(Packet& packet, const TcpShift& shift) noexcept;

/// The same of the client. Only a segment with ACK says anything about the server's counting.
void shift_to_server(Packet& packet, const TcpShift& shift) noexcept;

/// Adds `difference` to the sequence number of the segment that an ICMP error quotes (`quote` of this packet, with
/// has_tcp_sequence), in packet and quote, and keeps the error's checksum right. That is all that receivers look at
/// (RFC 5927 4.1). An error that goes to the server quotes the client's counting of the server's segments.
void shift_quoted_sequence(Packet& packet, IcmpQuote& quote, std::uint32_t difference) noexcept;

}  // namespace culvert
