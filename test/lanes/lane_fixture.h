// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "lanes/memory_lane.h"
#include "umem/pool.h"
#include "umem/region.h"

namespace culvert {

/// A region and the pool of its one worker.
struct FramesFixture {
  explicit FramesFixture(std::uint32_t frames = 256, std::uint32_t frame_size = kSmallFrame)
      : region({.frame_size = frame_size, .frames = frames, .workers = 1, .huge_pages = HugePages::kNever}),
        storage(frames),
        pool(0, region.homes(), frame_size, storage, {}, region.ledger()) {}

  Region region;
  std::vector<FrameAddress> storage;
  FramePool pool;
};

/// Sends everything of a burst through a lane; frees what it does not take. Returns how many it took.
inline std::uint32_t send_all(Burst& burst, Lane& lane, FramePool& pool) {
  std::array<Packet*, kBurstSize> packets{};
  for (std::uint32_t i = 0; i < burst.size(); ++i) packets[i] = &burst[i];
  const std::uint32_t taken = lane.transmit(std::span(packets).first(burst.size()));
  for (std::uint32_t i = taken; i < burst.size(); ++i) pool.give(burst[i].frame);
  burst.clear();
  return taken;
}

}  // namespace culvert
