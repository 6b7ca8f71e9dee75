// SPDX-License-Identifier: Apache-2.0
// Services, hours and dates as a person types them.
#include "config/service.h"

#include <string>
#include <vector>

#include "config/schedule.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

ServiceMatch match(std::uint8_t protocol, PortRange source, PortRange destination) {
  return {false, protocol, source, destination};
}

}  // namespace

TEST_CASE("services: protocol, destination's ports, source's ports") {
  const PortRange any;
  const struct {
    const char* text;
    ServiceMatch service;
    const char* printed;
  } rows[] = {
      {"tcp", match(6, any, any), "tcp"},
      {"tcp/80", match(6, any, {80, 80}), "tcp/80"},
      {"tcp/1024-2047", match(6, any, {1024, 2047}), "tcp/1024-2047"},
      {"udp/1-65535", match(17, any, {1, 65535}), "udp/1-65535"},
      {"udp/7-7", match(17, any, {7, 7}), "udp/7"},
      {"udp/123 from 123", match(17, {123, 123}, {123, 123}), "udp/123 from 123"},
      {"udp from 53-54", match(17, {53, 54}, any), "udp from 53-54"},
      {"sctp/9899", match(132, any, {9899, 9899}), "sctp/9899"},
      {"icmp", match(1, any, any), "icmp"},
      {"icmp/echo-request", match(1, any, {8 << 8, (8 << 8) | 255}), "icmp/echo-request"},
      {"icmp/8", match(1, any, {8 << 8, (8 << 8) | 255}), "icmp/echo-request"},
      {"icmp/8/0", match(1, any, {8 << 8, 8 << 8}), "icmp/echo-request/0"},
      {"icmp/0", match(1, any, {0, 255}), "icmp/echo-reply"},
      {"icmp/255/255", match(1, any, {65535, 65535}), "icmp/255/255"},
      {"icmp/unreachable/4", match(1, any, {(3 << 8) | 4, (3 << 8) | 4}), "icmp/unreachable/4"},
      {"icmpv6/128", match(58, any, {128 << 8, (128 << 8) | 255}), "icmpv6/echo-request"},
      {"icmpv6/packet-too-big", match(58, any, {2 << 8, (2 << 8) | 255}), "icmpv6/packet-too-big"},
      {"gre", match(47, any, any), "gre"},
      {"protocol/47", match(47, any, any), "gre"},
      {"protocol/6", match(6, any, any), "tcp"},
      {"protocol/0", match(0, any, any), "protocol/0"},
      {"protocol/255", match(255, any, any), "protocol/255"},
  };
  for (const auto& row : rows) {
    INFO(row.text);
    const auto parsed = parse_service(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.service);
    CHECK(to_text(*parsed) == row.printed);
    CHECK(parse_service(to_text(*parsed)).value() == *parsed);
  }
}

TEST_CASE("what is no service says how to write one") {
  for (const char* bad : {"",
                          "any",
                          "tcp/",
                          "tcp/0",
                          "tcp/65536",
                          "tcp/80-79",
                          "tcp/80-",
                          "tcp/-80",
                          "tcp/80,81",
                          "tcp/http",
                          "tcp/80/0",
                          "TCP/80",
                          "tcp 80",
                          "tcp/80 from",
                          "tcp/80 from ",
                          "tcp/80 from 0",
                          "tcp/80  from 1",
                          "tcp/80 from 1 from 2",
                          "tcp from",
                          "icmp/",
                          "icmp/256",
                          "icmp/8/256",
                          "icmp/8/",
                          "icmp/8/0/0",
                          "icmp/packet-too-big",
                          "icmp from 1",
                          "icmpv6/redirect/x",
                          "gre/1",
                          "protocol",
                          "protocol/",
                          "protocol/256",
                          "protocol/-1",
                          "47",
                          "web"}) {
    INFO(bad);
    const auto parsed = parse_service(bad);
    REQUIRE(parsed.has_error());
    CHECK(parsed.error().hint.find("tcp/80") != std::string::npos);
  }
  CHECK(parse_service("tcp/\x1b[2J").error().what == "'tcp/\\x1b[2J' is not a protocol with ports or types");
}

TEST_CASE("hours are minutes of local time, and may end on the next day") {
  CHECK(parse_hours("08:00-18:30").value() == DayHours{480, 1110});
  CHECK(parse_hours("22:00-06:00").value() == DayHours{1320, 360});
  CHECK(parse_hours("00:00-24:00").value() == DayHours{0, 1440});
  CHECK(parse_hours("23:59-00:01").value() == DayHours{1439, 1});
  for (const char* text : {"08:00-18:30", "22:00-06:00", "00:00-24:00"}) CHECK(to_text(*parse_hours(text)) == text);
  for (const char* bad : {"", "8:00-18:00", "08:00", "08:00-", "08:00-18:60", "08:00-24:01", "24:00-08:00",
                          "22:00-00:00", "08:00-08:00", "08:00-18:00 ", "08.00-18.00", "-1:00-02:00", "25:00-26:00"}) {
    INFO(bad);
    CHECK_FALSE(parse_hours(bad).has_value());
  }
}

TEST_CASE("days of the week are one, a range, or a range over the weekend") {
  CHECK(parse_weekdays("mon").value() == Weekdays{0x01});
  CHECK(parse_weekdays("mon-fri").value() == Weekdays{0x1f});
  CHECK(parse_weekdays("sat-mon").value() == Weekdays{0x61});
  CHECK(parse_weekdays("sun-sun").value() == Weekdays{0x40});
  CHECK(to_text(Weekdays{0x61}) == "mon, sat, sun");
  for (const char* bad : {"", "monday", "Mon", "mon-", "-fri", "mon-xxx", "mon,tue"}) {
    INFO(bad);
    CHECK_FALSE(parse_weekdays(bad).has_value());
  }
}

TEST_CASE("dates are one day, or a first and a last one") {
  const DateRange week{*parse_day("2026-12-24"), *parse_day("2027-01-02")};
  CHECK(parse_dates("2026-12-24/2027-01-02").value() == week);
  CHECK(to_text(week) == "2026-12-24/2027-01-02");
  CHECK(parse_dates("2026-12-24").value() == DateRange{week.first, week.first});
  for (const char* bad : {"", "2026-12-24/", "/2026-12-24", "2027-01-02/2026-12-24", "2026-02-30", "24.12.2026",
                          "2026-12-24 to 2027-01-02"}) {
    INFO(bad);
    CHECK_FALSE(parse_dates(bad).has_value());
  }
}
