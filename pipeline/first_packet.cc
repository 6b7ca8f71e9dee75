// SPDX-License-Identifier: Apache-2.0
#include "pipeline/first_packet.h"

#include "packet/rewrite.h"
#include "pipeline/way_out.h"

namespace culvert {

FlowKind kind_of(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case kProtocolTcp:
      return FlowKind::kTcp;
    case kProtocolUdp:
      return FlowKind::kUdp;
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      return FlowKind::kIcmp;
    default:
      return FlowKind::kOther;
  }
}

bool source_is_routed(const Packet& packet, const StatefulContext& context) noexcept {
  const ReversePathCheck mode =
      packet.ingress < kMaxInterfaces ? context.stateful.reverse_path[packet.ingress] : ReversePathCheck::kOff;
  // What has turned back here has not come from anywhere.
  if (mode == ReversePathCheck::kOff || packet.turned_back) return true;
  const RouteTables& routes = context.context.routes;
  const NextHopIndex back = packet.network == NetworkKind::kIpv4
                                ? routes.ipv4->lookup(view<Ipv4Header>(packet.network_header()).source)
                                : routes.ipv6->lookup(view<Ipv6Header>(packet.network_header()).source);
  return leads_back(back, mode == ReversePathCheck::kStrict ? packet.ingress : kNoInterface, *routes.next_hops);
}

bool goes_no_further(const Packet& packet) noexcept {
  return ttl_of(packet) <= 1 || packet.has(kFlagSourceRoute) || packet.has(kFlagSourceLinkLocal);
}

DropReason why_no_further(const Packet& packet) noexcept {
  if (packet.has(kFlagSourceLinkLocal)) return DropReason::kSourceLinkLocal;
  return packet.has(kFlagSourceRoute) ? DropReason::kSourceRoute : DropReason::kTtlExpired;
}

DropReason reason_of(SessionAdmission admission) noexcept {
  switch (admission) {
    case SessionAdmission::kAdmitted:
      return DropReason::kNone;
    case SessionAdmission::kTableFull:
      return DropReason::kSessionTableFull;
    case SessionAdmission::kHalfOpenFull:
      return DropReason::kSessionHalfOpenFull;
    case SessionAdmission::kReplyTaken:
      return DropReason::kSessionReplyTaken;
    case SessionAdmission::kNoPlace:
      return DropReason::kSessionNoPlace;
  }
  return DropReason::kNone;
}

}  // namespace culvert
