// SPDX-License-Identifier: Apache-2.0
#include "umem/pool.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace culvert {

FramePool::FramePool(WorkerIndex self, FrameHomes homes, std::uint32_t frame_size, std::span<FrameAddress> storage,
                     std::span<FrameAddress> stranger_storage, FrameLedger ledger) noexcept
    : strangers_(stranger_storage),
      homes_(homes),
      home_begin_(self * homes.bytes_per_worker),
      frame_size_(frame_size),
      self_(self),
      ledger_(ledger) {
  const std::uint32_t home_frames = homes.frames_per_worker(frame_size);
  CULVERT_CHECK(std::has_single_bit(frame_size) && homes.bytes_per_worker % frame_size == 0 && self < homes.workers);
  CULVERT_CHECK(storage.size() >= home_frames);
  CULVERT_CHECK(stranger_storage.size() >= std::size_t{home_frames} * (homes.workers - 1U));
  free_ = storage.first(home_frames);
  // Lowest address on top, so that a small load walks few pages.
  FrameAddress frame = home_begin_ + homes.bytes_per_worker;
  for (FrameAddress& slot : free_) slot = frame -= frame_size;
  free_count_ = home_frames;
}

void FramePool::leave_out(std::span<const std::uint64_t> held) noexcept {
  const auto is_held = [&](FrameAddress frame) {
    const std::uint64_t number = frame / frame_size_;
    return (held[number / 64] >> (number % 64) & 1) != 0;
  };
  std::uint32_t kept = 0;
  for (const FrameAddress frame : free_.first(free_count_)) {
    if (is_held(frame)) {
      ledger_.leave(frame, FrameHolder::kPool);
    } else {
      free_[kept++] = frame;
    }
  }
  free_count_ = kept;
}

std::uint32_t FramePool::take(std::span<FrameAddress> frames) noexcept {
  const std::uint32_t count = static_cast<std::uint32_t>(std::min<std::size_t>(frames.size(), free_count_));
  for (std::uint32_t i = 0; i < count; ++i) {
    frames[i] = free_[--free_count_];
    ledger_.leave(frames[i], FrameHolder::kPool);
  }
  return count;
}

void FramePool::give(FrameAddress address) noexcept {
  const FrameAddress frame = frame_start(address, frame_size_);
  if (at_home(frame)) [[likely]] {
    CULVERT_ASSERT(free_count_ < free_.size());
    ledger_.enter(frame, FrameHolder::kPool);
    free_[free_count_++] = frame;
    return;
  }
  CULVERT_ASSERT(stranger_count_ < strangers_.size());
  ledger_.enter(frame, FrameHolder::kStrangers);
  strangers_[stranger_count_++] = frame;
}

void FramePool::remove_stranger(std::uint32_t index) noexcept {
  CULVERT_ASSERT(index < stranger_count_);
  ledger_.leave(strangers_[index], FrameHolder::kStrangers);
  strangers_[index] = strangers_[--stranger_count_];
}

}  // namespace culvert
