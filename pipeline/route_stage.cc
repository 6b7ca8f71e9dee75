// SPDX-License-Identifier: Apache-2.0
#include "pipeline/route_stage.h"

#include <array>

#include "base/bytes.h"
#include "base/prefetch.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

namespace culvert {
namespace {

/// The packets of one family and their destinations, side by side for the bulk lookup.
template <typename Address>
struct Lookups {
  std::array<Address, kBurstSize> destination;
  std::array<NextHopIndex, kBurstSize> result;
  std::array<Packet*, kBurstSize> packet;
  std::uint32_t count = 0;

  void add(Packet& for_packet, const Address& address) noexcept {
    packet[count] = &for_packet;
    destination[count++] = address;
  }
};

void gather(Burst& burst, Lookups<Ipv4Address>& ipv4, Lookups<Ipv6Address>& ipv6) noexcept {
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    if (packet.network == NetworkKind::kIpv4) {
      ipv4.add(packet, view<Ipv4Header>(packet.network_header()).destination);
    } else {
      ipv6.add(packet, view<Ipv6Header>(packet.network_header()).destination);
    }
  }
}

template <typename Table, typename Address>
void look_up(const Table& table, Lookups<Address>& lookups, const Context& context) noexcept {
  if (lookups.count == 0) return;
  table.lookup(std::span<const Address>(lookups.destination.data(), lookups.count),
               std::span<NextHopIndex>(lookups.result.data(), lookups.count));
  context.cells.route_lookups.add(lookups.count);
  for (std::uint32_t i = 0; i < lookups.count; ++i) {
    lookups.packet[i]->next_hop = lookups.result[i];
    prefetch(context.routes.next_hops->address_of(lookups.result[i]));
  }
}

}  // namespace

void route_stage(Burst& burst, const Context& context) noexcept {
  Lookups<Ipv4Address> ipv4;
  Lookups<Ipv6Address> ipv6;
  gather(burst, ipv4, ipv6);
  look_up(*context.routes.ipv4, ipv4, context);
  look_up(*context.routes.ipv6, ipv6, context);
}

void route_packet(Packet& packet, const Context& context) noexcept {
  if (packet.network == NetworkKind::kIpv4) {
    packet.next_hop = context.routes.ipv4->lookup(view<Ipv4Header>(packet.network_header()).destination);
  } else {
    packet.next_hop = context.routes.ipv6->lookup(view<Ipv6Header>(packet.network_header()).destination);
  }
  context.cells.route_lookups.add();
}

}  // namespace culvert
