// SPDX-License-Identifier: Apache-2.0
#include "lanes/memory_lane.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "lanes/traffic.h"
#include "test/lanes/lane_fixture.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr RingSizes kRings{.fill = 64, .rx = 32, .tx = 32, .completion = 32};

struct Fixture : FramesFixture {
  explicit Fixture(MemoryLaneConfig config = {.interface = 3, .rings = kRings})
      : lane((config.sink = &capture, config), region.view(), pool) {}

  std::uint32_t held() const { return pool.available() + lane.frames_receiving() + lane.frames_transmitting(); }

  PacketCapture capture;
  MemoryLane lane;
  Burst burst;
};

std::vector<std::byte> bytes(std::size_t length, unsigned char fill) {
  return std::vector<std::byte>(length, std::byte{fill});
}

}  // namespace

TEST_CASE("an injected packet is received where it lies, sent unchanged, and its frame comes home") {
  Fixture f;
  CHECK_FALSE(f.lane.inject(bytes(60, 1)));
  CHECK(f.lane.cells().kernel_fill_empty.read() == 1);
  f.lane.refill();
  CHECK(f.lane.frames_receiving() == 64);
  REQUIRE(f.lane.inject(bytes(60, 1)));
  REQUIRE(f.lane.inject(bytes(1792, 2)));
  f.lane.receive(f.burst);
  REQUIRE(f.burst.size() == 2);
  CHECK(f.burst[0].length == 60);
  CHECK(f.burst[0].ingress == 3);
  CHECK(f.region.view().address_of(f.burst[1].data) == f.burst[1].frame + kFrameHeadroom);
  CHECK(send_all(f.burst, f.lane, f.pool) == 2);
  CHECK(f.lane.frames_transmitting() == 2);
  f.lane.flush(0);
  REQUIRE(f.capture.size() == 2);
  CHECK(std::ranges::equal(f.capture[0], bytes(60, 1)));
  CHECK(std::ranges::equal(f.capture[1], bytes(1792, 2)));
  CHECK(f.lane.frames_transmitting() == 0);
  CHECK(f.held() == 256);
  CHECK(f.lane.cells().tx_completed.read() == 2);
  CHECK(f.lane.cells().tx_crossed.read() == 0);
}

TEST_CASE("packets are lost as in a NIC: too long, rx ring full, no frame") {
  Fixture f;
  f.lane.refill();
  CHECK_FALSE(f.lane.inject(bytes(1793, 1)));
  CHECK(f.lane.cells().kernel_rx_dropped.read() == 1);
  for (int i = 0; i < 32; ++i) REQUIRE(f.lane.inject(bytes(60, 1)));
  CHECK_FALSE(f.lane.inject(bytes(60, 1)));
  CHECK(f.lane.cells().kernel_rx_ring_full.read() == 1);
}

TEST_CASE("a stuck link fills the tx ring up to its quota and no further, and receiving goes on") {
  Fixture f({.interface = 0, .rings = kRings, .quota = {.receive = 40, .transmit = 20}});
  f.lane.behavior().sends_per_flush = 0;
  std::uint32_t taken = 0;
  for (int round = 0; round < 10; ++round) {
    f.lane.refill();
    CHECK(f.lane.frames_receiving() == 40);
    for (int i = 0; i < 5; ++i) REQUIRE(f.lane.inject(bytes(60, 1)));
    f.lane.receive(f.burst);
    REQUIRE(f.burst.size() == 5);
    taken += send_all(f.burst, f.lane, f.pool);
    f.lane.flush(0);
  }
  CHECK(taken == 20);
  CHECK(f.lane.cells().tx_ring.failures.read() == 6);
  CHECK(f.held() == 256);
  f.lane.behavior().sends_per_flush = 15;
  f.lane.behavior().completions_per_flush = 10;
  f.lane.flush(0);
  CHECK(f.capture.size() == 15);
  CHECK(f.lane.frames_transmitting() == 10);
  f.lane.flush(0);
  CHECK(f.capture.size() == 20);
  CHECK(f.lane.frames_transmitting() == 0);
  CHECK(f.held() == 256);
}

TEST_CASE("a packet lost by the driver is counted and its frame completes") {
  Fixture f;
  f.lane.behavior().busy_every = 3;
  f.lane.refill();
  for (int i = 0; i < 9; ++i) REQUIRE(f.lane.inject(bytes(60, 1)));
  f.lane.receive(f.burst);
  send_all(f.burst, f.lane, f.pool);
  f.lane.flush(0);
  CHECK(f.capture.size() == 6);
  CHECK(f.lane.cells().tx_busy.read() == 3);
  CHECK(f.lane.cells().tx_completed.read() == 9);
}

TEST_CASE("a link that is down takes and gives nothing until it is up again") {
  Fixture f;
  f.lane.refill();
  REQUIRE(f.lane.inject(bytes(60, 1)));
  f.lane.behavior().state = LaneState::kLinkDown;
  f.lane.receive(f.burst);
  CHECK(f.burst.empty());
  CHECK_FALSE(f.lane.inject(bytes(60, 1)));
  f.lane.behavior().state = LaneState::kUp;
  f.lane.receive(f.burst);
  CHECK(f.burst.size() == 1);
  f.lane.behavior().state = LaneState::kLinkDown;
  CHECK(send_all(f.burst, f.lane, f.pool) == 0);
  CHECK(f.held() == 256);
}

TEST_CASE("close gives every frame back, whatever is on the way") {
  Fixture f;
  f.lane.refill();
  for (int i = 0; i < 20; ++i) REQUIRE(f.lane.inject(bytes(60, 1)));
  f.lane.behavior().sends_per_flush = 3;
  f.lane.behavior().completions_per_flush = 1;
  f.lane.behavior().receive_per_call = 10;
  f.lane.receive(f.burst);
  send_all(f.burst, f.lane, f.pool);
  f.lane.flush(0);
  CHECK(f.pool.available() < 256);
  f.lane.close();
  CHECK(f.pool.available() == 256);
  CHECK(f.lane.state() == LaneState::kGone);
  f.lane.refill();
  f.lane.flush(0);
  CHECK(f.pool.available() == 256);
  CHECK(static_cast<LaneState>(f.lane.cells().state.read()) == LaneState::kGone);
}

TEST_CASE("a list is replayed in order, for ever, and each time as it was") {
  const PacketList traffic = make_traffic({.flows = 50, .shuffled = false});
  Fixture f({.interface = 1, .rings = kRings, .traffic = &traffic});
  for (std::size_t seen = 0; seen < 500;) {
    f.lane.refill();
    f.lane.receive(f.burst);
    REQUIRE(f.burst.size() == 32);
    for (Packet& packet : f.burst) {
      const auto& record = traffic[seen++ % 50];
      REQUIRE(packet.length == record.length);
      REQUIRE(std::memcmp(packet.data, traffic.lines_of(record), record.stored) == 0);
      std::memset(packet.data, 0xff, 64);
    }
    REQUIRE(send_all(f.burst, f.lane, f.pool) == 32);
    f.lane.flush(0);
  }
  CHECK(f.capture.size() == 512);
}

TEST_CASE("replaying stops after the packets asked for; then frames wait for injected ones") {
  const PacketList traffic = make_traffic({.flows = 4});
  Fixture f({.interface = 1, .rings = kRings, .traffic = &traffic, .packets = 41});
  std::uint32_t seen = 0;
  for (int round = 0; round < 5; ++round) {
    f.lane.refill();
    f.lane.receive(f.burst);
    seen += f.burst.size();
    send_all(f.burst, f.lane, f.pool);
    f.lane.flush(0);
  }
  CHECK(seen == 41);
  CHECK(f.lane.replayed() == 41);
  CHECK(f.lane.inject(bytes(60, 1)));
}

TEST_CASE("frames that cross from one lane to another are counted and not copied") {
  Fixture f;
  MemoryLane other({.interface = 9, .rings = kRings}, f.region.view(), f.pool);
  f.lane.refill();
  REQUIRE(f.lane.inject(bytes(60, 1)));
  f.lane.receive(f.burst);
  REQUIRE(f.burst.size() == 1);
  CHECK(send_all(f.burst, other, f.pool) == 1);
  CHECK(other.cells().tx_crossed.read() == 1);
  other.flush(0);
  CHECK(f.held() == 256);
}
