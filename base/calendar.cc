// SPDX-License-Identifier: Apache-2.0
#include "base/calendar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace culvert {
namespace {

/// Exactly as many digits as the text has bytes: no sign, no space.
bool parse_digits(std::string_view text, int& value) {
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

}  // namespace

std::optional<CivilDay> parse_day(std::string_view text) {
  constexpr std::size_t kLength = 10;
  if (text.size() != kLength || text[4] != '-' || text[7] != '-') return std::nullopt;
  int year = 0;
  int month = 0;
  int day = 0;
  const bool numbers = parse_digits(text.substr(0, 4), year) && parse_digits(text.substr(5, 2), month) &&
                       parse_digits(text.substr(8), day);
  if (!numbers) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return CivilDay(date);
}

std::string to_text(CivilDay day) {
  const std::chrono::year_month_day date(day);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

unsigned weekday_of(CivilDay day) noexcept {
  return std::chrono::weekday(day).iso_encoding() - 1;
}

CivilDay local_day(std::int64_t unix_time_s) {
  ::tzset();  // localtime_r(3) need not look whether the zone has changed
  const std::time_t moment = unix_time_s;
  std::tm parts{};
  ::localtime_r(&moment, &parts);
  return CivilDay(std::chrono::year{parts.tm_year + 1900} / (parts.tm_mon + 1) / parts.tm_mday);
}

std::int64_t local_unix_time_s(CivilDay day, unsigned minute) {
  const std::chrono::year_month_day date(day);
  std::tm parts{};
  parts.tm_year = static_cast<int>(date.year()) - 1900;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  parts.tm_hour = static_cast<int>(minute / 60);
  parts.tm_min = static_cast<int>(minute % 60);
  parts.tm_isdst = -1;
  return ::mktime(&parts);
}

}  // namespace culvert
