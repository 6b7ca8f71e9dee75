// SPDX-License-Identifier: Apache-2.0
// Tables and models that are full: what is refused, what is said, and how it comes back when there is room.
#include <algorithm>

#include "test/netlink/mirror_fixture.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

RouteText removal(RouteText route) {
  route.removed = true;
  return route;
}

RouteText via_wan(int number) {
  return {.prefix = fmt::format("10.{}.0.0/16", number), .hops = {{3, fmt::format("198.18.0.{}", number)}}};
}

std::size_t times_said(const Mirror& mirror, const std::string& words) {
  const auto& said = mirror.listener.said;
  return static_cast<std::size_t>(std::count_if(
      said.begin(), said.end(), [&](const std::string& text) { return text.find(words) != std::string::npos; }));
}

}  // namespace

TEST_CASE("a full table refuses, says so once, and takes the route when there is room") {
  Mirror mirror;
  mirror.sink.max_routes = mirror.sink.routes.size() + 2;
  for (int i = 0; i < 4; ++i) mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.model.resolver().activity().table_full == 2);
  CHECK(mirror.at("10.3.0.0/16").empty());
  CHECK(times_said(mirror, "the table is full") == 1);
  mirror.route({.prefix = "10.0.0.0/16", .hops = {{3, "198.18.0.9"}}, .removed = true});
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "198.18.0.9"}}, .removed = true});
  mirror.tick();
  CHECK_FALSE(mirror.at("10.2.0.0/16").empty());
  CHECK_FALSE(mirror.at("10.3.0.0/16").empty());
  CHECK(mirror.model.resolver().prefixes_short() == 0);
}

TEST_CASE("every route that did not fit is remembered, however many there are") {
  Mirror mirror(true, {100'000, 1000, 1000});
  mirror.sink.max_routes = mirror.sink.routes.size();
  constexpr int kRoutes = 66'000;
  const auto prefix = [](int i) { return fmt::format("{}.{}.{}.0/24", 10 + (i >> 16), (i >> 8) & 255, i & 255); };
  for (int i = 0; i < kRoutes; ++i) mirror.route({.prefix = prefix(i), .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.model.resolver().activity().table_full == kRoutes);
  CHECK(mirror.model.resolver().prefixes_short() == kRoutes);
  mirror.sink.max_routes = std::size_t{2} * kRoutes;
  mirror.sink.make_room();
  for (int i = 0; i < kRoutes / 500; ++i) mirror.tick();
  for (const int i : {0, 1, kRoutes / 2, kRoutes - 2, kRoutes - 1}) CHECK_FALSE(mirror.at(prefix(i)).empty());
  CHECK(mirror.model.resolver().prefixes_short() == 0);
}

TEST_CASE("what does not fit is tried in turn: an IPv4 prefix without room keeps no IPv6 prefix waiting") {
  Mirror mirror;
  mirror.sink.max_routes = mirror.sink.routes.size();
  for (int i = 0; i < 900; ++i)
    mirror.route({.prefix = fmt::format("10.{}.{}.0/24", i / 256, i % 256), .hops = {{3, "198.18.0.9"}}});
  mirror.route({.prefix = "2001:db8:1::/48", .hops = {{2, "2001:db8::9"}}});
  REQUIRE(mirror.model.resolver().prefixes_short() == 901);
  mirror.sink.more_ipv6_routes = 1;  // as when one of its units was freed
  mirror.sink.make_room();
  const std::size_t before = mirror.sink.sets;
  for (int i = 0; i < 5; ++i) mirror.tick();
  CHECK_FALSE(mirror.at("2001:db8:1::/48").empty());
  CHECK(mirror.model.resolver().prefixes_short() == 900);
  CHECK(mirror.sink.sets - before == 901);  // each once, and then not before there is room again
}

TEST_CASE("a prefix whose change does not fit leads nowhere, not to an entry that is let go") {
  Mirror mirror;
  mirror.route(via_wan(9));
  mirror.sink.refuses_all = true;
  mirror.route({.prefix = "10.9.0.0/16", .hops = {{2, "192.0.2.9"}}, .flags = NLM_F_REPLACE});
  CHECK(mirror.at("10.9.0.0/16").empty());
  mirror.sink.refuses_all = false;
  mirror.sink.make_room();
  mirror.tick();
  CHECK(mirror.at("10.9.0.0/16") == "forward 0 via 192.0.2.9 mtu 1500 -");
}

TEST_CASE("without free next hops a route answers unreachable instead of going astray, until one is free") {
  Mirror mirror;
  mirror.route(via_wan(8));
  mirror.sink.max_entries = mirror.sink.entries.size();
  mirror.route(via_wan(9));
  CHECK(mirror.at("10.9.0.0/16") == "unreachable");
  CHECK(mirror.model.resolver().activity().next_hops_full == 1);
  CHECK(times_said(mirror, "the next-hop table is full") == 1);
  mirror.tick();
  CHECK(mirror.at("10.9.0.0/16") == "unreachable");
  CHECK(mirror.model.resolver().activity().next_hops_full == 1);  // nothing is tried without room
  mirror.route(removal(via_wan(8)));
  mirror.tick();
  CHECK(mirror.at("10.9.0.0/16") == "forward 1 via 198.18.0.9 mtu 1500 -");
  CHECK(mirror.model.resolver().next_hops_short() == 0);
}

TEST_CASE("a set that fell short is forgotten with its last route") {
  Mirror mirror;
  mirror.sink.max_entries = mirror.sink.entries.size();
  mirror.route(via_wan(9));
  CHECK(mirror.model.resolver().next_hops_short() == 1);
  mirror.route(removal(via_wan(9)));
  CHECK(mirror.model.resolver().next_hops_short() == 0);
  mirror.sink.max_entries += 10;
  mirror.tick();
  CHECK(mirror.at("10.9.0.0/16").empty());
}

TEST_CASE("a neighbour without an entry gets its host route when one is free") {
  Mirror mirror;
  mirror.neighbor(3, "198.18.0.8", 8);
  mirror.sink.max_entries = mirror.sink.entries.size();
  mirror.neighbor(3, "198.18.0.9", 9);
  mirror.neighbor(3, "198.18.0.7", 7);
  CHECK(mirror.at("198.18.0.9/32").empty());
  CHECK(mirror.model.resolver().next_hops_short() == 2);
  CHECK(times_said(mirror, "the next-hop table is full") == 1);
  mirror.neighbor(3, "198.18.0.7", 0, NUD_FAILED);
  CHECK(mirror.model.resolver().next_hops_short() == 1);
  mirror.neighbor(3, "198.18.0.8", 0, NUD_FAILED);
  mirror.tick();
  CHECK(mirror.at("198.18.0.9/32") == "forward 1 via 198.18.0.9 mtu 1500 02:00:00:00:00:09");
  CHECK(mirror.model.resolver().next_hops_short() == 0);
}

TEST_CASE("a multipath route without a group, or with members left out, is whole again when there is room") {
  Mirror mirror;
  mirror.sink.groups_in_place = GENERATE(true, false);
  const RouteText route{.prefix = "10.0.0.0/8", .hops = {{2, "192.0.2.9"}, {3, "198.18.0.9"}, {3, "198.18.0.8"}}};
  const std::string whole =
      "group [forward 0 via 192.0.2.9 mtu 1500 - x1 | forward 1 via 198.18.0.8 mtu 1500 - x1 | forward 1 via "
      "198.18.0.9 mtu 1500 - x1]";
  const std::size_t entries = mirror.sink.entries.size();
  SECTION("no group") {
    mirror.sink.max_groups = 0;
    mirror.route(route);
    CHECK(mirror.at("10.0.0.0/8") == "forward 0 via 192.0.2.9 mtu 1500 -");
    CHECK(mirror.sink.entries.size() == entries + 1);
    const std::size_t calls = mirror.sink.calls();
    mirror.tick();
    CHECK(mirror.sink.calls() == calls);  // a try would take entries, ask for gateways and let them go
    mirror.sink.max_groups = 1;
  }
  SECTION("no entry at all") {
    mirror.sink.max_entries = entries;
    mirror.route(route);
    CHECK(mirror.at("10.0.0.0/8") == "unreachable");
    mirror.sink.max_entries = entries + 1;
    mirror.tick();
    CHECK(mirror.at("10.0.0.0/8") == "forward 0 via 192.0.2.9 mtu 1500 -");
  }
  SECTION("one entry left out") {
    mirror.neighbor(3, "198.18.0.9", 9);
    mirror.neighbor(3, "198.18.0.9", 0, NUD_FAILED);
    mirror.sink.max_entries = entries + 2;
    mirror.route(route);
    CHECK(mirror.at("10.0.0.0/8") == "forward 0 via 192.0.2.9 mtu 1500 -");
  }
  SECTION("members left out of a group") {
    mirror.route({.prefix = "10.0.0.0/8", .hops = {{2, "192.0.2.9"}, {3, "198.18.0.9"}}});
    mirror.sink.max_entries = mirror.sink.entries.size();
    RouteText more = route;
    more.flags = NLM_F_REPLACE;
    mirror.route(more);
    CHECK(mirror.model.resolver().next_hops_short() == 1);
  }
  CHECK(mirror.model.resolver().next_hops_short() == 1);
  mirror.sink.max_entries = 1000;
  mirror.tick();
  CHECK(mirror.at("10.0.0.0/8") == whole);
  CHECK(mirror.model.resolver().next_hops_short() == 0);
  mirror.route(removal(route));
  CHECK(mirror.sink.entries.size() == entries);
}

TEST_CASE("a shortage is told again only after a minute without one") {
  Mirror mirror;
  const std::size_t room = mirror.sink.entries.size();
  const auto flap = [&] {
    mirror.sink.max_entries = room;
    mirror.route(via_wan(9));
    mirror.tick();
    mirror.sink.max_entries = room + 1;
    mirror.tick();
    CHECK(mirror.at("10.9.0.0/16") == "forward 1 via 198.18.0.9 mtu 1500 -");
    mirror.route(removal(via_wan(9)));
  };
  for (int i = 0; i < 3; ++i) flap();
  CHECK(times_said(mirror, "the next-hop table is full") == 1);
  mirror.tick(61 * kNanosecondsPerSecond);
  flap();
  CHECK(times_said(mirror, "the next-hop table is full") == 2);
}

TEST_CASE("routes that a full model refused come back by a resync as soon as all would fit") {
  Mirror mirror;
  mirror.tick();
  const auto prefix = [](int i) { return fmt::format("10.{}.{}.0/24", i / 256, i % 256); };
  const auto route = [&](int i) { return RouteText{.prefix = prefix(i), .hops = {{3, "198.18.0.9"}}}; };
  for (int i = 0; i < 1010; ++i) mirror.route(route(i));  // two networks are there already, of 1000
  CHECK(mirror.model.routes(true).size() == 1000);
  CHECK(mirror.model.routes(true).owed() == 12);
  CHECK(times_said(mirror, "the table is full") == 1);
  mirror.tick(3600 * kNanosecondsPerSecond);
  CHECK_FALSE(mirror.model.take_resync_wish());  // it would find the model full
  mirror.route(removal(route(1000)));            // one of the refused: no surprise
  CHECK_FALSE(mirror.model.take_resync_wish());
  CHECK(mirror.model.routes(true).owed() == 11);
  for (int i = 0; i < 11; ++i) mirror.route(removal(route(i)));
  mirror.tick();
  CHECK(mirror.model.take_resync_wish());

  mirror.model.begin_resync();
  for (int i = 11; i < 1010; ++i)
    if (i != 1000) mirror.send(route_message(route(i)), true);
  CHECK(mirror.model.routes(true).size() == 1000);
  CHECK(mirror.model.routes(true).owed() == 0);
  mirror.tick(3600 * kNanosecondsPerSecond);
  CHECK_FALSE(mirror.model.take_resync_wish());
}

TEST_CASE("a model that stays full by far is not read again at every change") {
  Mirror mirror;
  mirror.tick();
  const auto route = [](int i) {
    return RouteText{.prefix = fmt::format("10.{}.{}.0/24", i / 256, i % 256), .hops = {{3, "198.18.0.9"}}};
  };
  for (int i = 0; i < 1500; ++i) mirror.route(route(i));
  std::size_t resyncs = 0;
  const auto minute = [&] {
    for (int tick = 0; tick < 600; ++tick) mirror.tick();
    if (!mirror.model.take_resync_wish()) return;
    ++resyncs;
    mirror.model.begin_resync();
    for (int i = 0; i < 1500; ++i) mirror.send(route_message(route(i)), true);
  };
  for (int i = 0; i < 60; ++i) {
    mirror.route(removal(route(i)));         // there is room for one
    mirror.route(removal(route(1400 + i)));  // refused before
    minute();
  }
  CHECK(resyncs >= 5);
  CHECK(resyncs <= 6);
}
