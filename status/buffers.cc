// SPDX-License-Identifier: Apache-2.0
#include "status/buffers.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace culvert {
namespace {

double percent_of(std::uint64_t used, std::uint64_t max) {
  return 100.0 * static_cast<double>(used) / static_cast<double>(max);
}

BufferRow row_of(const ResourceStatus& resource) {
  BufferRow row;
  row.resource = resource.resource;
  row.scope = resource.scope;
  row.max = resource.max;
  row.used = resource.used;
  row.peak = resource.peak;
  row.failures = resource.failures;
  row.unknown = resource.unknown;
  if (resource.max && resource.used && *resource.max > 0) {
    row.usage_percent = percent_of(*resource.used, *resource.max);
    const BufferState state = resource.full_is_normal ? BufferState::kOk : buffer_state(*resource.used, *resource.max);
    row.status = buffer_state_text(state);
  }
  return row;
}

void add_to(OptionalCount& sum, const OptionalCount& value) {
  if (value) sum = sum.value_or(0) + *value;
}

int severity(const std::optional<std::string>& status) {
  if (status == buffer_state_text(BufferState::kCritical)) return 2;
  if (status == buffer_state_text(BufferState::kWarning)) return 1;
  return 0;
}

bool is_worse(const BufferRow& row, const BufferAggregate& aggregate) {
  if (!aggregate.status) return true;
  if (severity(row.status) != severity(aggregate.status)) return severity(row.status) > severity(aggregate.status);
  return *row.usage_percent > aggregate.worst_usage_percent.value_or(-1);
}

void add_member(BufferAggregate& aggregate, const BufferRow& row) {
  ++aggregate.members;
  add_to(aggregate.failures, row.failures);
  if (!row.usage_percent) {
    ++aggregate.unknown_members;
    if (!aggregate.unknown) aggregate.unknown = row.unknown;
    return;
  }
  add_to(aggregate.max, row.max);
  add_to(aggregate.used, row.used);
  add_to(aggregate.peak, row.peak);
  if (is_worse(row, aggregate)) {
    aggregate.status = row.status;
    aggregate.worst_scope = row.scope;
    aggregate.worst_usage_percent = row.usage_percent;
  }
}

void finish(BufferAggregate& aggregate) {
  const std::uint32_t known = aggregate.members - aggregate.unknown_members;
  if (known > 0) {
    aggregate.unknown.reset();
    aggregate.usage_percent = percent_of(*aggregate.used, *aggregate.max);
  }
  if (aggregate.members > 1) {
    aggregate.scope = aggregate.unknown_members == 0 ? fmt::format("{} together", aggregate.members)
                                                     : fmt::format("{} of {} known", known, aggregate.members);
  }
}

/// A stuck worker's figures are old: whoever is checked by a monitor must hear that before the figures.
void warn_of_stuck_workers(const StatusSnapshot& snapshot, BufferReport& report) {
  for (const WorkerStatus& worker : snapshot.workers) {
    if (!worker.stuck_for_ms) continue;
    const std::string scope = fmt::format("worker {}", worker.worker);
    report.warnings.push_back({std::string(buffer_state_text(BufferState::kCritical)), "worker", scope,
                               fmt::format("{} is stuck for {:.1f} s: its figures are as old", scope,
                                           static_cast<double>(*worker.stuck_for_ms) / 1000.0)});
  }
}

}  // namespace

std::string_view buffer_state_text(BufferState state) noexcept {
  switch (state) {
    case BufferState::kOk:
      return "OK";
    case BufferState::kWarning:
      return "WARNING";
    case BufferState::kCritical:
      break;
  }
  return "CRITICAL";
}

BufferState buffer_state(std::uint64_t used, std::uint64_t max) noexcept {
  // No product overflows: every limit is far below 2^60.
  if (used * 10 >= max * 9) return BufferState::kCritical;
  return used * 10 >= max * 8 ? BufferState::kWarning : BufferState::kOk;
}

BufferReport buffer_report(const StatusSnapshot& snapshot) {
  BufferReport report;
  for (const ResourceStatus& resource : snapshot.resources) {
    BufferRow row = row_of(resource);
    auto aggregate = std::find_if(report.resources.begin(), report.resources.end(),
                                  [&](const BufferAggregate& other) { return other.resource == row.resource; });
    if (aggregate == report.resources.end()) {
      BufferAggregate fresh;
      fresh.resource = row.resource;
      fresh.scope = row.scope;
      aggregate = report.resources.insert(aggregate, std::move(fresh));
    }
    add_member(*aggregate, row);
    if (severity(row.status) > 0) {
      report.warnings.push_back({*row.status, row.resource, row.scope,
                                 fmt::format("{} {} is {}% full: {} of {}", row.resource, row.scope,
                                             percent_text(row.usage_percent), *row.used, *row.max)});
    }
    report.detail.push_back(std::move(row));
  }
  for (BufferAggregate& aggregate : report.resources) finish(aggregate);
  warn_of_stuck_workers(snapshot, report);
  int worst = 0;
  for (const BufferWarning& warning : report.warnings) worst = std::max(worst, severity(warning.status));
  report.status = buffer_state_text(static_cast<BufferState>(worst));
  for (const PressureStatus& pressure : snapshot.pressure) {
    if (pressure.value > 0) report.pressure.push_back(pressure);
  }
  report.frames = snapshot.frames.holders;
  report.sessions = snapshot.sessions;
  return report;
}

int check_exit_code(const BufferReport& report) noexcept {
  return severity(report.status);
}

std::string percent_text(const OptionalRate& percent) {
  if (!percent) return "-";
  return fmt::format("{:.1f}", std::floor(*percent * 10.0 + 1e-9) / 10.0);
}

}  // namespace culvert
