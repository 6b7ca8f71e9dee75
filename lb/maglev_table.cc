// SPDX-License-Identifier: Apache-2.0
#include "lb/maglev_table.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"
#include "base/check.h"

namespace culvert {
namespace {

/// A bit for each slot: 8 KB of 65537, which stay in the first-level cache while the table itself does not.
class TakenSlots {
 public:
  /// `words`: (size + 63) / 64.
  TakenSlots(std::span<std::uint64_t> words, std::uint32_t size) noexcept : words_(words) {
    std::fill(words.begin(), words.end(), 0);
    words.back() = ~std::uint64_t{0} << size % 64;  // what is no slot; a prime is no multiple of 64
  }
  bool has(std::uint32_t slot) const noexcept { return (words_[slot / 64] >> slot % 64 & 1) != 0; }
  void add(std::uint32_t slot) noexcept { words_[slot / 64] |= std::uint64_t{1} << slot % 64; }

  /// Writes the slots that are left, of which there are at most free.size(), and says how many there are.
  std::size_t list_free(std::span<std::uint32_t> free) const noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t left = ~words_[i]; left != 0; left &= left - 1) {
        free[count++] = static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(left));
      }
    }
    return count;
  }

 private:
  std::span<std::uint64_t> words_;
};

/// (slot + skip) modulo size. Of the sum and the sum less size the one that is meant is the smaller, since the other is
/// not below size or wraps around; a branch would be guessed wrong most of the time.
inline std::uint32_t step(std::uint32_t slot, std::uint32_t skip, std::uint32_t size) noexcept {
  const std::uint32_t sum = slot + skip;
  return std::min(sum, sum - size);
}

/// 1 / value modulo a prime: Euclid's algorithm.
std::uint32_t inverse(std::uint32_t value, std::uint32_t prime) noexcept {
  std::int64_t last = 0, factor = 1;
  std::uint32_t dividend = prime, divisor = value;
  while (divisor > 1) {
    const std::int64_t next = last - std::int64_t{dividend / divisor} * factor;
    last = factor;
    factor = next;
    const std::uint32_t rest = dividend % divisor;
    dividend = divisor;
    divisor = rest;
  }
  return static_cast<std::uint32_t>(factor < 0 ? factor + prime : factor);
}

/// How many steps of its order a picker is before each slot, on a scale where the whole order is 2^64 long: one
/// multiplication, whose overflow is the reduction modulo the number of slots. It is wrong by less than 2^41, and one
/// step is longer than 2^44.
class Distance {
 public:
  Distance(const Picker& picker, std::uint32_t size) noexcept
      : behind_(size - picker.next), factor_(inverse(picker.skip, size) * (~std::uint64_t{0} / size)) {}

  /// Which of these slots it meets first. There is one at least.
  std::size_t nearest(std::span<const std::uint32_t> slots) const noexcept {
    std::uint64_t least = to(slots[0]);
    std::size_t nearest = 0;
    for (std::size_t i = 1; i < slots.size(); ++i) {
      const std::uint64_t distance = to(slots[i]);
      nearest = distance < least ? i : nearest;
      least = std::min(least, distance);
    }
    return nearest;
  }

 private:
  static constexpr std::uint64_t kLargestError = std::uint64_t{1} << 41;
  static_assert(2 * std::uint64_t{kMostMaglevSlots} * kMostMaglevSlots < kLargestError);
  static_assert(~std::uint64_t{0} / kMostMaglevSlots > 2 * kLargestError);

  std::uint64_t to(std::uint32_t slot) const noexcept { return (slot + behind_) * factor_ + kLargestError; }

  std::uint64_t behind_;
  std::uint64_t factor_;
};

/// How many slots of a table are picked from a list: about the square root of its size. Where f slots of n are free, a
/// picker looks at n / f of its order before it finds one of them; the last 256 of 65537 slots would take half of all
/// steps.
constexpr std::uint32_t listed_slots(std::uint32_t size) noexcept {
  return std::uint32_t{1} << std::bit_width(size) / 2;
}
constexpr std::uint32_t kMostListed = listed_slots(kMostMaglevSlots);

/// The first free slot of an order, from `first` on. Four are looked at together: which of them it is cannot be
/// guessed, but that it is one of them can, until three quarters of the table are taken.
std::uint32_t first_free(const TakenSlots& taken, std::uint32_t first, std::uint32_t skip,
                         std::uint32_t size) noexcept {
  const std::uint32_t two = step(skip, skip, size), four = step(two, two, size);
  std::uint32_t second = step(first, skip, size);
  for (;;) {
    const std::uint32_t third = step(first, two, size), fourth = step(second, two, size);
    const bool has_first = taken.has(first), has_second = taken.has(second), has_third = taken.has(third);
    if (!(has_first & has_second & has_third & taken.has(fourth))) {
      const std::uint32_t early = has_first ? second : first, late = has_third ? fourth : third;
      return (has_first & has_second) ? late : early;
    }
    first = step(first, four, size);
    second = step(second, four, size);
  }
}

void pick_by_steps(PickOrder& order, std::span<std::uint16_t> slots, TakenSlots& taken, std::uint32_t count) noexcept {
  const auto size = static_cast<std::uint32_t>(slots.size());
  for (; count > 0; --count) {
    Picker& picker = order.next();
    const std::uint32_t slot = first_free(taken, picker.next, picker.skip, size);
    taken.add(slot);
    slots[slot] = picker.place;
    picker.next = step(slot, picker.skip, size);
  }
}

/// The same choice: of the free slots the one that the picker would meet first.
void pick_from_list(PickOrder& order, std::span<std::uint16_t> slots, std::span<std::uint32_t> free) noexcept {
  const auto size = static_cast<std::uint32_t>(slots.size());
  while (!free.empty()) {
    const Picker& picker = order.next();
    const std::size_t nearest = Distance(picker, size).nearest(free);
    slots[free[nearest]] = picker.place;
    free[nearest] = free.back();
    free = free.first(free.size() - 1);
  }
}

/// The first so many words of memory, as an array; the memory is then what comes after them.
template <typename T>
std::span<T> take(std::span<std::uint64_t>& memory, std::size_t count) noexcept {
  const std::size_t words = (count * sizeof(T) + 7) / 8;
  const auto taken = memory.first(words);
  memory = memory.subspan(words);
  return array_over<T>(std::as_writable_bytes(taken)).first(count);
}

}  // namespace

void build_maglev(std::span<std::uint16_t> slots, std::span<const PoolBackend> backends,
                  std::span<std::uint64_t> scratch) noexcept {
  CULVERT_CHECK(slots.size() <= kMostMaglevSlots && is_maglev_size(static_cast<std::uint32_t>(slots.size())));
  CULVERT_CHECK(backends.size() <= kMostPoolBackends);
  const auto size = static_cast<std::uint32_t>(slots.size());
  CULVERT_CHECK(scratch.size() >= maglev_scratch_words(size, backends.size()));
  TakenSlots taken(take<std::uint64_t>(scratch, (size + 63) / 64), size);
  PickOrder::Memory memory;
  memory.pickers = take<Picker>(scratch, backends.size());
  memory.places = take<std::uint16_t>(scratch, backends.size());
  memory.round = take<std::uint8_t>(scratch, PickOrder::kMostPicks);
  PickOrder order(backends, size, memory);
  if (order.empty()) {
    std::fill(slots.begin(), slots.end(), MaglevTable::kNobody);
    return;
  }
  pick_by_steps(order, slots, taken, size - listed_slots(size));
  std::array<std::uint32_t, kMostListed> free;
  pick_from_list(order, slots, std::span(free).first(taken.list_free(free)));
}

}  // namespace culvert
