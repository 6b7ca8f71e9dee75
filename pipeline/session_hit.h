// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/packet.h"
#include "pipeline/session_stage.h"

namespace culvert {

enum class SessionHit : std::uint8_t {
  kDecided,  ///< the packet has its next hop, or is dropped
  kRenew,    ///< a new connection with the addresses and ports of one that is over: end the session and admit it
};

/// What becomes of a packet of the session that has `slot`, of either direction. `transport_length`: of the whole
/// datagram whose first fragment it is (WholeDatagram); 0: it is whole itself.
template <typename Tuple>
SessionHit session_hit(Packet& packet, FlowSlot slot, const StatefulContext& context,
                       std::uint32_t transport_length = 0) noexcept;

extern template SessionHit session_hit<FiveTuple4>(Packet&, FlowSlot, const StatefulContext&, std::uint32_t) noexcept;
extern template SessionHit session_hit<FiveTuple6>(Packet&, FlowSlot, const StatefulContext&, std::uint32_t) noexcept;

}  // namespace culvert
