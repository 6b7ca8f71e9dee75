// SPDX-License-Identifier: Apache-2.0
#include "control/schedule_times.h"

#include <algorithm>
#include <vector>

namespace culvert {
namespace {

using Days = std::chrono::days;

/// Seconds of Unix time, `end` not included.
struct Stretch {
  std::int64_t begin;
  std::int64_t end;
};

/// The hours that begin on that day, if the schedule has any there.
std::optional<Stretch> stretch_of(const ScheduleConfig& schedule, CivilDay day) {
  if (!schedule.days.has(weekday_of(day))) return std::nullopt;
  if (schedule.dates && (day < schedule.dates->first || day > schedule.dates->last)) return std::nullopt;
  const bool over_midnight = schedule.hours.to <= schedule.hours.from;
  const CivilDay last = over_midnight ? day + Days(1) : day;
  return Stretch{local_unix_time_s(day, schedule.hours.from), local_unix_time_s(last, schedule.hours.to)};
}

/// Adds begins and ends of the stretches of some days that are after `now`.
void add_edges(const ScheduleConfig& schedule, CivilDay first, int days, std::int64_t now,
               std::vector<std::int64_t>& edges) {
  for (int i = 0; i < days; ++i) {
    const auto stretch = stretch_of(schedule, first + Days(i));
    if (!stretch) continue;
    if (stretch->begin > now) edges.push_back(stretch->begin);
    if (stretch->end > now) edges.push_back(stretch->end);
  }
}

}  // namespace

bool holds_at(const ScheduleConfig& schedule, std::int64_t unix_time_s) {
  const CivilDay today = local_day(unix_time_s);
  for (const CivilDay day : {today - Days(1), today}) {
    const auto stretch = stretch_of(schedule, day);
    if (stretch && stretch->begin <= unix_time_s && unix_time_s < stretch->end) return true;
  }
  return false;
}

std::optional<std::int64_t> next_change_s(const ScheduleConfig& schedule, std::int64_t unix_time_s) {
  // A schedule repeats itself every week, so that it changes within eight days, or not before its dates begin or end.
  constexpr int kWeek = 8;
  std::vector<std::int64_t> edges;
  add_edges(schedule, local_day(unix_time_s) - Days(1), kWeek + 2, unix_time_s, edges);
  if (schedule.dates) {
    add_edges(schedule, schedule.dates->first, kWeek, unix_time_s, edges);
    add_edges(schedule, schedule.dates->last - Days(kWeek), kWeek + 1, unix_time_s, edges);
  }
  std::sort(edges.begin(), edges.end());
  const bool now = holds_at(schedule, unix_time_s);
  // One stretch may end where the next one begins: midnight between whole days is no change.
  const auto change =
      std::find_if(edges.begin(), edges.end(), [&](std::int64_t edge) { return holds_at(schedule, edge) != now; });
  if (change == edges.end()) return std::nullopt;
  return *change;
}

}  // namespace culvert
