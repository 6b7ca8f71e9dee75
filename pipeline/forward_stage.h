// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/burst.h"
#include "pipeline/context.h"

namespace culvert {

/// Decides every packet that route_stage left open, by the kind of its next hop: a multipath group stands for its
/// member for the packet's symmetric hash, so both directions of a flow choose alike. Link-local packets stay on their
/// link. It makes it ready to send: TTL or hop limit decremented (RFC 1812 5.3.1, RFC 8200 3), MAC addresses written. A
/// packet whose neighbour is not known yet gets kHold with its bytes untouched; one that must be fragmented gets kHold
/// with kFlagOversized, ready to send but for its size. False when some packet of the burst is dropped or held now.
bool forward_stage(Burst& burst, const Context& context) noexcept;

/// The same for one packet. A packet that we made (kFlagGenerated) keeps its TTL.
void forward_packet(Packet& packet, const Context& context) noexcept;

}  // namespace culvert
