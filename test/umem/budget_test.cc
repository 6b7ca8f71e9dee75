// SPDX-License-Identifier: Apache-2.0
#include "umem/budget.h"

#include <random>

#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("one worker with two lanes needs what its rings, its bursts and its queues hold") {
  const FrameDemand demand{.rings = {4096, 2048, 2048, 2048}, .punt_queue = 512, .pending = 1024};
  CHECK(frames_needed(demand) == 2 * (4096 + 2048) + 2 * 2048 + 2 * kBurstSize + 512 + 1024);
  const LaneQuota quota = fit_quota(demand, frames_needed(demand));
  CHECK(quota.receive == 6144);
  CHECK(quota.transmit == 2048);
}

TEST_CASE("a second worker adds the hand-off rings and the tx rings of its lanes") {
  const FrameDemand one{.workers = 1, .lanes_per_worker = 2, .lanes_total = 2, .handoff_ring = 1024};
  FrameDemand two = one;
  two.workers = 2;
  two.lanes_total = 4;
  CHECK(frames_needed(two) - frames_needed(one) == 2 * 2048 + 2 * 1024 + 2 * kBurstSize + 2 * kBurstSize);
}

TEST_CASE("a completion ring smaller than the tx ring bounds what is out") {
  CHECK(full_quota({4096, 2048, 2048, 512}).transmit == 512);
}

TEST_CASE("whatever the demand, quotas fit as soon as the minimum does, and never fall below it") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  const auto power = [&](unsigned low, unsigned high) { return 1U << (low + random() % (high - low + 1)); };
  for (int round = 0; round < 5000; ++round) {
    FrameDemand demand;
    demand.workers = 1 + random() % 8;
    demand.lanes_per_worker = 1 + random() % 4;
    demand.lanes_total = demand.lanes_per_worker * demand.workers;
    demand.rings = {power(9, 13), power(9, 12), power(8, 12), power(8, 12)};
    demand.handoff_ring = power(6, 11);
    demand.punt_queue = random() % 1024;
    demand.pending = random() % 1024;
    const std::uint32_t minimum = frames_minimum(demand);
    const std::uint32_t enough = frames_needed(demand);
    REQUIRE(minimum <= enough);
    const std::uint32_t home = minimum + random() % (enough - minimum + 1000);
    const LaneQuota quota = fit_quota(demand, home);
    INFO("home " << home << " receive " << quota.receive << " transmit " << quota.transmit);
    REQUIRE(frames_needed(demand, quota) <= home);
    REQUIRE(quota.receive >= kMinReceiveQuota);
    REQUIRE(quota.transmit >= kMinTransmitQuota);
  }
}
