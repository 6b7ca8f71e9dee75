// SPDX-License-Identifier: Apache-2.0
#include "routes/lpm6_writer.h"

#include <algorithm>
#include <bit>
#include <string>
namespace culvert {
namespace {

/// The last level of the high half. Nodes of the low half hang only below nodes of this level: a node checks the bits
/// of its own half, so here all bits of the high half have been checked.
constexpr std::size_t kGate = 7;
static_assert(Lpm6::kLevels[kGate].end == 64);

bool in_low_half_below(std::size_t level) noexcept {
  return level >= kGate;
}

/// The level whose cell the prefix ends in; its length is above kRootBits.
std::size_t level_of(const Prefix6& prefix) noexcept {
  return Lpm6Nodes::level_of_bit(prefix.length - 1U);
}

struct SlotRange {
  std::size_t begin;
  std::size_t end;
};

/// The slots of its own level that the prefix covers.
SlotRange slots_of(const Prefix6& prefix) noexcept {
  const std::size_t level = level_of(prefix);
  const std::size_t begin = Lpm6Nodes::slot_of(level, prefix);
  return {begin, begin + (std::size_t{1} << (Lpm6::kLevels[level].end - prefix.length))};
}

bool yields(std::uint32_t leaf_link, std::uint8_t length) noexcept {
  return Lpm6Leaf::of(leaf_link).length <= length;
}

/// Gives the prefix's slots to `leaf`, except nodes and those of longer prefixes.
void paint_cell(Lpm6Cell& cell, const Prefix6& prefix, Lpm6Leaf leaf) noexcept {
  const SlotRange range = slots_of(prefix);
  for (std::size_t slot = range.begin; slot < range.end; ++slot)
    if (!Lpm6Nodes::is_node(cell.link[slot]) && yields(cell.link[slot], prefix.length)) cell.link[slot] = leaf.link();
}

/// A cell on the prefix's path where every slot says `link`.
Lpm6Cell uniform_cell(std::size_t level, const Prefix6& prefix, std::uint32_t link) noexcept {
  Lpm6Cell cell;
  cell.level = level;
  cell.expect = Lpm6Nodes::expect_of(level, prefix);
  cell.mismatch = link;
  cell.link.fill(link);
  return cell;
}

}  // namespace

Lpm6Writer::Lpm6Writer(Lpm6& table, const Lpm6Limits& limits)
    : table_(table), limits_(limits), nodes_(table), next_hops_(0, PrefixHash{HashKey::random()}) {
  if (limits.units != table.unit_count())
    throw SetupError({"an IPv6 route table of " + std::to_string(table.unit_count()) +
                          " units cannot have a writer of " + std::to_string(limits.units),
                      0,
                      {}});
  prefix_gauge_.max.set(limits.prefixes);
}

Result<void> Lpm6Writer::check(const Prefix6& prefix, NextHopIndex next_hop) const {
  if (!prefix.valid()) return Error{"an IPv6 prefix of length " + std::to_string(prefix.length), 0, "at most 128"};
  if (next_hop == kNoRouteIndex || next_hop >= kMaxNextHops)
    return Error{"a route to next hop " + std::to_string(next_hop), 0, "1 to 32767"};
  return {};
}

Result<void> Lpm6Writer::insert(const Prefix6& prefix, NextHopIndex next_hop, Epoch open) {
  if (const auto checked = check(prefix, next_hop); checked.has_error()) return checked.error();
  const bool is_new = !next_hops_.contains(prefix);
  if (is_new && next_hops_.size() >= limits_.prefixes) {
    prefix_gauge_.failures.add();
    return Error{"the IPv6 route table is full with " + std::to_string(limits_.prefixes) + " prefixes", 0,
                 "raise system.limits.routes_ipv6"};
  }

  const Lpm6Leaf leaf{next_hop, prefix.length};
  if (prefix.length == 0) {
    table_.set_default_next_hop(next_hop);
  } else if (prefix.length <= Lpm6::kRootBits) {
    paint_root(prefix, leaf);
  } else {
    std::uint32_t& root = root_link(prefix);
    const auto placed = place(Lpm6::read(root), false, prefix, leaf, open);
    if (!placed) {
      nodes_.refused();
      return Error{"the IPv6 route table is full with " + std::to_string(nodes_.gauge().used.read()) + " of " +
                       std::to_string(nodes_.gauge().max.read()) + " units used",
                   0, "raise system.limits.routes_ipv6"};
    }
    Lpm6::write(root, *placed);
    paint_below(*placed, prefix, leaf);
  }
  next_hops_[prefix] = next_hop;
  if (is_new) ++count_by_length_[prefix.length];
  prefix_gauge_.observe(next_hops_.size());
  return {};
}

bool Lpm6Writer::remove(const Prefix6& prefix, Epoch open) {
  if (next_hops_.erase(prefix) == 0) return false;
  --count_by_length_[prefix.length];
  prefix_gauge_.observe(next_hops_.size());
  if (prefix.length == 0) {
    table_.set_default_next_hop(kNoRouteIndex);
  } else if (prefix.length <= Lpm6::kRootBits) {
    paint_root(prefix, covering(prefix));
  } else {
    std::uint32_t& root = root_link(prefix);
    Lpm6::write(root, take_out(Lpm6::read(root), prefix, covering(prefix), open));
  }
  return true;
}

std::optional<NextHopIndex> Lpm6Writer::find(const Prefix6& prefix) const {
  const auto known = next_hops_.find(prefix);
  if (known == next_hops_.end()) return std::nullopt;
  return known->second;
}

Lpm6Leaf Lpm6Writer::covering(const Prefix6& prefix) const {
  for (unsigned length = prefix.length - 1U; length > 0; --length) {
    if (count_by_length_[length] == 0) continue;
    const auto known = next_hops_.find(Prefix6(prefix.high, prefix.low, length));
    if (known != next_hops_.end()) return {known->second, static_cast<std::uint8_t>(length)};
  }
  return {};
}

std::uint32_t& Lpm6Writer::root_link(const Prefix6& prefix) const noexcept {
  return table_.root()[prefix.high >> (64 - Lpm6::kRootBits)];
}

/// The link that has to stand where `link` stands so that the prefix is known below it; nothing when memory is full,
/// and then nothing has changed.
std::optional<std::uint32_t> Lpm6Writer::place(std::uint32_t link, bool in_low_half, const Prefix6& prefix,
                                               Lpm6Leaf leaf, Epoch open) {
  if (!Lpm6Nodes::is_node(link)) return place_at_leaf(link, in_low_half, prefix, leaf);
  const std::size_t level = nodes_.level(link);
  const unsigned begin = Lpm6::kLevels[level].begin;
  const std::uint64_t differing = nodes_.expect(link) ^ Lpm6Nodes::expect_of(level, prefix);
  unsigned bit = begin;
  if (differing != 0) bit = (begin >= 64 ? 64U : 0U) + static_cast<unsigned>(std::countl_zero(differing));
  bit = std::min(bit, prefix.length - 1U);
  if (bit < begin) return place_above(link, bit, prefix, leaf, open);
  return place_in(link, prefix, leaf, open);
}

/// The node is on the prefix's path.
std::optional<std::uint32_t> Lpm6Writer::place_in(std::uint32_t node, const Prefix6& prefix, Lpm6Leaf leaf,
                                                  Epoch open) {
  const std::size_t level = nodes_.level(node);
  Lpm6Cell cell = nodes_.spread(node);
  std::uint32_t fresh = 0;
  if (level == level_of(prefix)) {
    paint_cell(cell, prefix, leaf);
  } else {
    const std::size_t slot = Lpm6Nodes::slot_of(level, prefix);
    const auto placed = place(cell.link[slot], in_low_half_below(level), prefix, leaf, open);
    if (!placed) return std::nullopt;
    if (!Lpm6Nodes::is_node(cell.link[slot])) fresh = *placed;
    cell.link[slot] = *placed;
  }
  if (nodes_.update(node, cell)) return node;
  const auto written = nodes_.write(cell);
  if (written) {
    nodes_.retire(node, open);
  } else {
    discard_new(fresh);
  }
  return written;
}

/// The prefix leaves the node's path, or ends on it, at `bit` above the node's cell: a node for that bit's cell. Below
/// it stands a copy of the node: its mismatch is for fewer addresses from now on and may change for them alone, but a
/// reader that is on its way to the old one takes that mismatch for all of them.
std::optional<std::uint32_t> Lpm6Writer::place_above(std::uint32_t node, unsigned bit, const Prefix6& prefix,
                                                     Lpm6Leaf leaf, Epoch open) {
  const auto copy = nodes_.write(nodes_.spread(node));
  if (!copy) return std::nullopt;
  const std::size_t level = Lpm6Nodes::level_of_bit(bit);
  Lpm6Cell cell = uniform_cell(level, prefix, Lpm6::read(nodes_.mismatch(node)));
  const std::uint64_t path = nodes_.expect(node);
  cell.link[Lpm6Nodes::slot_of(level, Prefix6(path, path, 128))] = *copy;

  std::optional<std::uint32_t> written;
  if (level == level_of(prefix)) {
    paint_cell(cell, prefix, leaf);
    written = nodes_.write(cell);
  } else {
    std::uint32_t& link = cell.link[Lpm6Nodes::slot_of(level, prefix)];
    const auto placed = place_at_leaf(link, in_low_half_below(level), prefix, leaf);
    if (placed) {
      link = *placed;
      written = nodes_.write(cell);
      if (!written) discard_new(*placed);
    }
  }
  if (written) {
    nodes_.retire(node, open);
  } else {
    nodes_.discard(*copy);
  }
  return written;
}

/// Nothing but `link` was here.
std::optional<std::uint32_t> Lpm6Writer::place_at_leaf(std::uint32_t link, bool in_low_half, const Prefix6& prefix,
                                                       Lpm6Leaf leaf) {
  Lpm6Cell cell = uniform_cell(level_of(prefix), prefix, link);
  paint_cell(cell, prefix, leaf);
  const auto written = nodes_.write(cell);
  if (!written || in_low_half || prefix.length <= 64) return written;

  Lpm6Cell gate = uniform_cell(kGate, prefix, link);
  gate.link[Lpm6Nodes::slot_of(kGate, prefix)] = *written;
  const auto written_gate = nodes_.write(gate);
  if (!written_gate) nodes_.discard(*written);
  return written_gate;
}

/// Gives back what place_at_leaf built.
void Lpm6Writer::discard_new(std::uint32_t link) {
  if (!Lpm6Nodes::is_node(link)) return;
  for (const std::uint32_t below : nodes_.links(link)) discard_new(below);
  nodes_.discard(link);
}

/// The link that has to stand where `node` stands when the prefix's leaves belong to `cover` again.
std::uint32_t Lpm6Writer::take_out(std::uint32_t node, const Prefix6& prefix, Lpm6Leaf cover, Epoch open) {
  const std::size_t level = nodes_.level(node);
  if (level == level_of(prefix)) {
    paint_below(node, prefix, cover);
    Lpm6Cell cell = nodes_.spread(node);
    paint_cell(cell, prefix, cover);
    return simplify(node, cell, open);
  }
  const std::size_t slot = Lpm6Nodes::slot_of(level, prefix);
  const std::uint32_t below = Lpm6::read(nodes_.link(node, slot));
  const std::uint32_t left = take_out(below, prefix, cover, open);
  if (left == below) return node;
  Lpm6Cell cell = nodes_.spread(node);
  cell.link[slot] = left;
  return simplify(node, cell, open);
}

/// The cell in as little as possible: a leaf or the only node below when the cell decides nothing, a smaller node when
/// there is memory for it, else the same node with its links changed.
std::uint32_t Lpm6Writer::simplify(std::uint32_t node, const Lpm6Cell& cell, Epoch open) {
  std::size_t others = 0;
  std::uint32_t other = cell.mismatch;
  for (std::size_t slot = 0; slot < cell.slots(); ++slot) {
    if (cell.link[slot] == cell.mismatch) continue;
    other = cell.link[slot];
    ++others;
  }
  // A node below with another mismatch stands in a slot that a prefix of this cell owns.
  const bool skippable = others == 1 && Lpm6Nodes::is_node(other) && cell.level != kGate &&
                         Lpm6::read(nodes_.mismatch(other)) == cell.mismatch;
  if (others == 0 || skippable) {
    nodes_.retire(node, open);
    return other;
  }
  if (nodes_.shrinks(node, cell)) {
    if (const auto written = nodes_.write(cell)) {
      nodes_.retire(node, open);
      return *written;
    }
  }
  const bool updated = nodes_.update(node, cell);
  CULVERT_CHECK(updated);
  return node;
}

/// Gives to `leaf` what is below the link and belongs to no prefix longer than `length`. A node whose mismatch belongs
/// to a longer prefix lies inside that prefix as a whole.
void Lpm6Writer::paint(std::uint32_t& link, std::uint8_t length, Lpm6Leaf leaf) {
  const std::uint32_t value = Lpm6::read(link);
  if (!Lpm6Nodes::is_node(value)) {
    if (yields(value, length)) Lpm6::write(link, leaf.link());
    return;
  }
  std::uint32_t& mismatch = nodes_.mismatch(value);
  if (!yields(Lpm6::read(mismatch), length)) return;
  Lpm6::write(mismatch, leaf.link());
  for (std::uint32_t& below : nodes_.links(value)) paint(below, length, leaf);
}

void Lpm6Writer::paint_root(const Prefix6& prefix, Lpm6Leaf leaf) {
  const std::size_t begin = prefix.high >> (64 - Lpm6::kRootBits);
  const std::size_t end = begin + (std::size_t{1} << (Lpm6::kRootBits - prefix.length));
  for (std::size_t slot = begin; slot < end; ++slot) paint(table_.root()[slot], prefix.length, leaf);
}

/// Paints the nodes inside the prefix; `node` is on its path.
void Lpm6Writer::paint_below(std::uint32_t node, const Prefix6& prefix, Lpm6Leaf leaf) {
  const std::size_t level = level_of(prefix);
  while (nodes_.level(node) != level)
    node = Lpm6::read(nodes_.link(node, Lpm6Nodes::slot_of(nodes_.level(node), prefix)));
  const SlotRange range = slots_of(prefix);
  for (std::size_t slot = range.begin; slot < range.end; ++slot) {
    std::uint32_t& link = nodes_.link(node, slot);
    if (Lpm6Nodes::is_node(Lpm6::read(link))) paint(link, prefix.length, leaf);
  }
}

}  // namespace culvert
