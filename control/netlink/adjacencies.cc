// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/adjacencies.h"

#include <algorithm>

namespace culvert {
namespace {

/// A route's own MTU counts when it is smaller than the interface's (ip_dst_mtu_maybe_forward, RFC 1191 6.3).
std::uint16_t effective_mtu(const Link& link, std::uint32_t route_mtu) {
  const std::uint32_t mtu = route_mtu != 0 ? std::min(link.mtu, route_mtu) : link.mtu;
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, 0xffff));
}

}  // namespace

Adjacency* Adjacencies::acquire(const NeighborKey& neighbor, std::uint32_t route_mtu, bool as_gateway) {
  const Link* link = links_.find(neighbor.ifindex);
  if (link == nullptr || link->owned == kNoInterface) return nullptr;
  const AdjacencyKey key{neighbor, link->owned, effective_mtu(*link, route_mtu)};
  auto it = adjacencies_.find(key);
  if (it == adjacencies_.end()) {
    const bool on_link = neighbor.address.is_unspecified();
    const auto kind = on_link ? NextHopKind::kGlean : NextHopKind::kForward;
    const auto index = sink_.allocate({kind, link->owned, neighbor.address, key.mtu});
    if (!index) {
      ++activity_.next_hops_full;
      return nullptr;
    }
    it = adjacencies_.try_emplace(key).first;
    it->second.key = key;
    it->second.index = *index;
    if (by_index_.size() <= *index) by_index_.resize(*index + std::size_t{1});
    by_index_[*index] = &it->second;
    write_neighbor(it->second);
  }
  Adjacency& adjacency = it->second;
  ++adjacency.holders;
  if (as_gateway && !adjacency.on_link() && ++adjacency.gateway_holders == 1 && on_gateway) on_gateway(neighbor, true);
  return &adjacency;
}

void Adjacencies::release(Adjacency& adjacency, bool as_gateway) {
  const NeighborKey neighbor = adjacency.key.neighbor;
  const bool last_gateway = as_gateway && !adjacency.on_link() && --adjacency.gateway_holders == 0;
  if (--adjacency.holders == 0) {
    by_index_[adjacency.index] = nullptr;
    sink_.release(adjacency.index);
    adjacencies_.erase(AdjacencyKey(adjacency.key));
  }
  if (last_gateway && on_gateway && !is_gateway(neighbor)) on_gateway(neighbor, false);
}

void Adjacencies::neighbor_changed(const NeighborKey& neighbor) {
  if (neighbor.address.is_unspecified()) return;
  for (auto it = adjacencies_.lower_bound({neighbor, 0, 0}); it != adjacencies_.end() && it->first.neighbor == neighbor;
       ++it)
    write_neighbor(it->second);
}

const Adjacency* Adjacencies::find(NextHopIndex index) const {
  return index < by_index_.size() ? by_index_[index] : nullptr;
}

bool Adjacencies::is_gateway(const NeighborKey& neighbor) const {
  for (auto it = adjacencies_.lower_bound({neighbor, 0, 0}); it != adjacencies_.end() && it->first.neighbor == neighbor;
       ++it)
    if (it->second.gateway_holders != 0) return true;
  return false;
}

void Adjacencies::write_neighbor(const Adjacency& adjacency) {
  if (adjacency.on_link()) return;
  if (const Neighbor* neighbor = neighbors_.find_usable(adjacency.key.neighbor)) {
    sink_.set_neighbor(adjacency.index, neighbor->mac);
  } else {
    sink_.forget_neighbor(adjacency.index);
  }
  ++activity_.neighbor_writes;
}

}  // namespace culvert
