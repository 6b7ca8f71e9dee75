// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/cell.h"
#include "packet/prefix.h"
#include "routes/epoch.h"
#include "routes/lpm6.h"

namespace culvert {

/// What a leaf link says: a next hop and the length of the prefix that owns it (0: no prefix).
struct Lpm6Leaf {
  NextHopIndex next_hop = kNoRouteIndex;
  std::uint8_t length = 0;

  static constexpr Lpm6Leaf of(std::uint32_t link) noexcept {
    return {static_cast<NextHopIndex>(link), static_cast<std::uint8_t>(link >> 16)};
  }
  constexpr std::uint32_t link() const noexcept { return std::uint32_t{length} << 16 | next_hop; }
};

/// A node spread out for editing: a link per slot.
struct Lpm6Cell {
  std::size_t level = 0;
  std::uint64_t expect = 0;  ///< bits of the level's half above the cell
  std::uint32_t mismatch = 0;
  std::array<std::uint32_t, 64> link{};

  std::size_t slots() const noexcept {
    return std::size_t{1} << (Lpm6::kLevels[level].end - Lpm6::kLevels[level].begin);
  }
};

/// The nodes of one Lpm6: reads them, writes new ones, hands out and takes back their memory. Control only.
class Lpm6Nodes {
 public:
  explicit Lpm6Nodes(Lpm6& table);

  /// The level that decides bit `bit` (18..127).
  static std::size_t level_of_bit(unsigned bit) noexcept;
  /// The slot of this level's cell that the address is in.
  static std::size_t slot_of(std::size_t level, const Prefix6& address) noexcept;
  /// The bits of this level's half above the cell.
  static std::uint64_t expect_of(std::size_t level, const Prefix6& address) noexcept;
  static bool is_node(std::uint32_t link) noexcept { return (link & Lpm6::kNodeBit) != 0; }

  std::size_t level(std::uint32_t node) const noexcept;
  std::uint64_t expect(std::uint32_t node) const noexcept;
  /// Where the node's mismatch, or the link of a slot, is kept; written with Lpm6::write.
  std::uint32_t& mismatch(std::uint32_t node) const noexcept;
  std::uint32_t& link(std::uint32_t node, std::size_t slot) const noexcept;
  /// The stored links, one a run.
  std::span<std::uint32_t> links(std::uint32_t node) const noexcept;

  Lpm6Cell spread(std::uint32_t node) const;
  /// Writes a new node that nothing points at yet; nothing when there is no room (not counted: see refused()).
  std::optional<std::uint32_t> write(const Lpm6Cell& cell);
  /// Changes the node's links in place, one store each, when its runs are fine enough for that. False: write a new one.
  bool update(std::uint32_t node, const Lpm6Cell& cell);
  /// True when the cell would need fewer units than the node has.
  bool shrinks(std::uint32_t node, const Lpm6Cell& cell) const noexcept;

  /// Gives back a node that was never published.
  void discard(std::uint32_t node);
  /// Gives back a node that readers may still hold.
  void retire(std::uint32_t node, Epoch open);
  void reclaim(Epoch acknowledged);

  void refused() noexcept { gauge_.failures.add(); }
  const Gauge& gauge() const noexcept { return gauge_; }
  void clear_peak() noexcept { gauge_.clear_peak(); }

 private:
  std::optional<std::uint32_t> take(std::size_t units);
  void give(std::uint32_t unit, std::size_t units);
  std::uint32_t* words(std::uint32_t node) const noexcept { return table_.unit(node & ~Lpm6::kNodeBit); }
  std::size_t units_of(std::uint32_t node) const noexcept;

  Lpm6& table_;
  std::vector<std::uint64_t> free_;  ///< a bit per unit
  std::size_t used_ = 0;
  std::size_t hint_ = 0;  ///< the word of free_ that the last search ended in
  RetireList<std::uint32_t> retired_;
  Gauge gauge_;
};

}  // namespace culvert
