// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "control/netlink/link_model.h"
#include "control/netlink/neighbor_model.h"
#include "control/netlink/route_sink.h"

namespace culvert {

/// A next-hop entry that many routes share: one neighbour behind one interface, or an interface's on-link destinations.
struct AdjacencyKey {
  NeighborKey neighbor;  ///< address unspecified: on-link (glean)
  InterfaceIndex interface = kNoInterface;
  std::uint16_t mtu = 0;  ///< bytes of IP: the smaller of the route's own and the interface's
  friend constexpr auto operator<=>(const AdjacencyKey&, const AdjacencyKey&) noexcept = default;
};

struct Adjacency {
  AdjacencyKey key;
  NextHopIndex index = kNoRouteIndex;
  std::size_t holders = 0;
  std::size_t gateway_holders = 0;  ///< of those, the ones that are routes and not neighbours' own host routes
  bool on_link() const noexcept { return key.neighbor.address.is_unspecified(); }
};

/// What the mirror did to the tables; `generation()` moves whenever a packet that waits might now find its way.
struct TableActivity {
  std::uint64_t route_writes = 0;
  std::uint64_t route_removals = 0;
  std::uint64_t neighbor_writes = 0;
  std::uint64_t group_writes = 0;
  std::uint64_t table_full = 0;      ///< a prefix did not fit
  std::uint64_t next_hops_full = 0;  ///< an entry or group did not fit

  std::uint64_t generation() const noexcept { return route_writes + route_removals + neighbor_writes + group_writes; }
};

/// All forward and glean entries, each once, with the neighbours' MAC addresses kept current in place.
class Adjacencies {
 public:
  Adjacencies(RouteSink& sink, const LinkModel& links, const NeighborModel& neighbors, TableActivity& activity)
      : sink_(sink), links_(links), neighbors_(neighbors), activity_(activity) {}

  /// Called when an entry becomes the gateway of a route (true) or is none any more (false).
  std::function<void(const NeighborKey&, bool)> on_gateway;

  /// The entry for that neighbour (unspecified address: on-link), held once more. `route_mtu`: the route's own, or 0.
  /// Null: Culvert does not own the link, or the table is full (counted).
  Adjacency* acquire(const NeighborKey& neighbor, std::uint32_t route_mtu, bool as_gateway);
  void release(Adjacency& adjacency, bool as_gateway);

  void neighbor_changed(const NeighborKey& neighbor);

  const Adjacency* find(NextHopIndex index) const;
  bool is_gateway(const NeighborKey& neighbor) const;
  std::size_t size() const noexcept { return adjacencies_.size(); }
  const std::map<AdjacencyKey, Adjacency>& all() const noexcept { return adjacencies_; }

 private:
  void write_neighbor(const Adjacency& adjacency);

  RouteSink& sink_;
  const LinkModel& links_;
  const NeighborModel& neighbors_;
  TableActivity& activity_;
  std::map<AdjacencyKey, Adjacency> adjacencies_;
  std::vector<Adjacency*> by_index_;
};

}  // namespace culvert
