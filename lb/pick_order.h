// SPDX-License-Identifier: Apache-2.0
// In which order backends pick slots when a Maglev table is built, and how many each picks.
//
// A backend of weight w picks at the times 0, 1/w, 2/w ... . Of those that pick at the same time the heavier goes
// first, then the lesser name. So who picks first of any two depends on these two alone, and a small change of one
// weight moves few slots. Where all weigh the same it is the order of the paper: one after the other, in rounds.
//
//   weights A 3, B 2      times A 0, 1/3, 2/3   B 0, 1/2     one round: A B A B A
//
// Each picks until it has its quota: weight * slots / sum of weights, rounded down, and one more for those with the
// largest remainders (Hamilton's method; of equal remainders the heavier, then the lesser name). So every backend is
// within one slot of its exact part.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash.h"
#include "lb/backend.h"

namespace culvert {

/// In which order a backend wants the slots of a table: `offset`, then `skip` further each, modulo their number.
struct SlotOrder {
  std::uint32_t offset;  ///< 0 to slots - 1
  std::uint32_t skip;    ///< 1 to slots - 1

  static SlotOrder of(std::uint64_t name, std::uint32_t slots) noexcept {
    return {fast_range(name, slots), 1 + fast_range(name << 32, slots - 1)};
  }
};

/// A backend that picks.
struct Picker {
  std::uint32_t next;   ///< the slot that it looks at next
  std::uint32_t skip;   ///< and how far the one after it is
  std::uint32_t left;   ///< how many it has still to pick
  std::uint16_t place;  ///< of the backend in its pool
};

class PickOrder {
 public:
  /// Picks of one round at most: 1 + 2 + ... + kMostWeight weights.
  static constexpr std::size_t kMostPicks = kMostWeight * (kMostWeight + 1) / 2;

  /// Memory that it needs while it lives: one picker and one place for each backend, kMostPicks weights.
  struct Memory {
    std::span<Picker> pickers;
    std::span<std::uint16_t> places;
    std::span<std::uint8_t> round;
  };

  /// Of a table with `slots` slots, a prime.
  PickOrder(std::span<const PoolBackend> backends, std::uint32_t slots, const Memory& memory) noexcept;
  PickOrder(const PickOrder&) = delete;
  PickOrder& operator=(const PickOrder&) = delete;

  /// Nobody has a weight, so nobody picks.
  bool empty() const noexcept { return round_.empty(); }

  /// Who picks now. To be called once for each slot of the table.
  Picker& next() noexcept {
    for (;;) {
      if (picker_ == end_) begin_class();
      Picker& picker = pickers_[picker_++];
      if (picker.left == 0) continue;
      --picker.left;
      return picker;
    }
  }

 private:
  /// Backends of one weight, by their pickers.
  struct Class {
    std::uint32_t begin = 0, end = 0;
    std::uint32_t quota = 0;      ///< of each
    std::uint32_t remainder = 0;  ///< what is lost by rounding down, in parts of the sum of weights
    std::uint32_t extra = 0;      ///< the first so many of them pick one slot more

    std::uint32_t size() const noexcept { return end - begin; }
  };

  /// Places of backends by weight, then name.
  void sort(std::span<const PoolBackend> backends, std::span<std::uint16_t> places) noexcept;
  void set_quotas(std::uint32_t slots) noexcept;
  void list_round(std::span<std::uint8_t> round) noexcept;
  void begin_class() noexcept;

  std::array<Class, kMostWeight + 1> classes_{};  ///< by weight
  std::span<Picker> pickers_;
  std::span<const std::uint8_t> round_;  ///< which weights pick, one after the other; then again from the start
  std::size_t pick_ = 0;                 ///< in the round: what comes after this class
  std::uint32_t picker_ = 0;
  std::uint32_t end_ = 0;
};

}  // namespace culvert
