// SPDX-License-Identifier: Apache-2.0
// Days and minutes as the clock on the wall shows them, and where they are on the time line. The zone is the process's
// (TZ, else /etc/localtime; tzset(3)).
//
//   TZ=CET-1CEST    2026-03-28, minute 600    1774688400 s of Unix time
//                   2026-03-29, minute 600    1774771200: a day of 23 hours was between them
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace culvert {

/// A day of the Gregorian calendar. It has no zone: only local_unix_time_s() says when it is.
using CivilDay = std::chrono::sys_days;

inline constexpr unsigned kMinutesPerDay = 24 * 60;

/// Reads "2026-12-24" (RFC 3339, 5.6, full-date); nothing for days that no calendar has.
std::optional<CivilDay> parse_day(std::string_view text);
std::string to_text(CivilDay day);

/// Monday is 0, Sunday 6.
unsigned weekday_of(CivilDay day) noexcept;

/// The local day of a moment.
CivilDay local_day(std::int64_t unix_time_s);

/// When it is that local time; `minute` is 0 to kMinutesPerDay (the next day's midnight). A time that the clock shows
/// twice (summer time ends) is one of the two, a time that it jumps over one beside the jump; the same one every time.
std::int64_t local_unix_time_s(CivilDay day, unsigned minute);

}  // namespace culvert
