// SPDX-License-Identifier: Apache-2.0
// When schedules hold, on the time line. Each day on which a schedule's hours begin is one stretch of Unix time, from
// the local time of its begin to that of its end, so that summer time makes it longer or shorter and never twice:
//
//   TZ=CET-1CEST  {days: [fri], hours: 22:00-06:00}    2026-11-27: 1795813200 s (Friday) to 1795842000 s (Saturday)
#pragma once

#include <cstdint>
#include <optional>

#include "config/schedule.h"

namespace culvert {

/// Whether the schedule holds at that moment; it does at the second of its begin and not at that of its end.
bool holds_at(const ScheduleConfig& schedule, std::int64_t unix_time_s);

/// The next moment when holds_at() changes; nothing if it never does. Right for the time zone and the rules of summer
/// time that the process has now.
std::optional<std::int64_t> next_change_s(const ScheduleConfig& schedule, std::int64_t unix_time_s);

}  // namespace culvert
