// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "control/netlink/ip_prefix.h"
#include "routes/next_hop.h"

namespace culvert {

/// A member of a multipath entry.
struct WeightedHop {
  NextHopIndex index = kNoRouteIndex;
  std::uint16_t weight = 1;
  friend bool operator==(const WeightedHop&, const WeightedHop&) noexcept = default;
};

/// What a next-hop entry says.
struct NextHopSpec {
  NextHopKind kind = NextHopKind::kNoRoute;
  InterfaceIndex interface = kNoInterface;
  IpAddress gateway;      ///< of either family; unspecified when there is none
  std::uint16_t mtu = 0;  ///< bytes of IP
};

/// Where the mirror writes: the tables that workers read (TableSink), or a test's own. Every call takes effect at once.
class RouteSink {
 public:
  virtual ~RouteSink() = default;

  /// Adds a prefix or changes where it leads. False: the table is full; the prefix is as it was.
  virtual bool set_route(const IpPrefix& prefix, NextHopIndex index) = 0;
  /// Removes a prefix if it is there; its addresses fall back to the longest prefix that covers it.
  virtual void remove_route(const IpPrefix& prefix) = 0;

  /// A next-hop entry of any kind but kMultipath. Nothing: the table is full.
  virtual std::optional<NextHopIndex> allocate(const NextHopSpec& spec) = 0;
  /// An entry that spreads packets over `members` (not empty, each allocated here) by their weights.
  virtual std::optional<NextHopIndex> allocate_group(std::span<const WeightedHop> members) = 0;
  /// Changes the members of a group, in place when it can (the same index comes back); otherwise the old group stays as
  /// it is until it is released and the new one's index comes back. Nothing: the table is full, nothing changed.
  virtual std::optional<NextHopIndex> change_group(NextHopIndex index, std::span<const WeightedHop> members) = 0;
  /// No prefix and no group leads there any more; reused once every worker has acknowledged.
  virtual void release(NextHopIndex index) = 0;

  virtual void set_neighbor(NextHopIndex index, const MacAddress& mac) = 0;
  virtual void forget_neighbor(NextHopIndex index) = 0;

  /// Moves whenever a prefix that did not fit may fit now.
  virtual std::uint64_t room_made() const = 0;
  /// How many entries and multipath groups could be allocated now.
  virtual std::size_t free_entries() const = 0;
  virtual std::size_t free_groups() const = 0;
};

}  // namespace culvert
