// SPDX-License-Identifier: Apache-2.0
// A local stack that sends over veth or tap leaves the checksum to the "hardware" (CHECKSUM_PARTIAL, Linux
// net/core/dev.c skb_checksum_help): the L4 checksum field then holds the folded sum of the pseudo-header, not
// complemented. AF_XDP hands us the packet like that and says nothing. Forwarded as it is, the receiver would drop it.
//
// On such lanes we recognise the field's value and finish the checksum before anything else sees the packet.
//
// What if the guess is wrong? Let P be the pseudo-header's sum and D the sum of header (with a zero checksum field) and
// data, in ones' complement. A complete, right checksum is C = ~(P + D). One in 65536 packets has C = P by chance. We
// write ~(P + D), computed over the packet with the field taken as zero: that is C again. So finishing never breaks a
// right checksum, whoever made it (test/packet/partial_checksum_test.cc shows it for packets built to collide).
// What it can do is to repair a packet that was corrupted so that its field equals P: 2^-16 of corrupted packets, as
// many as the checksum itself misses, and only on lanes where packets come from memory and not from a wire.
//
// Never finished: parts of a datagram (a partial checksum is always completed by the kernel before it fragments), UDP
// over IPv4 with checksum zero (P is never zero, since the protocol is in it), IPv6 packets with segments left in a
// routing header (their pseudo-header has another destination), and the inner packets of tunnels. SCTP leaves zero
// instead of a sum; a CRC32c that really is zero stays zero when computed again.
#pragma once

#include "packet/packet.h"

namespace culvert {

/// Finishes the checksum of a parsed TCP, UDP or SCTP packet if it looks unfinished and sets kFlagPartialChecksum.
/// True if it did.
bool complete_partial_checksum(Packet& packet) noexcept;

}  // namespace culvert
