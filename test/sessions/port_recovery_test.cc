// SPDX-License-Identifier: Apache-2.0
// After any end of a culvertd no two sessions have one external port, and whoever is there has his: in the files of one
// that crashed (recover), and with the memory of one that made place (go_on).
#include <cstdio>
#include <memory>
#include <random>

#include "test/sessions/nat_run.h"

using namespace culvert;
using namespace culvert::test;

namespace {

enum class Way { kRecover, kGoOn };
constexpr Way kWays[] = {Way::kRecover, Way::kGoOn};

/// A successor of a run, over its memory.
struct Successor : NatRun {
  Successor(Way way, NatMemory& memory, const NatRun& before, Addresses addresses, WorkerIndex self = 0,
            WorkerIndex workers = 1)
      : NatRun(memory, std::move(addresses), way == Way::kGoOn ? Begins::kInUse : Begins::kEmpty, self, workers) {
    memory.now += seconds(1);  // others start, too
    if (way == Way::kGoOn) {
      shard.go_on(before.shard.state(), memory.now);
    } else {
      recover();
    }
    CHECK(cells.recovered.read() == before.shard.size());
    check();
  }
};

/// One session of each protocol with ports, and one of GRE, with port 2000 and up.
template <typename Tuple>
void begin_one_of_each(NatRun& run, std::uint32_t address = 1) {
  for (std::uint16_t i = 0; i < std::size(kWithPorts); ++i) {
    run.begin<Tuple>(10U * address + i, kWithPorts[i], static_cast<std::uint16_t>(2000 + i), address);
  }
  run.begin<Tuple>(10U * address + 9, kNatGre, 0, address);
}

/// How many of those with ports are there.
template <typename Tuple>
std::size_t count_with_ports(NatRun& run, std::uint32_t address = 1) {
  std::size_t count = 0;
  for (std::uint16_t i = 0; i < std::size(kWithPorts); ++i) {
    count += run.find<Tuple>(10U * address + i, kWithPorts[i]) != kNoFlow;
  }
  return count;
}
template <typename Tuple>
bool has_gre(NatRun& run, std::uint32_t address = 1) {
  return run.find<Tuple>(10U * address + 9, kNatGre) != kNoFlow;
}

}  // namespace

TEMPLATE_TEST_CASE("sessions have their ports again, and nobody else gets them", "", FiveTuple4, FiveTuple6) {
  for (const Way way : kWays) {
    NatMemory memory({1000, 100});
    NatRun before(memory, external_addresses({1, 2}, {2000, 2063}));
    begin_one_of_each<TestType>(before, 1);
    begin_one_of_each<TestType>(before, 2);
    for (std::uint64_t number = 100; number < 200; ++number) before.begin_plain<TestType>(number);
    before.check();
    // Its slots are others now, and there is one more.
    Successor after(way, memory, before, external_addresses({3, 2, 1}, {2000, 2063}));
    CHECK(after.shard.size() == 110);
    CHECK(after.cells.cleared.read() == 0);
    for (const std::uint32_t address : {1U, 2U}) {
      CHECK((count_with_ports<TestType>(after, address) == 4 && has_gre<TestType>(after, address)));
      const std::size_t slot = after.ports().find(mapped(external_address<TestType>(address))).value();
      for (std::uint16_t i = 0; i < 4; ++i) {
        for (int left = 63; left > 0; --left) {
          REQUIRE(after.ports().take(slot, *kWithPorts[i].ports, {}, 7).value() != 2000 + i);
        }
        CHECK(!after.ports().take(slot, *kWithPorts[i].ports, {}, 7).has_value());
      }
    }
    after.pass(8000);
    CHECK(after.shard.size() == 0);
    for (std::uint16_t i = 0; i < 4; ++i) {
      CHECK(after.pool<TestType>(kWithPorts[i]).take_exactly(static_cast<std::uint16_t>(2000 + i)));
    }
  }
}

TEMPLATE_TEST_CASE("none of a full table is forgotten", "", FiveTuple4, FiveTuple6) {
  for (const Way way : kWays) {
    NatMemory memory({1000, 100});
    NatRun before(memory, external_addresses({1}, {2000, 2999}));
    for (std::uint16_t i = 0; i < 1000; ++i) before.begin<TestType>(i, kNatUdp, static_cast<std::uint16_t>(2000 + i));
    Successor after(way, memory, before, external_addresses({1}, {2000, 2999}));
    CHECK(after.shard.size() == 1000);
    CHECK(after.pool<TestType>(kNatUdp).used() == 1000);
  }
}

TEMPLATE_TEST_CASE("of two sessions that claim one port one goes on and one ends", "", FiveTuple4, FiveTuple6) {
  for (const Way way : kWays) {
    for (const NatProtocol& protocol : kWithPorts) {
      NatMemory memory({1000, 100});
      NatRun before(memory, external_addresses({1}));
      before.begin<TestType>(1, protocol, 2000);
      before.begin<TestType>(2, protocol, 2001);
      // To another server, so that its answers have a key of their own.
      auto start = before.translated<TestType>(3, protocol, 2000);
      start.original.key.destination = start.reply.key.source = external_address<TestType>(77);
      start.original.hash = before.shard.table<TestType>().hash(start.original.key);
      start.reply.hash = before.shard.table<TestType>().hash(start.reply.key);
      REQUIRE(before.admit(start) != kNoFlow);
      REQUIRE(before.shard.size() == 3);

      Successor after(way, memory, before, external_addresses({1}));
      CHECK(after.shard.size() == 2);
      CHECK(after.cells.cleared.read() == 1);
      CHECK(after.pool<TestType>(protocol).used() == 2);
      CHECK(after.find<TestType>(2, protocol) != kNoFlow);
      auto& table = after.shard.table<TestType>();
      const FlowSlot other = table.flows().find(start.original.key, start.original.hash);
      const FlowSlot one = after.find<TestType>(1, protocol);
      CHECK((one != kNoFlow) != (other != kNoFlow));
      after.shard.end<TestType>(one != kNoFlow ? one : other, SessionEnd::kCleared);
      after.check();
      CHECK(after.pool<TestType>(protocol).take_exactly(2000));
    }
  }
}

TEMPLATE_TEST_CASE("a port that is not to be had any more ends its session", "", FiveTuple4, FiveTuple6) {
  using Addresses = std::vector<ExternalAddress>;
  const std::vector<HostPort> host = {{PortKind::kTcp, 2000}, {PortKind::kUdp, 2001}, {PortKind::kUdp, 2000}};
  const auto check = [](const Addresses& addresses, std::size_t with_ports, WorkerIndex workers = 1) {
    for (const Way way : kWays) {
      NatMemory memory({1000, 100});
      NatRun before(memory, external_addresses({1}));
      begin_one_of_each<TestType>(before);
      before.begin_plain<TestType>(100);
      Successor after(way, memory, before, addresses, 0, workers);
      CHECK(count_with_ports<TestType>(after) == with_ports);
      // Without a port it may be translated by what the shard does not know; its next packet asks.
      CHECK(has_gre<TestType>(after));
      CHECK(after.shard.size() == with_ports + 2);
      CHECK(after.cells.cleared.read() == 6 - after.shard.size());
      after.pass(8000);
      CHECK(after.shard.size() == 0);
      after.check();
    }
  };
  check(external_addresses({1}), 4);
  check(external_addresses({1}, {2001, 2999}), 3);
  check(external_addresses({1}, {2002, 2002}), 1);
  check(external_addresses({1}, {3000, 3999}), 0);
  check(external_addresses({1}, {2000, 2999}, host), 2);
  check(external_addresses({1}, kNoPorts), 0);
  check(external_addresses({2, 3}), 0);
  check({}, 0);
  // The block of 2000 is another worker's then.
  static_assert(owner_of_port(2000, 2) == 1);
  check(external_addresses({1}), 0, 2);
}

TEMPLATE_TEST_CASE("that a port is free is told when its session does not go on", "", FiveTuple4, FiveTuple6) {
  for (const Way way : kWays) {
    for (const bool logged : {false, true}) {
      NatMemory memory({1000, 100});
      NatRun before(memory, external_addresses({1}));
      auto start = before.translated<TestType>(50, kNatTcp, 2500);
      if (logged) start.nat = kNatLogged;
      REQUIRE(before.pool<TestType>(kNatTcp).take_exactly(2500));
      REQUIRE(before.admit(start) != kNoFlow);
      Successor after(way, memory, before, external_addresses({2}), 0, 1);
      CHECK(after.shard.size() == 0);
      SessionRecord record;
      REQUIRE(after.shard.log().take(record) == logged);
      if (!logged) continue;
      CHECK(record.kind == SessionRecordKind::kPortFree);
      CHECK(record.translated_port.host() == 2500);
      CHECK(!after.shard.log().take(record));
    }
  }
}

TEMPLATE_TEST_CASE("without NAT what was translated ends, and everything else goes on", "", FiveTuple4, FiveTuple6) {
  for (const Way way : kWays) {
    NatMemory memory({1000, 100});
    NatRun before(memory, external_addresses({1}));
    begin_one_of_each<TestType>(before);
    for (std::uint64_t number = 100; number < 200; ++number) before.begin_plain<TestType>(number);
    auto handshake = before.translated<TestType>(50, kNatTcp, 2500);
    NatRun::set_tcp(handshake, TcpState::kSynSent);
    handshake.flags |= kFlowLogClose;
    REQUIRE(before.pool<TestType>(kNatTcp).take_exactly(2500));
    REQUIRE(before.admit(handshake) != kNoFlow);
    REQUIRE(before.shard.half_open() == 1);

    memory.now += seconds(7);
    Successor after(way, memory, before, std::nullopt);
    CHECK(after.shard.size() == 100);
    CHECK(after.shard.half_open() == 0);
    CHECK(after.cells.cleared.read() == 6);
    CHECK(after.cells.sessions.used.read() == 100);
    CHECK(after.cells.half_open.used.read() == 0);
    SessionRecord record;
    REQUIRE(after.shard.log().take(record));
    CHECK((record.kind == SessionRecordKind::kClosed && record.why == SessionEnd::kPolicyChanged));
    CHECK((record.age_s == 8 && record.source_port.host() == handshake.original.key.source_port.host()));
    CHECK_FALSE(after.shard.log().take(record));
    // They go on until their time is over.
    CHECK(after.begin_plain<TestType>(300) != kNoFlow);
    after.pass(8000);
    CHECK(after.cells.expired.read() == 101);
  }
}

TEST_CASE("each family is looked at for itself, and one successor follows another") {
  NatMemory memory({1000, 100});
  NatRun first(memory, external_addresses({1}));
  begin_one_of_each<FiveTuple6>(first);
  for (std::uint64_t number = 100; number < 110; ++number) first.begin_plain<FiveTuple4>(number);
  Successor second(Way::kGoOn, memory, first, external_addresses({1}));
  begin_one_of_each<FiveTuple4>(second);
  second.check();
  Successor third(Way::kGoOn, memory, second, external_addresses({1}));
  CHECK(third.shard.size() == 20);
  CHECK(third.shard.state().ipv4.translated == 5);
  CHECK(third.shard.state().ipv6.translated == 5);
  Successor fourth(Way::kGoOn, memory, third, std::nullopt);
  CHECK(fourth.shard.size() == 10);
  CHECK(fourth.shard.state().ipv4.translated + fourth.shard.state().ipv6.translated == 0);
  Successor fifth(Way::kGoOn, memory, fourth, external_addresses({1}));
  CHECK(fifth.shard.size() == 10);
  begin_one_of_each<FiveTuple4>(fifth);
  fifth.check();
}

namespace {

/// Sessions come with any free port, end, and pass away.
template <typename Tuple>
void live_for_a_step(NatRun& run, std::mt19937_64& random) {
  const NatProtocol& protocol = kWithPorts[random() % std::size(kWithPorts)];
  const std::uint64_t number = random() % 400;
  const auto address = static_cast<std::uint32_t>(1 + random() % 3);
  if (const FlowSlot slot = run.find<Tuple>(number, protocol); slot != kNoFlow) {
    if (random() % 2 == 0) run.shard.end<Tuple>(slot, SessionEnd::kCleared);
    return;
  }
  const auto external = run.ports().find(mapped(external_address<Tuple>(address)));
  if (!external.has_value()) return;
  const auto port = run.ports().take(*external, *protocol.ports, {}, random());
  if (!port.has_value()) return;
  if (run.admit(run.translated<Tuple>(number, protocol, *port, address)) != kNoFlow) return;
  run.pool<Tuple>(protocol, address).give_back(*port);
}

}  // namespace

TEST_CASE("through many lives with other addresses each, every port has one holder at most") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const auto addresses = [&]() -> NatRun::Addresses {
    const auto first = static_cast<std::uint16_t>(1990 + random() % 100);
    const PoolRange range{first, static_cast<std::uint16_t>(first + 50 + random() % 200)};
    switch (random() % 8) {
      case 0:
        return std::nullopt;
      case 1:
        return external_addresses({}, range);
      case 2:
        return external_addresses({3}, range);
      case 3:
        return external_addresses({3, 2, 1}, range);
      default:
        return external_addresses({1, 2}, range);
    }
  };
  NatMemory memory({600, 100});
  auto run = std::make_unique<NatRun>(memory, external_addresses({1, 2}));
  std::uint64_t ended = 0;
  for (int life = 0; life < 60; ++life) {
    for (int i = 0; i < 1500; ++i) {
      live_for_a_step<FiveTuple4>(*run, random);
      live_for_a_step<FiveTuple6>(*run, random);
      if (i % 100 == 0) run->pass(5);
    }
    run->check();
    const Way way = kWays[random() % 2];
    // A culvertd that was killed may have left a session that is not whole.
    const auto slot = static_cast<FlowSlot>(33 + random() % kFlowsPerBucket);
    if (way == Way::kRecover && random() % 2 == 0) memory.ipv4.flows.entry(slot).head.sequence |= 1;
    auto next = std::make_unique<NatRun>(memory, addresses(), way == Way::kGoOn ? Begins::kInUse : Begins::kEmpty);
    if (way == Way::kGoOn) {
      next->shard.go_on(run->shard.state(), memory.now);
    } else {
      next->recover();
    }
    next->check();
    ended += next->cells.cleared.read();
    run = std::move(next);
  }
  CHECK(ended > 100);
}
