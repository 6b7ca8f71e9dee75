// SPDX-License-Identifier: Apache-2.0
// What becomes of each kind of route and neighbour, message by message.
#include "test/netlink/mirror_fixture.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("each type of route leads where the kernel would lead it") {
  Mirror mirror;
  mirror.route({.prefix = "203.0.113.0/24", .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.at("203.0.113.0/24") == "forward 1 via 198.18.0.9 mtu 1500 -");
  CHECK(mirror.at("192.0.2.0/24") == "glean 0 mtu 1500");
  CHECK(mirror.at("2001:db8::/64") == "glean 0 mtu 1500");
  mirror.route({.prefix = "192.0.2.1/32", .hops = {{2}}, .type = RTN_LOCAL, .table = RT_TABLE_LOCAL});
  mirror.route({.prefix = "192.0.2.255/32", .hops = {{2}}, .type = RTN_BROADCAST, .table = RT_TABLE_LOCAL});
  mirror.route({.prefix = "2001:db8::/128", .hops = {{2}}, .type = RTN_ANYCAST, .table = RT_TABLE_LOCAL});
  CHECK(mirror.at("192.0.2.1/32") == "local");
  CHECK(mirror.at("192.0.2.255/32") == "local");
  CHECK(mirror.at("2001:db8::/128") == "local");
  mirror.route({.prefix = "10.1.0.0/16", .type = RTN_BLACKHOLE});
  mirror.route({.prefix = "10.2.0.0/16", .type = RTN_UNREACHABLE});
  mirror.route({.prefix = "10.3.0.0/16", .type = RTN_PROHIBIT});
  mirror.route({.prefix = "10.4.0.0/16", .type = RTN_THROW});
  CHECK(mirror.at("10.1.0.0/16") == "blackhole");
  CHECK(mirror.at("10.2.0.0/16") == "unreachable");
  CHECK(mirror.at("10.3.0.0/16") == "prohibit");
  CHECK(mirror.at("10.4.0.0/16") == "unreachable");
  mirror.route({.prefix = "0.0.0.0/0", .hops = {{4, "10.9.0.1"}}});
  CHECK(mirror.at("0.0.0.0/0") == "foreign");
}

TEST_CASE("routes that a destination's lookup never meets are ignored and counted") {
  Mirror mirror;
  const auto before = mirror.sink.table();
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .table = 100});
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .table = 70000});
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .tos = 0x10});
  mirror.route({.prefix = "fe80::/64", .hops = {{2}}, .priority = 256});
  mirror.route({.prefix = "ff00::/8", .hops = {{2}}, .type = RTN_MULTICAST, .table = RT_TABLE_LOCAL});
  CHECK(mirror.sink.table() == before);
  CHECK(mirror.model.ignored().other_table == 2);
  CHECK(mirror.model.ignored().type_of_service == 1);
  CHECK(mirror.model.ignored().link_local == 2);
}

TEST_CASE("good messages that are not for the mirror change nothing and are not called malformed") {
  Mirror mirror;
  const auto before = mirror.sink.table();
  Message port(RTM_NEWLINK, 0);
  port.extra<ifinfomsg>()->ifi_family = AF_BRIDGE;
  port.bytes(IFLA_IFNAME, "wan0", 5);
  mirror.send(port);
  Message wireless(RTM_NEWLINK, 0);
  wireless.extra<ifinfomsg>()->ifi_index = 2;
  wireless.u32(IFLA_WIRELESS, 0);
  mirror.send(wireless);
  Message learned(RTM_NEWNEIGH, 0);
  auto* entry = learned.extra<ndmsg>();
  entry->ndm_family = AF_BRIDGE;
  entry->ndm_ifindex = 2;
  entry->ndm_state = NUD_REACHABLE;
  learned.bytes(NDA_LLADDR, "\2\0\0\0\0\7", 6);
  mirror.send(learned);
  learned.address(NDA_DST, "192.0.2.7");  // of a VXLAN: the tunnel's other end
  mirror.send(learned);
  Message multicast(RTM_NEWROUTE, 0);
  multicast.extra<rtmsg>()->rtm_family = RTNL_FAMILY_IPMR;
  mirror.send(multicast);
  mirror.route({.prefix = "2001:db8::/32", .hops = {{2}}});
  CHECK(mirror.model.malformed() == 0);
  CHECK(mirror.sink.at("192.0.2.7/32").empty());
  CHECK(mirror.sink.routes.size() == before.size() + 1);

  Message nameless(RTM_NEWNEIGH, 0);  // of IPv4, without an address
  nameless.extra<ndmsg>()->ndm_family = AF_INET;
  mirror.send(nameless);
  CHECK(mirror.model.malformed() == 1);
  Message mixed(RTM_NEWROUTE, 0);  // of IPv4, to an IPv6 address
  mixed.extra<rtmsg>()->rtm_family = AF_INET;
  mirror.send(mixed.address(RTA_DST, "2001:db8::"));
  CHECK(mirror.model.malformed() == 2);
  Message cut(RTM_NEWLINK, 0);  // no room for its header
  mirror.send(cut);
  CHECK(mirror.model.malformed() == 3);
}

TEST_CASE("the lowest metric wins, and the next one takes over") {
  Mirror mirror;
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .priority = 100});
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.8"}}, .priority = 50});
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.7"}}, .priority = 200});
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.8 mtu 1500 -");
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.8"}}, .removed = true, .priority = 50});
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .removed = true, .priority = 100});
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.7"}}, .removed = true, .priority = 200});
  CHECK(mirror.at("10.0.0.0/8").empty());
}

TEST_CASE("IPv4 replace, append and prepend keep the kernel's order") {
  Mirror mirror;
  const auto hop = [](int last) { return std::vector<HopText>{{3, "198.18.0." + std::to_string(last)}}; };
  const auto best = [&] { return mirror.at("10.0.0.0/8").substr(14, 10); };
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(2)});
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(3), .flags = NLM_F_CREATE | NLM_F_APPEND});
  CHECK(best() == "198.18.0.2");
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(4), .flags = NLM_F_CREATE});
  CHECK(best() == "198.18.0.4");
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(5), .flags = NLM_F_REPLACE});
  CHECK(best() == "198.18.0.5");
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(5), .removed = true});
  CHECK(best() == "198.18.0.2");
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(2), .removed = true});
  CHECK(best() == "198.18.0.3");
  // The kernel says that nothing of this metric was there: the rest was flushed silently.
  mirror.route({.prefix = "10.0.0.0/8", .hops = hop(6)});
  CHECK(best() == "198.18.0.6");
  CHECK(mirror.model.routes(true).size() == 3);
}

TEST_CASE("IPv6 gateways of one metric are one multipath route, whichever way the kernel tells it") {
  Mirror mirror;
  const std::string prefix = "2001:db8:1::/48";
  const auto via = [](int n) { return "forward 0 via 2001:db8::" + std::to_string(n) + " mtu 1500 - x1"; };
  mirror.route({.prefix = prefix, .hops = {{2, "2001:db8::2"}}, .priority = 1024});
  CHECK(mirror.at(prefix) == "forward 0 via 2001:db8::2 mtu 1500 -");
  // As Linux 6.18 tells an append: all members, the new one first.
  mirror.route({.prefix = prefix,
                .hops = {{2, "2001:db8::3"}, {2, "2001:db8::2"}},
                .flags = NLM_F_CREATE | NLM_F_APPEND,
                .priority = 1024});
  CHECK(mirror.at(prefix) == "group [" + via(2) + " | " + via(3) + "]");
  // A kernel that tells only the new one means the same.
  mirror.route(
      {.prefix = prefix, .hops = {{2, "2001:db8::4"}}, .flags = NLM_F_CREATE | NLM_F_APPEND, .priority = 1024});
  CHECK(mirror.at(prefix) == "group [" + via(2) + " | " + via(3) + " | " + via(4) + "]");
  mirror.route({.prefix = prefix, .hops = {{2, "2001:db8::3"}}, .removed = true, .priority = 1024});
  CHECK(mirror.at(prefix) == "group [" + via(2) + " | " + via(4) + "]");
  mirror.route({.prefix = prefix, .hops = {{2, "2001:db8::9"}}, .flags = NLM_F_REPLACE, .priority = 1024});
  CHECK(mirror.at(prefix) == "forward 0 via 2001:db8::9 mtu 1500 -");
  // A route without gateway does not join, and is replaced by its own kind only.
  mirror.route({.prefix = prefix, .hops = {{2}}, .flags = NLM_F_CREATE | NLM_F_APPEND, .priority = 1024});
  mirror.route({.prefix = prefix, .hops = {{3}}, .flags = NLM_F_REPLACE, .priority = 1024});
  CHECK(mirror.at(prefix) == "forward 0 via 2001:db8::9 mtu 1500 -");
  mirror.route({.prefix = prefix, .hops = {{2, "2001:db8::9"}}, .removed = true, .priority = 1024});
  CHECK(mirror.at(prefix) == "glean 1 mtu 1500");
  CHECK(mirror.model.routes(false).size() == 2);
}

TEST_CASE(
    "when a multipath route loses a member beside another route of its metric, the kernel is asked for the order") {
  Mirror mirror;
  const auto hop = [](const std::string& gateway, bool removed = false) {
    return RouteText{.prefix = "2001:db8:a::/48", .hops = {{2, gateway}}, .removed = removed, .priority = 20};
  };
  mirror.route(hop("2001:db8::2"));
  mirror.route(hop("2001:db8::3"));
  mirror.route(hop("2001:db8::4"));
  mirror.route(hop("2001:db8::4", true));
  CHECK_FALSE(mirror.model.take_resync_wish());
  mirror.route({.prefix = "2001:db8:a::/48", .hops = {}, .type = RTN_PROHIBIT, .priority = 20});
  CHECK_FALSE(mirror.model.take_resync_wish());
  mirror.route(hop("2001:db8::2", true));
  CHECK(mirror.model.take_resync_wish());
}

TEST_CASE("IPv4 multipath has weights, leaves out what is down or not ours, and changes in place") {
  Mirror mirror;
  const RouteText route{.prefix = "10.0.0.0/8", .hops = {{2, "192.0.2.9", 3}, {3, "198.18.0.9"}, {4, "10.9.0.1"}}};
  mirror.route(route);
  CHECK(mirror.at("10.0.0.0/8") ==
        "group [forward 0 via 192.0.2.9 mtu 1500 - x3 | forward 1 via 198.18.0.9 mtu 1500 - x1]");
  const std::size_t writes = mirror.sink.sets;
  mirror.send(link_message({3, "wan0", IFF_UP}));  // carrier lost
  CHECK(mirror.at("10.0.0.0/8") == "group [forward 0 via 192.0.2.9 mtu 1500 - x3]");
  mirror.send(link_message({3, "wan0"}));
  CHECK(mirror.at("10.0.0.0/8") ==
        "group [forward 0 via 192.0.2.9 mtu 1500 - x3 | forward 1 via 198.18.0.9 mtu 1500 - x1]");
  CHECK(mirror.sink.sets == writes);
  RouteText gone = route;
  gone.removed = true;
  mirror.route(gone);
  CHECK(mirror.at("10.0.0.0/8").empty());
}

TEST_CASE("an IPv4 route may have an IPv6 gateway") {
  Mirror mirror;
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "fe80::1"}}});
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via fe80::1 mtu 1500 -");
  mirror.neighbor(3, "fe80::1", 0x11);
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via fe80::1 mtu 1500 02:00:00:00:00:11");
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "fe80::1"}, {2, "192.0.2.9"}}});
  CHECK(mirror.at("10.1.0.0/16") ==
        "group [forward 0 via 192.0.2.9 mtu 1500 - x1 | forward 1 via fe80::1 mtu 1500 02:00:00:00:00:11 x1]");
}

TEST_CASE("a route's MTU counts when it is smaller; the interface's follows the link") {
  Mirror mirror;
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "198.18.0.9"}}, .mtu = 1400});
  mirror.route({.prefix = "10.2.0.0/16", .hops = {{3, "198.18.0.9"}}, .mtu = 9000});
  CHECK(mirror.at("10.1.0.0/16") == "forward 1 via 198.18.0.9 mtu 1400 -");
  CHECK(mirror.at("10.2.0.0/16") == "forward 1 via 198.18.0.9 mtu 1500 -");
  mirror.neighbor(3, "198.18.0.7", 7);
  mirror.send(link_message({3, "wan0", IFF_UP | IFF_RUNNING | IFF_LOWER_UP, 1450}));
  CHECK(mirror.at("10.1.0.0/16") == "forward 1 via 198.18.0.9 mtu 1400 -");
  CHECK(mirror.at("10.2.0.0/16") == "forward 1 via 198.18.0.9 mtu 1450 -");
  CHECK(mirror.at("198.18.0.0/24") == "glean 1 mtu 1450");
  CHECK(mirror.at("198.18.0.7/32") == "forward 1 via 198.18.0.7 mtu 1450 02:00:00:00:00:07");
}

TEST_CASE("a route's MTU is never less than what every link carries: 68, for IPv6 1280") {
  Mirror mirror;
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "198.18.0.9"}}, .mtu = 60});
  mirror.route({.prefix = "10.2.0.0/16", .hops = {{3, "198.18.0.9"}}, .mtu = 68});
  mirror.route({.prefix = "2001:db8:1::/48", .hops = {{2, "2001:db8::9"}}, .mtu = 500});
  mirror.route({.prefix = "2001:db8:2::/48", .hops = {{2}}, .mtu = 1279});
  mirror.route({.prefix = "2001:db8:3::/48", .hops = {{2, "2001:db8::9"}}, .mtu = 1281});
  CHECK(mirror.at("10.1.0.0/16") == "forward 1 via 198.18.0.9 mtu 68 -");
  CHECK(mirror.at("10.2.0.0/16") == "forward 1 via 198.18.0.9 mtu 68 -");
  CHECK(mirror.at("2001:db8:1::/48") == "forward 0 via 2001:db8::9 mtu 1280 -");
  CHECK(mirror.at("2001:db8:2::/48") == "glean 0 mtu 1280");
  CHECK(mirror.at("2001:db8:3::/48") == "forward 0 via 2001:db8::9 mtu 1281 -");
}

TEST_CASE("each state of a neighbour is usable or not") {
  Mirror mirror;
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}});
  constexpr std::uint16_t kUsable[] = {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT, NUD_NOARP};
  for (const std::uint16_t state : kUsable) {
    mirror.neighbor(3, "198.18.0.9", 9, state);
    CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 02:00:00:00:00:09");
    CHECK(mirror.at("198.18.0.9/32") == mirror.at("10.0.0.0/8"));
    mirror.neighbor(3, "198.18.0.9", 0, NUD_INCOMPLETE);
    CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
    CHECK(mirror.at("198.18.0.9/32").empty());
    mirror.neighbor(3, "198.18.0.9", 9, state);
    mirror.neighbor(3, "198.18.0.9", 9, NUD_FAILED);
    CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
  }
  CHECK(mirror.listener.said.back() == "failed 1 198.18.0.9");
  mirror.neighbor(3, "198.18.0.9", 9);
  mirror.neighbor(3, "198.18.0.9", 8);
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 02:00:00:00:00:08");
  mirror.send(neighbor_message(3, "198.18.0.9", NUD_STALE, 8, true));
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
  CHECK(mirror.at("198.18.0.9/32").empty());
}

TEST_CASE("a neighbour has a host route only where the best route to it is on-link there") {
  Mirror mirror;
  mirror.neighbor(2, "192.0.2.7", 7);
  CHECK(mirror.at("192.0.2.7/32") == "forward 0 via 192.0.2.7 mtu 1500 02:00:00:00:00:07");
  mirror.neighbor(3, "192.0.2.8", 8);  // on the wrong link
  CHECK(mirror.at("192.0.2.8/32").empty());
  mirror.neighbor(2, "10.5.0.1", 5);  // not on-link at all
  CHECK(mirror.at("10.5.0.1/32").empty());
  mirror.route({.prefix = "10.5.0.0/24", .hops = {{2}}});
  CHECK(mirror.at("10.5.0.1/32") == "forward 0 via 10.5.0.1 mtu 1500 02:00:00:00:00:05");
  // A longer prefix with a gateway covers the neighbour: it is not on-link any more.
  mirror.route({.prefix = "10.5.0.0/25", .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.at("10.5.0.1/32").empty());
  mirror.route({.prefix = "10.5.0.0/25", .hops = {{3, "198.18.0.9"}}, .removed = true});
  CHECK(mirror.at("10.5.0.1/32") == "forward 0 via 10.5.0.1 mtu 1500 02:00:00:00:00:05");
  mirror.route({.prefix = "10.5.0.0/24", .hops = {{2}}, .removed = true});
  CHECK(mirror.at("10.5.0.1/32").empty());
  mirror.neighbor(2, "2001:db8::7", 7);
  CHECK(mirror.at("2001:db8::7/128") == "forward 0 via 2001:db8::7 mtu 1500 02:00:00:00:00:07");
}

TEST_CASE("a link-local neighbour has no host route, not even under an on-link default route") {
  Mirror mirror;
  mirror.neighbor(2, "fe80::7", 7);
  mirror.route({.prefix = "::/0", .hops = {{2}}});
  CHECK(mirror.at("fe80::7/128").empty());
  CHECK(mirror.at("::/0") == "glean 0 mtu 1500");
}

TEST_CASE("an explicit host route wins over the neighbour's unless it is on-link itself") {
  Mirror mirror;
  mirror.neighbor(2, "192.0.2.7", 7);
  mirror.route({.prefix = "192.0.2.7/32", .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.at("192.0.2.7/32") == "forward 1 via 198.18.0.9 mtu 1500 -");
  mirror.route({.prefix = "192.0.2.7/32", .hops = {{3, "198.18.0.9"}}, .removed = true});
  CHECK(mirror.at("192.0.2.7/32") == "forward 0 via 192.0.2.7 mtu 1500 02:00:00:00:00:07");
  mirror.route({.prefix = "10.6.0.1/32", .hops = {{2}}});
  CHECK(mirror.at("10.6.0.1/32") == "glean 0 mtu 1500");
  mirror.neighbor(2, "10.6.0.1", 6);
  CHECK(mirror.at("10.6.0.1/32") == "forward 0 via 10.6.0.1 mtu 1500 02:00:00:00:00:06");
  mirror.neighbor(2, "10.6.0.1", 0, NUD_FAILED);
  CHECK(mirror.at("10.6.0.1/32") == "glean 0 mtu 1500");
}

TEST_CASE("routes share one entry for each interface, gateway and MTU, and the last one frees it") {
  Mirror mirror;
  const std::size_t before = mirror.sink.entries.size();
  for (int i = 0; i < 200; ++i) mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.sink.entries.size() == before + 1);
  for (int i = 0; i < 200; ++i)
    mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}, .removed = true});
  CHECK(mirror.sink.entries.size() == before);
}
