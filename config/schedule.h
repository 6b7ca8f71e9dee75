// SPDX-License-Identifier: Apache-2.0
// When a rule holds: hours of local time, on days of the week, within dates. What begins before midnight and ends after
// it belongs to the day on which it begins:
//
//   {days: [fri], hours: 22:00-06:00}                           Friday 22:00 to Saturday 06:00
//   {days: [mon-fri], hours: 08:00-18:00, dates: 2026-12-01/2026-12-23}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/calendar.h"
#include "base/result.h"

namespace culvert {

/// Bit 0 is Monday.
struct Weekdays {
  std::uint8_t bits = 0x7f;

  constexpr bool has(unsigned weekday) const noexcept { return (bits >> weekday & 1U) != 0; }
  friend constexpr bool operator==(const Weekdays&, const Weekdays&) noexcept = default;
};

/// Minutes of the day; `to` is not one of them. With to <= from the hours end on the next day.
struct DayHours {
  std::uint16_t from = 0;
  std::uint16_t to = kMinutesPerDay;

  friend constexpr bool operator==(const DayHours&, const DayHours&) noexcept = default;
};

/// Both included.
struct DateRange {
  CivilDay first;
  CivilDay last;

  friend constexpr bool operator==(const DateRange&, const DateRange&) noexcept = default;
};

struct ScheduleConfig {
  std::string description;
  Weekdays days;
  DayHours hours;
  std::optional<DateRange> dates;

  friend bool operator==(const ScheduleConfig&, const ScheduleConfig&) = default;
};

/// Reads "08:00-18:00", "22:00-06:00", "18:00-24:00".
Result<DayHours> parse_hours(std::string_view text);
/// Reads "2026-12-24/2027-01-02" (the intervals of ISO 8601), or one day.
Result<DateRange> parse_dates(std::string_view text);

std::string to_text(const DayHours& hours);
std::string to_text(const DateRange& dates);

/// Reads "fri", or "fri-mon": Friday to Monday, both included.
Result<Weekdays> parse_weekdays(std::string_view text);
/// "mon, tue, sat".
std::string to_text(const Weekdays& days);

}  // namespace culvert
