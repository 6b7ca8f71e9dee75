// SPDX-License-Identifier: Apache-2.0
// Control's side of NextHopTable: which entries and groups are free, and who uses them. Routes through the same
// neighbour share an entry (a full table through two routers uses two), multipath routes with the same members share a
// group. An entry is freed with its last user, and reused after the workers have acknowledged (epoch.h).
#pragma once

#include <compare>
#include <map>
#include <span>
#include <vector>

#include "base/cell.h"
#include "base/result.h"
#include "routes/epoch.h"
#include "routes/multipath.h"
#include "routes/next_hop.h"

namespace culvert {

/// What makes two routes' next hops the same. An IPv4 gateway stands as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), no gateway
/// as
/// ::. (A route's family is not part of it: an IPv4 route may have an IPv6 gateway, RFC 5549.)
struct NextHopKey {
  InterfaceIndex interface = kNoInterface;
  Ipv6Address gateway;
  std::uint16_t mtu = 0;  ///< bytes of IP
  NextHopKind kind = NextHopKind::kNoRoute;

  friend constexpr auto operator<=>(const NextHopKey&, const NextHopKey&) noexcept = default;
};

/// ::ffff:a.b.c.d
Ipv6Address mapped_address(Ipv4Address address) noexcept;

class NextHopAllocator {
 public:
  /// The only one that allocates in `table`, which must outlive it. Entry 0 stays "no route".
  explicit NextHopAllocator(NextHopTable& table);
  NextHopAllocator(const NextHopAllocator&) = delete;
  NextHopAllocator& operator=(const NextHopAllocator&) = delete;

  /// An entry for this key with one more user; a new one has no neighbour yet. Full: an error, counted. `key.kind` is
  /// neither kNoRoute nor kMultipath.
  Result<NextHopIndex> acquire(const NextHopKey& key);

  /// An entry of kind kMultipath with one more user; it is a user of each member. Members (acquired entries, none
  /// multipath) are merged when they repeat. When a group must be made and `like` is the entry of a live group (that of
  /// the route that is being replaced), flows stay where they are as far as the new weights allow. With one member it
  /// still makes a group: callers acquire that member's entry instead.
  Result<NextHopIndex> acquire_multipath(std::span<const MultipathMember> members, NextHopIndex like = kNoRouteIndex);

  /// Gives the route that leads to the live multipath entry `index` other members. When it is the entry's only user and
  /// no other group has these members, the group changes in place (same index, no prefix to write: all its prefixes
  /// follow at once) and what it no longer uses waits for `open`. Otherwise as acquire_multipath(members, index):
  /// another index, and the caller releases the old one when nothing leads there.
  Result<NextHopIndex> change_multipath(NextHopIndex index, std::span<const MultipathMember> members, Epoch open);

  /// One user more of an entry that has users.
  void retain(NextHopIndex index);
  /// One user less. After the last one the entry (with its group and members) waits for `open` to be acknowledged;
  /// until then readers find it unchanged.
  void release(NextHopIndex index, Epoch open);
  /// Frees what was retired in epochs up to this one.
  void reclaim(Epoch acknowledged);

  /// The number of users; 0 for entries that are free or waiting.
  std::uint32_t users(NextHopIndex index) const { return entries_[index].users; }
  /// What a live entry was acquired for; for multipath entries only `kind` says something.
  const NextHopKey& key(NextHopIndex index) const { return entries_[index].key; }
  /// The members of a live multipath entry, ordered; empty for others.
  std::span<const MultipathMember> members(NextHopIndex index) const { return entries_[index].members; }

  /// Calls visit(index, key) for each live entry that leads to this neighbour, whatever its MTU and kind: the ones to
  /// change when the neighbour's MAC changes.
  template <typename Visit>
  void for_each_neighbor(InterfaceIndex interface, const Ipv6Address& gateway, Visit visit) const {
    for (auto it = by_key_.lower_bound({interface, gateway, 0, NextHopKind::kNoRoute});
         it != by_key_.end() && it->first.interface == interface && it->first.gateway == gateway; ++it)
      visit(it->second, it->first);
  }
  /// Calls visit(index, key) for each live entry that leads out of this interface.
  template <typename Visit>
  void for_each_on(InterfaceIndex interface, Visit visit) const {
    for (auto it = by_key_.lower_bound({interface, {}, 0, NextHopKind::kNoRoute});
         it != by_key_.end() && it->first.interface == interface; ++it)
      visit(it->second, it->first);
  }

  /// Used counts entries (groups) that wait for an acknowledgement too; max leaves out entry 0.
  const Gauge& entry_gauge() const noexcept { return entry_gauge_; }
  const Gauge& group_gauge() const noexcept { return group_gauge_; }
  void clear_peaks() noexcept {
    entry_gauge_.clear_peak();
    group_gauge_.clear_peak();
  }

 private:
  using Members = std::vector<MultipathMember>;
  struct Entry {
    NextHopKey key;
    std::uint32_t users = 0;
    Members members;
  };

  Result<NextHopIndex> take_entry();
  void fill_group(std::uint16_t group, const Members& members, NextHopIndex like);
  void free_entry(NextHopIndex index);
  void observe();

  NextHopTable& table_;
  std::vector<Entry> entries_;
  std::map<NextHopKey, NextHopIndex> by_key_;
  std::map<Members, NextHopIndex> by_members_;
  std::vector<NextHopIndex> free_entries_;
  std::vector<std::uint16_t> free_groups_;
  RetireList<NextHopIndex> retired_;
  Gauge entry_gauge_;
  Gauge group_gauge_;
};

}  // namespace culvert
