// SPDX-License-Identifier: Apache-2.0
// What forwarding changes in a packet: TTL or hop limit, and the MAC addresses. The type of service and traffic class
// (DSCP, ECN) are never touched.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/packet.h"

namespace culvert {

/// TTL or hop limit of a parsed packet.
inline std::uint8_t ttl_of(const Packet& packet) noexcept {
  const std::byte* header = packet.network_header();
  return packet.network == NetworkKind::kIpv4 ? view<Ipv4Header>(header).ttl : view<Ipv6Header>(header).hop_limit;
}

/// Takes one from the TTL, with the IPv4 checksum (RFC 1812 5.3.1, RFC 1624), or from the hop limit (RFC 8200 3).
/// False, and nothing changed, when none would remain: the packet must not be forwarded.
inline bool decrement_ttl(Packet& packet) noexcept {
  std::byte* start = packet.network_header();
  if (packet.network == NetworkKind::kIpv4) {
    auto& header = view<Ipv4Header>(start);
    if (header.ttl <= 1) return false;
    --header.ttl;
    // TTL is the high byte of its word: the sum loses 0x0100, so its complement gains it, with end-around carry (in
    // the wire's byte order as well as in ours, RFC 1071 2). The comparison keeps 0xffff (RFC 1624 3: HC' = ~(~HC + ~m
    // + m')) from ever coming out.
    const std::uint32_t checksum = std::uint32_t{header.checksum.wire()} + Be16(0x0100).wire();
    header.checksum = Be16::from_wire(static_cast<std::uint16_t>(checksum + (checksum >= 0xffff ? 1 : 0)));
    return true;
  }
  auto& header = view<Ipv6Header>(start);
  if (header.hop_limit <= 1) return false;
  --header.hop_limit;
  return true;
}

/// The Ethernet addresses that packets of one next hop leave with, as two integers to store.
struct MacRewrite {
  std::uint64_t head = 0;  ///< the destination, and the source's first two bytes
  std::uint32_t tail = 0;  ///< the source's other four

  /// Both as MacAddress::bits().
  static MacRewrite of(std::uint64_t destination, std::uint64_t source) noexcept {
    return {destination | source << 48, static_cast<std::uint32_t>(source >> 16)};
  }
  static MacRewrite of(const MacAddress& destination, const MacAddress& source) noexcept {
    return of(destination.bits(), source.bits());
  }
};

inline void set_macs(Packet& packet, const MacRewrite& macs) noexcept {
  std::byte* ethernet = packet.data;
  store<std::uint64_t>(ethernet, macs.head);
  store<std::uint32_t>(ethernet + 8, macs.tail);
}

}  // namespace culvert
