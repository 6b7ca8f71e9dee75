// SPDX-License-Identifier: Apache-2.0
// A packet is the parsed view of one frame: one cache line that walks the pipeline beside the bytes it describes. Lanes
// fill the first group, parse the second, the routing and rewriting stages the third. A stage writes only its own
// fields. The bytes are hostile until parse() has run; afterwards every offset here lies inside the frame.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/endian.h"
#include "packet/verdict.h"

namespace culvert {

/// Byte offset of a frame's first byte in the region (UMEM).
using FrameAddress = std::uint64_t;

/// Culvert's own dense number of an interface, 0..kMaxInterfaces-1; not the kernel's ifindex.
using InterfaceIndex = std::uint16_t;
inline constexpr std::size_t kMaxInterfaces = 32;
inline constexpr InterfaceIndex kNoInterface = 0xffff;

enum class NetworkKind : std::uint8_t { kNone, kIpv4, kIpv6 };

/// Bits of Packet::flags, set by parse.
enum PacketFlag : std::uint16_t {
  kFlagFragment = 1 << 0,          ///< a fragment (an atomic one too)
  kFlagFirstFragment = 1 << 1,     ///< offset 0: the transport header is here
  kFlagLastFragment = 1 << 2,      ///< no more fragments follow
  kFlagTransport = 1 << 3,         ///< transport_offset and the ports are valid
  kFlagIpv4Options = 1 << 4,       ///< the IPv4 header is longer than 20 bytes
  kFlagIpv6Extensions = 1 << 5,    ///< at least one extension header
  kFlagSourceRoute = 1 << 6,       ///< LSRR, SSRR or a type 0 routing header
  kFlagDontFragment = 1 << 7,      ///< IPv4 DF, and always for IPv6
  kFlagPartialChecksum = 1 << 8,   ///< the sender left only the pseudo-header sum; parse has finished it
  kFlagIcmpError = 1 << 9,         ///< an ICMP or ICMPv6 error message (never answered by another, RFC 1122 3.2.2)
  kFlagGenerated = 1 << 10,        ///< made by us, not received
  kFlagGroupFrame = 1 << 11,       ///< came with a multicast or broadcast MAC (no ICMP error is sent about it)
  kFlagRouterAlert = 1 << 12,      ///< IPv4 option 148 or hop-by-hop router alert
  kFlagSourceLinkLocal = 1 << 13,  ///< from a link-local address: may be punted, never forwarded
  kFlagRoutePending = 1 << 14,     ///< the L4 checksum covers a later stop of a source route, not the header's address
  kFlagOversized = 1 << 15,        ///< set by routing: must leave as fragments
};

struct alignas(64) Packet {
  // Lanes.
  std::byte* data = nullptr;              ///< the Ethernet header's first byte
  FrameAddress frame = 0;                 ///< the frame that holds it
  std::uint16_t length = 0;               ///< bytes from data to the end
  InterfaceIndex ingress = kNoInterface;  ///< where it came in

  // Parse.
  std::uint16_t network_offset = 0;    ///< from data to the IP header
  std::uint16_t network_length = 0;    ///< IP header and payload, as the IP header says (padding excluded)
  std::uint16_t transport_offset = 0;  ///< from data; valid with kFlagTransport
  std::uint16_t flags = 0;             ///< PacketFlag bits
  NetworkKind network = NetworkKind::kNone;
  std::uint8_t protocol = 0;   ///< the upper-layer protocol after all extension headers
  std::uint8_t vlan_tags = 0;  ///< 0..2
  std::uint8_t tcp_flags = 0;  ///< the TCP flags octet; 0 for others
  Be16 source_port;            ///< TCP, UDP, SCTP; ICMP queries: the identifier in both
  Be16 destination_port;

  // Routing and rewriting.
  std::uint32_t next_hop = 0;            ///< index into the next-hop table
  InterfaceIndex egress = kNoInterface;  ///< set with kForward
  Verdict verdict = Verdict::kNone;
  DropReason drop_reason = DropReason::kNone;
  bool turned_back = false;  ///< it comes from a host inside, by an external address (pipeline/hairpin.h)

  bool has(PacketFlag flag) const noexcept { return (flags & flag) != 0; }
  /// A fragment that is not the whole datagram (an atomic one is).
  bool is_part() const noexcept {
    constexpr std::uint32_t kWhole = kFlagFragment | kFlagFirstFragment | kFlagLastFragment;
    return has(kFlagFragment) && (flags & kWhole) != kWhole;
  }
  std::byte* network_header() const noexcept { return data + network_offset; }
  std::byte* transport_header() const noexcept { return data + transport_offset; }

  void drop(DropReason reason) noexcept {
    verdict = Verdict::kDrop;
    drop_reason = reason;
  }
};

static_assert(sizeof(Packet) == 64, "one cache line");

}  // namespace culvert
