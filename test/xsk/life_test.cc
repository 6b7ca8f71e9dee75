// SPDX-License-Identifier: Apache-2.0
// A lane's life: set-up and its refusals, links that go down, interfaces that go away, and ends that leave nothing.
#include <filesystem>
#include <iterator>
#include <thread>

#include "base/result.h"
#include "test/support/catch.h"
#include "test/xsk/lanes_fixture.h"
#include "xsk/device.h"

using namespace culvert;

namespace {

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

/// What() and hint of the SetupError that opening a lane throws.
std::string refusal(Lanes& lanes, const XskLaneConfig& config) {
  try {
    const XskLane lane(config, lanes.region.view(), lanes.pool);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "accepted";
}

/// Calls publish() as a worker does until the state is there; milliseconds that it took.
int wait_for(XskLane& lane, LaneState state) {
  for (int waited = 0; waited < 2000; waited += 10) {
    lane.flush(monotonic_ns());
    lane.publish();
    if (lane.state() == state) return waited;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return 2000;
}

}  // namespace

TEST_CASE("a lane says what it got and why not better") {
  Wires wires;
  Lanes lanes;
  const auto lane = lanes.open("lan0");
  CHECK(lane->report().asked == WantedMode::kAuto);
  CHECK(lane->report().got == LaneMode::kCopy);
  CHECK(lane->report().why_not_better ==
        "lan0 queue 0: zero-copy not supported by this driver; using copy (set mode: copy to silence)");
  CHECK(lane->report().transmits);
  CHECK(lane->report().send.send_buffer_bytes >= 256 * 2304);
  CHECK(lane->report().busy_polling == lane->report().busy_polling_note.empty());
  end(*lane);
  const XskLane quiet(
      {.name = "lan0", .ifindex = interface_number("lan0"), .rings = kTestRings, .mode = WantedMode::kCopy},
      lanes.region.view(), lanes.pool);
  CHECK(quiet.report().why_not_better.empty());
}

TEST_CASE("set-up that cannot work is refused with what to type") {
  Wires wires;
  Lanes lanes;
  XskLaneConfig config{.name = "lan0", .ifindex = interface_number("lan0"), .rings = kTestRings};

  config.queue = 3;
  CHECK(refusal(lanes, config) == "lan0 queue 3: the interface has 1 rx queues (type: ethtool -L lan0 rx 4 tx 4)");
  config.queue = 0;
  config.rings.rx = 100;
  CHECK(refusal(lanes, config).find("power of two") != std::string::npos);
  config.rings = kTestRings;

  wires.net.run("ip link set lan0 mtu 1771");
  CHECK(refusal(lanes, config) ==
        "lan0 has MTU 1771, but a frame of 2048 bytes holds an MTU of 1770 at most (set system.frame_size: 4096, or "
        "type: ip link set lan0 mtu 1500)");
  wires.net.run("ip link set lan0 mtu 9000");
  CHECK(refusal(lanes, config).find("frame_size: 4096") == std::string::npos);
  wires.net.run("ip link set lan0 mtu 1770");
  CHECK(refusal(lanes, config) == "accepted");

  config.name = "nosuch0";
  CHECK(refusal(lanes, config).find("nosuch0") != std::string::npos);
}

TEST_CASE("a queue that another socket has is refused by name, after a second of patience") {
  Wires wires;
  Lanes lanes;
  const auto first = lanes.open("lan0");
  const Now before = monotonic_ns();
  const std::string text = refusal(lanes, {.name = "lan0", .ifindex = interface_number("lan0"), .rings = kTestRings});
  CHECK(text.find("binding an AF_XDP socket to lan0 queue 0: Device or resource busy") == 0);
  CHECK(text.find("ss --xdp -p") != std::string::npos);
  CHECK(monotonic_ns() - before >= kNanosecondsPerSecond * 9 / 10);
  CHECK(monotonic_ns() - before < kNanosecondsPerSecond * 3);
  // Who tries again every second must not keep everybody waiting each time.
  const Now again = monotonic_ns();
  CHECK(refusal(lanes, {.name = "lan0", .ifindex = interface_number("lan0"), .rings = kTestRings, .patient = false})
            .find("ss --xdp -p") != std::string::npos);
  CHECK(monotonic_ns() - again < kNanosecondsPerSecond / 2);
}

TEST_CASE("a link that goes down and up stops and restarts sending and receiving, with no frame lost") {
  Wires wires;
  Lanes lanes;
  const auto lan = lanes.open("lan0", 0, 0), wan = lanes.open("wan0", 0, 1);
  const RedirectAll redirect(interface_number("lan0"));
  redirect.set(0, lan->socket_fd());
  lan->refill();
  RawPort in("lan1"), out("wan1");
  Burst burst;
  const std::vector<std::byte> packet(60, std::byte{2});
  for (int flap = 0; flap < 3; ++flap) {
    make_packets(lanes, burst, 20);
    REQUIRE(offer(burst, *wan, lanes.pool) == 20);
    wires.net.run("ip link set wan0 down");
    wan->flush(monotonic_ns());
    CHECK(wan->state() == LaneState::kLinkDown);
    CHECK(wan->cells().tx_link_down.read() > 0);
    make_packets(lanes, burst, 20);
    CHECK(offer(burst, *wan, lanes.pool) == 0);
    wires.net.run("ip link set lan0 down; ip link set lan0 up; ip link set wan0 up");
    CHECK(wait_for(*wan, LaneState::kUp) < 1000);
    CHECK(wait_for(*lan, LaneState::kUp) < 1000);
    flush_until_idle(*wan);
    CHECK(wan->frames_transmitting() == 0);
    REQUIRE(in.send(packet));
    receive_until(*lan, burst, 1);
    CHECK(burst.size() == 1);
    CHECK(offer(burst, *wan, lanes.pool) == 1);
    flush_until_idle(*wan);
    CHECK(frames_of(lanes, {lan.get(), wan.get()}) == 4096);
  }
}

TEST_CASE("a link that goes down is noticed without traffic") {
  Wires wires;
  Lanes lanes;
  const auto lane = lanes.open("wan0");
  wires.net.run("ip link set wan0 down");
  CHECK(wait_for(*lane, LaneState::kLinkDown) < 200);
  CHECK(static_cast<LaneState>(lane->cells().state.read()) == LaneState::kLinkDown);
  wires.net.run("ip link set wan0 up");
  CHECK(wait_for(*lane, LaneState::kUp) < 200);
}

TEST_CASE("an interface that is deleted under load leaves a dead lane, and closing it brings every frame home") {
  Wires wires;
  Lanes lanes;
  auto lan = lanes.open("lan0", 0, 0), wan = lanes.open("wan0", 0, 1);
  Burst burst;
  for (const auto& lane : {lan.get(), wan.get()}) lane->refill();
  make_packets(lanes, burst, 50);
  REQUIRE(offer(burst, *wan, lanes.pool) == 50);
  wires.net.run("ip link del wan0; ip link del lan0");
  wan->flush(monotonic_ns());
  CHECK(wan->state() == LaneState::kGone);        // by the send that fails
  CHECK(wait_for(*lan, LaneState::kGone) < 200);  // by looking
  wan->receive(burst);
  wan->refill();
  CHECK(burst.empty());
  CHECK(frames_of(lanes, {lan.get(), wan.get()}) == 4096);
  for (const auto& lane : {lan.get(), wan.get()}) {
    const std::uint32_t sending = lane->frames_transmitting();
    const std::uint32_t receiving = lane->frames_receiving();
    lane->close();
    lane->receive(burst);
    lane->flush(monotonic_ns() + kNanosecondsPerSecond);
    // Until the socket is closed, the kernel may use all of them.
    CHECK(lane->frames_receiving() == receiving);
    CHECK(lane->frames_transmitting() == sending);
    lane->disconnect();
    const Now closed_at = monotonic_ns();
    lane->flush(closed_at);
    CHECK(lane->frames_receiving() == 0);
    // A driver may still read what it was given to send.
    CHECK(lane->frames_transmitting() == sending);
    lane->flush(closed_at + 199 * kNanosecondsPerMillisecond);
    CHECK(lane->frames_transmitting() == sending);
    lane->flush(closed_at + 200 * kNanosecondsPerMillisecond);
    CHECK(lane->frames_transmitting() == 0);
    lane->refill();
    lane->publish();
    CHECK(burst.empty());
  }
  CHECK(lanes.pool.available() == 4096);
  // The interface comes back, and so does the lane.
  add_veth(wires.net, "wan0", "wan1");
  wan = lanes.open("wan0", 0, 1);
  make_packets(lanes, burst, 5);
  CHECK(offer(burst, *wan, lanes.pool) == 5);
  flush_until_idle(*wan);
  CHECK(wan->frames_transmitting() == 0);
}

TEST_CASE("a hundred lives leave no descriptor and no frame behind") {
  Wires wires;
  Lanes lanes;
  const RedirectAll redirect(interface_number("lan0"));
  RawPort in("lan1");
  const std::vector<std::byte> packet(60, std::byte{2});
  const std::ptrdiff_t before = open_descriptors();
  Burst burst;
  for (int life = 0; life < 100; ++life) {
    const auto lane = lanes.open("lan0");
    lane->refill();
    redirect.set(0, lane->socket_fd());
    REQUIRE(in.send(packet));
    receive_until(*lane, burst, 1);
    REQUIRE(burst.size() == 1);
    REQUIRE(offer(burst, *lane, lanes.pool) == 1);
    if (life % 2 == 0) lane->flush(monotonic_ns());
    end(*lane);
    lane->flush(monotonic_ns());
    REQUIRE(frames_of(lanes, {lane.get()}) == 4096);
    lane->flush(monotonic_ns() + kNanosecondsPerSecond);
    REQUIRE(lanes.pool.available() == 4096);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("queues are counted, and what does not match is said with what to type") {
  Wires wires({.queues = 4});
  QueueCounts counts = queue_counts("lan0").value();
  CHECK(counts.rx == 4);
  CHECK(counts.tx == 4);
  CHECK(driver_of("lan0") == "veth");
  CHECK(leaves_checksums_partial("veth"));
  CHECK_FALSE(leaves_checksums_partial("mlx5_core"));
  CHECK(queue_mismatch("lan0", counts, 4).empty());
  CHECK(queue_mismatch("lan0", counts, 2).empty());
  CHECK(queue_mismatch("lan0", counts, 3).find("type: ethtool -L lan0 rx 3 tx 3") != std::string::npos);
  CHECK(queue_mismatch("lan0", counts, 8).find("by hand-off; type: ethtool -L lan0 rx 8 tx 8") != std::string::npos);
  wires.net.run("ethtool -L lan0 tx 1");
  counts = queue_counts("lan0").value();
  CHECK(counts.tx == 1);
  CHECK(queue_mismatch("lan0", counts, 4).find("4 rx and 1 tx queues") != std::string::npos);
  CHECK_FALSE(queue_counts("nosuch0").has_value());
}

TEST_CASE("an rx queue without a tx queue receives and takes nothing to send") {
  Wires wires({.queues = 2});
  wires.net.run("ethtool -L wan0 tx 1");
  Lanes lanes;
  const auto lane = lanes.open("wan0", 1);
  CHECK_FALSE(lane->report().transmits);
  Burst burst;
  make_packets(lanes, burst, 3);
  CHECK(offer(burst, *lane, lanes.pool) == 0);
  CHECK(lane->frames_transmitting() == 0);
  lane->publish();
  CHECK(lane->state() == LaneState::kUp);
  wires.net.run("ip link del wan0");
  lane->publish();
  CHECK(lane->state() == LaneState::kGone);
}
