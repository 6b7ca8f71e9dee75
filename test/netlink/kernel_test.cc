// SPDX-License-Identifier: Apache-2.0
// The mirror against a real kernel, in namespaces of its own.
#include <cstdlib>
#include <fstream>
#include <linux/if_ether.h>
#include <random>
#include <string_view>

#include "test/netlink/kernel_rig.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("lookups agree with ip route get", "[routes]") {
  KernelRig rig;
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  settle(*mirror);
  rig.run("ip route add 10.0.0.0/24 via 192.0.2.2; ip route add 10.0.1.0/24 via 198.18.0.2");
  rig.run("ip route add 10.0.1.128/25 nexthop via 192.0.2.2 weight 2 nexthop via 198.18.0.2");
  rig.run(
      "ip route add blackhole 10.0.0.32/27; ip route add prohibit 10.0.0.64/27; ip route add unreachable 10.1.0.0/25");
  rig.run("ip route add throw 10.0.0.96/27; ip route add 10.1.0.128/25 via 198.19.0.9");
  rig.run("ip route add 10.0.0.200/32 dev wan0; ip route add 192.0.2.64/26 via 198.18.0.2");
  rig.run("ip route add 10.1.0.144/28 via inet6 2001:db8:2::2 dev wan0");
  rig.run(
      "ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev lan0; ip neigh add 192.0.2.70 lladdr 2:0:0:0:0:7 dev lan0");
  rig.run("ip -6 route add 2001:db8:a::/48 via 2001:db8:1::2; ip -6 route append 2001:db8:a::/48 via 2001:db8:2::2");
  rig.run("ip nexthop add id 5 via 2001:db8:1::2 dev lan0; ip nexthop add id 6 via 2001:db8:2::2 dev wan0");
  rig.run(
      "ip nexthop add id 7 group 5/6; ip -6 route add 2001:db8:b::/49 nhid 7; ip -6 route add blackhole "
      "2001:db8:b::/64");
  settle(*mirror);
  std::mt19937 random(7);
  compare(rig, *mirror, tables, some_addresses(random, 1500));
  CHECK(mirror->model().malformed() == 0);
}

TEST_CASE("members of a multipath route that the kernel holds as dead get nothing, until they live again", "[routes]") {
  KernelRig rig;
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  rig.run("ip route add 10.0.0.0/24 nexthop via 192.0.2.2 nexthop via 198.18.0.2");
  rig.run("ip route add 10.0.1.0/24 nexthop via 192.0.2.2 nexthop via 198.18.0.2 weight 3");
  settle(*mirror);
  const std::vector<IpAddress> addresses{ip("10.0.0.1"), ip("10.0.0.77"), ip("10.0.1.1"), ip("10.0.1.99")};
  const auto ways = [&](const KernelMirror& of, const Tables& in) { return answers(of, in, addresses[0]).size(); };
  CHECK(ways(*mirror, tables) == 2);
  compare(rig, *mirror, tables, addresses);
  rig.run("ip -4 addr flush dev wan0");  // it stays up, with carrier
  settle(*mirror);
  CHECK(ways(*mirror, tables) == 1);
  compare(rig, *mirror, tables, addresses);
  Tables late_tables;
  const auto late = rig.mirror(late_tables.sink);
  settle(*late);
  CHECK(ways(*late, late_tables) == 1);
  compare(rig, *late, late_tables, addresses);
  const std::uint64_t resyncs = mirror->feed_counters().resyncs;
  mirror->request_resync();
  CHECK(wait_for(*mirror, 5000, [&] { return mirror->feed_counters().resyncs > resyncs && !mirror->resyncing(); }));
  CHECK(ways(*mirror, tables) == 1);

  rig.run("ip addr add 198.18.0.1/24 dev wan0");
  for (const auto& [each, in] : {std::pair{&mirror, &tables}, std::pair{&late, &late_tables}}) {
    settle(**each);
    CHECK(ways(**each, *in) == 2);
    compare(rig, **each, *in, addresses);
  }
  rig.run("ip link set wan0 down");
  settle(*mirror);
  compare(rig, *mirror, tables, addresses);
  rig.run("ip link set wan0 up");
  CHECK(wait_for(*mirror, 5000, [&] { return ways(*mirror, tables) == 2; }));
  // Without the first member's link the route has nothing that lives, although the second's is up.
  rig.run("ip -4 addr flush dev wan0; ip link set lan0 down");
  settle(*mirror);
  CHECK(tables.lookup(addresses[0]) == kNoRouteIndex);
  compare(rig, *mirror, tables, addresses);
}

TEST_CASE("IPv6 members behind a link where IPv6 is turned off get nothing two seconds later", "[routes]") {
  KernelRig rig;
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  rig.run("ip -6 route add 2001:db8:a::/48 nexthop via 2001:db8:1::2 nexthop via 2001:db8:2::2");
  settle(*mirror);
  const std::vector<IpAddress> addresses{ip("2001:db8:a::1")};
  const auto ways = [&] { return answers(*mirror, tables, addresses[0]).size(); };
  CHECK(ways() == 2);
  rig.run("echo 1 > /proc/sys/net/ipv6/conf/wan0/disable_ipv6");
  CHECK(wait_for(*mirror, 10'000, [&] { return ways() == 1; }));
  compare(rig, *mirror, tables, addresses);
  rig.run("echo 0 > /proc/sys/net/ipv6/conf/wan0/disable_ipv6");
  CHECK(wait_for(*mirror, 10'000, [&] { return ways() == 2; }));
  compare(rig, *mirror, tables, addresses);
}

TEST_CASE("an address with two peers is the host's until both are gone", "[routes]") {
  KernelRig rig;
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  rig.run("ip addr add 198.19.9.1 peer 198.19.9.2/32 dev lan0; ip addr add 198.19.9.1 peer 198.19.9.3/32 dev lan0");
  rig.run("ip route add 10.0.0.0/24 via 198.18.0.2 src 198.19.9.1");
  settle(*mirror);
  const std::vector<IpAddress> addresses{ip("198.19.9.1"), ip("198.19.9.2"), ip("198.19.9.3"), ip("10.0.0.1")};
  compare(rig, *mirror, tables, addresses);
  rig.run("ip addr del 198.19.9.1 peer 198.19.9.2/32 dev lan0");
  settle(*mirror);
  CHECK(mirror->model().addresses().is_local(ip("198.19.9.1")));
  compare(rig, *mirror, tables, addresses);
  rig.run("ip addr del 198.19.9.1 peer 198.19.9.3/32 dev lan0");
  settle(*mirror);
  CHECK_FALSE(mirror->model().addresses().is_local(ip("198.19.9.1")));
  compare(rig, *mirror, tables, addresses);
}

TEST_CASE("a neighbour is asked for, managed by the kernel, and followed", "[neighbors]") {
  KernelRig rig;
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  settle(*mirror);
  const auto usable = [&](const char* text) {
    const NextHopIndex index = tables.lookup(ip(text));
    return tables.next_hops.view(index).kind == NextHopKind::kForward && tables.next_hops.neighbor(index).usable;
  };
  CHECK_FALSE(usable("192.0.2.2"));
  const std::uint64_t generation = mirror->generation();
  CHECK(mirror->want_neighbor(0, ip("192.0.2.2").ipv4()) == WantResult::kAsked);
  CHECK(wait_for(*mirror, 2000, [&] { return usable("192.0.2.2"); }));
  CHECK(mirror->generation() != generation);
  CHECK(mirror->want_neighbor(0, ip("2001:db8:1::2").ipv6()) == WantResult::kAsked);
  // The kernel sends no solicitation before its own link-local address has passed duplicate detection.
  CHECK(wait_for(*mirror, 10'000, [&] {
    mirror->want_neighbor(0, ip("2001:db8:1::2").ipv6());
    return usable("2001:db8:1::2");
  }));
  CHECK(rig.run("ip neigh show 192.0.2.2 dev lan0").find("managed") != std::string::npos);
  CHECK(mirror->requests().managed());

  // The host gets another MAC and says so: the entry follows in place.
  const NextHopIndex index = tables.lookup(ip("192.0.2.2"));
  rig.host.run("ip link set lan1 address 02:00:00:00:00:99");
  rig.host.run("ping -c 1 -W 1 192.0.2.1 >/dev/null || true");
  rig.run("ip neigh flush dev lan0");
  mirror->want_neighbor(0, ip("192.0.2.2").ipv4());
  const auto moved = [&] {
    const NextHopIndex now = tables.lookup(ip("192.0.2.2"));
    return tables.next_hops.neighbor(now).usable && tables.next_hops.neighbor(now).mac_bits >> 40 == 0x99;
  };
  CHECK(wait_for(*mirror, 5000, [&] {
    mirror->want_neighbor(0, ip("192.0.2.2").ipv4());
    return moved();
  }));
  CHECK(index != kNoRouteIndex);

  // Nobody there: told as failed, then not asked again at once, and not left to the kernel to ask for ever.
  rig.run("echo 100 > /proc/sys/net/ipv4/neigh/lan0/retrans_time_ms");
  CHECK(mirror->want_neighbor(0, ip("192.0.2.77").ipv4()) == WantResult::kAsked);
  const auto failed = [&] {
    return std::count(rig.listener.said.begin(), rig.listener.said.end(), "failed 0 192.0.2.77");
  };
  CHECK(wait_for(*mirror, 5000, [&] { return failed() != 0; }));
  CHECK(mirror->want_neighbor(0, ip("192.0.2.77").ipv4()) == WantResult::kRefused);
  settle(*mirror);
  CHECK(rig.run("ip neigh show 192.0.2.77 dev lan0").find("managed") == std::string::npos);
}

TEST_CASE("a route's gateway is resolved without a packet, and permanent entries stay permanent", "[neighbors]") {
  KernelRig rig;
  rig.run("ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev lan0 nud permanent");
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  settle(*mirror);
  rig.run("ip route add 10.0.0.0/24 via 198.18.0.2; ip route add 10.0.1.0/24 via 192.0.2.9");
  settle(*mirror);
  const NextHopIndex index = tables.lookup(ip("10.0.0.1"));
  CHECK(tables.next_hops.view(index).kind == NextHopKind::kForward);
  CHECK(wait_for(*mirror, 2000, [&] { return tables.next_hops.neighbor(index).usable; }));
  CHECK(mirror->want_next_hop(index) == WantResult::kUsable);
  CHECK(mirror->want_next_hop(tables.lookup(ip("10.0.1.1"))) == WantResult::kUsable);
  CHECK(rig.run("ip neigh show 192.0.2.9").find("PERMANENT") != std::string::npos);
  CHECK(rig.run("ip neigh show 198.18.0.2").find("managed") != std::string::npos);
  // The kernel loses the entry; the gateway is asked for again.
  rig.run("ip neigh del 198.18.0.2 dev wan0");
  settle(*mirror);
  CHECK(wait_for(*mirror, 3000, [&] { return tables.next_hops.neighbor(tables.lookup(ip("10.0.0.1"))).usable; }));
}

TEST_CASE("a link that is deleted and made again is followed", "[links]") {
  KernelRig rig;
  Tables tables;
  const auto mirror = rig.mirror(tables.sink);
  settle(*mirror);
  rig.run("ip route add 10.0.0.0/24 via 198.18.0.2");
  settle(*mirror);
  CHECK(mirror->interface(1).up);
  const std::uint32_t before = mirror->interface(1).ifindex;
  const std::size_t changes = rig.listener.interface_changes;
  rig.run("ip link del wan0");
  settle(*mirror);
  CHECK_FALSE(mirror->interface(1).present);
  CHECK(tables.lookup(ip("10.0.0.1")) == kNoRouteIndex);
  CHECK(tables.lookup(ip("198.18.0.1")) == kNoRouteIndex);
  add_veth(rig.router, "wan0", "wan1", {.mtu = 1400, .silent = false, .peer = &rig.host});
  rig.host.run("ip addr add 198.18.0.2/24 dev wan1");
  rig.run("ip addr add 198.18.0.1/24 dev wan0; ip route add 10.0.0.0/24 via 198.18.0.2");
  settle(*mirror);
  const InterfaceSnapshot now = mirror->interface(1);
  CHECK(now.present);
  CHECK(now.ifindex != before);
  CHECK(now.mtu == 1400);
  CHECK(IpAddress::from(*now.ipv4) == ip("198.18.0.1"));
  CHECK(rig.listener.interface_changes > changes);
  const NextHopView view = tables.next_hops.view(tables.lookup(ip("10.0.0.1")));
  CHECK(view.interface == 1);
  CHECK(view.mtu == 1400);
}

TEST_CASE("an overrun is repaired and what is unchanged is not touched", "[overrun]") {
  KernelRig rig(true);
  FakeSink sink;
  const auto mirror = rig.mirror(sink, 4096);
  rig.run("ip route add 10.0.0.0/24 via 192.0.2.2");
  settle(*mirror);
  const std::string kept = sink.at("10.0.0.0/24");
  CHECK(kept.find("via 192.0.2.2") != std::string::npos);
  const NextHopIndex kept_index = sink.routes.at(IpPrefix::of(ip("10.0.0.0"), 96 + 24));
  {
    const InNamespace inside(rig.router);
    KernelRoutes kernel;
    const std::uint32_t wan = interface_number("wan0");
    for (int i = 0; i < 2000; ++i) {
      Message add =
          route_message({.prefix = fmt::format("10.{}.{}.0/24", 1 + i / 256, i % 256), .hops = {{wan, "198.18.0.2"}}});
      CHECK(kernel.change(add) == 0);
    }
    Message del = route_message({.prefix = "10.1.7.0/24", .removed = true});
    del.raw()->nlmsg_flags = 0;
    CHECK(kernel.change(del) == 0);
  }
  const std::size_t sets = sink.sets;
  settle(*mirror);
  CHECK(mirror->feed_counters().overruns > 0);
  CHECK(mirror->feed_counters().resyncs > 1);
  CHECK(mirror->model().routes(true).size() >= 1999);
  CHECK(sink.at("10.1.7.0/24").empty());
  CHECK_FALSE(sink.at("10.8.200.0/24").empty());
  CHECK(sink.routes.at(IpPrefix::of(ip("10.0.0.0"), 96 + 24)) == kept_index);
  CHECK(sink.sets - sets <= 2001);  // each new prefix once, nothing else
  // Another round changes nothing at all.
  const std::size_t calls = sink.calls();
  mirror->request_resync();
  mirror->tick();
  settle(*mirror);
  CHECK(sink.calls() == calls);
}

namespace {

/// Loads routes with `ip -batch`, then flaps one of them and measures how long a change takes to be seen.
void load_and_flap(std::size_t count, int flaps, double limit_ms) {
  KernelRig rig(true);
  Tables tables;
  const std::string file = fmt::format("/tmp/culvert-netlink-{}.batch", ::getpid());
  {
    std::ofstream batch(file);
    for (std::size_t i = 0; i < count; ++i)
      batch << fmt::format("route add {}.{}.{}.0/24 via 198.18.0.2\n", 11 + (i >> 16), (i >> 8) & 255, i & 255);
  }
  const auto mirror = rig.mirror(tables.sink, std::size_t{64} << 20);
  settle(*mirror);
  const Now begin = monotonic_ns();
  rig.run("ip -batch " + file);
  ::unlink(file.c_str());
  const Now loaded = monotonic_ns();
  std::size_t calls = 0;
  Now longest_call = 0;
  wait_for(*mirror, 120'000, [&] {
    const Now start = monotonic_ns();
    mirror->handle_readable();
    longest_call = std::max(longest_call, monotonic_ns() - start);
    ++calls;
    return mirror->model().routes(true).size() >= count && !mirror->resyncing();
  });
  std::printf("%zu routes: ip -batch %.2f s, mirrored %.2f s later (%lu overruns), longest call %.2f ms\n", count,
              static_cast<double>(loaded - begin) / 1e9, static_cast<double>(monotonic_ns() - loaded) / 1e9,
              static_cast<unsigned long>(mirror->feed_counters().overruns), static_cast<double>(longest_call) / 1e6);
  REQUIRE(mirror->model().routes(true).size() >= count);
  settle(*mirror);
  CHECK(tables.writer4.size() >= count);

  const InNamespace inside(rig.router);
  KernelRoutes kernel;
  const std::uint32_t lan = interface_number("lan0");
  const std::uint32_t wan = interface_number("wan0");
  Now worst = 0;
  for (int i = 0; i < flaps; ++i) {
    const bool to_lan = i % 2 == 0;
    Message change = route_message({.prefix = "11.0.5.0/24",
                                    .hops = {{to_lan ? lan : wan, to_lan ? "192.0.2.2" : "198.18.0.2"}},
                                    .flags = NLM_F_CREATE | NLM_F_REPLACE});
    REQUIRE(kernel.change(change) == 0);
    const Now changed = monotonic_ns();
    const InterfaceIndex wanted = to_lan ? 0 : 1;
    REQUIRE(wait_for(*mirror, 1000,
                     [&] { return tables.next_hops.view(tables.lookup(ip("11.0.5.1"))).interface == wanted; }));
    worst = std::max(worst, monotonic_ns() - changed);
    while (monotonic_ns() < changed + 10 * kNanosecondsPerMillisecond) {
      pollfd waiting{mirror->descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, 2) != 0) mirror->handle_readable();
    }
  }
  std::printf("%d flaps at 100/s with %zu routes: seen by a lookup after at most %.3f ms\n", flaps, count,
              static_cast<double>(worst) / 1e6);
  CHECK(static_cast<double>(worst) / 1e6 < limit_ms);
  CHECK(mirror->model().routes(true).size() >= count);
}

}  // namespace

TEST_CASE("a hundred thousand routes are loaded, a million where there is time, and a flap of 100/s is followed",
          "[load]") {
  const char* tier = std::getenv("CULVERT_TEST_TIER");  // tools/suites/plan.py
  load_and_flap(100'000, 100, 100);
  if (tier != nullptr && std::string_view(tier) != "short") load_and_flap(1'000'000, 300, 100);
}
