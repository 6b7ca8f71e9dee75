// SPDX-License-Identifier: Apache-2.0
// Where routes lead, shared: a full table has a million prefixes and a handful of next hops (the kernel's fib_info is
// the same idea). Each distinct content exists once; its routes hang on a list, so that what happens to a next hop
// reaches them without a walk through the table.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "control/netlink/messages.h"
#include "routes/next_hop.h"

namespace culvert {

struct PathSet;
struct Adjacency;

/// One prefix of the mirror: its routes, best first.
struct Route;
struct RouteHead {
  Route* first = nullptr;
};
using RouteNode = std::pair<const IpPrefix, RouteHead>;

struct Route {
  Route* next = nullptr;  ///< next best of the same prefix
  RouteNode* node = nullptr;
  PathSet* set = nullptr;
  Route* set_previous = nullptr;
  Route* set_next = nullptr;
  std::uint32_t priority = 0;  ///< metric: lowest wins
  std::uint8_t rank = 1;       ///< 0: table local, 1: table main
  std::uint8_t scope = 0;
  std::uint8_t protocol = 0;
  std::uint8_t generation = 0;
  bool ecmp = false;  ///< IPv6: joins others of its metric into one multipath route
};

struct PathSetContent {
  bool ipv4 = true;
  std::uint8_t type = 0;  ///< RTN_*
  std::uint32_t object = 0;
  /// The route's own, or 0. Never less than the 68 that every link carries (RFC 791 3.2), for IPv6 1280 (RFC 8200 5; so
  /// does ip6_forward of the kernel): a packet so short always goes out.
  std::uint32_t mtu = 0;
  IpAddress preferred_source;  ///< IPv4 only: the kernel flushes such routes together with the address
  std::vector<Path> paths;     ///< sorted; empty for a next-hop object's routes

  friend auto operator<=>(const PathSetContent&, const PathSetContent&) = default;
};

/// What a set became in the next-hop table.
struct Resolution {
  NextHopIndex index = kNoRouteIndex;
  bool group = false;                 ///< `index` is a multipath entry of this set alone
  std::vector<Adjacency*> held;       ///< in the group, or the one behind `index`
  std::vector<std::uint32_t> onlink;  ///< ifindexes where the destination itself is the neighbour
  /// What the next-hop table had not: with so many entries, and a group, another try makes it better.
  std::size_t lacks_entries = 0;
  bool lacks_group = false;
  bool falls_short() const noexcept { return lacks_entries != 0; }
};

struct PathSet {
  const PathSetContent* content = nullptr;
  /// The kernel sends nothing by the members behind these links: ifindexes in order. All members behind one link live
  /// and die together, and so do they in all routes of the set (fib_sync_down_dev, fib_sync_up), but for routes that
  /// were made with `onlink` meanwhile: of those the last one told counts.
  std::vector<std::uint32_t> dead_links;
  std::vector<Path> fallback;  ///< the kernel's own expansion of a next-hop object that we have not seen
  Route* first = nullptr;
  std::size_t routes = 0;
  bool resolved = false;
  Resolution resolution;
  std::vector<Resolution> retired;  ///< still in the tables until the rewrite below is through
  Route* rewrite = nullptr;         ///< next route whose prefix must be written again
  Route* purge = nullptr;           ///< next route to remove: the kernel flushed them without saying so
  bool purging = false;             ///< until the purge is through; routes that were told again meanwhile stay

  bool is_dead(std::uint32_t ifindex) const;
  /// The content's, each dead or alive as it is now.
  std::vector<Path> paths() const;
};

/// All sets by content.
class PathSets {
 public:
  /// Which of the content's paths are dead is news for a set that is there already.
  PathSet& intern(const PathSetContent& content);
  void erase(PathSet& set);
  std::size_t size() const noexcept { return sets_.size(); }
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [content, set] : sets_) visit(set);
  }

  /// Hangs the route on the set's list, in front: a purge or rewrite that is under way does not see it.
  static void attach(PathSet& set, Route& route);
  /// Takes the route off its set; a set without routes goes to `unused`.
  void detach(Route& route);

  /// Sets that lost their last route since the last call and still have none.
  std::vector<PathSet*> take_unused();
  /// Sets of which intern() changed the dead links since the last call. To be called before those that are unused are
  /// erased.
  std::vector<PathSet*> take_changed() { return std::exchange(changed_, {}); }

 private:
  std::map<PathSetContent, PathSet> sets_;
  std::vector<PathSet*> changed_;
  std::vector<PathSet*> unused_;
};

}  // namespace culvert
