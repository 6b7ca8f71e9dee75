// SPDX-License-Identifier: Apache-2.0
// What a rig has for each worker and each lane; for rig.cc and rig_books.cc only.
#pragma once

#include <numeric>

#include "test/support/rig.h"

namespace culvert {

struct Rig::WorkerSlot {
  WorkerSlot(WorkerIndex index, const RigConfig& config, Region& region, SharedMeters& meters, Now now)
      : free(config.frames_per_worker),
        strangers(region.frames()),
        pending(config.pending_packets),
        pool(index, region.homes(), region.frame_size(), free, strangers, region.ledger()) {
    if (config.sessions == 0) return;
    const std::uint32_t half_open = config.half_open == 0 ? config.sessions : config.half_open;
    SessionSizes sizes{config.sessions, half_open, config.fragments, config.pages()};
    sizes.external_addresses = config.external_addresses;
    sizes.self = index;
    sizes.workers = config.workers;
    sessions.emplace(sizes, meters, now);
  }

  std::vector<FrameAddress> free, strangers;
  std::vector<PendingQueue::Entry> pending;
  FramePool pool;
  std::optional<SessionMemory> sessions;
  NeighborRequestQueue requests;
  PuntQueue punt;
  unsigned long long beat = 0;
  std::unique_ptr<Worker> worker;
};

struct Rig::LaneSlot {
  PacketCapture capture;
  std::unique_ptr<MemoryLane> lane;
  WorkerIndex worker = 0;
  bool removed = false;
};

struct Rig::Policy {
  explicit Policy(const RuleSet& rules) : compiled(compile_rules(rules).value()), counters(rules.rules.size()) {
    std::iota(counters.begin(), counters.end(), std::uint16_t{0});
  }

  CompiledRules compiled;
  std::vector<std::uint16_t> counters;
};

}  // namespace culvert
