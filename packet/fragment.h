// SPDX-License-Identifier: Apache-2.0
// IPv4 fragmentation by a router (RFC 791 3.2, RFC 1812 4.2.2.7 and 5.2.6): a packet without DF that is larger than the
// next link's MTU leaves as several. The first fragment stays in the packet's own frame, cut short; the others are
// copied into frames of the caller. A fragment may be fragmented again: its offset and its "more fragments" carry on.
//
// Example: 20 bytes of IP and 4000 of data, MTU 1500: 1480 at offset 0, 1480 at 1480, 1040 at 2960; two more frames.
//
// Options: the first fragment keeps all; the others get those with the copied bit (source routes, security, router
// alert), padded with zeros to a multiple of 4.
#pragma once

#include <cstdint>
#include <span>

#include "packet/packet.h"

namespace culvert {

/// A packet has at most 65515 bytes of data, a fragment at least 8: with MTU 68 and 60 bytes of options, 8190 of them.
/// More than this many is refused: such a link is a mistake or an attack.
inline constexpr std::uint32_t kMaxFragments = 64;

/// Into how many packets a parsed IPv4 packet must be cut for links of `mtu` bytes of IP; 1: it fits. 0: it cannot be:
/// DF, IPv6, an MTU below 68 (RFC 791), or more than kMaxFragments.
std::uint32_t fragments_needed(const Packet& packet, std::uint32_t mtu) noexcept;

/// Cuts the packet. `others` are fragments_needed() - 1 fresh packets whose `data` is where to write, `frame` their
/// frame and `length` the room from data on (at least packet.network_offset + mtu); they come out as copies of
/// `packet`'s parse and routing fields with their own lengths and fragment flags, kFlagGenerated. False, and nothing
/// changed, when `others` has another size or a room is too small.
bool fragment_ipv4(Packet& packet, std::uint32_t mtu, std::span<Packet* const> others) noexcept;

}  // namespace culvert
