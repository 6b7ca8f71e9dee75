// SPDX-License-Identifier: Apache-2.0
#include "routes/lpm6_nodes.h"

#include <bit>

namespace culvert {
namespace {

constexpr unsigned kUnitsPerWord = 64;

bool in_low_half(std::size_t level) noexcept {
  return Lpm6::kLevels[level].begin >= 64;
}

/// How far the cell's lowest bit is from the lowest bit of its half.
unsigned shift_of(std::size_t level) noexcept {
  return (in_low_half(level) ? 128U : 64U) - Lpm6::kLevels[level].end;
}

std::uint64_t half_of(std::size_t level, const Prefix6& address) noexcept {
  return in_low_half(level) ? address.low : address.high;
}

std::uint32_t highest_slot(std::size_t level) noexcept {
  return (1U << (Lpm6::kLevels[level].end - Lpm6::kLevels[level].begin)) - 1U;
}

/// True when `slot` is the first one of the prefix of this cell that owns it.
bool begins_prefix(const Lpm6Cell& cell, std::size_t slot) noexcept {
  const std::uint32_t link = cell.link[slot];
  const unsigned length = Lpm6Leaf::of(link).length;
  if (Lpm6Nodes::is_node(link) || length <= Lpm6::kLevels[cell.level].begin) return false;
  return slot % (std::size_t{1} << (Lpm6::kLevels[cell.level].end - length)) == 0;
}

/// Bit i: slot i begins a run. Slots that the cell does not have belong to the last one. Neighbouring prefixes with the
/// same next hop are two runs, so that changing or removing one of them never has to split a run: it needs no memory.
std::uint64_t runs_of(const Lpm6Cell& cell) noexcept {
  std::uint64_t runs = 1;
  for (std::size_t slot = 1; slot < cell.slots(); ++slot)
    if (cell.link[slot] != cell.link[slot - 1] || begins_prefix(cell, slot)) runs |= std::uint64_t{1} << slot;
  return runs;
}

std::size_t units_for(std::uint64_t runs) noexcept {
  const std::size_t words = Lpm6::kHeaderWords + static_cast<std::size_t>(std::popcount(runs));
  return (words + Lpm6::kUnitWords - 1) / Lpm6::kUnitWords;
}

std::uint64_t load_runs(const std::uint32_t* node) noexcept {
  return load<std::uint64_t>(node + Lpm6::kRunsWord);
}

}  // namespace

Lpm6Nodes::Lpm6Nodes(Lpm6& table) : table_(table), free_((table.unit_count() + kUnitsPerWord - 1) / kUnitsPerWord) {
  for (std::uint32_t unit = 0; unit < table.unit_count(); ++unit)
    free_[unit / kUnitsPerWord] |= std::uint64_t{1} << (unit % kUnitsPerWord);
  gauge_.max.set(table.unit_count());
}

std::size_t Lpm6Nodes::level_of_bit(unsigned bit) noexcept {
  std::size_t level = 0;
  while (bit >= Lpm6::kLevels[level].end) ++level;
  return level;
}

std::size_t Lpm6Nodes::slot_of(std::size_t level, const Prefix6& address) noexcept {
  return (half_of(level, address) >> shift_of(level)) & highest_slot(level);
}

std::uint64_t Lpm6Nodes::expect_of(std::size_t level, const Prefix6& address) noexcept {
  const unsigned above = Lpm6::kLevels[level].begin - (in_low_half(level) ? 64U : 0U);
  return half_of(level, address) & Prefix6::mask(above);
}

std::size_t Lpm6Nodes::level(std::uint32_t node) const noexcept {
  return words(node)[Lpm6::kCellWord] >> 24;
}

std::uint64_t Lpm6Nodes::expect(std::uint32_t node) const noexcept {
  return load<std::uint64_t>(words(node) + Lpm6::kExpectWord);
}

std::uint32_t& Lpm6Nodes::mismatch(std::uint32_t node) const noexcept {
  return words(node)[Lpm6::kMismatchWord];
}

std::uint32_t& Lpm6Nodes::link(std::uint32_t node, std::size_t slot) const noexcept {
  const auto run = static_cast<std::size_t>(std::popcount(load_runs(words(node)) << (63 - slot)));
  return words(node)[Lpm6::kHeaderWords + run - 1];
}

std::span<std::uint32_t> Lpm6Nodes::links(std::uint32_t node) const noexcept {
  return {words(node) + Lpm6::kHeaderWords, static_cast<std::size_t>(std::popcount(load_runs(words(node))))};
}

std::size_t Lpm6Nodes::units_of(std::uint32_t node) const noexcept {
  return units_for(load_runs(words(node)));
}

Lpm6Cell Lpm6Nodes::spread(std::uint32_t node) const {
  Lpm6Cell cell;
  cell.level = level(node);
  cell.expect = expect(node);
  cell.mismatch = Lpm6::read(mismatch(node));
  for (std::size_t slot = 0; slot < cell.slots(); ++slot) cell.link[slot] = Lpm6::read(link(node, slot));
  return cell;
}

std::optional<std::uint32_t> Lpm6Nodes::write(const Lpm6Cell& cell) {
  const std::uint64_t runs = runs_of(cell);
  const auto unit = take(units_for(runs));
  if (!unit) return std::nullopt;
  std::uint32_t* node = table_.unit(*unit);
  store(node + Lpm6::kExpectWord, cell.expect);
  store(node + Lpm6::kRunsWord, runs);
  node[Lpm6::kCellWord] = shift_of(cell.level) | (in_low_half(cell.level) ? 1U << 8 : 0U) |
                          highest_slot(cell.level) << 16 | static_cast<std::uint32_t>(cell.level) << 24;
  Lpm6::write(node[Lpm6::kMismatchWord], cell.mismatch);
  std::size_t next = Lpm6::kHeaderWords;
  for (std::size_t slot = 0; slot < cell.slots(); ++slot)
    if (((runs >> slot) & 1) != 0) Lpm6::write(node[next++], cell.link[slot]);
  return *unit | Lpm6::kNodeBit;
}

bool Lpm6Nodes::update(std::uint32_t node, const Lpm6Cell& cell) {
  const std::uint64_t runs = load_runs(words(node));
  if ((runs_of(cell) & ~runs) != 0) return false;
  for (std::size_t slot = 0; slot < cell.slots(); ++slot)
    if (((runs >> slot) & 1) != 0) Lpm6::write(link(node, slot), cell.link[slot]);
  return true;
}

bool Lpm6Nodes::shrinks(std::uint32_t node, const Lpm6Cell& cell) const noexcept {
  return units_for(runs_of(cell)) < units_of(node);
}

void Lpm6Nodes::discard(std::uint32_t node) {
  give(node & ~Lpm6::kNodeBit, units_of(node));
}

void Lpm6Nodes::retire(std::uint32_t node, Epoch open) {
  retired_.retire(node, open);
}

void Lpm6Nodes::reclaim(Epoch acknowledged) {
  retired_.reclaim(acknowledged, [this](std::uint32_t node) { discard(node); });
}

/// Next fit over the bit map; a node does not cross a word of it. Worst case: one pass over all words.
std::optional<std::uint32_t> Lpm6Nodes::take(std::size_t units) {
  for (std::size_t visited = 0; visited < free_.size(); ++visited) {
    std::uint64_t fits = free_[hint_];
    for (std::size_t i = 1; i < units; ++i) fits &= free_[hint_] >> i;
    if (fits != 0) {
      const auto bit = static_cast<unsigned>(std::countr_zero(fits));
      free_[hint_] &= ~(((std::uint64_t{1} << units) - 1) << bit);
      used_ += units;
      gauge_.observe(used_);
      return static_cast<std::uint32_t>(hint_ * kUnitsPerWord + bit);
    }
    hint_ = hint_ + 1 < free_.size() ? hint_ + 1 : 0;
  }
  return std::nullopt;
}

void Lpm6Nodes::give(std::uint32_t unit, std::size_t units) {
  free_[unit / kUnitsPerWord] |= ((std::uint64_t{1} << units) - 1) << (unit % kUnitsPerWord);
  used_ -= units;
  gauge_.observe(used_);
}

}  // namespace culvert
