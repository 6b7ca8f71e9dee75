// SPDX-License-Identifier: Apache-2.0
// Which backend a hash belongs to: consistent hashing by a Maglev table (Eisenbud et al., "Maglev: A Fast and Reliable
// Software Network Load Balancer", NSDI 2016, section 3.4), with exact weights.
//
// Each backend wants all slots, in an order of its own: from `offset` in steps of `skip`, modulo the number of slots,
// which is a prime, so that it meets each of them once. The backends pick in turn (lb/pick_order.h); each picks the
// first slot of its order that is free.
//
//   7 slots   A: offset 0, skip 2   0 2 4 6 1 3 5
//             B: offset 3, skip 1   3 4 5 6 0 1 2
//             C: offset 3, skip 4   3 0 4 1 5 2 6
//   picks     A 0, B 3, C 4 (3 and 0 are not free), A 2, B 5, C 1, A 6
//   table     A C A B C B A
//
// A table is built from the backends as they are configured, with their weights, and does not know who is up: that is
// lb/backend_choice.h's part. The same backends and weights give the same table on every node, in whatever order they
// are named; another weight, one backend more or one less moves few slots of the others.
//
// With 100 slots for each backend no part is wrong by more than 1 %. Building takes about slots * ln(slots) steps, off
// the packet path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash.h"
#include "lb/backend.h"
#include "lb/pick_order.h"

namespace culvert {

inline constexpr std::uint32_t kMaglevSlots = 65537;
inline constexpr std::uint32_t kMostMaglevSlots = 655373;
/// Of one pool.
inline constexpr std::size_t kMostPoolBackends = 65535;

/// Primes from 3 to kMostMaglevSlots.
constexpr bool is_maglev_size(std::uint32_t slots) noexcept {
  if (slots < 3 || slots > kMostMaglevSlots || slots % 2 == 0) return false;
  for (std::uint32_t divisor = 3; divisor * divisor <= slots; divisor += 2) {
    if (slots % divisor == 0) return false;
  }
  return true;
}

/// A finished table. Nothing in it changes.
class MaglevTable {
 public:
  /// In a slot: nobody has a weight.
  static constexpr std::uint16_t kNobody = 0xffff;

  /// One slot that is nobody's.
  constexpr MaglevTable() noexcept : slots_(kEmpty) {}
  /// `slots`: what build_maglev() wrote; they outlive it.
  explicit MaglevTable(std::span<const std::uint16_t> slots) noexcept : slots_(slots) {}

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  /// By the hash's top 32 bits.
  std::uint32_t slot_of(std::uint64_t hash) const noexcept { return fast_range(hash, size()); }
  /// The backend's place in its pool; kNobody.
  std::uint16_t place_at(std::uint32_t slot) const noexcept { return slots_[slot]; }
  std::span<const std::uint16_t> slots() const noexcept { return slots_; }

 private:
  static constexpr std::array<std::uint16_t, 1> kEmpty{kNobody};

  std::span<const std::uint16_t> slots_;
};

/// Memory that build_maglev() needs while it runs, in words.
constexpr std::size_t maglev_scratch_words(std::uint32_t slots, std::size_t backends) noexcept {
  const std::size_t pickers = backends * sizeof(Picker) / 8, places = (backends + 3) / 4;
  return (std::size_t{slots} + 63) / 64 + pickers + places + (PickOrder::kMostPicks + 7) / 8;
}

/// Writes every slot: the place of its backend, or kNobody in all of them when no backend has a weight.
/// slots.size(): is_maglev_size(). At most kMostPoolBackends. `scratch`: maglev_scratch_words(), of any content.
void build_maglev(std::span<std::uint16_t> slots, std::span<const PoolBackend> backends,
                  std::span<std::uint64_t> scratch) noexcept;

}  // namespace culvert
