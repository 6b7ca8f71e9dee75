// SPDX-License-Identifier: Apache-2.0
// Random `ip` commands: the mirror that followed them equals one that starts at the end, and both agree with the
// kernel.
#include <cstdio>
#include <cstdlib>

#include "test/netlink/kernel_rig.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

class Commands {
 public:
  explicit Commands(unsigned seed) : random(seed) {}

  std::string next() { return random() % 3 == 0 ? other() : random() % 2 == 0 ? route4() : route6(); }

  std::mt19937 random;

 private:
  template <typename... Options>
  std::string pick(Options... options) {
    const std::string all[] = {options...};
    return all[random() % sizeof...(options)];
  }
  std::string verb() { return pick("add", "replace", "append", "prepend", "del", "del") + " "; }
  std::string metric() { return pick("", " metric 10", " metric 20"); }

  std::string route4() {
    const auto prefix =
        pick("10.0.0.0/24", "10.0.0.0/25", "10.0.1.0/24", "10.1.0.0/16", "192.0.2.0/25", "192.0.2.7/32", "0.0.0.0/0");
    const auto hop =
        pick(" via 192.0.2.2", " via 198.18.0.2", " via 198.19.0.9", " dev lan0", " dev wan0",
             " nexthop via 192.0.2.2 nexthop via 198.18.0.2 weight 3", " nexthop via 198.18.0.2 nexthop via 192.0.2.9",
             " via 198.18.0.3 mtu 1300", " via 192.0.2.3 src 192.0.2.5", " nhid 7", " nhid 5");
    // Of several default routes with one metric the kernel takes the one whose gateway answers (fib_select_default).
    const auto how = prefix == "0.0.0.0/0" ? pick("add", "replace", "del") + " " : verb();
    if (random() % 8 != 0) return "ip route " + how + prefix + hop + metric();
    return "ip route " + how + pick("blackhole ", "unreachable ", "prohibit ", "throw ") + prefix + metric();
  }
  std::string route6() {
    const auto prefix =
        pick("2001:db8:a::/48", "2001:db8:a::/64", "2001:db8:b::/48", "2001:db8:1::/80", "2001:db8:1::7/128", "::/0");
    const auto hop = pick(" via 2001:db8:1::2", " via 2001:db8:2::2", " dev lan0", " dev wan0", " via 2001:db8:1::3",
                          " nexthop via 2001:db8:1::2 nexthop via 2001:db8:2::2", " nhid 9");
    if (random() % 8 != 0) return "ip -6 route " + verb() + prefix + hop + metric();
    return "ip -6 route " + verb() + pick("blackhole ", "unreachable ", "prohibit ") + prefix + metric();
  }
  std::string other() {
    return pick("ip addr add 192.0.2.5/24 dev lan0", "ip addr del 192.0.2.5/24 dev lan0",
                "ip addr del 198.18.0.1/24 dev wan0", "ip -4 addr flush dev wan0", "ip addr add 198.18.0.1/24 dev wan0",
                "ip addr add 198.18.0.5/24 dev wan0", "ip link set wan0 down", "ip link set wan0 up",
                "ip link set wan0 up", "ip link set lan0 mtu 1400", "ip link set lan0 mtu 1500",
                "ip addr add 2001:db8:2::1/64 dev wan0 nodad",
                "ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev lan0", "ip neigh del 192.0.2.7 dev lan0",
                "ip neigh replace 2001:db8:1::7 lladdr 02:00:00:00:00:08 dev lan0",
                "ip neigh del 2001:db8:1::7 dev lan0", "ip nexthop add id 5 via 192.0.2.2 dev lan0",
                "ip nexthop replace id 5 via 192.0.2.9 dev lan0", "ip nexthop add id 6 via 198.18.0.2 dev wan0",
                "ip nexthop replace id 7 group 5/6", "ip nexthop replace id 7 group 5,3", "ip nexthop del id 6",
                "ip nexthop replace id 9 via 2001:db8:1::2 dev lan0", "ip nexthop del id 9",
                "ip link set wan0 name wan7", "ip link set wan7 name wan0; ip link set wan0 up");
  }
};

/// A mirror that starts now has the same table.
void check_fresh(KernelRig& rig, KernelMirror& mirror, const FakeSink& sink) {
  FakeSink fresh_sink;
  const auto fresh = rig.mirror(fresh_sink);
  settle(*fresh);
  settle(mirror);
  auto ours = meaning(sink);
  auto theirs = meaning(fresh_sink);
  // Neighbours move by themselves: the kernel probes while we look. What differs must agree soon.
  for (int attempt = 0; attempt < 20 && ours != theirs; ++attempt) {
    settle(*fresh);
    settle(mirror);
    ours = meaning(sink);
    theirs = meaning(fresh_sink);
  }
  for (const auto& [prefix, words] : theirs) {
    INFO(prefix);
    CHECK((ours.count(prefix) == 0 ? "missing" : ours[prefix]) == words);
  }
  for (const auto& [prefix, words] : ours) {
    INFO(prefix << " -> " << words);
    CHECK(theirs.count(prefix) == 1);
  }
}

}  // namespace

TEST_CASE("after any sequence of commands the mirror equals one that starts now", "[random]") {
  const char* const given = std::getenv("CULVERT_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atol(given)) : std::random_device{}();
  std::printf("seed %u\n", seed);
  Commands commands(seed);
  KernelRig rig;
  FakeSink sink;
  Tables tables;
  const auto mirror = rig.mirror(sink);
  const auto real = rig.mirror(tables.sink);
  settle(*mirror);
  for (int round = 0; round < 15; ++round) {
    std::string log;
    const auto unsure = [&] { return mirror->model().routes(false).unsure_of_order(); };
    const std::uint64_t before = unsure();
    for (int i = 0; i < 12; ++i) {
      const std::string command = commands.next();
      log += command + "\n";
      rig.attempt(command);
      if (commands.random() % 3 == 0) mirror->handle_readable();
    }
    INFO("seed " << seed << " round " << round << "\n" << log << rig.run("ip route; ip -6 route"));
    settle(*mirror);
    settle(*real);
    // A mirror that does not know the order of what is left reads everything again, two seconds later.
    for (int i = 0; i < 60 && unsure() != before; ++i) {
      settle(*mirror);
      settle(*real);
    }
    check_fresh(rig, *mirror, sink);
    settle(*real);
    // Paths that are not ours or down are left out of multipath routes while the kernel goes on choosing them.
    if (real->interface(0).up && real->interface(1).up) {
      compare(rig, *real, tables, some_addresses(commands.random, 60));
    }
  }
}
