// SPDX-License-Identifier: Apache-2.0
// When schedules hold, beside a simple answer that is obviously right: the clock on the wall, looked at every minute.
#include "control/schedule_times.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "test/support/catch.h"
#include "test/support/time_zone.h"

using namespace culvert;

namespace {

constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";

std::int64_t at(const char* day, unsigned minute) {
  return local_unix_time_s(*parse_day(day), minute);
}

ScheduleConfig schedule(const char* days, const char* hours) {
  ScheduleConfig result;
  result.days = *parse_weekdays(days);
  result.hours = *parse_hours(hours);
  return result;
}

/// What a person with a calendar and a clock would say. True between changes of the clock only.
bool holds_by_the_clock(const ScheduleConfig& schedule, std::int64_t unix_time_s) {
  const std::time_t moment = unix_time_s;
  std::tm parts{};
  ::localtime_r(&moment, &parts);
  const unsigned minute = static_cast<unsigned>(parts.tm_hour * 60 + parts.tm_min);
  const CivilDay today = local_day(unix_time_s);
  const auto begins_on = [&](CivilDay day) {
    const bool in_dates = !schedule.dates || (schedule.dates->first <= day && day <= schedule.dates->last);
    return in_dates && schedule.days.has(weekday_of(day));
  };
  const DayHours hours = schedule.hours;
  if (hours.from < hours.to) return begins_on(today) && minute >= hours.from && minute < hours.to;
  return (begins_on(today) && minute >= hours.from) || (begins_on(today - std::chrono::days(1)) && minute < hours.to);
}

std::uint64_t seed_from_environment() {
  const char* given = std::getenv("CULVERT_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
}

ScheduleConfig random_schedule(std::mt19937_64& random, CivilDay around) {
  ScheduleConfig result;
  result.days.bits = static_cast<std::uint8_t>(1 + random() % 127);
  result.hours.from = static_cast<std::uint16_t>(random() % kMinutesPerDay);
  result.hours.to = static_cast<std::uint16_t>(1 + random() % kMinutesPerDay);
  if (result.hours.from == result.hours.to) result.hours = {};
  if (random() % 3 == 0) {
    const CivilDay first = around + std::chrono::days(random() % 25);
    result.dates = DateRange{first, first + std::chrono::days(random() % 10)};
  }
  return result;
}

}  // namespace

TEST_CASE("hours of working days") {
  const test::TimeZone zone(kBerlin);
  const ScheduleConfig work = schedule("mon-fri", "08:00-18:00");
  const std::int64_t monday = at("2026-11-23", 480);
  CHECK_FALSE(holds_at(work, monday - 1));
  CHECK(holds_at(work, monday));
  CHECK(holds_at(work, at("2026-11-23", 1080) - 1));
  CHECK_FALSE(holds_at(work, at("2026-11-23", 1080)));
  CHECK_FALSE(holds_at(work, at("2026-11-28", 600)));
  CHECK(next_change_s(work, monday - 1) == monday);
  CHECK(next_change_s(work, monday) == at("2026-11-23", 1080));
  CHECK(next_change_s(work, at("2026-11-27", 1080)) == at("2026-11-30", 480));
}

TEST_CASE("hours over midnight belong to the day on which they begin") {
  const test::TimeZone zone(kBerlin);
  ScheduleConfig night = schedule("fri", "22:00-06:00");
  CHECK_FALSE(holds_at(night, at("2026-11-27", 359)));
  CHECK(holds_at(night, at("2026-11-27", 1320)));
  CHECK(holds_at(night, at("2026-11-28", 359)));
  CHECK_FALSE(holds_at(night, at("2026-11-28", 360)));
  CHECK_FALSE(holds_at(night, at("2026-11-28", 1320)));
  CHECK(at("2026-11-27", 1320) == 1795813200);
  CHECK(next_change_s(night, at("2026-11-27", 1320)) == 1795842000);
  night.dates = DateRange{*parse_day("2026-11-27"), *parse_day("2026-11-27")};
  CHECK(holds_at(night, at("2026-11-28", 359)));
  CHECK(next_change_s(night, at("2026-11-01", 0)) == at("2026-11-27", 1320));
  CHECK(next_change_s(night, at("2026-11-28", 360)) == std::nullopt);
}

TEST_CASE("midnight between whole days is no change, and dates far away are found") {
  const test::TimeZone zone(kBerlin);
  ScheduleConfig always;
  CHECK(holds_at(always, 0));
  CHECK(next_change_s(always, at("2026-11-23", 600)) == std::nullopt);
  always.dates = DateRange{*parse_day("2030-01-01"), *parse_day("2031-12-31")};
  CHECK(next_change_s(always, at("2026-11-23", 600)) == at("2030-01-01", 0));
  CHECK(next_change_s(always, at("2030-01-01", 0)) == at("2032-01-01", 0));
  CHECK(next_change_s(always, at("2032-01-01", 0)) == std::nullopt);
  const ScheduleConfig weekend = schedule("sat-sun", "00:00-24:00");
  CHECK(next_change_s(weekend, at("2026-11-28", 0)) == at("2026-11-30", 0));
}

TEST_CASE("summer time makes a night shorter or longer") {
  const test::TimeZone zone(kBerlin);
  const ScheduleConfig night = schedule("sat", "22:00-06:00");
  const auto length = [&](const char* day) { return *next_change_s(night, at(day, 1320)) - at(day, 1320); };
  CHECK(length("2026-03-28") == 7 * 3600);
  CHECK(length("2026-10-24") == 9 * 3600);
  CHECK(length("2026-11-28") == 8 * 3600);
  // 02:30 comes twice in that night, and the schedule ends once.
  const ScheduleConfig early = schedule("sun", "01:00-02:30");
  const std::int64_t begin = at("2026-10-25", 60);
  const std::int64_t end = *next_change_s(early, begin);
  CHECK((end - begin == 5400 || end - begin == 9000));
  for (std::int64_t time = end; time < begin + 4 * 3600; time += 60) CHECK_FALSE(holds_at(early, time));
}

TEST_CASE("every minute of a month is as the clock on the wall says, and changes come when they were announced") {
  const test::TimeZone zone("CET-1");
  const std::uint64_t seed = seed_from_environment();
  std::printf("schedule seed %llu (repeat with CULVERT_SEED)\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const CivilDay first = *parse_day("2026-11-01");
  const std::int64_t begin = local_unix_time_s(first, 0);
  for (int i = 0; i < 8; ++i) {
    const ScheduleConfig schedule = random_schedule(random, first);
    INFO("seed " << seed << ", schedule " << i);
    bool held = holds_at(schedule, begin);
    auto announced = next_change_s(schedule, begin);
    for (std::int64_t time = begin; time < begin + 30 * 86'400; time += 60) {
      const bool holds = holds_at(schedule, time);
      if (holds != holds_by_the_clock(schedule, time)) FAIL("minute " << (time - begin) / 60);
      if ((holds != held) != (announced == time)) FAIL("change at minute " << (time - begin) / 60);
      if (holds == held) continue;
      held = holds;
      announced = next_change_s(schedule, time);
    }
  }
  CHECK(begin > 0);
}
