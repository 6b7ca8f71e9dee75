// SPDX-License-Identifier: Apache-2.0
// Days, and where they are on the time line of a zone with summer time (given as tzset(3) reads it, so that no zone
// need be installed).
#include "base/calendar.h"

#include "test/support/catch.h"
#include "test/support/time_zone.h"

using namespace culvert;

TEST_CASE("days are read as people write them, and only those that a calendar has") {
  for (const char* day : {"1970-01-01", "2024-02-29", "2026-12-31", "2000-02-29", "9999-12-31"}) {
    const auto parsed = parse_day(day);
    REQUIRE(parsed.has_value());
    CHECK(to_text(*parsed) == day);
  }
  for (const char* bad : {"", "2026-2-1", "2026-02-29", "1900-02-29", "2026-00-01", "2026-13-01", "2026-01-00",
                          "2026-01-32", "2026/01/01", "2026-01-01 ", "+026-01-01", "2026-+1-01", "26-01-01", "x"}) {
    INFO(bad);
    CHECK_FALSE(parse_day(bad).has_value());
  }
}

TEST_CASE("weekdays count from Monday") {
  CHECK(weekday_of(*parse_day("1970-01-01")) == 3);
  CHECK(weekday_of(*parse_day("2026-11-23")) == 0);
  CHECK(weekday_of(*parse_day("2026-11-29")) == 6);
}

TEST_CASE("a local time is a moment, and a moment a local day") {
  const test::TimeZone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  const CivilDay before = *parse_day("2026-03-28");
  const CivilDay after = *parse_day("2026-03-29");
  CHECK(local_unix_time_s(before, 600) == 1774688400);
  CHECK(local_unix_time_s(after, 600) == 1774771200);
  CHECK(local_unix_time_s(before, kMinutesPerDay) == local_unix_time_s(after, 0));
  CHECK(local_unix_time_s(after, kMinutesPerDay) - local_unix_time_s(after, 0) == 23 * 3600);
  const CivilDay long_day = *parse_day("2026-10-25");
  CHECK(local_unix_time_s(long_day, kMinutesPerDay) - local_unix_time_s(long_day, 0) == 25 * 3600);
  CHECK(local_day(local_unix_time_s(after, 0)) == after);
  CHECK(local_day(local_unix_time_s(after, 0) - 1) == before);
  CHECK(local_day(0) == *parse_day("1970-01-01"));
}

TEST_CASE("the zone is the one that the process has when it asks") {
  const CivilDay day = *parse_day("2026-11-23");
  const auto noon_in = [day](const char* name) {
    const test::TimeZone zone(name);
    return local_unix_time_s(day, 720);
  };
  CHECK(noon_in("UTC0") - noon_in("CET-1") == 3600);
  CHECK(noon_in("EST5") - noon_in("UTC0") == 5 * 3600);
  const test::TimeZone east("AAA-14");
  CHECK(local_day(0) == *parse_day("1970-01-01"));
  const test::TimeZone west("AAA12");
  CHECK(local_day(0) == *parse_day("1969-12-31"));
}
