// SPDX-License-Identifier: Apache-2.0
// From the kernel's routes to the tables of the workers. What becomes of a route:
//
//   unicast, one gateway            forward entry, shared by all routes with that interface, gateway and MTU
//   unicast, no gateway (on-link)   glean entry of the interface; each usable neighbour inside gets a host route of its
//                                   own to a forward entry (an explicit route of that length that leads elsewhere wins)
//   several paths, next-hop group   multipath entry; members that are down or not ours are left out while others live,
//                                   and the group changes in place: no prefix is written when a member comes or goes
//   local, broadcast, anycast       punt
//   blackhole, unreachable, prohibit  the same; throw: unreachable (no table after main is mirrored)
//   out of an interface that Culvert does not own, or with an encapsulation: a forward entry without interface, so the
//                                   pipeline drops with the reason interface_unknown. (Punting would not help: what
//                                   is punted is never forwarded by the kernel.)
//
// Example: 192.0.2.0/24 dev lan0, neighbour 192.0.2.7 is reachable, 198.51.100.0/24 via 192.0.2.7:
//
//   192.0.2.0/24    -> glean lan0
//   192.0.2.7/32    -> forward lan0 02:..:07      (entry shared with the next line)
//   198.51.100.0/24 -> forward lan0 02:..:07
//
// Work per change: the writes of the change itself, and one look at each neighbour on the link inside an on-link prefix
// that came or went. Prefixes of a set whose entry moved are rewritten in slices (rewrite_some).
#pragma once

#include <array>
#include <deque>
#include <map>
#include <set>

#include "control/netlink/adjacencies.h"
#include "control/netlink/object_model.h"
#include "control/netlink/route_model.h"
#include "control/netlink/set_resolver.h"

namespace culvert {

class Resolver {
 public:
  Resolver(RouteSink& sink, const LinkModel& links, const NeighborModel& neighbors, const ObjectModel& objects,
           PathSets& sets, const RouteModel& ipv4, const RouteModel& ipv6);

  /// A prefix has another best route.
  void apply(const BestChange& change);
  /// The models have taken the change already.
  void neighbor_changed(const NeighborKey& neighbor);
  /// A link came, went, changed owner, MTU or carrier, or a next-hop object changed: the set may lead elsewhere now.
  void resolve_again(PathSet& set);
  /// Looks at every neighbour of the link again (its owner or MTU changed).
  void settle_link(std::uint32_t ifindex);
  /// Looks again at sets that were told otherwise which members are dead; gives back what sets without routes hold, and
  /// forgets them.
  void collect();

  /// Writes up to `budget` prefixes of sets that moved; false when nothing is left to write.
  bool rewrite_some(std::size_t budget);
  bool is_rewriting() const noexcept { return !rewriting_.empty(); }

  /// Tries again what did not fit, `budget` of each kind at most, in turn, if room was made. To be called now and then:
  /// what was unlinked is free only after the workers' turns, so the removal itself is too early.
  void retry_some(std::size_t budget);
  /// Prefixes that are not in the table.
  std::size_t prefixes_short() const noexcept { return not_written_.size(); }
  /// Sets that lead elsewhere than they should or leave members out, and hosts without a route of their own.
  std::size_t next_hops_short() const noexcept { return short_sets_.size() + short_hosts_.size(); }

  Adjacencies& adjacencies() noexcept { return adjacencies_; }
  const Adjacencies& adjacencies() const noexcept { return adjacencies_; }
  const TableActivity& activity() const noexcept { return activity_; }
  /// Next-hop entries in use, all kinds.
  std::size_t next_hops() const noexcept {
    return adjacencies_.size() + set_resolver_.groups() + set_resolver_.fixed_in_use();
  }
  std::size_t host_routes() const noexcept { return hosts_.size(); }

 private:
  const RouteModel& model_of(const IpPrefix& prefix) const { return prefix.is_ipv4() ? ipv4_ : ipv6_; }
  static bool is_on_link(const PathSet& set) noexcept { return !set.resolution.onlink.empty(); }

  void ensure(PathSet& set);
  void settle_inside(const BestChange& change);
  void settle_inside_of(PathSet& set);
  void settle_host(const IpAddress& address, bool explicit_changed);
  Adjacency* wanted_host(const IpAddress& address);
  const PathSet* shorter_cover(const IpPrefix& prefix) const;
  void count_on_link(const IpPrefix& prefix, const PathSet* set, int step);
  void recount(PathSet& set, int step);

  void write(const IpPrefix& prefix, NextHopIndex index);
  void write_best(const IpPrefix& prefix, const PathSet& set);
  void erase(const IpPrefix& prefix);
  void note_shortage(PathSet& set);
  bool retry_prefix(const IpPrefix& prefix);
  void retry_prefixes(std::size_t budget);
  void retry_sets(std::size_t budget);
  void retry_hosts(std::size_t budget);

  const NeighborModel& neighbors_;
  const RouteModel& ipv4_;
  const RouteModel& ipv6_;
  RouteSink& sink_;
  PathSets& sets_;
  TableActivity activity_;
  Adjacencies adjacencies_;
  SetResolver set_resolver_;
  std::deque<PathSet*> rewriting_;
  std::map<IpAddress, Adjacency*> hosts_;
  std::array<std::array<std::uint32_t, kHostLength + 1>, 2> on_link_by_length_{};  ///< prefixes, by family and length

  // What did not fit, and where its turn is. Each is in the models, so they bound it.
  std::set<IpPrefix> not_written_;
  std::set<PathSet*> short_sets_;
  std::set<IpAddress> short_hosts_;
  IpPrefix prefix_turn_;
  PathSet* set_turn_ = nullptr;
  std::uint64_t room_seen_ = 0;
  std::size_t prefixes_left_ = 0;  ///< of not_written_, to be tried since room was made
};

}  // namespace culvert
