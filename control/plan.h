// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "control/session_slot.h"
#include "umem/budget.h"
#include "umem/region.h"

namespace culvert {

/// What a configuration means on this machine, fixed until the next start.
struct Plan {
  std::vector<int> cpus;                       ///< worker i runs on cpus[i]
  std::map<std::string, std::uint32_t> lanes;  ///< of each interface, that frames are planned for
  RingSizes rings;
  FrameDemand demand;
  RegionConfig region;
  LaneQuota quota;
  std::optional<SessionSetup> sessions;  ///< of each worker, with a policy
  std::vector<std::string> notes;        ///< what was chosen for "auto", for the log
};

/// Queue i of each interface belongs to worker i modulo `workers`; so many of `lanes` are one worker's.
constexpr std::uint32_t lanes_of_worker(std::uint32_t worker, std::uint32_t lanes, std::uint32_t workers) noexcept {
  return (lanes + workers - 1 - worker) / workers;
}

/// As many frames as `auto` takes at most: 2 GB of small ones, and 128 MB of kernel memory for each lane. More can be
/// asked for, up to kMaxFrames.
inline constexpr std::uint32_t kMostAutomaticFrames = 1U << 20;

/// `queues`: rx queues of each configured interface; 0 for one that does not exist (yet). Lanes are planned for as many
/// queues as are configured, whether they are there or not; without a number for those that are there, one at least.
/// Workers by themselves: as many as the interface with most queues has, no more than there are CPUs; on the last CPUs,
/// since the first ones serve most interrupts. Errors: a CPU that may not be used, more lanes on one worker than
/// kMaxLanesPerWorker, fewer frames than can work.
Result<Plan> make_plan(const Config& config, const std::map<std::string, std::uint32_t>& queues);

}  // namespace culvert
