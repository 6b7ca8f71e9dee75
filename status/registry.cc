// SPDX-License-Identifier: Apache-2.0
#include "status/registry.h"

#include <algorithm>
#include <utility>

#include "lanes/lane.h"

namespace culvert {
namespace {

std::string_view why_lane_is_unknown(std::uint64_t state) {
  switch (static_cast<LaneState>(state)) {
    case LaneState::kUp:
      return {};
    case LaneState::kLinkDown:
      return "link down";
    case LaneState::kGone:
      return "interface gone";
  }
  return "lane in an unknown state";
}

}  // namespace

bool Registry::add(ResourceKind kind, std::string scope, const Gauge* gauge, const Cell* lane_state) {
  for (const Line& line : lines_) {
    if (line.gauge == gauge && !(line.kind == kind && line.scope == scope)) return false;
  }
  put({kind, std::move(scope), gauge, lane_state, {}});
  return true;
}

void Registry::add_unknown(ResourceKind kind, std::string scope, std::string reason) {
  put({kind, std::move(scope), nullptr, nullptr, std::move(reason)});
}

void Registry::put(Line line) {
  const auto same = std::find_if(lines_.begin(), lines_.end(),
                                 [&](const Line& old) { return old.kind == line.kind && old.scope == line.scope; });
  if (same != lines_.end()) {
    *same = std::move(line);
    return;
  }
  const auto after = std::find_if(lines_.begin(), lines_.end(), [&](const Line& old) { return old.kind > line.kind; });
  lines_.insert(after, std::move(line));
}

std::size_t Registry::remove(std::string_view scope) {
  return std::erase_if(lines_, [&](const Line& line) { return line.scope == scope; });
}

bool Registry::has(ResourceKind kind) const noexcept {
  return std::any_of(lines_.begin(), lines_.end(), [&](const Line& line) { return line.kind == kind; });
}

ResourceReading Registry::read_line(const Line& line) {
  ResourceReading reading;
  reading.kind = line.kind;
  reading.scope = line.scope;
  reading.unknown = line.unknown;
  if (line.gauge == nullptr) return reading;
  if (line.lane_state != nullptr) reading.unknown = why_lane_is_unknown(line.lane_state->read());
  const std::uint64_t max = line.gauge->max.read();
  if (reading.unknown.empty() && max == 0) reading.unknown = "not in use";
  // How often it was full stays true when the lane is down.
  reading.failures = line.gauge->failures.read();
  if (!reading.unknown.empty()) return reading;
  reading.max = max;
  reading.used = std::min(line.gauge->used.read(), max);
  // The owner may be between two stores: a peak below what is used now would be a lie.
  reading.peak = std::max(*reading.used, std::min(line.gauge->peak.read(), max));
  return reading;
}

std::vector<ResourceReading> Registry::read() const {
  std::vector<ResourceReading> readings;
  readings.reserve(lines_.size());
  for (const Line& line : lines_) readings.push_back(read_line(line));
  return readings;
}

}  // namespace culvert
