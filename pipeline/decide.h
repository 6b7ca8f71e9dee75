// SPDX-License-Identifier: Apache-2.0
// What becomes of a packet whose session has been looked up.
#pragma once

#include "packet/five_tuple.h"
#include "pipeline/admission.h"
#include "pipeline/session_hit.h"

namespace culvert {

template <typename Tuple>
Tuple key_of(const Packet& packet) noexcept {
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
    return five_tuple4(packet);
  } else {
    return five_tuple6(packet);
  }
}

/// A packet that found no session, or whose session is over.
template <typename Tuple>
void begin(Packet& packet, const Tuple& key, std::uint64_t hash, FlowSlot over, std::uint32_t transport_length,
           const StatefulContext& context) noexcept {
  if (over != kNoFlow) context.shard.end<Tuple>(over, SessionEnd::kRenewed);
  admit_packet(packet, key, hash, transport_length, context);
}

template <typename Tuple>
void decide(Packet& packet, const Tuple& key, std::uint64_t hash, FlowSlot slot, std::uint32_t transport_length,
            const StatefulContext& context) noexcept {
  if (slot == kNoFlow || session_hit<Tuple>(packet, slot, context, transport_length) == SessionHit::kRenew) {
    begin(packet, key, hash, slot, transport_length, context);
  }
}

}  // namespace culvert
