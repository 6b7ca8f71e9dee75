// SPDX-License-Identifier: Apache-2.0
// The kernel's routes of one family: tables local and main, read as one by longest prefix. (The kernel asks table local
// first, and main only if nothing there matches: IPv6 always, IPv4 from the first policy rule on, which culvertd's
// own for the tun are: net/ipv4/fib_frontend.c fib_unmerge. That makes a difference only for routes of table main
// inside a shorter prefix of table local.) For each prefix a chain, best first: table local before main, then the
// lowest metric, then the kernel's own order, which its messages tell:
//
//   message flags      IPv4 (fib_table_insert)                  IPv6 (fib6_add_rt2node)
//   CREATE|EXCL        nothing of this metric was there         the same
//   REPLACE            instead of the first of this metric      instead of the first of the same kind (ECMP or not)
//   CREATE|APPEND      behind those of this metric              gateways of one metric become one multipath route
//   CREATE             before those of this metric (prepend)    as APPEND
//
// IPv6 tells a new member with the whole multipath route, a removed member alone.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>
#include <vector>

#include "control/netlink/path_set.h"

namespace culvert {

/// What a prefix's best route was and is; null: none. The sets stay alive until PathSets::take_unused().
struct BestChange {
  IpPrefix prefix;
  PathSet* before = nullptr;
  PathSet* after = nullptr;
};

class RouteModel {
 public:
  /// `limit`: how many routes are kept; what comes then is refused and counted.
  RouteModel(bool ipv4, PathSets& sets, std::size_t limit);
  ~RouteModel();
  RouteModel(const RouteModel&) = delete;
  RouteModel& operator=(const RouteModel&) = delete;

  /// `from_dump`: the message states what is, rather than telling what happened.
  BestChange apply(const RouteMessage& message, std::uint8_t generation, bool from_dump);

  /// Removes routes of this rank that the last dump did not show, `budget` prefixes at a time, from `cursor` on. True
  /// when it is through.
  bool sweep(std::uint8_t rank, std::uint8_t generation, std::size_t budget, IpPrefix& cursor,
             std::vector<BestChange>& changes);
  BestChange remove(Route& route);

  const RouteNode* find(const IpPrefix& prefix) const;
  /// The longest prefix that holds the address, not longer than `length`.
  const RouteNode* longest_match(const IpAddress& address, int length = kHostLength) const;

  std::size_t size() const noexcept { return size_; }
  std::size_t limit() const noexcept { return limit_; }
  std::uint64_t refused() const noexcept { return refused_; }
  /// About how many routes the kernel has and the model refused, since the last forget_owed(): told again they count
  /// again; which ones they are is not kept.
  std::uint64_t owed() const noexcept { return owed_; }
  /// A dump begins: it says anew what does not fit.
  void forget_owed() noexcept { owed_ = 0; }
  /// Removals of routes that the mirror did not know: a reason to look at the whole table again.
  std::uint64_t surprises() const noexcept { return surprises_; }
  /// Removals behind which it does not know the order of what is left: another reason.
  std::uint64_t unsure_of_order() const noexcept { return unsure_of_order_; }
  const std::pmr::map<IpPrefix, RouteHead>& all() const noexcept { return nodes_; }

 private:
  struct Place;

  PathSetContent content_of(const RouteMessage& message) const;
  void add(RouteNode& node, const RouteMessage& message, std::uint8_t generation, bool from_dump);
  void replace(RouteNode& node, const RouteMessage& message, Place& place);
  Route** removed_by(RouteNode& node, const RouteMessage& message, bool& partly);
  void insert(RouteNode& node, Route** at, const RouteMessage& message, const Place& place);
  void refuse() noexcept;
  void count_unknown() noexcept;
  void unlink(Route** at);
  void refresh(Route& route, PathSet& set, std::uint8_t generation);
  void drop_node_if_empty(RouteNode& node);

  bool ipv4_;
  PathSets& sets_;
  std::size_t limit_;
  std::size_t size_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t owed_ = 0;
  std::uint64_t surprises_ = 0;
  std::uint64_t unsure_of_order_ = 0;
  std::array<std::uint32_t, kHostLength + 1> count_by_length_{};
  std::pmr::unsynchronized_pool_resource pool_;
  std::pmr::map<IpPrefix, RouteHead> nodes_{&pool_};
};

}  // namespace culvert
