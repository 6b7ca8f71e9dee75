// SPDX-License-Identifier: Apache-2.0
#include "pipeline/route_stage.h"

#include <array>

#include "base/bytes.h"
#include "base/prefetch.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

namespace culvert {
namespace {

/// Packets of one family, side by side for the bulk lookup.
template <typename Address>
struct Lookups {
  std::array<Address, kBurstSize> destination;
  std::array<NextHopIndex, kBurstSize> result;
  std::array<Packet*, kBurstSize> packet;
};

/// Looks up the packets of one family that are still open; returns how many packets are open and of the other.
template <NetworkKind kFamily, typename Header, typename Table, typename Address>
std::uint32_t look_up(Burst& burst, const Table& table, Lookups<Address>& lookups, const Context& context) noexcept {
  std::uint32_t count = 0;
  std::uint32_t others = 0;
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    if (packet.network != kFamily) {
      ++others;
      continue;
    }
    lookups.packet[count] = &packet;
    lookups.destination[count++] = view<Header>(packet.network_header()).destination;
  }
  if (count == 0) return others;
  table.lookup(std::span<const Address>(lookups.destination.data(), count),
               std::span<NextHopIndex>(lookups.result.data(), count));
  context.cells.route_lookups.add(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    lookups.packet[i]->next_hop = lookups.result[i];
    prefetch(context.routes.next_hops->address_of(lookups.result[i]));
  }
  return others;
}

/// Apart, because the address arrays begin with zeros: a burst without IPv6 does not pay for that.
[[gnu::noinline]] void route_ipv6(Burst& burst, const Context& context) noexcept {
  Lookups<Ipv6Address> lookups;
  look_up<NetworkKind::kIpv6, Ipv6Header>(burst, *context.routes.ipv6, lookups, context);
}

bool has_member(const NextHopTable& next_hops, std::uint16_t group, std::uint32_t next_hop) noexcept {
  for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket) {
    // The top bits of a hash choose the bucket.
    if (next_hops.member(group, std::uint64_t{bucket} << 58) == next_hop) return true;
  }
  return false;
}

}  // namespace

void route_stage(Burst& burst, const Context& context) noexcept {
  Lookups<Ipv4Address> lookups;
  const std::uint32_t others = look_up<NetworkKind::kIpv4, Ipv4Header>(burst, *context.routes.ipv4, lookups, context);
  if (others > 0) route_ipv6(burst, context);
}

void route_to(Packet& packet, Ipv4Address destination, const Context& context) noexcept {
  packet.next_hop = context.routes.ipv4->lookup(destination);
  context.cells.route_lookups.add();
}
void route_to(Packet& packet, const Ipv6Address& destination, const Context& context) noexcept {
  packet.next_hop = context.routes.ipv6->lookup(destination);
  context.cells.route_lookups.add();
}

void route_packet(Packet& packet, const Context& context) noexcept {
  if (packet.network == NetworkKind::kIpv4) {
    route_to(packet, view<Ipv4Header>(packet.network_header()).destination, context);
  } else {
    route_to(packet, view<Ipv6Header>(packet.network_header()).destination, context);
  }
}

void route_again(Packet& packet, const Context& context) noexcept {
  const std::uint32_t before = packet.next_hop;
  route_packet(packet, context);
  const NextHopTable& next_hops = *context.routes.next_hops;
  const NextHopView hop = next_hops.view(static_cast<NextHopIndex>(packet.next_hop));
  if (hop.kind == NextHopKind::kMultipath && has_member(next_hops, hop.group, before)) packet.next_hop = before;
}

}  // namespace culvert
