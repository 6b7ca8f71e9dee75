// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "base/cpu.h"
#include "kernel_redirect/redirect_maps.h"
#include "workers/handoff.h"
#include "workers/punt_queue.h"
#include "workers/worker.h"

namespace culvert {
namespace {

/// Rx queues that the interface has now and that Culvert takes.
std::uint32_t queues_now(const Config& config, const std::string& name,
                         const std::map<std::string, std::uint32_t>& queues) {
  const auto found = queues.find(name);
  const std::uint32_t there = found == queues.end() ? 1 : std::max<std::uint32_t>(found->second, 1);
  return std::min({config.interfaces.at(name).queues.value_or(there), there, std::uint32_t{kRedirectMaxQueues}});
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

void plan_lanes(const Config& config, const std::map<std::string, std::uint32_t>& queues, Plan& plan) {
  const auto workers = static_cast<std::uint32_t>(plan.cpus.size());
  plan.demand.workers = workers;
  plan.demand.interfaces = static_cast<std::uint32_t>(config.interfaces.size());
  plan.demand.lanes_per_worker = 0;
  for (const auto& [name, interface] : config.interfaces) {
    const std::uint32_t lanes = interface.queues.value_or(queues_now(config, name, queues));
    plan.lanes[name] = lanes;
    plan.demand.lanes_per_worker += lanes_of_worker(0, lanes, workers);
  }
}

Result<void> check_lanes(const Plan& plan) {
  if (plan.demand.lanes_per_worker <= kMaxLanesPerWorker) return {};
  std::uint32_t lanes = 0;
  for (const auto& [name, count] : plan.lanes) lanes += count;
  const std::uint32_t interfaces = plan.demand.interfaces;
  // Queue i is worker i mod W's, on each interface: the first worker has most.
  const auto fits = [&](std::uint32_t workers) {
    std::uint32_t most = 0;
    for (const auto& [name, count] : plan.lanes) most += lanes_of_worker(0, count, workers);
    return most <= kMaxLanesPerWorker;
  };
  std::uint32_t enough = plan.demand.workers;
  while (enough <= kMaxWorkers && !fits(enough)) ++enough;
  const auto queues = static_cast<std::uint32_t>(kMaxLanesPerWorker / interfaces * plan.demand.workers);
  const std::string fewer = fmt::format("set queues: {} for each interface", queues);
  return Error{fmt::format("{} lanes of {} interfaces on {} workers: one worker would have {} and serves {} at most",
                           lanes, interfaces, plan.demand.workers, plan.demand.lanes_per_worker, kMaxLanesPerWorker),
               0, enough <= kMaxWorkers ? fmt::format("set system.workers: {}, or {}", enough, fewer) : fewer};
}

Result<void> plan_frames(const SystemConfig& system, Plan& plan) {
  const std::uint32_t workers = plan.demand.workers;
  const std::uint32_t full = frames_needed(plan.demand) * workers;
  const std::uint32_t least = frames_minimum(plan.demand) * workers;
  const std::uint32_t frames = system.frames.value_or(std::min(full, kMostAutomaticFrames));
  std::uint32_t lanes = 0;
  for (const auto& [name, count] : plan.lanes) lanes += count;
  if (frames / workers < frames_minimum(plan.demand)) {
    return Error{
        fmt::format("system.frames: {} frames are too few for {} lanes and {} workers", frames, lanes, workers), 0,
        fmt::format("set system.frames: auto, or {} at least; {} fill every ring", least, full)};
  }
  plan.region = {system.frame_size, frames, static_cast<WorkerIndex>(workers), system.huge_pages};
  if (auto checked = check_region(plan.region); checked.has_error()) return checked;
  plan.quota = fit_quota(plan.demand, frames / workers);
  plan.notes.push_back(fmt::format("{} workers on CPUs {}, {} lanes, {} frames of {} bytes", workers,
                                   fmt::join(plan.cpus, ", "), lanes, frames, system.frame_size));
  if (!system.frames.has_value() && frames < full) {
    plan.notes.push_back(fmt::format(
        "each lane receives into {} frames and sends {}, and its rings hold {} and {}: system.frames: {} {}",
        plan.quota.receive, plan.quota.transmit, full_quota(plan.rings).receive, full_quota(plan.rings).transmit,
        std::min(full, kMaxFrames), full <= kMaxFrames ? "fills them" : "fills more of them"));
  }
  return {};
}

/// A quarter of the sessions may be half-open: a flood of SYNs leaves the others alone, and no honest crowd of new
/// connections fills it while their handshakes take less than a second.
Result<void> plan_sessions(const Config& config, Plan& plan) {
  if (!config.policy.has_value()) return {};
  SessionSetup sessions;
  sessions.sessions = config.sessions.max / plan.demand.workers;
  sessions.half_open = sessions.sessions / 4;
  sessions.fragments = config.system.limits.fragments;
  sessions.workers = static_cast<WorkerIndex>(plan.demand.workers);
  if (config.nat.has_value()) sessions.external_addresses = config.nat->addresses_max;
  sessions.huge_pages = config.system.huge_pages;
  sessions.key = HashKey::random();
  sessions.owner_key = HashKey::random();
  sessions.owner_hash = config.sessions.shared_by == SharedBy::kRss ? OwnerHash::kRss : OwnerHash::kKeyed;
  plan.demand.fragments = sessions.fragments;
  plan.demand.sessions = plan.demand.workers > 1;
  const std::string beside = std::filesystem::path(config.system.control_socket).parent_path();
  const std::string folder = config.sessions.directory.value_or(beside);
  if (is_tmpfs(folder)) {
    sessions.folder = folder;
  } else if (config.sessions.directory.has_value()) {
    return Error{fmt::format("sessions.directory: {} is no tmpfs", folder), 0,
                 fmt::format("mount -t tmpfs -o mode=0700,huge=within_size culvert-sessions {}", folder)};
  } else {
    plan.notes.push_back(
        fmt::format("sessions end when culvertd does: {} is no tmpfs, so no file there outlives it in "
                    "memory",
                    folder.empty() ? "." : folder));
  }
  plan.sessions = sessions;
  return {};
}

}  // namespace

Result<Plan> make_plan(const Config& config, const std::map<std::string, std::uint32_t>& queues) {
  Plan plan;
  std::uint32_t most_queues = 1;
  for (const auto& [name, interface] : config.interfaces)
    most_queues = std::max(most_queues, queues_now(config, name, queues));
  auto cpus = choose_cpus(config.system.workers, most_queues);
  if (cpus.has_error()) return cpus.error();
  plan.cpus = std::move(*cpus);

  plan.rings = {config.system.rings.fill, config.system.rings.rx, config.system.rings.tx,
                config.system.rings.completion};
  plan.demand.rings = plan.rings;
  plan.demand.handoff_ring = kHandoffPacketCapacity;
  plan.demand.punt_queue = kPuntQueueCapacity;
  plan.demand.pending = config.system.limits.pending_packets;
  plan_lanes(config, queues, plan);
  if (auto planned = plan_sessions(config, plan); planned.has_error()) return planned.error();
  if (auto checked = check_lanes(plan); checked.has_error()) return checked.error();
  if (auto planned = plan_frames(config.system, plan); planned.has_error()) return planned.error();
  return plan;
}

}  // namespace culvert
