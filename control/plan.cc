// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/cpu.h"
#include "workers/handoff.h"
#include "workers/punt_queue.h"

namespace culvert {
namespace {

std::uint32_t lanes_of(const Config& config, const std::string& name,
                       const std::map<std::string, std::uint32_t>& queues) {
  const auto found = queues.find(name);
  const std::uint32_t there = found == queues.end() ? 1 : std::max<std::uint32_t>(found->second, 1);
  const auto& wanted = config.interfaces.at(name).queues;
  return wanted.has_value() ? std::min(*wanted, there) : there;
}

Result<std::vector<int>> choose_cpus(const WorkerChoice& choice, std::uint32_t most_queues) {
  const std::vector<int> allowed = allowed_cpus();
  std::vector<int> cpus;
  if (choice.kind == WorkerChoice::Kind::kCpus) {
    for (const std::uint32_t cpu : choice.cpus) {
      if (std::find(allowed.begin(), allowed.end(), static_cast<int>(cpu)) == allowed.end()) {
        return Error{fmt::format("system.workers: CPU {} is not among those that this process may use", cpu), 0,
                     fmt::format("use CPUs of this list: {}", fmt::join(allowed, ", "))};
      }
      cpus.push_back(static_cast<int>(cpu));
    }
    return cpus;
  }
  const bool by_count = choice.kind == WorkerChoice::Kind::kCount;
  const auto count = std::min<std::size_t>(
      kMaxWorkers, by_count ? choice.count : std::min<std::size_t>(allowed.size(), std::max(most_queues, 1U)));
  // More workers than CPUs share them: of use for tests only, but not wrong.
  for (std::size_t i = 0; i < count; ++i) cpus.push_back(allowed[allowed.size() - 1 - i % allowed.size()]);
  return cpus;
}

}  // namespace

Result<Plan> make_plan(const Config& config, const std::map<std::string, std::uint32_t>& queues) {
  Plan plan;
  std::uint32_t most_queues = 1;
  for (const auto& [name, interface] : config.interfaces)
    most_queues = std::max(most_queues, lanes_of(config, name, queues));
  auto cpus = choose_cpus(config.system.workers, most_queues);
  if (cpus.has_error()) return cpus.error();
  plan.cpus = std::move(*cpus);
  const auto workers = static_cast<std::uint32_t>(plan.cpus.size());

  plan.rings = {config.system.rings.fill, config.system.rings.rx, config.system.rings.tx,
                config.system.rings.completion};
  plan.demand.workers = workers;
  plan.demand.lanes_per_worker = 0;
  plan.demand.lanes_total = 0;
  for (const auto& [name, interface] : config.interfaces) {
    const std::uint32_t lanes = lanes_of(config, name, queues);
    plan.demand.lanes_total += lanes;
    plan.demand.lanes_per_worker += (lanes + workers - 1) / workers;
  }
  plan.demand.rings = plan.rings;
  plan.demand.handoff_ring = kHandoffPacketCapacity;
  plan.demand.punt_queue = kPuntQueueCapacity;
  plan.demand.pending = config.system.limits.pending_packets;

  const std::uint32_t wanted = frames_needed(plan.demand) * workers;
  const std::uint32_t frames = config.system.frames.value_or(wanted);
  if (frames / workers < frames_minimum(plan.demand)) {
    return Error{fmt::format("system.frames: {} frames are too few for {} lanes and {} workers", frames,
                             plan.demand.lanes_total, workers),
                 0, fmt::format("at least {}, and {} for full rings", frames_minimum(plan.demand) * workers, wanted)};
  }
  plan.region = {config.system.frame_size, frames, static_cast<WorkerIndex>(workers), config.system.huge_pages};
  plan.quota = fit_quota(plan.demand, frames / workers);
  plan.notes.push_back(fmt::format("{} workers on CPUs {}, {} lanes, {} frames of {} bytes", workers,
                                   fmt::join(plan.cpus, ", "), plan.demand.lanes_total, frames,
                                   config.system.frame_size));
  return plan;
}

}  // namespace culvert
