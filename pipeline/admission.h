// SPDX-License-Identifier: Apache-2.0
// Whether a packet that belongs to no session begins one: counting screens, route, reverse path, policy, limits, room;
// in this order.
//
// What goes to this host, or nowhere, makes no session: it is punted or dropped by its next hop as without a policy.
// (Packets to the host's own addresses mostly never come here: XDP leaves them to the kernel.) What the policy permits
// and forwarding won't pass, for its TTL or its source route, makes none either. What goes to an external address of
// NAT is first looked at by mappings (inbound.h); else, and not to this host, it is dropped, whatever the policy says.
#pragma once

#include "packet/packet.h"
#include "pipeline/session_stage.h"

namespace culvert {

/// The packet gets a next hop, and a session if it is to have one, or is dropped. `key`, `hash`: its own, not in the
/// table. `transport_length`: as in session_hit().
template <typename Tuple>
void admit_packet(Packet& packet, const Tuple& key, std::uint64_t hash, std::uint32_t transport_length,
                  const StatefulContext& context) noexcept;

/// What the policy of now says of a session with this original key, from one zone to another; counted as an evaluation
/// and a hit of its rule. (Of ICMP only echo requests begin sessions, so their type need not be stored.)
template <typename Tuple>
RuleOutcome evaluate_policy(const Tuple& key, Zone from, Zone to, const StatefulContext& context) noexcept;

extern template void admit_packet<FiveTuple4>(Packet&, const FiveTuple4&, std::uint64_t, std::uint32_t,
                                              const StatefulContext&) noexcept;
extern template void admit_packet<FiveTuple6>(Packet&, const FiveTuple6&, std::uint64_t, std::uint32_t,
                                              const StatefulContext&) noexcept;
extern template RuleOutcome evaluate_policy<FiveTuple4>(const FiveTuple4&, Zone, Zone, const StatefulContext&) noexcept;
extern template RuleOutcome evaluate_policy<FiveTuple6>(const FiveTuple6&, Zone, Zone, const StatefulContext&) noexcept;

}  // namespace culvert
