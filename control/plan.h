// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "umem/budget.h"
#include "umem/region.h"

namespace culvert {

/// What a configuration means on this machine, fixed until the next start.
struct Plan {
  std::vector<int> cpus;  ///< worker i runs on cpus[i]
  RingSizes rings;
  FrameDemand demand;
  RegionConfig region;
  LaneQuota quota;
  std::vector<std::string> notes;  ///< what was chosen for "auto", for the log
};

/// `queues`: rx queues of each configured interface; 0 for one that does not exist (yet): it is planned for with one.
/// Workers by themselves: as many as the interface with most queues has, no more than there are CPUs; on the last CPUs,
/// since the first ones serve most interrupts. Errors: a CPU that may not be used, more workers than kMaxWorkers, fewer
/// frames than can work.
Result<Plan> make_plan(const Config& config, const std::map<std::string, std::uint32_t>& queues);

}  // namespace culvert
