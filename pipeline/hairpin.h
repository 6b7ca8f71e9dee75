// SPDX-License-Identifier: Apache-2.0
// A host inside sends to what another host inside has outside (RFC 4787 REQ-9). It is as if the packet left and came
// back, without leaving: two sessions, each as if its host spoke with somebody outside, and each packet is translated
// by both.
//
//   mappings   198.18.0.2:5060 <-> 198.18.1.1:40000      198.18.0.3:7000 <-> 198.18.1.1:41000
//
//   packet     198.18.0.3:7000 -> 198.18.1.1:40000       comes from inside
//   session    of 198.18.0.3, leaves outside: 198.18.1.1:41000 -> 198.18.1.1:40000, and turns back
//   session    of 198.18.0.2, comes in from outside: 198.18.1.1:41000 -> 198.18.0.2:5060
//
// So policy, filtering, limits and the worker that a session belongs to are those of packets that go out and come in.
// Where they would: at the interface of the external address (StatefulSnapshot::home_of). So a host inside reaches
// another one by a port forwarding or a static address, too. Fragments don't turn back: they are dropped.
#pragma once

#include "pipeline/session_stage.h"

namespace culvert {

/// Stands for "it turns back" where a session keeps its next hop; no index is as large.
inline constexpr std::uint16_t kHairpinHop = 0xffff;
static_assert(kMaxNextHops <= kHairpinHop);

/// Where packets of no session from zone `from` to an external address would leave, to turn back: when some rule
/// translates what goes there, and sessions can have the port, or a rule for what comes in there has it. Else
/// kNoInterface.
template <typename Tuple>
InterfaceIndex hairpin_way(const Packet& packet, const Tuple& key, Zone from, const StatefulContext& context) noexcept;

/// A packet with kHairpinHop has been translated as if it left: it comes in, and is decided, or handed over to the
/// worker of the session that it comes to.
template <typename Tuple>
void turn_back(Packet& packet, const StatefulContext& context) noexcept;

/// The same of an ICMP error whose receiver turned out to be an external address. False: it is none, and goes on.
template <typename Address>
bool turn_error_back(Packet& packet, const Address& receiver, const StatefulContext& context) noexcept;

/// A packet of the flow `slot`, which is translated, leaves with the other direction's key. The last that is done with
/// it: it may have another verdict then.
template <typename Tuple>
void leave(Packet& packet, FlowSlot slot, std::uint32_t transport_length, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  leave_translated(packet, sessions.entry(sessions.entry(slot).head.peer).key, transport_length);
  if (packet.next_hop == kHairpinHop) [[unlikely]]
    turn_back<Tuple>(packet, context);
}

extern template InterfaceIndex hairpin_way<FiveTuple4>(const Packet&, const FiveTuple4&, Zone,
                                                       const StatefulContext&) noexcept;
extern template InterfaceIndex hairpin_way<FiveTuple6>(const Packet&, const FiveTuple6&, Zone,
                                                       const StatefulContext&) noexcept;
extern template void turn_back<FiveTuple4>(Packet&, const StatefulContext&) noexcept;
extern template void turn_back<FiveTuple6>(Packet&, const StatefulContext&) noexcept;
extern template bool turn_error_back<Ipv4Address>(Packet&, const Ipv4Address&, const StatefulContext&) noexcept;
extern template bool turn_error_back<Ipv6Address>(Packet&, const Ipv6Address&, const StatefulContext&) noexcept;

}  // namespace culvert
