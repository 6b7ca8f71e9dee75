// SPDX-License-Identifier: Apache-2.0
#include "routes/lpm4_writer.h"

#include <algorithm>
#include <string>
namespace culvert {
namespace {

/// Prefixes up to this length live in the slots, longer ones in groups.
constexpr unsigned kSlotLength = 24;

std::uint32_t slot_of(const Prefix4& prefix) noexcept {
  return prefix.bits >> 8;
}

bool is_group(std::uint16_t slot) noexcept {
  return (slot & Lpm4::kGroupBit) != 0;
}

std::uint32_t group_of(std::uint16_t slot) noexcept {
  return slot & (Lpm4::kGroupBit - 1U);
}

}  // namespace

Lpm4Writer::Lpm4Writer(Lpm4& table, const Lpm4Limits& limits)
    : table_(table),
      limits_(limits),
      next_hops_(0, KeyHash{HashKey::random()}),
      slot_length_(Lpm4::kSlots),
      group_slot_length_(limits.groups * Lpm4::kGroupSlots),
      group_prefixes_(limits.groups) {
  if (limits.groups != table.group_count())
    throw SetupError({"an IPv4 route table of " + std::to_string(table.group_count()) +
                          " groups cannot have a writer of " + std::to_string(limits.groups),
                      0,
                      {}});
  free_groups_.reserve(limits.groups);
  for (std::uint32_t group = limits.groups; group-- > 0;) free_groups_.push_back(group);
  prefix_gauge_.max.set(limits.prefixes);
  group_gauge_.max.set(limits.groups);
}

Result<void> Lpm4Writer::check(const Prefix4& prefix, NextHopIndex next_hop) const {
  if (!prefix.valid()) return Error{"an IPv4 prefix of length " + std::to_string(prefix.length), 0, "at most 32"};
  if (next_hop == kNoRouteIndex || next_hop >= kMaxNextHops)
    return Error{"a route to next hop " + std::to_string(next_hop), 0, "1 to 32767"};
  return {};
}

Result<void> Lpm4Writer::insert(const Prefix4& prefix, NextHopIndex next_hop) {
  if (const auto checked = check(prefix, next_hop); checked.has_error()) return checked.error();
  const auto known = next_hops_.find(key_of(prefix));
  const bool is_new = known == next_hops_.end();
  const bool opens_group = prefix.length > kSlotLength && !is_group(table_.slot(slot_of(prefix)));
  if (is_new) {
    if (next_hops_.size() >= limits_.prefixes) {
      prefix_gauge_.failures.add();
      return Error{"the IPv4 route table is full with " + std::to_string(limits_.prefixes) + " prefixes", 0,
                   "raise system.limits.routes_ipv4"};
    }
    if (opens_group && free_groups_.empty()) {
      group_gauge_.failures.add();
      return Error{"all " + std::to_string(limits_.groups) + " groups of IPv4 prefixes longer than /24 are in use", 0,
                   "raise system.limits.neighbors: their host routes need most groups"};
    }
    next_hops_.emplace(key_of(prefix), next_hop);
    ++count_by_length_[prefix.length];
  } else {
    known->second = next_hop;
  }

  const Owner owner{next_hop, prefix.length};
  if (prefix.length == 0) {
    table_.set_default_next_hop(next_hop);
  } else if (opens_group) {
    const std::uint32_t group = open_group(slot_of(prefix));
    const std::uint32_t count = 1U << (32 - prefix.length);
    paint_group(group, prefix.bits & 0xff, count, prefix.length, owner);
    group_prefixes_[group] = 1;
    table_.set_slot(slot_of(prefix), static_cast<std::uint16_t>(Lpm4::kGroupBit | group));
  } else {
    if (prefix.length > kSlotLength && is_new) ++group_prefixes_[group_of(table_.slot(slot_of(prefix)))];
    paint(prefix, owner);
  }
  observe();
  return {};
}

bool Lpm4Writer::remove(const Prefix4& prefix, Epoch open) {
  if (next_hops_.erase(key_of(prefix)) == 0) return false;
  --count_by_length_[prefix.length];
  if (prefix.length == 0) {
    table_.set_default_next_hop(kNoRouteIndex);
  } else {
    paint(prefix, covering(prefix));
    if (prefix.length > kSlotLength && --group_prefixes_[group_of(table_.slot(slot_of(prefix)))] == 0)
      close_group(slot_of(prefix), open);
  }
  observe();
  return true;
}

void Lpm4Writer::reclaim(Epoch acknowledged) {
  retired_groups_.reclaim(acknowledged, [this](std::uint32_t group) { free_groups_.push_back(group); });
  observe();
}

std::optional<NextHopIndex> Lpm4Writer::find(const Prefix4& prefix) const {
  const auto known = next_hops_.find(key_of(prefix));
  if (known == next_hops_.end()) return std::nullopt;
  return known->second;
}

Lpm4Writer::Owner Lpm4Writer::covering(const Prefix4& prefix) const {
  for (unsigned length = prefix.length - 1U; length > 0; --length) {
    if (count_by_length_[length] == 0) continue;
    const auto known = next_hops_.find(key_of(Prefix4(prefix.bits, length)));
    if (known != next_hops_.end()) return {known->second, static_cast<std::uint8_t>(length)};
  }
  return {};
}

/// Gives the prefix's slots to `owner`, except those that belong to longer prefixes.
void Lpm4Writer::paint(const Prefix4& prefix, Owner owner) {
  const std::uint32_t first = slot_of(prefix);
  if (prefix.length > kSlotLength) {
    paint_group(group_of(table_.slot(first)), prefix.bits & 0xff, 1U << (32 - prefix.length), prefix.length, owner);
    return;
  }
  const std::uint32_t end = first + (1U << (kSlotLength - prefix.length));
  for (std::uint32_t slot = first; slot < end; ++slot) {
    const std::uint16_t value = table_.slot(slot);
    if (is_group(value)) {
      paint_group(group_of(value), 0, Lpm4::kGroupSlots, prefix.length, owner);
    } else if (slot_length_[slot] <= prefix.length) {
      table_.set_slot(slot, owner.next_hop);
      slot_length_[slot] = owner.length;
    }
  }
}

void Lpm4Writer::paint_group(std::uint32_t group, std::uint32_t first, std::uint32_t count, std::uint8_t length,
                             Owner owner) {
  const std::size_t base = group * Lpm4::kGroupSlots + first;
  for (std::size_t slot = base; slot < base + count; ++slot) {
    if (group_slot_length_[slot] > length) continue;
    table_.set_group_slot(slot, owner.next_hop);
    group_slot_length_[slot] = owner.length;
  }
}

/// A free group that says for all 256 addresses what the slot says; not reachable before the slot is set.
std::uint32_t Lpm4Writer::open_group(std::uint32_t slot) {
  const std::uint32_t group = free_groups_.back();
  free_groups_.pop_back();
  const std::size_t base = group * Lpm4::kGroupSlots;
  std::fill_n(group_slot_length_.begin() + static_cast<std::ptrdiff_t>(base), Lpm4::kGroupSlots, slot_length_[slot]);
  for (std::size_t i = 0; i < Lpm4::kGroupSlots; ++i) table_.set_group_slot(base + i, table_.slot(slot));
  return group;
}

/// Without prefixes longer than 24 all 256 addresses have the same owner: the slot says it alone again.
void Lpm4Writer::close_group(std::uint32_t slot, Epoch open) {
  const std::uint32_t group = group_of(table_.slot(slot));
  slot_length_[slot] = group_slot_length_[group * Lpm4::kGroupSlots];
  table_.set_slot(slot, table_.group_slot(group * Lpm4::kGroupSlots));
  retired_groups_.retire(group, open);
}

void Lpm4Writer::observe() {
  prefix_gauge_.observe(next_hops_.size());
  group_gauge_.observe(limits_.groups - free_groups_.size());
}

}  // namespace culvert
