// SPDX-License-Identifier: Apache-2.0
#include "lanes/traffic.h"
#include "test/lanes/lane_fixture.h"
#include "test/support/allocation_guard.h"
#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("a memory lane allocates nothing after construction") {
  const PacketList traffic = make_traffic({.flows = 1000});
  FramesFixture f(4096);
  MemoryLane lane({.rings = {.fill = 256, .rx = 256, .tx = 256, .completion = 256}, .traffic = &traffic},
                  f.region.view(), f.pool);
  Burst burst;
  const AllocationGuard guard(WatchedThreads::kThis);
  for (int turn = 0; turn < 100; ++turn) {
    lane.refill();
    lane.receive(burst);
    send_all(burst, lane, f.pool);
    lane.flush(0);
    lane.publish();
  }
  lane.close();
  const std::uint64_t allocations = guard.allocations();
  INFO(guard.first_call_stack());
  CHECK(allocations == 0);
  CHECK(lane.cells().rx_packets.read() == 6400);
}
