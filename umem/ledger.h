// SPDX-License-Identifier: Apache-2.0
// The frame ledger of test builds (-Dchecks=true, sanitizers): one byte per frame says who holds it, and every
// hand-over is asserted, because the kernel does not protect us: a frame that stands in two rings is silent corruption.
// A frame is with one FrameHolder, or in a worker's hand (in a burst, on its way between two holders):
//
//   ledger.leave(frame, FrameHolder::kReceive);   // must be there; now in hand
//   ledger.enter(frame, FrameHolder::kTransmit);  // must be in hand; now there
//
// In other builds all of this is empty and costs nothing. Workers share one ledger; frames change threads only through
// rings that order memory, so relaxed loads and stores are enough.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "umem/frame.h"

namespace culvert {

/// A frame in nobody's custody but the hand of the worker that moves it.
inline constexpr std::uint8_t kFrameInHand = static_cast<std::uint8_t>(FrameHolder::kCount);

#ifdef CULVERT_CHECKS

class FrameLedger {
 public:
  /// A ledger of nothing: every call is accepted unseen.
  FrameLedger() noexcept = default;
  /// `bytes`: one for each frame of the region, all with the same holder (kPool is 0) at first.
  FrameLedger(std::span<std::byte> bytes, std::uint32_t frame_size) noexcept
      : bytes_(bytes), shift_(static_cast<std::uint32_t>(std::countr_zero(frame_size))) {}

  void enter(FrameAddress address, FrameHolder holder) noexcept {
    move(address, kFrameInHand, static_cast<std::uint8_t>(holder));
  }
  void leave(FrameAddress address, FrameHolder holder) noexcept {
    move(address, static_cast<std::uint8_t>(holder), kFrameInHand);
  }
  /// True when the frame is there, or when there is no ledger.
  bool is_with(FrameAddress address, FrameHolder holder) const noexcept {
    return bytes_.empty() || byte_of(address) == static_cast<std::byte>(holder);
  }

 private:
  std::byte& byte_of(FrameAddress address) const noexcept {
    const std::uint64_t index = address >> shift_;
    CULVERT_CHECK(index < bytes_.size());
    return bytes_[index];
  }
  void move(FrameAddress address, std::uint8_t from, std::uint8_t to) noexcept {
    if (bytes_.empty()) return;
    const std::atomic_ref<std::byte> holder(byte_of(address));
    CULVERT_CHECK(holder.load(std::memory_order_relaxed) == std::byte{from});
    holder.store(std::byte{to}, std::memory_order_relaxed);
  }

  std::span<std::byte> bytes_;
  std::uint32_t shift_ = 0;
};

#else

class FrameLedger {
 public:
  FrameLedger() noexcept = default;
  FrameLedger(std::span<std::byte> /*bytes*/, std::uint32_t /*frame_size*/) noexcept {}
  void enter(FrameAddress /*address*/, FrameHolder /*holder*/) noexcept {}
  void leave(FrameAddress /*address*/, FrameHolder /*holder*/) noexcept {}
  bool is_with(FrameAddress /*address*/, FrameHolder /*holder*/) const noexcept { return true; }
};

#endif

}  // namespace culvert
