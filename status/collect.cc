// SPDX-License-Identifier: Apache-2.0
#include "status/collect.h"

#include <algorithm>
#include <utility>

#include "status/read_cells.h"

namespace culvert {
namespace {

/// Change a second. None when the sum went back: what it counted was replaced meanwhile.
OptionalRate rate(std::uint64_t now, std::uint64_t before, double seconds) {
  if (now < before) return std::nullopt;
  return static_cast<double>(now - before) / seconds;
}

OptionalRate bits(std::uint64_t now, std::uint64_t before, double seconds) {
  OptionalRate bytes = rate(now, before, seconds);
  if (bytes) *bytes *= 8;
  return bytes;
}

/// Part of the interval in percent. The worker adds to its sums at the end of a turn or sleep, so a sum may be a little
/// larger than the interval.
OptionalRate share(std::uint64_t now, std::uint64_t before, double seconds) {
  OptionalRate nanoseconds = rate(now, before, seconds);
  if (nanoseconds) nanoseconds = std::min(100.0, *nanoseconds / 1e7);
  return nanoseconds;
}

std::uint64_t age_ms(Now now, Now since) {
  return now > since ? (now - since) / kNanosecondsPerMillisecond : 0;
}

/// The XDP program redirects while every worker's beat is fresh, so the oldest one counts. None before all have beaten.
OptionalCount heartbeat_age_ms(const StatusSources& sources, Now now) {
  Now oldest = now;
  for (const WorkerCells* cells : sources.workers) oldest = std::min(oldest, cells->beat_ns.read());
  if (sources.workers.empty() || oldest == 0) return std::nullopt;
  return age_ms(now, oldest);
}

template <typename Row>
void traffic_rates(Row& row, const Row& before, double seconds) {
  row.rx_packets_per_second = rate(row.rx_packets, before.rx_packets, seconds);
  row.tx_packets_per_second = rate(row.tx_packets, before.tx_packets, seconds);
  row.rx_bits_per_second = bits(row.rx_bytes, before.rx_bytes, seconds);
  row.tx_bits_per_second = bits(row.tx_bytes, before.tx_bytes, seconds);
}

template <typename Row, typename Same>
void rate_rows(std::vector<Row>& rows, const std::vector<Row>& before, double seconds, Same same) {
  for (Row& row : rows) {
    const auto old = std::find_if(before.begin(), before.end(), [&](const Row& other) { return same(row, other); });
    if (old != before.end()) traffic_rates(row, *old, seconds);
  }
}

}  // namespace

const StatusCollector::Sums* StatusCollector::base_for(Now now) const {
  if (newer_ && now - newer_->time >= kNanosecondsPerSecond) return &*newer_;
  return older_ ? &*older_ : nullptr;
}

void StatusCollector::remember(Sums sums) {
  if (newer_ && sums.time - newer_->time < kNanosecondsPerSecond) return;
  older_ = std::exchange(newer_, std::move(sums));
}

void StatusCollector::add_rates(StatusSnapshot& status, const Sums& now, const Sums& base) {
  const double seconds = static_cast<double>(now.time - base.time) / static_cast<double>(kNanosecondsPerSecond);
  status.interval_ms = (now.time - base.time) / kNanosecondsPerMillisecond;
  rate_rows(status.interfaces, base.interfaces, seconds,
            [](const InterfaceStatus& a, const InterfaceStatus& b) { return a.interface == b.interface; });
  rate_rows(status.lanes, base.lanes, seconds,
            [](const LaneStatus& a, const LaneStatus& b) { return a.interface == b.interface && a.queue == b.queue; });
  const std::size_t both = std::min(status.workers.size(), base.workers.size());
  for (std::size_t i = 0; i < both; ++i) {
    WorkerStatus& worker = status.workers[i];
    const WorkerStatus& before = base.workers[i];
    worker.turns_per_second = rate(worker.turns, before.turns, seconds);
    worker.packets_per_second = rate(worker.received + worker.handed_in, before.received + before.handed_in, seconds);
    worker.busy_percent = share(now.busy_ns[i], base.busy_ns[i], seconds);
    worker.sleep_percent = share(now.sleep_ns[i], base.sleep_ns[i], seconds);
  }
}

StatusSnapshot StatusCollector::collect(const StatusSources& sources, Now now, std::uint64_t time_unix_ms) {
  StatusSnapshot status;
  status.version = sources.version;
  status.time_unix_ms = time_unix_ms;
  status.uptime_ms = age_ms(now, sources.started_ns);
  status.fail_mode = sources.fail_mode;
  status.snapshot_generation = sources.snapshot_generation;
  status.configuration_generation = sources.configuration_generation;
  status.heartbeat_age_ms = heartbeat_age_ms(sources, now);
  if (sources.errors != nullptr) status.last_error = sources.errors->last();
  if (sources.agent) status.agent = sources.agent();
  if (sources.policy) status.policy = sources.policy();
  if (sources.nat) status.nat = sources.nat();
  if (sources.xdp_actions) status.xdp_actions = sources.xdp_actions();
  if (sources.events != nullptr) status.events = sources.events->status();
  status.process = read_process();
  status.interfaces = read_interfaces(sources);
  status.lanes = read_lanes(sources);
  status.workers = read_workers(sources, now);
  status.frames = read_frames(sources);
  status.sessions = read_sessions(sources);
  status.resources = read_resources(sources);
  status.pressure = read_pressure(sources);
  status.drops = read_drops(sources);
  status.screen_alarms = read_screen_alarms(sources);

  Sums sums{now, status.interfaces, status.lanes, status.workers, {}, {}};
  for (const WorkerCells* cells : sources.workers) {
    sums.busy_ns.push_back(cells->busy_ns.read());
    sums.sleep_ns.push_back(cells->sleep_ns.read());
  }
  if (const Sums* base = base_for(now); base != nullptr && now > base->time) add_rates(status, sums, *base);
  remember(std::move(sums));
  return status;
}

}  // namespace culvert
