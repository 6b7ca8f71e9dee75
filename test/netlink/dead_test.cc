// SPDX-License-Identifier: Apache-2.0
// Members of multipath routes that the kernel keeps in the route and sends nothing by.
#include "test/netlink/mirror_fixture.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("members that the kernel holds as dead are left out, whoever told, and live again with the link's address") {
  Mirror mirror;
  const std::string prefix = "10.1.0.0/16";
  const std::string lan = "group [forward 0 via 192.0.2.9 mtu 1500 - x1]";
  const std::string both = "group [forward 0 via 192.0.2.9 mtu 1500 - x1 | forward 1 via 198.18.0.9 mtu 1500 - x1]";
  RouteText route{.prefix = prefix, .hops = {{2, "192.0.2.9"}, {3, "198.18.0.9"}}};
  mirror.route(route);
  mirror.route({.prefix = "10.2.0.0/16", .hops = {{2, "192.0.2.9"}, {3, "198.18.0.9"}}, .priority = 7});
  CHECK(mirror.at(prefix) == both);
  const std::size_t writes = mirror.sink.sets;
  SECTION("the link lost its last address") {
    mirror.send(address_message(3, "198.18.0.1", 24, true));
    CHECK(mirror.at(prefix) == lan);
    CHECK(mirror.model.take_resync_wish());
  }
  SECTION("a dump shows it") {
    route.hops[1].dead = true;
    mirror.send(route_message(route), true);
    CHECK(mirror.at(prefix) == lan);
    CHECK(mirror.sink.sets == writes);  // the group changed in place
    CHECK(mirror.model.routes(true).find(IpPrefix::of(ip("10.1.0.0"), 96 + 16))->second.first->next == nullptr);
  }
  CHECK(mirror.at("10.2.0.0/16") == lan);
  CHECK_FALSE(mirror.model.take_resync_wish());
  mirror.send(address_message(3, "198.18.0.7", 24));
  CHECK(mirror.at(prefix) == both);
  CHECK(mirror.model.take_resync_wish());  // a dump that was made meanwhile may have shown it dead
  mirror.send(address_message(3, "198.18.0.8", 24));
  CHECK_FALSE(mirror.model.take_resync_wish());

  route.hops[1].dead = true;
  mirror.send(route_message(route), true);
  CHECK(mirror.at(prefix) == lan);
  mirror.send(link_message({3, "wan0", 0}));
  mirror.send(link_message({3, "wan0"}));
  CHECK(mirror.at(prefix) == both);
  // The other one's link is up, but the kernel counts that member as dead: nothing is left.
  route.hops[1].dead = true;
  mirror.send(route_message(route), true);
  mirror.send(link_message({2, "lan0", 0}));
  CHECK(mirror.at(prefix).empty());
}

TEST_CASE("a member that lives but is not ours is not replaced by ours that is dead") {
  Mirror mirror;
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "198.18.0.9", 1, true}, {4, "10.9.0.1"}}});
  CHECK(mirror.at("10.1.0.0/16") == "foreign");
  // Removed as it was told, or with other words about who lives.
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "198.18.0.9"}, {4, "10.9.0.1", 1, true}}, .removed = true});
  CHECK(mirror.at("10.1.0.0/16").empty());
  CHECK_FALSE(mirror.model.take_resync_wish());
}

TEST_CASE("IPv6 may have been turned off on a link that has no IPv6 address: the kernel is asked who is dead there") {
  Mirror mirror;
  mirror.send(address_message(3, "fe80::1", 64));
  mirror.send(address_message(3, "fe80::1", 64, true));
  CHECK_FALSE(mirror.model.take_resync_wish());  // nobody
  mirror.route({.prefix = "2001:db8:1::/48", .hops = {{2, "2001:db8::2"}, {3, "2001:db8:9::2"}}, .priority = 1024});
  mirror.send(address_message(3, "2001:db8:9::1", 64));
  mirror.send(address_message(3, "fe80::1", 64));
  CHECK_FALSE(mirror.model.take_resync_wish());
  mirror.send(address_message(3, "2001:db8:9::1", 64, true));
  CHECK_FALSE(mirror.model.take_resync_wish());
  mirror.send(address_message(3, "fe80::1", 64, true));
  CHECK(mirror.model.take_resync_wish());
  CHECK_FALSE(mirror.at("198.18.0.0/24").empty());
}

TEST_CASE("an IPv6 route that gains or loses a member keeps another one dead") {
  Mirror mirror;
  const std::string prefix = "2001:db8:1::/48";
  const RouteText route{
      .prefix = prefix, .hops = {{2, "2001:db8::2"}, {3, "2001:db8:9::2", 1, true}}, .priority = 1024};
  mirror.route(route);
  const std::string first = "forward 0 via 2001:db8::2 mtu 1500 - x1";
  const std::string second = "forward 0 via 2001:db8::3 mtu 1500 - x1";
  CHECK(mirror.at(prefix) == "group [" + first + "]");
  mirror.route(
      {.prefix = prefix, .hops = {{2, "2001:db8::3"}}, .flags = NLM_F_CREATE | NLM_F_APPEND, .priority = 1024});
  CHECK(mirror.at(prefix) == "group [" + first + " | " + second + "]");
  mirror.route({.prefix = prefix, .hops = {{2, "2001:db8::2"}}, .removed = true, .priority = 1024});
  CHECK(mirror.at(prefix) == "group [" + second + "]");
  mirror.send(address_message(3, "2001:db8:9::1", 64));
  CHECK(mirror.at(prefix) == "group [" + second + " | forward 1 via 2001:db8:9::2 mtu 1500 - x1]");
}
