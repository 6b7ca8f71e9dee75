// SPDX-License-Identifier: Apache-2.0
// What an ICMP or ICMPv6 error is about: the beginning of a packet that went the other way, which it quotes. Its
// five-tuple finds the session that the error belongs to; where its headers are is what address translation rewrites.
//
//   | Ethernet | IP | ICMP error, 8 bytes | IP [options, extensions] | TCP UDP ... | [padding, RFC 4884 extensions] |
//   data                                  network_offset             transport_offset
//                                         |<-------- network_length -------------->|
//
// Example: 198.18.1.254 tells 198.18.0.1 that 198.18.1.1 cannot be reached, and quotes 198.18.0.1:1024 ->
// 198.18.1.1:80, TCP, 20 bytes of IP and 8 of TCP: tuple4 is 198.18.0.1, 198.18.1.1, 1024, 80, 6, as that packet had it
// when it passed; the error itself comes with the other direction, tuple4.reversed(). network_offset 42, network_length
// 28, transport_offset 62, transport_length 8, and tcp_sequence is there: RFC 5927 4.1 wants it in the window.
//
// The quote is as hostile as everything else: whoever sends an error writes what he likes into it. It is walked within
// the bounds of parse.h; nothing behind the outer packet's network end is read. Refused is what no packet that passed
// here can look like. Not judged: the quoted addresses (no session has bad ones), the quoted header's checksum (routers
// decrement the TTL before they quote), and the error's own (verify_transport_checksum()).
#pragma once

#include <cstdint>

#include "packet/five_tuple.h"
#include "packet/packet.h"

namespace culvert {

enum class QuoteRefusal : std::uint8_t {
  kNone,
  kTruncated,  ///< ends before the ports, or in a header in front of them (RFC 792: 8 bytes of data are quoted)
  kVersion,    ///< the quoted packet is of the other IP version
  kLength,     ///< lengths contradict each other: of the quoted IP header, or of RFC 4884 4
  kHeaders,    ///< an option or extension header for which parse drops a packet
  kIcmpError,  ///< of an ICMP error, about which there is none (RFC 1122 3.2.2, RFC 4443 2.4 e)
};

/// Offsets are from Packet::data.
struct IcmpQuote {
  FiveTuple4 tuple4;  ///< of an ICMP error, as five_tuple4() makes it of the quoted packet
  FiveTuple6 tuple6;  ///< of an ICMPv6 error, as five_tuple6()
  std::uint32_t tcp_sequence = 0;
  std::uint16_t network_offset = 0;    ///< the quoted IP header
  std::uint16_t network_length = 0;    ///< bytes of the quoted packet that are there, from its IP header on
  std::uint16_t transport_offset = 0;  ///< what follows the quoted IP header, its options and its extension headers
  std::uint16_t transport_length = 0;  ///< bytes of it that are there
  bool has_ports = false;              ///< TCP, UDP, SCTP and ICMP queries: the tuple's ports mean something
  bool has_tcp_sequence = false;       ///< TCP with 8 bytes
  bool later_fragment = false;         ///< of a fragment but the first: no ports, so no session can be found
};

/// `packet` is parsed, has kFlagIcmpError and was not dropped. Only with kNone does `quote` mean anything. A first
/// fragment has the ports and protocol of its datagram in the tuple; RFC 8200 4.5 has it hold all headers.
QuoteRefusal read_icmp_quote(const Packet& packet, IcmpQuote& quote, std::uint16_t vrf = 0) noexcept;

}  // namespace culvert
