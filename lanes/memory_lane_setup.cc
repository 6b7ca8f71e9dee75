// SPDX-License-Identifier: Apache-2.0
// The part of a memory lane that allocates: apart from memory_lane.cc, which is hot.
#include "base/check.h"
#include "lanes/memory_lane.h"

namespace culvert {

MemoryLane::MemoryLane(const MemoryLaneConfig& config, RegionView region, FramePool& pool)
    : Lane(config.interface, config.queue),
      config_(config),
      region_(region),
      pool_(pool),
      fill_slots_(config.rings.fill),
      ready_slots_(config.rings.rx),
      tx_slots_(config.rings.tx),
      fill_(fill_slots_),
      ready_(ready_slots_),
      tx_(tx_slots_),
      traffic_size_(config.traffic == nullptr ? 0 : config.traffic->size()) {
  if (config_.quota.receive == 0) config_.quota = full_quota(config_.rings);
  for (std::size_t i = 0; i < traffic_size_; ++i) {
    CULVERT_CHECK((*config_.traffic)[i].length <= frame_room(region_.frame_size));
  }
  cells().rx_ring.max.set(config.rings.rx);
  cells().tx_ring.max.set(config.rings.tx);
  cells().fill_ring.max.set(config.rings.fill);
  cells().completion_ring.max.set(config.rings.completion);
}

MemoryLane::~MemoryLane() = default;

}  // namespace culvert
