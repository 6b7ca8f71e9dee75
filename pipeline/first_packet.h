// SPDX-License-Identifier: Apache-2.0
// What is asked of a packet that may be the first of a session, whoever begins it (admission.h, inbound.h).
#pragma once

#include "packet/packet.h"
#include "pipeline/session_stage.h"

namespace culvert {

FlowKind kind_of(std::uint8_t protocol) noexcept;

/// Whether a route leads back to the source, as the packet's interface asks for.
bool source_is_routed(const Packet& packet, const StatefulContext& context) noexcept;

/// What forwarding drops in any case, so that no session is made for it: TTL, source route, link-local source.
bool goes_no_further(const Packet& packet) noexcept;
/// Why, of such a packet that forwarding will not see.
DropReason why_no_further(const Packet& packet) noexcept;

/// kNone: it was admitted.
DropReason reason_of(SessionAdmission admission) noexcept;

/// One direction of a session that is to be: its key, and where its packets come in.
template <typename Tuple>
void fill_side(typename SessionStart<Tuple>::Side& side, const Tuple& key, std::uint64_t hash, InterfaceIndex ingress,
               const StatefulContext& context) noexcept {
  side.key = key;
  side.hash = hash;
  side.zone = context.zone_of(ingress);
  side.ingress = static_cast<std::uint8_t>(ingress);
}

}  // namespace culvert
