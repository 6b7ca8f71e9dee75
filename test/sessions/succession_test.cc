// SPDX-License-Identifier: Apache-2.0
#include "test/sessions/shard.h"

using namespace culvert;
using namespace culvert::test;

namespace {

using V4 = FiveTuple4;
using V6 = FiveTuple6;

}  // namespace

TEST_CASE("a successor that waits touches nothing, and goes on with everything as it was left") {
  Shard shard({1000, 200});
  for (std::uint64_t number = 0; number < 100; ++number) shard.admit<V4>(number);
  SessionShard::Memory memory{shard.ipv4.view(), shard.ipv6.view()};
  memory.ipv4.in_use = memory.ipv6.in_use = true;
  SessionCells cells;
  SessionShard successor(memory, {1000, 200}, HashKey::from_seed(1), cells, shard.now + seconds(5));

  // The old one works on meanwhile.
  for (std::uint64_t number = 0; number < 100; ++number) {
    shard.admit_tcp<V6>(number, number % 2 == 0 ? TcpState::kSynSent : TcpState::kEstablished);
  }
  shard.now += seconds(20);
  for (std::uint64_t number = 100; number < 150; ++number) shard.admit<V4>(number);
  auto& table = shard.shard.table<V4>();
  shard.shard.end<V4>(table.flows().find(tuple_of<V4>(7), table.hash(tuple_of<V4>(7))), SessionEnd::kCleared);
  shard.check_counts();

  successor.go_on(shard.shard.state(), shard.now);
  CHECK(successor.size() == 249);
  CHECK(successor.half_open() == 50);
  CHECK(cells.created.read() == 249);
  CHECK(cells.recovered.read() == 249);
  auto& after = successor.table<V4>();
  CHECK(after.flows().find(tuple_of<V4>(7), after.hash(tuple_of<V4>(7))) == kNoFlow);
  const FlowSlot slot = after.flows().find(tuple_of<V4>(8), after.hash(tuple_of<V4>(8)));
  REQUIRE(slot != kNoFlow);
  successor.end<V4>(slot, SessionEnd::kCleared);
  // All end when their time has come, and not before: datagrams nobody answered, handshakes, the established.
  const auto expire_until = [&](Now date) {
    for (; shard.now < date; shard.now += kNanosecondsPerSecond) successor.expire(shard.now, shard.timeouts, 4096);
  };
  while (successor.size() > 0 && shard.now < seconds(1'000'000)) expire_until(shard.now + seconds(1000));
  CHECK(successor.size() == 0);
  CHECK(successor.half_open() == 0);
  CHECK(cells.expired.read() == 248);
}
