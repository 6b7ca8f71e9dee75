// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/burst.h"
#include "pipeline/context.h"

namespace culvert {

/// Writes Packet::next_hop for every packet without a verdict: one bulk lookup for the burst's IPv4 destinations, one
/// for IPv6.
void route_stage(Burst& burst, const Context& context) noexcept;

/// The same for one packet, as for a message that we made.
void route_packet(Packet& packet, const Context& context) noexcept;

/// The same for a packet that has had a next hop, since which it may have got other addresses: of a multipath route it
/// keeps that one while it is a member.
void route_again(Packet& packet, const Context& context) noexcept;

/// The next hop that leads to an address which the packet does not have yet.
void route_to(Packet& packet, Ipv4Address destination, const Context& context) noexcept;
void route_to(Packet& packet, const Ipv6Address& destination, const Context& context) noexcept;

}  // namespace culvert
