// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "base/check.h"

namespace culvert {

/// A bounded first-in-first-out queue of one thread over storage that somebody else owns: a power of two of slots.
template <typename T>
class Fifo {
 public:
  Fifo() noexcept = default;
  explicit Fifo(std::span<T> slots) noexcept : slots_(slots), mask_(static_cast<std::uint32_t>(slots.size() - 1)) {
    CULVERT_CHECK(std::has_single_bit(slots.size()));
  }

  std::uint32_t capacity() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  std::uint32_t size() const noexcept { return tail_ - head_; }
  std::uint32_t space() const noexcept { return capacity() - size(); }

  /// There must be space.
  void push(const T& item) noexcept {
    CULVERT_ASSERT(space() > 0);
    slots_[tail_++ & mask_] = item;
  }
  /// There must be an item.
  T pop() noexcept {
    CULVERT_ASSERT(size() > 0);
    return slots_[head_++ & mask_];
  }
  /// The index-th item from the oldest.
  const T& operator[](std::uint32_t index) const noexcept { return slots_[(head_ + index) & mask_]; }

 private:
  std::span<T> slots_;
  std::uint32_t mask_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
};

}  // namespace culvert
