// SPDX-License-Identifier: Apache-2.0
// Where routed packets leave, and what sessions keep of it.
#pragma once

#include "packet/five_tuple.h"
#include "pipeline/context.h"
#include "sessions/flow_head.h"

namespace culvert {

/// The next hop of a routed packet; of a multipath group, the member that it will leave by.
inline NextHopView way_out(const Packet& packet, const Context& context) noexcept {
  const NextHopTable& next_hops = *context.routes.next_hops;
  const NextHopView hop = next_hops.view(static_cast<NextHopIndex>(packet.next_hop));
  if (hop.kind != NextHopKind::kMultipath) return hop;
  return next_hops.view(next_hops.member(hop.group, symmetric_hash(context.multipath_key, packet)));
}

/// The same, and the packet leaves by it whatever becomes of its addresses: another source would choose another member.
inline NextHopView settle_way_out(Packet& packet, const Context& context) noexcept {
  const NextHopTable& next_hops = *context.routes.next_hops;
  const NextHopView hop = next_hops.view(static_cast<NextHopIndex>(packet.next_hop));
  if (hop.kind != NextHopKind::kMultipath) return hop;
  packet.next_hop = next_hops.member(hop.group, symmetric_hash(context.multipath_key, packet));
  return next_hops.view(static_cast<NextHopIndex>(packet.next_hop));
}

/// Whether the route `back` leads out of `interface`, by some member of a multipath route; kNoInterface: out of any.
inline bool leads_back(NextHopIndex back, InterfaceIndex interface, const NextHopTable& next_hops) noexcept {
  const auto fits = [interface](const NextHopView& hop) {
    const bool leads = hop.kind == NextHopKind::kForward || hop.kind == NextHopKind::kGlean;
    return leads && (interface == kNoInterface || hop.interface == interface);
  };
  const NextHopView hop = next_hops.view(back);
  if (hop.kind != NextHopKind::kMultipath) return fits(hop);
  for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket) {
    // The top bits of a hash choose the bucket.
    if (fits(next_hops.view(next_hops.member(hop.group, std::uint64_t{bucket} << 58)))) return true;
  }
  return false;
}

/// One more packet of a flow.
inline void count_packet(FlowHead& head, const Packet& packet) noexcept {
  put(head.packets_and_policy,
      (head.packets_and_policy & ~FlowHead::kPacketBits) | ((head.packets_and_policy + 1) & FlowHead::kPacketBits));
  put(head.bytes, head.bytes + packet.network_length);
}

/// The flow's packets go where this one goes, until a route changes.
inline void keep_next_hop(FlowHead& head, const Packet& packet, std::uint32_t route_generation) noexcept {
  static_assert(kMaxNextHops <= 0x10000);
  put(head.next_hop, static_cast<std::uint16_t>(packet.next_hop));
  put(head.route_generation, route_generation);
}

}  // namespace culvert
