// SPDX-License-Identifier: Apache-2.0
// The buckets of a multipath group. A packet's symmetric hash picks one of 64 buckets, the bucket names a member; so a
// flow moves to another member only when its bucket does. (The kernel's resilient next-hop groups do the same:
// net/ipv4/nexthop.c, struct nh_res_table.)
#pragma once

#include <cstdint>
#include <span>

#include "routes/next_hop.h"

namespace culvert {

struct MultipathMember {
  NextHopIndex next_hop = kNoRouteIndex;
  std::uint16_t weight = 1;  ///< relative; 0 takes part as 1 (the kernel's rtnh_hops is the weight less one)

  friend constexpr auto operator<=>(const MultipathMember&, const MultipathMember&) noexcept = default;
};

using MultipathBuckets = std::span<NextHopIndex, kMultipathBuckets>;

/// Fills the buckets of a new group. Each member's share differs by less than 1/64 from its weight's (largest
/// remainder). With more than 64 members some get none. Members are distinct; none at all gives kNoRouteIndex.
void fill_buckets(std::span<const MultipathMember> members, MultipathBuckets buckets) noexcept;

/// Adapts the buckets of a group that had the members `before`.
///   - Members were only lost: exactly the lost members' buckets move, and a share differs by less than 2/64 (only if
///     several losses in a row would make it more, further buckets move).
///   - Otherwise (members or weights came or changed): as few buckets move as bring every share to less than 1/64.
void refill_buckets(std::span<const MultipathMember> before, std::span<const MultipathMember> now,
                    MultipathBuckets buckets) noexcept;

}  // namespace culvert
