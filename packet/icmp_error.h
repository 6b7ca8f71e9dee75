// SPDX-License-Identifier: Apache-2.0
// ICMP and ICMPv6 error messages, made in place: the frame of the packet that cannot go on becomes the frame of the
// message about it. With headroom nothing is copied but the Ethernet header:
//
//   before:  |......headroom......| Ethernet | IP  | ... the packet ...           |
//   after:   |....| Ethernet | IP | ICMP     | IP  | ... as much as may be quoted |
//
// An IPv4 message has at most 576 bytes (RFC 1812 4.3.2.3), an IPv6 one 1280 (RFC 4443 2.4 c). VLAN tags stay. The
// caller limits the rate (RFC 1812 4.3.2.8, RFC 4443 2.4 f) and finds the way back to the sender.
//
// Example: 198.18.0.1's packet to 198.18.1.1 arrives with TTL 1 at 198.18.0.254: the frame becomes
// 198.18.0.254 -> 198.18.0.1, TTL 64, DF, precedence 6, ICMP 11/0, then the packet as it came.
#pragma once

#include <cstdint>

#include "packet/address.h"
#include "packet/frame_room.h"
#include "packet/packet.h"

namespace culvert {

/// Each is one type and code for ICMP (RFC 792, RFC 1812 5.2.7) and one for ICMPv6 (RFC 4443 3).
enum class IcmpErrorKind : std::uint8_t {
  kTimeExceeded,        ///< 11/0 in transit; 3/0
  kReassemblyTime,      ///< 11/1; 3/1
  kNetworkUnreachable,  ///< 3/0; no route: 1/0
  kHostUnreachable,     ///< 3/1; address unreachable: 1/3
  kPortUnreachable,     ///< 3/3; 1/4
  kProhibited,          ///< 3/13 administratively; 1/1
  kTooBig,              ///< 3/4 fragmentation needed (RFC 1191); packet too big: 2/0
};

struct IcmpError {
  IcmpErrorKind kind = IcmpErrorKind::kTimeExceeded;
  std::uint16_t mtu = 0;    ///< kTooBig: bytes of IP that the next link carries
  Ipv4Address ipv4_source;  ///< ours; used for IPv4 packets
  Ipv6Address ipv6_source;  ///< ours; used for IPv6 packets
  MacAddress source_mac;    ///< what the Ethernet header gets
  MacAddress destination_mac;
};

/// True when an error message about this parsed packet is allowed: not about ICMP errors and redirects, IPv4 fragments
/// but the first, packets that came as link-layer or IP broadcast or multicast, or whose source is no single host that
/// we could reach by routing (RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4 e), and not about packets that we made.
bool may_answer(const Packet& packet) noexcept;

/// Makes the message out of the packet and its frame; the packet is then parsed, kFlagGenerated, without verdict, next
/// hop or egress. `room` contains the packet. False, and nothing changed, when the room does not even hold the headers
/// and the packet's own IP header with 8 bytes (RFC 792).
bool build_icmp_error(Packet& packet, const IcmpError& error, const FrameRoom& room) noexcept;

}  // namespace culvert
