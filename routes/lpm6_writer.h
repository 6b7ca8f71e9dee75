// SPDX-License-Identifier: Apache-2.0
// Control's side of Lpm6: it knows every prefix and writes the trie in place. While an update runs, a reader gets for
// each address the old answer or the new one, never another: what changes shape is built aside and appears by one
// store, what only changes next hop changes link by link.
//
// A prefix lives in the cell that its last bit is in. A leaf link carries its owner's length, so an update touches only
// leaves whose owner is not longer, and skips a node whose mismatch already belongs to a longer prefix. A removal never
// needs memory: it stores in place, and takes nodes out that decide nothing any more.
//
// Cost: an update of a prefix visits the nodes inside it; adding one writes at most five nodes. Control memory: 38
// to 76 bytes a prefix (elements of 32 bytes in a hash map that doubles when 7/8 of it are used) and one bit a unit.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>

#include "base/hash.h"
#include "base/result.h"
#include "routes/lpm6.h"
#include "routes/lpm6_nodes.h"

namespace culvert {

class Lpm6Writer {
 public:
  /// The only writer of `table`, which must be empty and outlive it. `limits` are those of the table. Throws SetupError
  /// when a limit is out of range.
  Lpm6Writer(Lpm6& table, const Lpm6Limits& limits);
  Lpm6Writer(const Lpm6Writer&) = delete;
  Lpm6Writer& operator=(const Lpm6Writer&) = delete;

  /// Adds the prefix, or changes its next hop. An error (full, length above 128, next hop 0 or above 32767) changes
  /// nothing; "full" is counted in the gauge. Changing the next hop of a known prefix never fails. Nodes that were
  /// replaced wait for `open` to be acknowledged (epoch.h).
  Result<void> insert(const Prefix6& prefix, NextHopIndex next_hop, Epoch open);
  /// Removes the prefix; its addresses go back to the longest prefix that covers it. False when it is not known.
  bool remove(const Prefix6& prefix, Epoch open);
  /// Frees the nodes that were retired in epochs up to this one.
  void reclaim(Epoch acknowledged) { nodes_.reclaim(acknowledged); }

  std::optional<NextHopIndex> find(const Prefix6& prefix) const;
  std::size_t size() const noexcept { return next_hops_.size(); }
  /// Calls visit(prefix, next_hop) for every prefix, in no order; visit must not call the writer.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [prefix, next_hop] : next_hops_) visit(prefix, next_hop);
  }

  const Gauge& prefix_gauge() const noexcept { return prefix_gauge_; }
  /// Units of 64 bytes; used counts those that wait for an acknowledgement too.
  const Gauge& unit_gauge() const noexcept { return nodes_.gauge(); }
  void clear_peaks() noexcept {
    prefix_gauge_.clear_peak();
    nodes_.clear_peak();
  }

 private:
  struct PrefixHash {
    using is_avalanching = void;
    HashKey key;
    std::size_t operator()(const Prefix6& prefix) const noexcept {
      return hash40(key, {prefix.high, prefix.low, prefix.length, 0, 0});
    }
  };

  Result<void> check(const Prefix6& prefix, NextHopIndex next_hop) const;
  Lpm6Leaf covering(const Prefix6& prefix) const;
  std::uint32_t& root_link(const Prefix6& prefix) const noexcept;

  std::optional<std::uint32_t> place(std::uint32_t link, bool in_low_half, const Prefix6& prefix, Lpm6Leaf leaf,
                                     Epoch open);
  std::optional<std::uint32_t> place_in(std::uint32_t node, const Prefix6& prefix, Lpm6Leaf leaf, Epoch open);
  std::optional<std::uint32_t> place_above(std::uint32_t node, unsigned bit, const Prefix6& prefix, Lpm6Leaf leaf,
                                           Epoch open);
  std::optional<std::uint32_t> place_at_leaf(std::uint32_t link, bool in_low_half, const Prefix6& prefix,
                                             Lpm6Leaf leaf);
  void discard_new(std::uint32_t link);
  std::uint32_t take_out(std::uint32_t node, const Prefix6& prefix, Lpm6Leaf cover, Epoch open);
  std::uint32_t simplify(std::uint32_t node, const Lpm6Cell& cell, Epoch open);
  void paint(std::uint32_t& link, std::uint8_t length, Lpm6Leaf leaf);
  void paint_root(const Prefix6& prefix, Lpm6Leaf leaf);
  void paint_below(std::uint32_t node, const Prefix6& prefix, Lpm6Leaf leaf);

  Lpm6& table_;
  Lpm6Limits limits_;
  Lpm6Nodes nodes_;
  boost::unordered_flat_map<Prefix6, NextHopIndex, PrefixHash> next_hops_;
  std::uint32_t count_by_length_[129] = {};
  Gauge prefix_gauge_;
};

}  // namespace culvert
