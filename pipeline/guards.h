// SPDX-License-Identifier: Apache-2.0
// What counts packets of no session, and sessions that begin, by address: the screens against floods and scans, and the
// limits of sources and zones. An established packet never comes here.
#pragma once

#include "packet/packet.h"
#include "pipeline/session_stage.h"

namespace culvert {

/// Whether a screen of this zone counts packets of no session.
inline bool counts_packets(Zone from, const StatefulContext& context) noexcept {
  return (context.stateful.screens[from].on & kCountingScreens) != 0;
}

/// Counts a packet that belongs to no session, with counts_packets(). False: a screen of its zone has dropped it.
template <typename Tuple>
bool pass_counting_screens(Packet& packet, const Tuple& key, const StatefulContext& context) noexcept;

/// A TCP connection that the policy permits is about to begin in zone `from`. False: there are too many, and its SYN is
/// dropped, to be answered by a SYN cookie.
bool pass_syn_flood(Packet& packet, std::uint8_t protocol, Zone from, const StatefulContext& context) noexcept;

/// Whether a packet of no session may acknowledge a SYN cookie of ours.
bool may_prove_a_cookie(const Packet& packet, Zone from, const StatefulContext& context) noexcept;

/// Whether the limits of zone `from` let a session of this source begin. kNone: yes, and `counted` says whether it is
/// counted as its source's, until SourceLimits::end().
template <typename Tuple>
DropReason pass_limits(const Tuple& key, Zone from, bool& counted, const StatefulContext& context) noexcept;

extern template bool pass_counting_screens<FiveTuple4>(Packet&, const FiveTuple4&, const StatefulContext&) noexcept;
extern template bool pass_counting_screens<FiveTuple6>(Packet&, const FiveTuple6&, const StatefulContext&) noexcept;
extern template DropReason pass_limits<FiveTuple4>(const FiveTuple4&, Zone, bool&, const StatefulContext&) noexcept;
extern template DropReason pass_limits<FiveTuple6>(const FiveTuple6&, Zone, bool&, const StatefulContext&) noexcept;

}  // namespace culvert
