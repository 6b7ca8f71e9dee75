// SPDX-License-Identifier: Apache-2.0
#include "status/read_cells.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "packet/verdict.h"

namespace culvert {
namespace {

std::string worker_state_text(std::uint64_t state) {
  switch (static_cast<WorkerState>(state)) {
    case WorkerState::kStarting:
      return "starting";
    case WorkerState::kRunning:
      return "running";
    case WorkerState::kSleeping:
      return "sleeping";
    case WorkerState::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::string lane_state_text(const LaneCells* cells) {
  if (cells == nullptr) return "gone";
  switch (static_cast<LaneState>(cells->state.read())) {
    case LaneState::kUp:
      return "up";
    case LaneState::kLinkDown:
      return "link_down";
    case LaneState::kGone:
      return "gone";
  }
  return "unknown";
}

OptionalRate mean(std::uint64_t sum, std::uint64_t count) {
  if (count == 0) return std::nullopt;
  return static_cast<double>(sum) / static_cast<double>(count);
}

std::uint64_t all_drops(const PipelineCells& cells, std::size_t line) {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells.drops[line]) sum += cell.read();
  return sum;
}

WorkerStatus read_worker(const WorkerCells& cells, std::uint32_t number, Now now) {
  WorkerStatus worker;
  worker.worker = number;
  worker.cpu = cells.cpu.read();
  worker.thread_id = cells.thread_id.read();
  worker.state = worker_state_text(cells.state.read());
  const std::uint64_t beat = cells.beat_ns.read();
  if (beat != 0) {
    const std::uint64_t age_ns = now > beat ? now - beat : 0;
    worker.beat_age_ms = age_ns / kNanosecondsPerMillisecond;
    if (age_ns > kStuckAfterNs && worker.state != "stopped") {
      worker.state = "stuck";
      worker.stuck_for_ms = worker.beat_age_ms;
    }
  }
  worker.snapshot_generation = cells.snapshot_generation.read();
  worker.turns = cells.turns.read();
  worker.longest_turn_ns = cells.longest_turn_ns.read();
  worker.wakeups = cells.wakeups.read();
  worker.commands = cells.commands.read();
  const PipelineCells& pipeline = cells.pipeline;
  worker.received = pipeline.received.read();
  worker.handed_in = pipeline.handed_in.read();
  worker.generated = pipeline.generated.read();
  worker.forwarded = pipeline.forwarded.read();
  worker.punted = pipeline.punted.read();
  worker.handed_out = pipeline.handed_out.read();
  worker.held = pipeline.held.read();
  for (std::size_t line = 0; line <= kMaxInterfaces; ++line) worker.dropped += all_drops(pipeline, line);
  worker.mean_burst = mean(worker.received + worker.handed_in, pipeline.bursts.read());
  worker.partial_checksums_completed = pipeline.partial_checksums_completed.read();
  worker.icmp_errors_sent = pipeline.icmp_errors_sent.read();
  worker.icmp_errors_suppressed = pipeline.icmp_errors_suppressed.read();
  worker.fragmented = pipeline.fragmented.read();
  worker.route_lookups = pipeline.route_lookups.read();
  return worker;
}

/// "copy" of its lanes when all have it, "mixed" when they differ, "-" without lanes.
void add_mode(InterfaceStatus& interface, const std::string& mode) {
  if (interface.lanes++ == 0) {
    interface.mode = mode;
  } else if (interface.mode != mode) {
    interface.mode = "mixed";
  }
}

std::string interface_name(const StatusSources& sources, std::size_t line) {
  for (const InterfaceSource& interface : sources.interfaces) {
    if (PipelineCells::line(interface.number) == line) return interface.name;
  }
  return line == kMaxInterfaces ? "none" : fmt::format("interface {}", line);
}

}  // namespace

std::string lane_scope(const LaneSource& lane) {
  return fmt::format("{}/{}", lane.interface, lane.queue);
}

std::vector<WorkerStatus> read_workers(const StatusSources& sources, Now now) {
  std::vector<WorkerStatus> workers;
  std::uint32_t number = 0;
  for (const WorkerCells* cells : sources.workers) workers.push_back(read_worker(*cells, number++, now));
  return workers;
}

std::vector<LaneStatus> read_lanes(const StatusSources& sources) {
  std::vector<LaneStatus> lanes;
  for (const LaneSource& source : sources.lanes) {
    LaneStatus lane;
    lane.interface = source.interface;
    lane.queue = source.queue;
    lane.worker = source.worker;
    lane.state = lane_state_text(source.cells);
    lane.mode_asked = source.mode_asked;
    lane.mode_got = source.mode_got;
    lane.why_not_better = source.why_not_better;
    lane.wakeup = source.wakeup;
    if (source.cells != nullptr) {
      lane.rx_packets = source.cells->rx_packets.read();
      lane.rx_bytes = source.cells->rx_bytes.read();
      lane.tx_packets = source.cells->tx_packets.read();
      lane.tx_bytes = source.cells->tx_bytes.read();
      lane.tx_wakeups = source.cells->tx_wakeups.read();
      lane.mean_burst = mean(lane.rx_packets, source.cells->rx_bursts.read());
    }
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

std::vector<InterfaceStatus> read_interfaces(const StatusSources& sources) {
  std::vector<InterfaceStatus> interfaces;
  for (const InterfaceSource& source : sources.interfaces) {
    InterfaceStatus interface {
      source.name, source.number, source.ifindex, source.state, source.mtu_bytes, source.mac, "-", 0, 0, 0, 0, 0, 0, {},
          {}, {}, {}
    };
    for (const LaneSource& lane : sources.lanes) {
      if (lane.number == source.number) add_mode(interface, lane.mode_got);
    }
    const std::size_t line = PipelineCells::line(source.number);
    for (const WorkerCells* cells : sources.workers) {
      const PipelineCells::InterfaceCells& counts = cells->pipeline.interfaces[line];
      interface.rx_packets += counts.rx_packets.read();
      interface.rx_bytes += counts.rx_bytes.read();
      interface.tx_packets += counts.tx_packets.read();
      interface.tx_bytes += counts.tx_bytes.read();
      interface.dropped += all_drops(cells->pipeline, line);
    }
    interfaces.push_back(std::move(interface));
  }
  return interfaces;
}

std::vector<DropStatus> read_drops(const StatusSources& sources) {
  std::vector<DropStatus> drops;
  for (std::size_t line = 0; line <= kMaxInterfaces; ++line) {
    for (std::size_t reason = 1; reason < kDropReasons; ++reason) {
      std::uint64_t packets = 0;
      for (const WorkerCells* cells : sources.workers) packets += cells->pipeline.drops[line][reason].read();
      if (packets == 0) continue;
      const std::string_view name = drop_reason_text(static_cast<DropReason>(reason)).name;
      drops.push_back({interface_name(sources, line), std::string(name), packets});
    }
  }
  return drops;
}

std::vector<AlarmStatus> read_screen_alarms(const StatusSources& sources) {
  std::vector<AlarmStatus> alarms;
  for (std::size_t screen = 0; screen < kScreens; ++screen) {
    std::uint64_t packets = 0;
    for (const WorkerCells* cells : sources.workers) packets += cells->pipeline.screen_alarms[screen].read();
    if (packets != 0) alarms.push_back({std::string(name_of(static_cast<Screen>(screen))), packets});
  }
  return alarms;
}

std::vector<PressureStatus> read_pressure(const StatusSources& sources) {
  std::vector<PressureStatus> pressure;
  for (const LaneSource& lane : sources.lanes) {
    if (lane.cells == nullptr) continue;
    const LaneCells& cells = *lane.cells;
    const std::pair<const char*, const Cell*> counters[] = {
        {"kernel_rx_dropped", &cells.kernel_rx_dropped},
        {"kernel_rx_ring_full", &cells.kernel_rx_ring_full},
        {"kernel_fill_empty", &cells.kernel_fill_empty},
        {"kernel_rx_invalid", &cells.kernel_rx_invalid},
        {"kernel_tx_invalid", &cells.kernel_tx_invalid},
        {"tx_again", &cells.tx_again},
        {"tx_busy", &cells.tx_busy},
        {"tx_link_down", &cells.tx_link_down},
        {"tx_other_errors", &cells.tx_other_errors},
        {"bad_completions", &cells.bad_completions},
        {"rx_multi_buffer", &cells.rx_multi_buffer},
    };
    for (const auto& [name, cell] : counters) pressure.push_back({name, lane_scope(lane), cell->read()});
  }
  std::uint32_t number = 0;
  for (const WorkerCells* cells : sources.workers) {
    pressure.push_back(
        {"icmp_errors_suppressed", fmt::format("worker {}", number++), cells->pipeline.icmp_errors_suppressed.read()});
  }
  for (const PressureSource& source : sources.pressure) {
    pressure.push_back({source.counter, source.scope, source.cell->read()});
  }
  if (sources.events != nullptr) pressure.push_back({"events_lost", "culvertd", sources.events->status().lost});
  return pressure;
}

std::vector<ResourceStatus> read_resources(const StatusSources& sources) {
  std::vector<ResourceStatus> resources;
  if (sources.registry == nullptr) return resources;
  for (const ResourceReading& reading : sources.registry->read()) {
    const ResourceText& text = resource_text(reading.kind);
    ResourceStatus resource;
    resource.resource = text.name;
    resource.scope = reading.scope;
    resource.max = reading.max;
    resource.used = reading.used;
    resource.peak = reading.peak;
    resource.failures = reading.failures;
    if (!reading.unknown.empty()) resource.unknown = std::string(reading.unknown);
    resource.full_is_normal = text.full_is_normal;
    resources.push_back(std::move(resource));
  }
  return resources;
}

ProcessStatus read_process() {
  ProcessStatus process;
  process.pid = static_cast<std::uint64_t>(::getpid());
  struct rusage usage {};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto milliseconds = [](const timeval& time) {
      return static_cast<std::uint64_t>(time.tv_sec) * 1000 + static_cast<std::uint64_t>(time.tv_usec) / 1000;
    };
    process.cpu_time_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
  }
  // proc(5): the second field of statm is the resident set in pages.
  const Fd statm(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  char text[128] = {};
  unsigned long pages = 0;
  if (statm && ::read(statm.get(), text, sizeof(text) - 1) > 0 && std::sscanf(text, "%*s %lu", &pages) == 1) {
    process.resident_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  return process;
}

}  // namespace culvert
