// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "umem/frame.h"
#include "umem/ledger.h"

namespace culvert {

/// Which frames are at home with which worker: equal parts of the region, in order.
struct FrameHomes {
  std::uint64_t bytes_per_worker = 0;  ///< a multiple of the frame size
  WorkerIndex workers = 1;

  WorkerIndex home_of(FrameAddress frame) const noexcept { return static_cast<WorkerIndex>(frame / bytes_per_worker); }
  std::uint32_t frames_per_worker(std::uint32_t frame_size) const noexcept {
    return static_cast<std::uint32_t>(bytes_per_worker / frame_size);
  }
};

/// One worker's free frames: a stack, so that the frame freed last (still in the cache) is used first. Not shared: only
/// the owning worker calls it. It begins with every home frame free. Storage is given by the constructor's caller and
/// must hold every home frame, and for strangers every frame of the other workers.
class FramePool {
 public:
  FramePool(WorkerIndex self, FrameHomes homes, std::uint32_t frame_size, std::span<FrameAddress> storage,
            std::span<FrameAddress> stranger_storage, FrameLedger ledger = {}) noexcept;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  /// Before the first take(): frames that are not free, because lanes of an earlier process go on with them. `held` has
  /// one bit for each frame of the region, whoever's it is.
  void leave_out(std::span<const std::uint64_t> held) noexcept;

  std::uint32_t available() const noexcept { return free_count_; }
  std::uint32_t capacity() const noexcept { return static_cast<std::uint32_t>(free_.size()); }
  std::uint32_t frame_size() const noexcept { return frame_size_; }

  /// Takes up to frames.size() frames; returns how many. The frames are in the caller's hand until it gives them on.
  std::uint32_t take(std::span<FrameAddress> frames) noexcept;
  bool take(FrameAddress& frame) noexcept { return take(std::span<FrameAddress>(&frame, 1)) == 1; }

  /// Frees a frame, whoever's it is. `address` may be any address inside it, inside the region.
  void give(FrameAddress address) noexcept;

  /// Frames of other workers, to be sent home; the caller removes what it has sent with remove_stranger().
  std::span<const FrameAddress> strangers() const noexcept { return strangers_.first(stranger_count_); }
  /// Removes the stranger at `index` (the last one takes its place): it is in the caller's hand now.
  void remove_stranger(std::uint32_t index) noexcept;

  WorkerIndex home_of(FrameAddress frame) const noexcept { return homes_.home_of(frame); }
  WorkerIndex self() const noexcept { return self_; }

  /// Where whoever takes frames on (lanes, rings, queues) says so in test builds.
  FrameLedger& ledger() noexcept { return ledger_; }

 private:
  /// One subtraction and comparison; home_of() divides.
  bool at_home(FrameAddress frame) const noexcept { return frame - home_begin_ < homes_.bytes_per_worker; }

  std::span<FrameAddress> free_;
  std::span<FrameAddress> strangers_;
  FrameHomes homes_;
  FrameAddress home_begin_;
  std::uint32_t frame_size_;
  std::uint32_t free_count_ = 0;
  std::uint32_t stranger_count_ = 0;
  WorkerIndex self_;
  [[no_unique_address]] FrameLedger ledger_;
};

}  // namespace culvert
