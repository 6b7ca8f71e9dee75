// SPDX-License-Identifier: Apache-2.0
// Gives a packet other addresses and ports. Checksums follow by what has changed (RFC 1624, RFC 3022 4.2), so a packet
// that was broken on its way stays as broken, and no payload is read.
//
//   198.18.0.2:5060 -> 192.0.2.1:5060   translate(packet, {198.18.1.1:40000 -> 192.0.2.1:5060})
//   198.18.1.1:40000 -> 192.0.2.1:5060  IPv4 and UDP checksums agree as they did before
//
// TCP, UDP and SCTP have ports; of ICMP queries both "ports" are the identifier. Of every other protocol only addresses
// change, and of UDP-Lite and DCCP the checksum that covers them. A UDP checksum of zero stays (RFC 768). Of fragments
// only the first has ports and a checksum.
//
// An ICMP error is translated in two steps: the packet that it quotes, which went the other way and is translated back
// (RFC 5508 4, 7), and its own addresses.
#pragma once

#include "packet/five_tuple.h"
#include "packet/icmp_quote.h"
#include "packet/packet.h"

namespace culvert {

/// `packet` is parsed; afterwards it is as if it had come like this. `transport_length`: bytes of transport header and
/// data, of the whole datagram if this is its first fragment (only SCTP's checksum depends on it); 0: what is here.
void translate(Packet& packet, const FiveTuple4& to, std::uint32_t transport_length = 0) noexcept;
void translate(Packet& packet, const FiveTuple6& to, std::uint32_t transport_length = 0) noexcept;

/// The packet that an ICMP error quotes gets the addresses and ports of `to`, as far as it is quoted; `quote` is the
/// error's, without refusal, and keeps what it says of places and lengths. The error's own checksum follows.
void translate_quoted(Packet& packet, const IcmpQuote& quote, const FiveTuple4& to) noexcept;
void translate_quoted(Packet& packet, const IcmpQuote& quote, const FiveTuple6& to) noexcept;

}  // namespace culvert
