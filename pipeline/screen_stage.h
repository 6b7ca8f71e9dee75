// SPDX-License-Identifier: Apache-2.0
// Screens that look at nothing but the packet: right after parse, before fragments wait and before sessions are looked
// up, with the worker that received it. A zone without any costs a look at its mask, once a burst.
//
//   land            198.18.0.7:139 -> 198.18.0.7:139
//   winnuke         TCP to port 139 with urgent data
//   syn_fin, no_flags, fin_no_ack      TCP flags that no sender means
//   source_route    IPv4 options 131 and 137, IPv6 routing header of type 0
//   tiny_fragment   IPv4: 28 bytes with more to follow, where every link carries 68 (RFC 791 3.2)
#pragma once

#include "packet/burst.h"
#include "pipeline/context.h"
#include "pipeline/stateful.h"

namespace culvert {

/// Drops what the screens of the burst's zone find, or counts alarms. All packets came in by one interface.
void screen_stage(Burst& burst, const StatefulSnapshot& stateful, PipelineCells& cells) noexcept;

/// The screens that this parsed packet does not pass, if they are on.
ScreenMask screens_hit(const Packet& packet) noexcept;

/// A screen that is on has found something: drops the packet, or raises an alarm. True when it is dropped.
bool screen_found(Packet& packet, Screen screen, const ZoneScreens& screens, PipelineCells& cells) noexcept;

}  // namespace culvert
