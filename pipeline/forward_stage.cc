// SPDX-License-Identifier: Apache-2.0
#include "pipeline/forward_stage.h"

#include "base/prefetch.h"
#include "packet/five_tuple.h"
#include "packet/rewrite.h"

namespace culvert {
namespace {

/// Headers that are fetched ahead; they are in the second-level cache since they were parsed.
constexpr std::uint32_t kHeadersAhead = 8;

/// What a router may not pass on, wherever it leads; the host itself may have it.
DropReason not_for_others(const Packet& packet) noexcept {
  if (packet.has(kFlagSourceLinkLocal)) return DropReason::kSourceLinkLocal;
  if (packet.has(kFlagSourceRoute)) return DropReason::kSourceRoute;
  return DropReason::kNone;
}

/// Its neighbour is not known: an on-link destination that nobody has asked for yet, or a gateway that does not answer.
void hold(Packet& packet) noexcept {
  packet.verdict = Verdict::kHold;
}

/// Sends it out of `hop.interface`, if everything that this needs is there.
void forward_to(Packet& packet, const NextHopView& hop, const Context& context) noexcept {
  if (hop.interface >= kMaxInterfaces || !context.snapshot.interfaces[hop.interface].present) {
    return packet.drop(DropReason::kInterfaceUnknown);
  }
  const InterfaceSnapshot& egress = context.snapshot.interfaces[hop.interface];
  const bool generated = packet.has(kFlagGenerated);
  if (!generated && ttl_of(packet) <= 1) return packet.drop(DropReason::kTtlExpired);
  if (!egress.up) return packet.drop(DropReason::kInterfaceDown);
  packet.egress = hop.interface;
  const bool oversized = packet.network_length > hop.mtu;
  if (oversized && packet.has(kFlagDontFragment)) return packet.drop(DropReason::kPacketTooBig);
  if (hop.kind == NextHopKind::kGlean) return hold(packet);
  const NeighborView neighbor = context.routes.next_hops->neighbor(static_cast<NextHopIndex>(packet.next_hop));
  if (!neighbor.usable) return hold(packet);
  if (!generated) decrement_ttl(packet);
  set_macs(packet, MacRewrite::of(neighbor.mac_bits, egress.mac.bits()));
  packet.verdict = oversized ? Verdict::kHold : Verdict::kForward;
  if (oversized) packet.flags |= kFlagOversized;
}

/// Where packets of one next hop leave, resolved once for those of a burst that follow each other.
struct Way {
  std::uint32_t next_hop = kNone;
  std::uint32_t mtu = 0;  ///< 0: not straight, no packet is so short
  InterfaceIndex egress = kNoInterface;
  MacRewrite macs{};

  static constexpr std::uint32_t kNone = 0xffffffff;
};

/// Straight: out to a known neighbour.
[[gnu::noinline]] Way resolve(std::uint32_t next_hop, const NextHopTable& next_hops,
                              const Snapshot& snapshot) noexcept {
  const auto index = static_cast<NextHopIndex>(next_hop);
  const NextHopView hop = next_hops.view(index);
  const NeighborView neighbor = next_hops.neighbor(index);
  if (hop.kind != NextHopKind::kForward || !neighbor.usable || hop.interface >= kMaxInterfaces) return {next_hop};
  const InterfaceSnapshot& egress = snapshot.interfaces[hop.interface];
  if (!egress.present || !egress.up) return {next_hop};
  return {next_hop, hop.mtu, hop.interface, MacRewrite::of(neighbor.mac_bits, egress.mac.bits())};
}

/// The straight path, for a packet with nothing special about it. False: nothing was changed.
inline bool forward_common(Packet& packet, const Way& way) noexcept {
  constexpr std::uint32_t kSpecial = kFlagSourceLinkLocal | kFlagSourceRoute | kFlagGenerated;
  if ((packet.flags & kSpecial) != 0 || packet.network_length > way.mtu || !decrement_ttl(packet)) return false;
  set_macs(packet, way.macs);
  packet.egress = way.egress;
  packet.verdict = Verdict::kForward;
  return true;
}

}  // namespace

void forward_packet(Packet& packet, const Context& context) noexcept {
  NextHopView hop = context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop));
  if (hop.kind == NextHopKind::kMultipath) {
    packet.next_hop = context.routes.next_hops->member(hop.group, symmetric_hash(context.multipath_key, packet));
    hop = context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop));
  }
  if (hop.kind == NextHopKind::kLocal) {
    packet.verdict = Verdict::kPunt;
    return;
  }
  const DropReason refused = not_for_others(packet);
  if (refused != DropReason::kNone) return packet.drop(refused);
  switch (hop.kind) {
    case NextHopKind::kForward:
    case NextHopKind::kGlean:
      return forward_to(packet, hop, context);
    case NextHopKind::kBlackhole:
      return packet.drop(DropReason::kRouteBlackhole);
    case NextHopKind::kUnreachable:
      return packet.drop(DropReason::kRouteUnreachable);
    case NextHopKind::kProhibit:
      return packet.drop(DropReason::kRouteProhibit);
    case NextHopKind::kLocal:
    case NextHopKind::kNoRoute:
    case NextHopKind::kMultipath:
      return packet.drop(DropReason::kNoRoute);
  }
}

bool forward_stage(Burst& burst, const Context& context) noexcept {
  const std::span<Packet> packets = burst.packets();
  Way way;
  bool all_leave = true;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + kHeadersAhead < packets.size()) prefetch_for_write(packets[i + kHeadersAhead].data);
    Packet& packet = packets[i];
    if (packet.verdict == Verdict::kNone) {
      if (packet.next_hop != way.next_hop) way = resolve(packet.next_hop, *context.routes.next_hops, context.snapshot);
      if (!forward_common(packet, way)) forward_packet(packet, context);
    }
    all_leave &= packet.verdict == Verdict::kForward || packet.verdict == Verdict::kPunt;
  }
  return all_leave;
}

}  // namespace culvert
