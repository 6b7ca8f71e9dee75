// SPDX-License-Identifier: Apache-2.0
// What the kernel does not tell, next-hop objects, resync, and what one change costs.
#include "control/netlink/mirror_view.h"
#include "test/netlink/mirror_fixture.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("IPv4 routes of a link that goes down are gone without a word; local ones stay") {
  Mirror mirror;
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}});
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{2, "192.0.2.9"}, {3, "198.18.0.9"}}});
  mirror.route({.prefix = "198.18.0.1/32", .hops = {{3}}, .type = RTN_LOCAL, .table = RT_TABLE_LOCAL});
  mirror.route({.prefix = "198.18.0.255/32", .hops = {{3}}, .type = RTN_BROADCAST, .table = RT_TABLE_LOCAL});
  CHECK_FALSE(mirror.model.take_resync_wish());
  mirror.send(link_message({3, "wan0", 0}));
  CHECK(mirror.at("10.0.0.0/8").empty());
  CHECK(mirror.at("198.18.0.0/24").empty());
  CHECK(mirror.at("198.18.0.255/32").empty());
  CHECK(mirror.at("198.18.0.1/32") == "local");
  CHECK(mirror.at("10.1.0.0/16") == "group [forward 0 via 192.0.2.9 mtu 1500 - x1]");
  CHECK(mirror.model.take_resync_wish());
  mirror.send(link_message({3, "wan0"}, true));
  CHECK(mirror.at("198.18.0.1/32").empty());
  CHECK(mirror.at("10.1.0.0/16") == "group [forward 0 via 192.0.2.9 mtu 1500 - x1]");
  mirror.send(link_message({2, "lan0"}, true));
  CHECK(mirror.sink.lookup(ip("10.1.0.1")).empty());
}

TEST_CASE("what was told before a resync comes to its dump counts only if the dump shows it") {
  Mirror mirror;
  const auto hop = [](const std::string& prefix) { return RouteText{.prefix = prefix, .hops = {{3, "198.18.0.9"}}}; };
  mirror.route(hop("10.1.0.0/16"));
  mirror.model.begin_resync();
  // The kernel flushed both silently behind these words: by a link that we did not know yet to be up, say.
  mirror.route(hop("10.1.0.0/16"));
  mirror.route(hop("10.2.0.0/16"));
  mirror.route(hop("10.3.0.0/16"));
  mirror.model.begin_part(DumpPart::kRoutesMain4);
  mirror.send(route_message(hop("10.3.0.0/16")), true);
  mirror.route(hop("10.4.0.0/16"));  // younger than the dump
  while (!mirror.model.sweep(DumpPart::kRoutesMain4, 10)) {
  }
  CHECK(mirror.at("10.1.0.0/16").empty());
  CHECK(mirror.at("10.2.0.0/16").empty());
  CHECK_FALSE(mirror.at("10.3.0.0/16").empty());
  CHECK_FALSE(mirror.at("10.4.0.0/16").empty());
}

TEST_CASE("a link that comes back with another ifindex is the same interface") {
  Mirror mirror;
  mirror.send(link_message({3, "wan0"}, true));
  mirror.send(link_message({9, "wan0"}));
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{9, "198.18.0.9"}}});
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
  // Renamed away, the routes stay and lead out of nothing that is ours.
  mirror.send(link_message({9, "wan9"}));
  CHECK(mirror.at("10.0.0.0/8") == "foreign");
  mirror.send(link_message({9, "wan0"}));
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
}

TEST_CASE("routes with a preferred source go with the address, and all IPv4 routes with the link's last one") {
  Mirror mirror;
  mirror.send(address_message(3, "198.18.0.2", 24, false, IFA_F_SECONDARY));
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .source = "198.18.0.2"});
  mirror.route({.prefix = "10.1.0.0/16", .hops = {{3, "198.18.0.9"}}});
  mirror.send(address_message(3, "198.18.0.2", 24, true));
  CHECK(mirror.at("10.0.0.0/8").empty());
  CHECK(mirror.at("10.1.0.0/16") == "forward 1 via 198.18.0.9 mtu 1500 -");
  mirror.send(address_message(3, "198.18.0.1", 24, true));
  CHECK(mirror.at("10.1.0.0/16").empty());
}

TEST_CASE("a route that is told again while it is being flushed stays") {
  Mirror mirror;
  for (int i = 0; i < 50; ++i) mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}});
  mirror.model.apply(link_message({3, "wan0", 0}), false);  // nothing purged yet
  mirror.model.work(10);
  mirror.model.apply(link_message({3, "wan0"}), false);
  const std::size_t kept = mirror.sink.routes.size();
  CHECK(kept > 20);
  mirror.model.apply(route_message({.prefix = "10.7.0.0/16", .hops = {{3, "198.18.0.9"}}}), false);
  mirror.model.apply(route_message({.prefix = "10.45.0.0/16", .hops = {{3, "198.18.0.9"}}}), false);
  while (mirror.model.work(10)) {
  }
  CHECK_FALSE(mirror.at("10.7.0.0/16").empty());
  CHECK_FALSE(mirror.at("10.45.0.0/16").empty());
  CHECK(mirror.at("10.8.0.0/16").empty());
}

TEST_CASE("next-hop objects: a change reaches all routes at once, a removal takes them along") {
  Mirror mirror;
  mirror.send(object_message(10, {3, "198.18.0.9"}));
  mirror.send(object_message(11, {2, "192.0.2.9"}));
  mirror.send(object_message(20, {}, {{10, 3}, {11, 1}}));
  mirror.send(object_message(30, {}));
  for (int i = 0; i < 100; ++i) mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .object = 20});
  mirror.route({.prefix = "172.16.0.0/12", .object = 10});
  mirror.route({.prefix = "172.16.1.0/24", .object = 30});
  const std::string both = "group [forward 0 via 192.0.2.9 mtu 1500 - x1 | forward 1 via 198.18.0.9 mtu 1500 - x3]";
  CHECK(mirror.at("10.5.0.0/16") == both);
  CHECK(mirror.at("172.16.0.0/12") == "forward 1 via 198.18.0.9 mtu 1500 -");
  CHECK(mirror.at("172.16.1.0/24") == "blackhole");
  const std::size_t writes = mirror.sink.sets;
  mirror.send(object_message(10, {3, "198.18.0.8"}));
  CHECK(mirror.at("10.99.0.0/16") ==
        "group [forward 0 via 192.0.2.9 mtu 1500 - x1 | forward 1 via 198.18.0.8 mtu 1500 - x3]");
  CHECK(mirror.at("172.16.0.0/12") == "forward 1 via 198.18.0.8 mtu 1500 -");
  CHECK(mirror.sink.sets == writes + 1);  // the group changed in place
  mirror.send(object_message(11, {}, {}, true));
  CHECK(mirror.at("10.5.0.0/16") == "group [forward 1 via 198.18.0.8 mtu 1500 - x3]");
  mirror.send(link_message({3, "wan0", IFF_UP}));  // no carrier: the kernel drops the link's objects silently
  CHECK(mirror.at("10.5.0.0/16").empty());
  CHECK(mirror.at("172.16.0.0/12").empty());
  CHECK(mirror.at("172.16.1.0/24") == "blackhole");
}

TEST_CASE("a route through an object that is not known yet follows the kernel's expansion, then the object") {
  Mirror mirror;
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .object = 10});
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
  mirror.send(object_message(10, {2, "192.0.2.9"}));
  CHECK(mirror.at("10.0.0.0/8") == "forward 0 via 192.0.2.9 mtu 1500 -");
}

TEST_CASE("a resync touches nothing that is unchanged and sweeps what is gone") {
  Mirror mirror;
  for (int i = 0; i < 100; ++i) mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}});
  mirror.route({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.9"}}});
  mirror.route({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.8"}}, .flags = NLM_F_CREATE | NLM_F_APPEND});
  mirror.neighbor(3, "198.18.0.9", 9);
  mirror.neighbor(3, "198.18.0.7", 7);
  const auto table = mirror.sink.table();
  const std::size_t calls = mirror.sink.calls();
  const std::uint64_t generation = mirror.model.resolver().activity().generation();

  mirror.model.begin_resync();
  const auto dump = [&](const nlmsghdr& message) { mirror.send(message, true); };
  dump(link_message({2, "lan0"}));
  dump(link_message({3, "wan0"}));
  dump(link_message({4, "mgmt0"}));
  CHECK(mirror.model.sweep(DumpPart::kLinks, 10));
  dump(address_message(2, "192.0.2.1", 24));
  dump(address_message(3, "198.18.0.1", 24));
  CHECK(mirror.model.sweep(DumpPart::kAddresses, 10));
  dump(route_message({.prefix = "192.0.2.0/24", .hops = {{2}}, .source = "192.0.2.1", .scope = RT_SCOPE_LINK}));
  dump(route_message({.prefix = "198.18.0.0/24", .hops = {{3}}, .source = "198.18.0.1", .scope = RT_SCOPE_LINK}));
  for (int i = 0; i < 100; ++i)
    dump(route_message({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}}));
  dump(route_message({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.9"}}}));
  dump(route_message({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.8"}}}));
  while (!mirror.model.sweep(DumpPart::kRoutesMain4, 10)) {
  }
  dump(route_message({.prefix = "2001:db8::/64", .hops = {{2}}, .priority = 256}));
  while (!mirror.model.sweep(DumpPart::kRoutesMain6, 10)) {
  }
  dump(neighbor_message(3, "198.18.0.9", NUD_STALE, 9));
  dump(neighbor_message(3, "198.18.0.7", NUD_REACHABLE, 7));
  CHECK(mirror.model.sweep(DumpPart::kNeighbors, 10));
  CHECK(mirror.sink.calls() == calls);
  CHECK(mirror.model.resolver().activity().generation() == generation);
  CHECK(mirror.sink.table() == table);

  // The next dump shows other order, fewer routes, one neighbour less.
  mirror.model.begin_resync();
  dump(route_message({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.8"}}}));
  dump(route_message({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.9"}}}));
  dump(route_message({.prefix = "10.5.0.0/16", .hops = {{3, "198.18.0.9"}}}));
  dump(route_message({.prefix = "198.18.0.0/24", .hops = {{3}}, .source = "198.18.0.1", .scope = RT_SCOPE_LINK}));
  while (!mirror.model.sweep(DumpPart::kRoutesMain4, 10)) {
  }
  dump(neighbor_message(3, "198.18.0.9", NUD_STALE, 9));
  CHECK(mirror.model.sweep(DumpPart::kNeighbors, 10));
  CHECK(mirror.at("172.16.0.0/12") == "forward 1 via 198.18.0.8 mtu 1500 -");
  CHECK(mirror.model.routes(true).size() == 4);
  CHECK(mirror.at("198.18.0.7/32").empty());
  CHECK(mirror.at("10.6.0.0/16").empty());
}

TEST_CASE("one route's change costs the same in a small table and in a large one") {
  Mirror mirror;
  const auto cost = [&] {
    const std::size_t before = mirror.sink.calls();
    mirror.route({.prefix = "172.16.0.0/12", .hops = {{3, "198.18.0.9"}}});
    mirror.route({.prefix = "172.16.0.0/12", .hops = {{2, "192.0.2.9"}}, .flags = NLM_F_REPLACE});
    mirror.route({.prefix = "172.16.0.0/12", .hops = {{2, "192.0.2.9"}}, .removed = true});
    return mirror.sink.calls() - before;
  };
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}});
  mirror.route({.prefix = "11.0.0.0/8", .hops = {{2, "192.0.2.9"}}});
  const std::size_t small = cost();
  CHECK(small == 3);
  for (int i = 0; i < 900; ++i) {
    mirror.route({.prefix = fmt::format("10.{}.{}.0/24", i / 256, i % 256), .hops = {{3, "198.18.0.9"}}});
    mirror.neighbor(3, fmt::format("198.18.0.{}", i % 250 + 2), 7);
  }
  CHECK(cost() == small);
  // The default route's flap asks no neighbour either.
  const std::size_t before = mirror.sink.calls();
  mirror.route({.prefix = "0.0.0.0/0", .hops = {{3, "198.18.0.9"}}});
  CHECK(mirror.sink.calls() == before + 1);
}

TEST_CASE("addresses are told once each, and sources prefer global primaries") {
  Mirror mirror;
  mirror.send(address_message(2, "192.0.2.1", 32));
  mirror.send(address_message(2, "192.0.2.1", 24, true));
  CHECK(mirror.listener.said == std::vector<std::string>{"local +192.0.2.1", "local +198.18.0.1"});
  mirror.send(address_message(2, "192.0.2.1", 32, true));
  CHECK(mirror.listener.said.back() == "local -192.0.2.1");
  // XDP passes what goes to these without looking: they take no room in its tables.
  const std::size_t before = mirror.listener.said.size();
  mirror.send(address_message(2, "fe80::2", 64, false, IFA_F_PERMANENT, RT_SCOPE_LINK));
  mirror.send(address_message(1, "127.0.0.1", 8));
  mirror.send(address_message(1, "::1", 128));
  mirror.send(address_message(2, "fe80::2", 64, true));
  CHECK(mirror.listener.said.size() == before);
  mirror.send(address_message(3, "fe80::1", 64, false, IFA_F_PERMANENT, RT_SCOPE_LINK));
  CHECK(IpAddress::from(*mirror.model.addresses().ipv6_source(3)) == ip("fe80::1"));
  mirror.send(address_message(3, "2001:db8:5::1", 64, false, IFA_F_TENTATIVE));
  CHECK(IpAddress::from(*mirror.model.addresses().ipv6_source(3)) == ip("fe80::1"));
  mirror.send(address_message(3, "2001:db8:5::1", 64));
  CHECK(IpAddress::from(*mirror.model.addresses().ipv6_source(3)) == ip("2001:db8:5::1"));
  mirror.send(address_message(3, "198.18.0.2", 24, false, IFA_F_SECONDARY));
  CHECK(IpAddress::from(*mirror.model.addresses().ipv4_source(3)) == ip("198.18.0.1"));
}

TEST_CASE("an address with two peers on one link stays until the last of them goes") {
  Mirror mirror;
  const auto entry = [](const std::string& peer, bool removed) {
    return address_message(2, "198.19.0.1", 32, removed, IFA_F_PERMANENT, RT_SCOPE_UNIVERSE, peer);
  };
  for (const std::string peer : {"198.19.0.2", "198.19.0.3"}) {
    mirror.send(entry(peer, false));
    mirror.route({.prefix = peer + "/32", .hops = {{2}}, .source = "198.19.0.1", .scope = RT_SCOPE_LINK});
  }
  CHECK(mirror.listener.said.back() == "local +198.19.0.1");
  mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .source = "198.19.0.1"});
  const std::size_t said = mirror.listener.said.size();
  mirror.send(entry("198.19.0.2", true));
  CHECK(mirror.listener.said.size() == said);
  CHECK(mirror.model.addresses().is_local(ip("198.19.0.1")));
  CHECK(mirror.at("198.19.0.3/32") == "glean 0 mtu 1500");
  CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1500 -");
  mirror.send(entry("198.19.0.3", true));
  CHECK(mirror.listener.said.back() == "local -198.19.0.1");
  CHECK(mirror.at("10.0.0.0/8").empty());
}

TEST_CASE("an IPv6 address whose peer changes is one address") {
  Mirror mirror;
  const auto entry = [](const std::string& peer, bool removed) {
    return address_message(2, "2001:db8:5::1", 128, removed, IFA_F_PERMANENT, RT_SCOPE_UNIVERSE, peer);
  };
  mirror.send(entry("2001:db8:5::2", false));
  CHECK(mirror.listener.said.back() == "local +2001:db8:5::1");
  mirror.send(entry("2001:db8:5::3", false));
  mirror.send(entry("2001:db8:5::3", true));
  CHECK(mirror.listener.said.back() == "local -2001:db8:5::1");
}

TEST_CASE("the host's own address is a global one of any link, not loopback's") {
  Mirror mirror(false);
  const AddressModel& addresses = mirror.model.addresses();
  mirror.send(address_message(1, "127.0.0.1", 8, false, IFA_F_PERMANENT, RT_SCOPE_HOST));
  mirror.send(address_message(1, "::1", 128, false, IFA_F_PERMANENT, RT_SCOPE_HOST));
  mirror.send(address_message(2, "fe80::1", 64, false, IFA_F_PERMANENT, RT_SCOPE_LINK));
  mirror.send(address_message(2, "169.254.77.1", 32, false, IFA_F_PERMANENT, RT_SCOPE_LINK));
  CHECK_FALSE(addresses.host_ipv4().has_value());
  CHECK_FALSE(addresses.host_ipv6().has_value());
  mirror.send(address_message(4, "2001:db8:9::1", 64));
  mirror.send(address_message(4, "192.0.2.9", 24));
  CHECK(IpAddress::from(*addresses.host_ipv6()) == ip("2001:db8:9::1"));
  CHECK(IpAddress::from(*addresses.host_ipv4()) == ip("192.0.2.9"));
  mirror.send(address_message(1, "2001:db8:ffff::1", 128));
  mirror.send(address_message(1, "192.0.2.99", 32));
  CHECK(IpAddress::from(*addresses.host_ipv6()) == ip("2001:db8:ffff::1"));
  CHECK(IpAddress::from(*addresses.host_ipv4()) == ip("192.0.2.99"));
}

TEST_CASE("pages of routes and neighbours cover everything once") {
  Mirror mirror;
  for (int i = 0; i < 250; ++i) {
    mirror.route({.prefix = fmt::format("10.{}.0.0/16", i), .hops = {{3, "198.18.0.9"}}});
    mirror.neighbor(3, fmt::format("198.18.0.{}", i + 2), 7);
  }
  RouteQuery query{.ipv4 = true, .within = IpPrefix::of(ip("10.0.0.0"), 96 + 8), .limit = 7};
  std::vector<IpPrefix> seen;
  for (;;) {
    const RoutePage page = routes_page(mirror.model, query);
    for (const RouteRow& row : page.rows) seen.push_back(row.prefix);
    if (!page.next) break;
    query.from = page.next;
  }
  CHECK(seen.size() == 250);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(routes_page(mirror.model, {.ipv4 = true, .ifindex = 2}).rows.size() == 1);
  NeighborQuery neighbors{.ifindex = 3, .limit = 9};
  std::size_t count = 0;
  for (;;) {
    const NeighborPage page = neighbors_page(mirror.model, neighbors);
    count += page.rows.size();
    if (!page.next) break;
    neighbors.from = page.next;
  }
  CHECK(count == 250);
  CHECK(routes_for(mirror.model, ip("10.3.4.5")).front().best);
  CHECK(link_rows(mirror.model, true).size() == 2);
  CHECK(link_rows(mirror.model, false).size() == 3);
}

TEST_CASE("a route that becomes the best while its set is being rewritten leads to the new entry") {
  for (std::size_t done = 0; done < 6; ++done) {
    INFO(done << " pieces of work before the better one goes");
    Mirror mirror;
    // The rewrite passes the worse route, then the other prefix, then the better route.
    const RouteText better{.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .priority = 10};
    mirror.route(better);
    mirror.route({.prefix = "10.64.0.0/10", .hops = {{3, "198.18.0.9"}}});
    mirror.route({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .priority = 20});
    mirror.model.apply(link_message({3, "wan0", IFF_UP | IFF_LOWER_UP, 1400, "veth"}), false);
    for (std::size_t i = 0; i < done; ++i) mirror.model.work(1);
    RouteText gone = better;
    gone.removed = true;
    mirror.model.apply(route_message(gone), false);
    while (mirror.model.work(1)) {
    }
    CHECK(mirror.at("10.0.0.0/8") == "forward 1 via 198.18.0.9 mtu 1400 -");
    CHECK(mirror.at("10.64.0.0/10") == "forward 1 via 198.18.0.9 mtu 1400 -");
  }
}
