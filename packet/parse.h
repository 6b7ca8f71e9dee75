// SPDX-License-Identifier: Apache-2.0
// Bytes are hostile until parsed, once: every length check of a received packet is in parse*.cc, and what stands behind
// it may trust the offsets in Packet. Nothing outside [data, data + length) is read.
//
//   frame:   | Ethernet | 0-2 VLAN tags | IPv4 [options] or IPv6 [extensions] | TCP UDP ICMP SCTP GRE ... | padding |
//            data                       network_offset                        transport_offset
//                                       |<------------- network_length ------------------------------->|
//
// A packet that cannot be routed safely by anybody is dropped here, with the reason: truncated, lengths that contradict
// each other, a wrong IPv4 header checksum, fragments that would overflow, addresses that must not be on a wire. What
// depends on the operator's taste is a flag: source routes, router alert, link-local sources, ICMP errors.
//
// Example: 00:..:02 <- 00:..:01, 198.18.0.1 -> 198.18.1.1, TCP 1024 -> 80 SYN, 20 bytes of IP, 20 of TCP, 6 padding:
//   network kIpv4, network_offset 14, network_length 40, transport_offset 34, protocol 6, source_port 1024,
//   destination_port 80, tcp_flags 0x02, flags kFlagTransport.
//
// An untagged IPv4 packet without options that is TCP or UDP and no fragment takes a short straight path (parse.cc);
// everything else, and everything about that one which is odd, takes the general path of the same rules.
#pragma once

#include "base/cell.h"
#include "packet/burst.h"
#include "packet/packet.h"

namespace culvert {

/// Extension headers that are walked; more are dropped (a bound on work that the sender chooses).
inline constexpr int kMaxIpv6Extensions = 8;
/// Options of one hop-by-hop header that are walked, padding counted.
inline constexpr int kMaxHopByHopOptions = 16;

/// What parsing must know of the lane that the packets came from.
struct ParseContext {
  /// Lane::partial_checksums(): local senders leave only the pseudo-header sum in the L4 checksum; finish it
  /// (partial_checksum.h).
  bool partial_checksums = false;
  /// Counts the checksums finished; may be null.
  Cell* partial_checksums_completed = nullptr;
};

/// Sets the parse fields of `packet` from its bytes, or drops it with a reason (then the parse fields mean nothing).
/// `data`, `length` must be set; the bytes are changed only to finish a partial checksum.
void parse(Packet& packet, const ParseContext& context) noexcept;

/// The same for each packet of a burst whose headers may not be in the cache yet: prefetches them. How many bytes the
/// frames have together.
std::uint64_t parse_burst(Burst& burst, const ParseContext& context) noexcept;

}  // namespace culvert
