// SPDX-License-Identifier: Apache-2.0
// Packets of no session to an external address of NAT: somebody outside speaks first.
//
//   mapping  198.18.0.2:5060 <-> 198.18.1.1:40000 UDP, open; 198.18.0.2 has a session with 192.0.2.1:5060
//   packet   192.0.2.1:9 -> 198.18.1.1:40000         address-dependent filtering lets it in
//   session  198.18.0.2:5060 -> 192.0.2.1:9, reply 192.0.2.1:9 -> 198.18.1.1:40000
//
// The session is stored as if it had begun inside, so everything that follows (tracking, translation, timeouts, which
// but for TCP's only packets from inside prolong, its end) need not know who spoke first.
//
// The mapping is the permit (RFC 4787 5 with REQ-8): no rule is asked whether the packet may come in. The policy has a
// say all the same: a mapping lets nobody in unless the policy of now has allowed one of its sessions between the same
// zones, or would let the inside endpoint begin this one.
//
// Limits of the zone where the packet comes in hold, but the session is not counted as one of its source's. SYN
// cookies are not sent for mappings: whom filtering does not let in begins nothing, and half-open sessions have a
// budget.
#pragma once

#include "packet/packet.h"
#include "pipeline/session_stage.h"

namespace culvert {

/// A packet of no session to an external address. True: there is a mapping, and the packet has its next hop, or is
/// dropped. Parameters: as of admit_packet().
template <typename Tuple>
bool admit_inbound(Packet& packet, const Tuple& key, std::uint64_t hash, std::uint32_t transport_length,
                   const StatefulContext& context) noexcept;

/// Whether the mapping of a session with this key of replies may be used between these zones under the policy of now.
template <typename Tuple>
bool mapping_is_allowed(const Tuple& reply, Zone inside, Zone outside, const StatefulContext& context) noexcept;

extern template bool admit_inbound<FiveTuple4>(Packet&, const FiveTuple4&, std::uint64_t, std::uint32_t,
                                               const StatefulContext&) noexcept;
extern template bool admit_inbound<FiveTuple6>(Packet&, const FiveTuple6&, std::uint64_t, std::uint32_t,
                                               const StatefulContext&) noexcept;
extern template bool mapping_is_allowed<FiveTuple4>(const FiveTuple4&, Zone, Zone, const StatefulContext&) noexcept;
extern template bool mapping_is_allowed<FiveTuple6>(const FiveTuple6&, Zone, Zone, const StatefulContext&) noexcept;

}  // namespace culvert
