// SPDX-License-Identifier: Apache-2.0
// Control's side of Lpm4: it knows every prefix and writes the slots in place. While an update runs, a reader gets for
// each address the old answer or the new one, never another. Beside each slot stands the length of the prefix that owns
// it, so an update touches only slots whose owner is not longer, and a removal gives exactly its own slots back to the
// covering prefix.
//
// Cost: an update stores at most 2^(24 - length) slots (65,536 for a /8; 8 million for a /1) and those of the groups
// inside; the default route is one store. Control memory: 16 MB of lengths, some 260 bytes a group, and 20 to 39 bytes
// a prefix (elements of 16 bytes in a hash map that doubles when 7/8 of it are used).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>
#include <vector>

#include "base/cell.h"
#include "base/hash.h"
#include "base/result.h"
#include "packet/prefix.h"
#include "routes/epoch.h"
#include "routes/lpm4.h"

namespace culvert {

class Lpm4Writer {
 public:
  /// The only writer of `table`, which must be empty and outlive it. `limits` are those of the table. Throws SetupError
  /// when a limit is out of range.
  Lpm4Writer(Lpm4& table, const Lpm4Limits& limits);
  Lpm4Writer(const Lpm4Writer&) = delete;
  Lpm4Writer& operator=(const Lpm4Writer&) = delete;

  /// Adds the prefix, or changes its next hop. An error (full, length above 32, next hop 0 or above 32767) changes
  /// nothing; "full" is counted in the gauge. Changing the next hop of a known prefix never fails.
  Result<void> insert(const Prefix4& prefix, NextHopIndex next_hop);
  /// Removes the prefix; its addresses go back to the longest prefix that covers it. False when it is not known. A
  /// group that becomes empty waits for `open` to be acknowledged (epoch.h).
  bool remove(const Prefix4& prefix, Epoch open);
  /// Frees the groups that were retired in epochs up to this one.
  void reclaim(Epoch acknowledged);

  std::optional<NextHopIndex> find(const Prefix4& prefix) const;
  std::size_t size() const noexcept { return next_hops_.size(); }
  /// Calls visit(prefix, next_hop) for every prefix, in no order; visit must not call the writer.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [key, next_hop] : next_hops_)
      visit(Prefix4(static_cast<std::uint32_t>(key >> 8), static_cast<unsigned>(key & 0xff)), next_hop);
  }

  const Gauge& prefix_gauge() const noexcept { return prefix_gauge_; }
  /// Used counts the groups that wait for an acknowledgement too.
  const Gauge& group_gauge() const noexcept { return group_gauge_; }
  void clear_peaks() noexcept {
    prefix_gauge_.clear_peak();
    group_gauge_.clear_peak();
  }

 private:
  /// What a slot holds and whose it is; length 0 stands for no prefix (the default route owns no slots).
  struct Owner {
    NextHopIndex next_hop = kNoRouteIndex;
    std::uint8_t length = 0;
  };
  struct KeyHash {
    using is_avalanching = void;
    HashKey key;
    std::size_t operator()(std::uint64_t prefix) const noexcept { return hash16(key, prefix, 0); }
  };

  static std::uint64_t key_of(const Prefix4& prefix) noexcept {
    return std::uint64_t{prefix.bits} << 8 | prefix.length;
  }
  Result<void> check(const Prefix4& prefix, NextHopIndex next_hop) const;
  Owner covering(const Prefix4& prefix) const;
  void paint(const Prefix4& prefix, Owner owner);
  void paint_group(std::uint32_t group, std::uint32_t first, std::uint32_t count, std::uint8_t length, Owner owner);
  std::uint32_t open_group(std::uint32_t slot);
  void close_group(std::uint32_t slot, Epoch open);
  void observe();

  Lpm4& table_;
  Lpm4Limits limits_;
  boost::unordered_flat_map<std::uint64_t, NextHopIndex, KeyHash> next_hops_;
  std::uint32_t count_by_length_[33] = {};
  std::vector<std::uint8_t> slot_length_;        ///< of each slot that is no group
  std::vector<std::uint8_t> group_slot_length_;  ///< of each group's slots
  std::vector<std::uint16_t> group_prefixes_;    ///< prefixes longer than 24 in each group
  std::vector<std::uint32_t> free_groups_;
  RetireList<std::uint32_t> retired_groups_;
  Gauge prefix_gauge_;
  Gauge group_gauge_;
};

}  // namespace culvert
