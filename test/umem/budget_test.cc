// SPDX-License-Identifier: Apache-2.0
#include "umem/budget.h"

#include <random>

#include "test/simulation/environment.h"
#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("one worker with two lanes needs what its rings, its bursts and its queues hold") {
  const FrameDemand demand{.rings = {4096, 2048, 2048, 2048}, .punt_queue = 512, .pending = 1024};
  CHECK(frames_needed(demand) == 2 * (4096 + 2048) + 2 * 2048 + 2 * kBurstSize + 512 + 1024);
  const LaneQuota quota = fit_quota(demand, frames_needed(demand));
  CHECK(quota.receive == 6144);
  CHECK(quota.transmit == 2048);
}

TEST_CASE("a second worker adds the hand-off ring to it and a batch each way, not the other's lanes") {
  const FrameDemand one{.workers = 1, .lanes_per_worker = 2, .handoff_ring = 1024};
  FrameDemand two = one;
  two.workers = 2;
  CHECK(frames_needed(two) - frames_needed(one) == 1024 + 2 * kBurstSize + 2 * kBurstSize);
}

TEST_CASE("however many workers, a worker hands off to no more of them than interfaces have owners") {
  FrameDemand demand{.workers = 3, .interfaces = 2, .lanes_per_worker = 2, .handoff_ring = 1024};
  const std::uint32_t three = frames_needed(demand);
  demand.workers = 16;
  CHECK(frames_needed(demand) - three == 13 * (2 * kBurstSize + kBurstSize));
}

TEST_CASE("rings smaller than the usual minimum are enough when they are full") {
  const FrameDemand demand{.rings = {64, 64, 64, 64}};
  CHECK(frames_minimum(demand) == frames_needed(demand));
  const LaneQuota quota = fit_quota(demand, frames_needed(demand));
  CHECK(quota.receive == 128);
  CHECK(quota.transmit == 64);
}

TEST_CASE("lanes that nobody planned for share what was planned, down to the minimum") {
  const RingSizes rings{4096, 2048, 2048, 2048};
  const LaneQuota full = full_quota(rings);
  CHECK(shared_quota(rings, full, 2, 1).receive == 6144);
  CHECK(shared_quota(rings, full, 2, 2).receive == 6144);
  CHECK(shared_quota(rings, full, 2, 3).receive == 4096);
  CHECK(shared_quota(rings, full, 1, 4).transmit == 512);
  CHECK(most_sharing_lanes(rings, full, 1) == 16);
  CHECK(most_sharing_lanes(rings, {300, 200}, 3) == 3);
  for (std::uint32_t planned = 1; planned <= 8; ++planned) {
    for (std::uint32_t lanes = 1; lanes <= most_sharing_lanes(rings, full, planned); ++lanes) {
      const LaneQuota quota = shared_quota(rings, full, planned, lanes);
      INFO(lanes << " for " << planned);
      REQUIRE(lanes * (quota.receive + quota.transmit) <= planned * (full.receive + full.transmit));
    }
  }
}

TEST_CASE("a completion ring smaller than the tx ring bounds what is out") {
  CHECK(full_quota({4096, 2048, 2048, 512}).transmit == 512);
}

TEST_CASE("whatever the demand, quotas fit as soon as the minimum does, and never fall below it") {
  const std::uint64_t seed = test::seed_from_environment();
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  const auto power = [&](unsigned low, unsigned high) { return 1U << (low + random() % (high - low + 1)); };
  for (int round = 0; round < 5000; ++round) {
    FrameDemand demand;
    demand.workers = 1 + random() % 8;
    demand.lanes_per_worker = 1 + random() % 4;
    demand.interfaces = 1 + random() % demand.lanes_per_worker;
    demand.rings = {power(6, 13), power(6, 12), power(6, 12), power(6, 12)};
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
    REQUIRE(quota.receive >= least_quota(demand.rings).receive);
    REQUIRE(quota.transmit >= least_quota(demand.rings).transmit);
  }
}
