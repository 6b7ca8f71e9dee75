// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_shard.h"

#include <random>
#include <set>

#include "test/sessions/shard.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

using V4 = FiveTuple4;
using V6 = FiveTuple6;

}  // namespace

TEST_CASE("both families count together towards the limit") {
  Shard shard({100, 10});
  for (std::uint64_t number = 0; number < 60; ++number) CHECK(shard.admit_tcp<V4>(number, TcpState::kEstablished));
  for (std::uint64_t number = 0; number < 40; ++number) CHECK(shard.admit_tcp<V6>(number, TcpState::kEstablished));
  CHECK(shard.shard.size() == 100);
  // None of them makes way.
  for (std::uint64_t number = 100; number < 200; ++number) {
    CHECK(shard.admit<V4>(number).admission == SessionAdmission::kTableFull);
    CHECK(shard.admit<V6>(number).admission == SessionAdmission::kTableFull);
  }
  CHECK(shard.cells.sessions.failures.read() == 200);
  CHECK(shard.cells.sessions.max.read() == 100);
  CHECK(shard.cells.evicted.read() == 0);
  shard.check_counts();
  // Room for one is room for either family.
  const V4 key = tuple_of<V4>(7);
  shard.shard.end<V4>(shard.shard.table<V4>().flows().find(key, shard.shard.table<V4>().hash(key)),
                      SessionEnd::kCleared);
  CHECK(shard.admit<V6>(300).slot != kNoFlow);
  CHECK(shard.cells.cleared.read() == 1);
  shard.check_counts();
}

TEST_CASE("half-open sessions have a budget of their own, and others come in while it is used up") {
  Shard shard({1000, 50});
  std::vector<FlowSlot> slots;
  for (std::uint64_t number = 0; number < 50; ++number)
    slots.push_back(shard.admit_tcp<V4>(number, TcpState::kSynSent));
  CHECK(shard.shard.half_open() == 50);
  for (std::uint64_t number = 1000; number < 3000; ++number) {
    const auto admitted = shard.admit<V4>(number, FlowKind::kTcp, tcp_sides(TcpState::kSynSent));
    if (admitted.slot == kNoFlow) CHECK(admitted.admission == SessionAdmission::kHalfOpenFull);
    REQUIRE(shard.shard.half_open() == 50);
  }
  CHECK(shard.cells.half_open.failures.read() + shard.cells.evicted.read() == 2000);
  CHECK(shard.cells.half_open.failures.read() > 0);
  CHECK(shard.cells.evicted.read() > 0);
  CHECK(shard.shard.size() == 50);
  for (std::uint64_t number = 5000; number < 5300; ++number) {
    CHECK(shard.admit<V4>(number).slot != kNoFlow);
    CHECK(shard.admit_tcp<V6>(number, TcpState::kEstablished) != kNoFlow);  // picked up in mid-stream
  }
  shard.check_counts();
}

TEST_CASE("a handshake that is done leaves the budget, whatever comes after it") {
  Shard shard({100, 3});
  const FlowSlot one = shard.admit_tcp<V4>(1, TcpState::kSynSent);
  const FlowSlot two = shard.admit_tcp<V4>(2, TcpState::kSynReceived);
  const FlowSlot three = shard.admit_tcp<V6>(3, TcpState::kSynSent);
  CHECK(shard.shard.half_open() == 3);
  shard.become<V4>(one, TcpState::kSynReceived);
  CHECK(shard.shard.half_open() == 3);
  shard.become<V4>(one, TcpState::kEstablished);
  CHECK(shard.shard.half_open() == 2);
  shard.become<V4>(one, TcpState::kFinWait);
  CHECK(shard.shard.half_open() == 2);
  // A reset ends a handshake, too; and either direction's slot says which session.
  shard.become<V6>(three, TcpState::kReset);
  CHECK(shard.shard.half_open() == 1);
  CHECK_FALSE(shard.shard.is_half_open<V6>(shard.shard.table<V6>().entry(three).head.peer));
  shard.shard.end<V4>(two, SessionEnd::kRenewed);
  CHECK(shard.shard.half_open() == 0);
  CHECK(shard.cells.renewed.read() == 1);
  // A connection that begins anew in its place is half-open again.
  shard.become<V4>(one, TcpState::kSynSent);
  CHECK(shard.shard.half_open() == 1);
  shard.check_counts();
}

TEST_CASE("the idlest of a few neighbours makes way") {
  Shard shard({1000, 100});
  for (std::uint64_t number = 0; number < 1000; ++number) {
    shard.now += kNanosecondsPerMillisecond * 20;  // another date
    REQUIRE(shard.admit<V4>(number).slot != kNoFlow);
  }
  // One comes, one goes: of the first ones far more than of the last ones.
  std::vector<std::uint64_t> gone;
  std::set<std::uint64_t> there;
  for (std::uint64_t number = 0; number < 1000; ++number) there.insert(number);
  for (std::uint64_t number = 0; number < 200; ++number) {
    REQUIRE(shard.admit<V4>(10'000 + number).slot != kNoFlow);
    for (auto old = there.begin(); old != there.end();) {
      if (shard.has<V4>(*old)) {
        ++old;
      } else {
        gone.push_back(*old);
        old = there.erase(old);
      }
    }
  }
  CHECK(shard.cells.evicted.read() == 200);
  CHECK(gone.size() > 150);
  double sum = 0;
  for (const std::uint64_t number : gone) sum += static_cast<double>(number);
  CHECK(sum / static_cast<double>(gone.size()) < 300);  // the idlest of eight: about 111 of 1000 at first
  shard.check_counts();
}

TEST_CASE("established sessions stay while a flood of others comes") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  Shard shard({4096, 400});
  const TcpSides established = tcp_sides(TcpState::kEstablished);
  const TcpSides half_open = tcp_sides(TcpState::kSynSent);
  for (std::uint64_t number = 0; number < 1000; ++number) {
    REQUIRE(shard.admit<V4>(number, FlowKind::kTcp, established).slot != kNoFlow);
    REQUIRE(
        shard.admit<V6>(number, FlowKind::kTcp, number % 2 == 0 ? established : tcp_sides(TcpState::kFinWait)).slot !=
        kNoFlow);
    const auto answered = shard.admit<V4>(1000 + number);
    REQUIRE(answered.slot != kNoFlow);
    shard.answer<V4>(answered.slot);
  }
  std::uint64_t admitted = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t number = 10'000 + random() % 4'000'000'000;
    const bool tcp = random() % 2 == 0;
    const bool ipv4 = random() % 4 != 0;
    if ((ipv4 ? shard.has<V4>(number) : shard.has<V6>(number))) continue;
    const FlowKind kind = tcp ? FlowKind::kTcp : FlowKind::kUdp;
    const FlowSlot slot =
        ipv4 ? shard.admit<V4>(number, kind, half_open).slot : shard.admit<V6>(number, kind, half_open).slot;
    admitted += slot != kNoFlow;
    if (i % 50'000 == 0) shard.check_counts();
  }
  shard.check_counts();
  CHECK(shard.shard.size() == 4096);
  CHECK(admitted > 300'000);  // who is new often finds somebody who makes way
  CHECK(shard.cells.evicted.read() > 300'000);
  std::size_t missing = 0;
  for (std::uint64_t number = 0; number < 2000; ++number) missing += !shard.has<V4>(number);
  for (std::uint64_t number = 0; number < 1000; ++number) missing += !shard.has<V6>(number);
  CHECK(missing == 0);
}

TEST_CASE("while a quarter may make way hardly anybody is refused, however long the others have been there") {
  Shard shard({4096, 1024});
  for (std::uint64_t number = 0; number < 1500; ++number) {
    REQUIRE(shard.admit_tcp<V4>(number, TcpState::kEstablished) != kNoFlow);
    REQUIRE(shard.admit_tcp<V6>(number, TcpState::kEstablished) != kNoFlow);
  }
  constexpr std::uint64_t kNew = 100'000;
  std::uint64_t admitted = 0;
  for (std::uint64_t number = 10'000; number < 10'000 + kNew; number += 2) {
    admitted += shard.admit<V4>(number).slot != kNoFlow;
    admitted += shard.admit<V6>(number).slot != kNoFlow;
  }
  // A bucket holds some 12 flows, 3 of which may go. One in fifty finds none of them among 8, and none in the other
  // family's bucket.
  std::printf("%llu of %llu admitted\n", static_cast<unsigned long long>(admitted),
              static_cast<unsigned long long>(kNew));
  CHECK(admitted > kNew * 97 / 100);
  CHECK(shard.shard.size() == 4096);
  shard.check_counts();
}

TEST_CASE("a flood of one family leaves room for the other") {
  Shard shard({2000, 2000});
  for (std::uint64_t number = 0; number < 2000; ++number) shard.admit<V4>(number);
  std::size_t admitted = 0;
  for (std::uint64_t number = 0; number < 100; ++number) admitted += shard.admit<V6>(number).slot != kNoFlow;
  CHECK(admitted == 100);
  shard.check_counts();
}

TEST_CASE("what can't be inserted is refused and counted by reason") {
  Shard shard({1000, 100});
  auto& table = shard.shard.table<V4>();
  const auto first = start_of(table, tuple_of<V4>(1));
  auto second = start_of(table, tuple_of<V4>(2));
  second.reply = first.reply;
  REQUIRE(shard.shard.admit(first, shard.timeouts, shard.now).slot != kNoFlow);
  const auto refused = shard.shard.admit(second, shard.timeouts, shard.now);
  CHECK(refused.admission == SessionAdmission::kReplyTaken);
  CHECK(refused.slot == kNoFlow);
  CHECK(shard.cells.refused_reply.read() == 1);

  // Flows that may live in the same eight buckets, as no sender can make them: more than there are places.
  std::uint64_t no_place = 0;
  for (std::uint64_t number = 10; number < 200; ++number) {
    auto start = start_of(table, tuple_of<V4>(number));
    start.original.hash = start.reply.hash = hash_at(1, table.flows().buckets(), 5);
    no_place += shard.shard.admit(start, shard.timeouts, shard.now).admission == SessionAdmission::kNoPlace;
  }
  CHECK(no_place >= 190 - kFlowProbes * kFlowsPerBucket / 2);
  CHECK(shard.cells.refused_place.read() == no_place);
  CHECK(shard.cells.created.read() == 191 - no_place);
  CHECK(shard.cells.evicted.read() == 0);
}

TEST_CASE("what expires is bounded over both families together") {
  Shard shard({1000, 1000});
  for (std::uint64_t number = 0; number < 300; ++number) {
    shard.admit<V4>(number, FlowKind::kIcmp);
    shard.admit_tcp<V6>(number, TcpState::kSynSent);
  }
  CHECK(shard.shard.half_open() == 300);
  shard.now += seconds(60);
  CHECK(shard.shard.expiry_due(shard.now));
  std::uint32_t calls = 0;
  while (shard.shard.expiry_due(shard.now)) {
    REQUIRE(shard.shard.expire(shard.now, shard.timeouts, 64) <= 64);
    ++calls;
  }
  CHECK(calls == (600 + 63) / 64);
  CHECK(shard.shard.size() == 0);
  CHECK(shard.shard.half_open() == 0);
  CHECK(shard.cells.expired.read() == 600);
  CHECK(shard.cells.looked_at.read() == 600);
  shard.check_counts();
}

TEST_CASE("what a successor takes over counts as created and as recovered") {
  Shard shard({1000, 100});
  for (std::uint64_t number = 0; number < 100; ++number) {
    shard.admit<V4>(number);
    shard.admit_tcp<V6>(number, number % 2 == 0 ? TcpState::kSynSent : TcpState::kEstablished);
  }
  const V4 torn = tuple_of<V4>(3);
  auto& table = shard.shard.table<V4>();
  table.entry(table.flows().find(torn, table.hash(torn))).head.sequence |= 1;

  SessionCells cells;
  SessionShard successor({shard.ipv4.view(), shard.ipv6.view()}, {1000, 100}, HashKey::from_seed(1), cells, shard.now);
  successor.recover(shard.timeouts, shard.now);
  CHECK(successor.size() == 199);
  CHECK(successor.half_open() == 50);
  CHECK(cells.recovered.read() == 199);
  CHECK(cells.created.read() == 199);
  CHECK(cells.torn.read() == 2);
  CHECK(cells.sessions.used.read() == 199);
  CHECK(cells.half_open.used.read() == 50);
}

TEST_CASE("under random histories every session is counted once when it comes and once when it goes") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  Shard shard({600, 60});
  std::vector<TcpSides> sides;
  for (const TcpState state : kTcpStates) sides.push_back(tcp_sides(state));
  const auto step = [&]<typename Tuple>(const Tuple& key, std::uint64_t number) {
    auto& table = shard.shard.table<Tuple>();
    const FlowSlot slot = table.flows().find(key, table.hash(key));
    if (slot == kNoFlow) {
      shard.admit<Tuple>(number, static_cast<FlowKind>(random() % 4), sides[random() % sides.size()]);
    } else if (random() % 4 == 0) {
      shard.shard.end<Tuple>(random() % 2 == 0 ? slot : table.entry(slot).head.peer,
                             static_cast<SessionEnd>(random() % 4));
    } else if (table.entry(slot).head.kind() == FlowKind::kTcp) {
      const bool half_open = shard.shard.is_half_open<Tuple>(slot);
      // As tracking has it: what is open never becomes half-open again (tcp_model_test.cc).
      const TcpSides& next = sides[random() % sides.size()];
      if (!half_open && is_half_open(tcp_state_of(next.original, next.reply))) return;
      table.entry(slot).head.tcp = next.original;
      shard.reply<Tuple>(slot).tcp = next.reply;
      shard.shard.tcp_changed<Tuple>(slot, half_open, shard.timeouts);
    } else {
      put(table.entry(slot).head.seen, flow_date(shard.now));
    }
  };
  for (int i = 0; i < 300'000; ++i) {
    const std::uint64_t number = random() % 900;
    if (random() % 2 == 0)
      step(tuple_of<V4>(number), number);
    else
      step(tuple_of<V6>(number), number);
    shard.now += random() % (20 * kNanosecondsPerMillisecond);
    if (shard.shard.expiry_due(shard.now)) shard.shard.expire(shard.now, shard.timeouts, 8);
    shard.shard.publish();
    if (i % 1000 == 0) shard.check_counts();
  }
  shard.check_counts();
  CHECK(shard.cells.expired.read() > 100);
  CHECK(shard.cells.evicted.read() > 100);
  CHECK(shard.cells.sessions.peak.read() == 600);
}
