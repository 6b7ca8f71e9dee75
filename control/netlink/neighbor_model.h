// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>

#include "control/netlink/messages.h"

namespace culvert {

struct NeighborKey {
  std::uint32_t ifindex = 0;
  IpAddress address;
  friend constexpr auto operator<=>(const NeighborKey&, const NeighborKey&) noexcept = default;
};

struct Neighbor {
  std::uint16_t state = 0;  ///< NUD_*
  std::uint8_t flags = 0;   ///< NTF_*
  bool managed = false;     ///< NTF_EXT_MANAGED: the kernel keeps it fresh
  bool has_mac = false;
  MacAddress mac;
  std::uint8_t generation = 0;

  /// Frames may be sent to `mac`: NUD_REACHABLE, STALE, DELAY, PROBE, PERMANENT or NOARP, and a unicast address.
  bool usable() const noexcept;
  bool failed() const noexcept;
};

struct NeighborChange {
  NeighborKey key;
  bool changed = false;     ///< what the packet path sees: usable or its address
  bool failed_now = false;  ///< the kernel gave up asking
  bool gone = false;
  bool unmanaged = false;  ///< it was managed and is not any more
};

/// The kernel's neighbour tables (ARP and ND), ordered so that those of one link inside one prefix are a range.
class NeighborModel {
 public:
  /// `limit`: beyond it new neighbours are not remembered (and counted as refused).
  explicit NeighborModel(std::size_t limit) : limit_(limit) {}

  NeighborChange apply(const NeighborMessage& message, std::uint8_t generation);
  bool sweep_one(std::uint8_t generation, NeighborChange& change);

  const Neighbor* find(const NeighborKey& key) const;
  /// The neighbour if frames may be sent to it.
  const Neighbor* find_usable(const NeighborKey& key) const;
  const std::map<NeighborKey, Neighbor>& all() const noexcept { return neighbors_; }
  std::uint64_t refused() const noexcept { return refused_; }
  std::size_t limit() const noexcept { return limit_; }

 private:
  NeighborChange remove(const NeighborKey& key);

  std::map<NeighborKey, Neighbor> neighbors_;
  std::size_t limit_;
  std::uint64_t refused_ = 0;
};

}  // namespace culvert
