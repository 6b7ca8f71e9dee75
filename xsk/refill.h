// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "packet/burst.h"
#include "umem/pool.h"
#include "xsk/held_frames.h"
#include "xsk/rings.h"

namespace culvert {

/// A refill writes at least so many entries: fewer would move the ring's cache lines for little.
inline constexpr std::uint32_t kRefillBatch = 32;

/// What a lane gives the kernel to receive into.
struct FillSide {
  ProducerRing<std::uint64_t>& ring;
  HeldFrames& held;
  FramePool& pool;
  std::uint32_t quota;  ///< that `held` is brought back to
};

/// Moves frames from the pool into the fill ring, where the kernel sees them on return. False when the pool had too
/// few.
inline bool fill_up(const FillSide& side) noexcept {
  const std::uint32_t wanted = side.quota - std::min(side.quota, side.held.count());
  if (wanted < std::min(kRefillBatch, side.quota)) return true;
  std::array<FrameAddress, kBurstSize> frames;
  auto batch = side.ring.batch(wanted);
  while (batch.has_room()) {
    const std::uint32_t some = std::min(batch.room(), kBurstSize);
    const std::uint32_t got = side.pool.take(std::span(frames).first(some));
    for (const FrameAddress frame : std::span(frames).first(got)) {
      side.pool.ledger().enter(frame, FrameHolder::kReceive);
      side.held.add(frame);
      batch.push(frame);
    }
    if (got < some) return false;
  }
  return true;
}

/// Fills up, then calls wake() if the driver ran dry and waits to be told of the frames: zero-copy drivers do, and in
/// copy mode the flag is never set. It is looked at every time, also when nothing was added: a driver may raise it just
/// after we looked. It has a cache line of its own that is hardly ever written, so looking is cheap.
template <typename Wake>
bool refill(const FillSide& side, const Wake& wake) noexcept {
  const bool enough = fill_up(side);
  if (side.ring.needs_wakeup() && side.ring.waiting() > 0) wake();
  return enough;
}

}  // namespace culvert
