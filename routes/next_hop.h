// SPDX-License-Identifier: Apache-2.0
// Where a route leads. The LPM tables map an address to a next-hop index; this table says what the index means. Control
// is the only writer, workers read without locks:
//
//   - A used entry's kind, interface, MTU and group never change in place: control fills a free entry, then stores its
//     index into the LPM, and reuses the old entry only after every worker has turned often enough (routes/epoch.h).
//   - The neighbour's MAC address changes in place: one atomic 64-bit word holds the address and whether it is usable,
//     so a reader sees the old or the new one, never half of each. A session that stores a next-hop index follows a
//     neighbour's change without being touched.
//   - The buckets of a group change in place, one atomic store each, when a route gets other members
//     (NextHopAllocator::change_multipath): a packet finds the old member of its bucket, which is kept until no worker
//     can hold it, or the new one.
//
// Example: 198.51.100.0/24 via 192.0.2.1 dev wan0, and 203.0.113.0/24 via 192.0.2.1 and 192.0.2.2 (ECMP):
//
//   index  kind       interface  MTU   neighbour           group
//   0      no route   -          -     -                   -
//   1      forward    wan0       1500  02:00:00:00:00:01
//   2      forward    wan0       1500  (unresolved)
//   3      multipath  -          -     -                   buckets [1,2,1,2,...]
//   4      glean      lan0       1500  -                   the connected prefix 192.0.2.0/24: ask the kernel per
//   address
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/address.h"
#include "packet/packet.h"

namespace culvert {

/// Index of an entry; the LPM tables store it in 15 bits.
using NextHopIndex = std::uint16_t;
inline constexpr NextHopIndex kNoRouteIndex = 0;
inline constexpr std::size_t kMaxNextHops = 32768;

enum class NextHopKind : std::uint8_t {
  kNoRoute,      ///< index 0, and every entry that is not in use
  kForward,      ///< out of `interface` to one neighbour
  kGlean,        ///< on-link prefix: the destination itself is the neighbour, and it is not known yet
  kLocal,        ///< an address of this host: punt
  kBlackhole,    ///< drop silently
  kUnreachable,  ///< drop, tell the sender (RFC 1812 5.2.7.1)
  kProhibit,     ///< drop, tell the sender: administratively prohibited
  kMultipath,    ///< choose a member by the packet's symmetric hash
};

/// Buckets of one multipath group: members appear in them in proportion to their weights.
inline constexpr std::size_t kMultipathBuckets = 64;

/// What a reader gets: one consistent copy of an entry's fixed part.
struct NextHopView {
  NextHopKind kind = NextHopKind::kNoRoute;
  InterfaceIndex interface = kNoInterface;
  std::uint16_t mtu = 0;  ///< bytes of IP; the route's own or the interface's
  std::uint16_t group = 0;
};

/// The neighbour's MAC if it is known.
struct NeighborView {
  std::uint64_t mac_bits = 0;  ///< MacAddress::bits()
  bool usable = false;
};

class NextHopTable {
 public:
  /// Entry memory: two words; four entries share a cache line.
  struct Entry {
    std::atomic<std::uint64_t> fixed{0};
    std::atomic<std::uint64_t> neighbor{0};
  };
  struct Group {
    std::atomic<NextHopIndex> bucket[kMultipathBuckets];
  };

  /// Spans are the caller's zeroed memory; entries.size() <= kMaxNextHops.
  NextHopTable(std::span<Entry> entries, std::span<Group> groups) noexcept : entries_(entries), groups_(groups) {}

  // Workers.

  NextHopView view(NextHopIndex index) const noexcept {
    return unpack(entries_[index].fixed.load(std::memory_order_acquire));
  }
  NeighborView neighbor(NextHopIndex index) const noexcept {
    const std::uint64_t word = entries_[index].neighbor.load(std::memory_order_acquire);
    return {word & kMacBits, (word & kUsable) != 0};
  }
  /// The member of a multipath group for a packet's hash (its top bits choose the bucket).
  NextHopIndex member(std::uint16_t group, std::uint64_t hash) const noexcept {
    return groups_[group].bucket[hash >> 58].load(std::memory_order_acquire);
  }
  const void* address_of(NextHopIndex index) const noexcept { return &entries_[index]; }

  // Control. The caller keeps which entries and groups are free.

  std::size_t size() const noexcept { return entries_.size(); }
  std::size_t group_count() const noexcept { return groups_.size(); }
  void set(NextHopIndex index, const NextHopView& view) noexcept {
    entries_[index].fixed.store(pack(view), std::memory_order_release);
  }
  void set_neighbor(NextHopIndex index, const MacAddress& mac) noexcept {
    entries_[index].neighbor.store(kUsable | mac.bits(), std::memory_order_release);
  }
  void forget_neighbor(NextHopIndex index) noexcept { entries_[index].neighbor.store(0, std::memory_order_release); }
  void set_bucket(std::uint16_t group, std::size_t bucket, NextHopIndex member) noexcept {
    groups_[group].bucket[bucket].store(member, std::memory_order_release);
  }

 private:
  static constexpr std::uint64_t kUsable = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kMacBits = (std::uint64_t{1} << 48) - 1;

  static std::uint64_t pack(const NextHopView& view) noexcept {
    return static_cast<std::uint64_t>(view.kind) | std::uint64_t{view.interface} << 16 | std::uint64_t{view.mtu} << 32 |
           std::uint64_t{view.group} << 48;
  }
  static NextHopView unpack(std::uint64_t word) noexcept {
    return {static_cast<NextHopKind>(word & 0xff), static_cast<InterfaceIndex>(word >> 16),
            static_cast<std::uint16_t>(word >> 32), static_cast<std::uint16_t>(word >> 48)};
  }

  std::span<Entry> entries_;
  std::span<Group> groups_;
};

static_assert(sizeof(NextHopTable::Entry) == 16);

}  // namespace culvert
