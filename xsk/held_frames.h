// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "umem/frame.h"

namespace culvert {

/// Which frames the kernel holds on behalf of one lane and direction: one bit a frame. The kernel gives addresses back
/// through shared memory, and some kernels have given back wrong ones or one twice; a frame that is not held is not
/// accepted. It also knows what to take home when the socket is closed.
class HeldFrames {
 public:
  HeldFrames() noexcept = default;
  /// `words`: one bit for each frame of the region; zeros, or what words() of an earlier one says.
  HeldFrames(std::span<std::uint64_t> words, std::uint32_t frame_size, std::uint64_t region_bytes) noexcept
      : words_(words), region_bytes_(region_bytes), shift_(static_cast<std::uint32_t>(std::countr_zero(frame_size))) {
    for (const std::uint64_t word : words) count_ += static_cast<std::uint32_t>(std::popcount(word));
  }

  static std::size_t words_for(std::uint32_t frames) noexcept { return (frames + 63U) / 64U; }

  std::uint32_t count() const noexcept { return count_; }
  std::span<const std::uint64_t> words() const noexcept { return words_; }

  /// The frame that `address` lies in is held from now on; it was not.
  void add(FrameAddress address) noexcept {
    words_[address >> (shift_ + 6)] |= bit(address);
    ++count_;
  }

  /// True when `address`, any 64 bits, lies in a held frame; it is not held any more.
  bool remove(std::uint64_t address) noexcept {
    if (address >= region_bytes_) return false;
    std::uint64_t& word = words_[address >> (shift_ + 6)];
    if ((word & bit(address)) == 0) return false;
    word &= ~bit(address);
    --count_;
    return true;
  }

  /// Calls `see(FrameAddress)` with the first byte of every frame.
  template <typename See>
  void for_each(const See& see) const noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        see((FrameAddress{i} * 64 + static_cast<FrameAddress>(std::countr_zero(word))) << shift_);
      }
    }
  }

  /// Removes every frame, giving each one's first byte to `take(FrameAddress)`.
  template <typename Take>
  void remove_all(const Take& take) noexcept {
    for (std::size_t i = 0; i < words_.size() && count_ > 0; ++i) {
      for (; words_[i] != 0; words_[i] &= words_[i] - 1) {
        take((FrameAddress{i} * 64 + static_cast<FrameAddress>(std::countr_zero(words_[i]))) << shift_);
        --count_;
      }
    }
  }

 private:
  std::uint64_t bit(FrameAddress address) const noexcept { return std::uint64_t{1} << ((address >> shift_) & 63); }

  std::span<std::uint64_t> words_;
  std::uint64_t region_bytes_ = 0;
  std::uint32_t shift_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace culvert
