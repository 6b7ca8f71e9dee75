// SPDX-License-Identifier: Apache-2.0
#include "config/schedule.h"

#include <array>
#include <fmt/format.h>
#include <vector>

#include "config/diagnostics.h"

namespace culvert {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<unsigned> parse_weekday(std::string_view text) {
  for (unsigned day = 0; day < kDays.size(); ++day) {
    if (kDays[day] == text) return day;
  }
  return std::nullopt;
}

constexpr unsigned kNoTime = ~0U;

/// Minutes of "HH:MM", of exactly two digits each, up to 24:00; kNoTime for everything else.
unsigned parse_minute(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return kNoTime;
  const auto digit = [&](std::size_t i) { return static_cast<unsigned>(text[i]) - '0'; };
  if (digit(0) > 9 || digit(1) > 9 || digit(3) > 5 || digit(4) > 9) return kNoTime;
  const unsigned minute = (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4);
  return minute <= kMinutesPerDay ? minute : kNoTime;
}

}  // namespace

Result<Weekdays> parse_weekdays(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_weekday(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_weekday(text.substr(dash + 1));
  if (!first || !last) {
    return Error{fmt::format("'{}' is not a day of the week", shown(text)), 0,
                 fmt::format("use {}, or a range as mon-fri", fmt::join(kDays, ", "))};
  }
  unsigned bits = 0;
  for (unsigned day = *first;; day = (day + 1) % kDays.size()) {
    bits |= 1U << day;
    if (day == *last) return Weekdays{static_cast<std::uint8_t>(bits)};
  }
}

Result<DayHours> parse_hours(std::string_view text) {
  const std::size_t dash = text.find('-');
  const unsigned from = parse_minute(text.substr(0, dash));
  const unsigned to = dash == std::string_view::npos ? kNoTime : parse_minute(text.substr(dash + 1));
  if (from >= kMinutesPerDay || to == kNoTime || to == 0) {
    return Error{fmt::format("'{}' are not hours", shown(text)), 0,
                 "write them like 08:00-18:00, or 22:00-06:00 over midnight; the day ends at 24:00"};
  }
  if (from == to) return Error{fmt::format("{} end when they begin", text), 0, "all day is 00:00-24:00"};
  return DayHours{static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to)};
}

Result<DateRange> parse_dates(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto first = parse_day(text.substr(0, slash));
  const auto last = slash == std::string_view::npos ? first : parse_day(text.substr(slash + 1));
  if (!first || !last) {
    return Error{fmt::format("'{}' are not dates", shown(text)), 0,
                 "write them like 2026-12-24/2027-01-02, or one day"};
  }
  if (*last < *first) return Error{fmt::format("{} end before they begin", text), 0, "write the first day first"};
  return DateRange{*first, *last};
}

std::string to_text(const DayHours& hours) {
  return fmt::format("{:02}:{:02}-{:02}:{:02}", hours.from / 60, hours.from % 60, hours.to / 60, hours.to % 60);
}

std::string to_text(const DateRange& dates) {
  return fmt::format("{}/{}", to_text(dates.first), to_text(dates.last));
}

std::string to_text(const Weekdays& days) {
  std::vector<std::string_view> names;
  for (unsigned day = 0; day < kDays.size(); ++day) {
    if (days.has(day)) names.push_back(kDays[day]);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace culvert
