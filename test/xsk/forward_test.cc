// SPDX-License-Identifier: Apache-2.0
// Packets through AF_XDP lanes on veth pairs: content, frames, rings, queues.
#include <algorithm>
#include <map>
#include <sys/socket.h>

#include "lanes/traffic.h"
#include "test/support/catch.h"
#include "test/xsk/lanes_fixture.h"

using namespace culvert;

namespace {

struct Forwarder {
  explicit Forwarder(std::uint32_t frames = 4096)
      : lanes(frames), lan(lanes.open("lan0", 0, 0)), wan(lanes.open("wan0", 0, 1)) {
    lan->refill();
    redirect.set(0, lan->socket_fd());
  }

  Wires wires;
  Lanes lanes;
  std::unique_ptr<XskLane> lan, wan;
  RedirectAll redirect{interface_number("lan0")};
  RawPort in{"lan1"}, out{"wan1"};
  Burst burst;
};

}  // namespace

TEST_CASE("a packet received on one interface leaves the other from the same frame, byte for byte") {
  Forwarder f;
  CHECK(f.lan->report().got == LaneMode::kCopy);
  CHECK(f.lan->partial_checksums());
  const PacketList traffic = make_traffic({.flows = 60, .sizes = TrafficSizes::kImix});
  for (std::size_t i = 0; i < traffic.size(); ++i) REQUIRE(f.in.send(traffic.stored(traffic[i])));
  receive_until(*f.lan, f.burst, 60);
  REQUIRE(f.burst.size() == 60);
  f.lan->refill();
  // No frame is taken from the pool on the way: what leaves is what came.
  const std::uint32_t free_before = f.lanes.pool.available();
  std::map<FrameAddress, int> received;
  for (const Packet& packet : f.burst) {
    ++received[packet.frame];
    CHECK(packet.ingress == 0);
    CHECK(f.lanes.region.view().address_of(packet.data) == packet.frame + kFrameHeadroom);
  }
  CHECK(received.size() == 60);
  REQUIRE(offer(f.burst, *f.wan, f.lanes.pool) == 60);
  CHECK(f.lanes.pool.available() == free_before);
  CHECK(f.wan->frames_transmitting() == 60);
  flush_until_idle(*f.wan);
  CHECK(f.wan->cells().tx_crossed.read() == 60);
  CHECK(f.wan->cells().tx_completed.read() == 60);
  CHECK(f.lanes.pool.available() == free_before + 60);
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    const auto packet = f.out.receive(1000);
    REQUIRE(packet.has_value());
    REQUIRE(std::ranges::equal(*packet, traffic.stored(traffic[i])));
  }
  CHECK(frames_of(f.lanes, {f.lan.get(), f.wan.get()}) == 4096);
}

TEST_CASE("thousands of packets go through small rings without one lost and without a frame astray") {
  Forwarder f(1536);
  const PacketList traffic = make_traffic({.flows = 5000});
  std::size_t sent = 0, arrived = 0;
  while (arrived < traffic.size()) {
    for (int i = 0; i < 32 && sent < traffic.size(); ++i, ++sent) REQUIRE(f.in.send(traffic.stored(traffic[sent])));
    f.lan->receive(f.burst);
    const std::uint32_t received = f.burst.size();
    REQUIRE(offer(f.burst, *f.wan, f.lanes.pool) == received);
    f.wan->flush(monotonic_ns());
    f.lan->refill();
    while (auto packet = f.out.receive(received > 0 ? 0 : 200)) {
      REQUIRE(packet->size() == 64);
      ++arrived;
      if (arrived == sent) break;
    }
    REQUIRE(frames_of(f.lanes, {f.lan.get(), f.wan.get()}) == 1536);
    if (received == 0 && sent == traffic.size() && f.wan->frames_transmitting() == 0) break;
  }
  CHECK(arrived == traffic.size());
  f.lan->publish();
  CHECK(f.lan->cells().rx_packets.read() == 5000);
  CHECK(f.lan->cells().kernel_rx_dropped.read() == 0);
  CHECK(f.lan->cells().bad_completions.read() == 0);
  CHECK(f.wan->cells().bad_completions.read() == 0);
}

TEST_CASE("a tx backlog keeps to its quota, and receiving goes on beside it") {
  Forwarder f;
  Burst generated;
  std::uint32_t taken = 0;
  // No flush: nothing is sent.
  for (int i = 0; i < 10; ++i) {
    make_packets(f.lanes, generated, 64);
    taken += offer(generated, *f.wan, f.lanes.pool);
  }
  CHECK(taken == 256);
  CHECK(f.wan->cells().tx_ring.failures.read() == 6);
  CHECK(f.wan->frames_transmitting() == 256);
  const std::vector<std::byte> packet(60, std::byte{2});
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) REQUIRE(f.in.send(packet));
    receive_until(*f.lan, f.burst, 50);
    REQUIRE(f.burst.size() == 50);
    CHECK(offer(f.burst, *f.wan, f.lanes.pool) == 0);
  }
  flush_until_idle(*f.wan);
  CHECK(f.wan->frames_transmitting() == 0);
  CHECK(frames_of(f.lanes, {f.lan.get(), f.wan.get()}) == 4096);
}

TEST_CASE("a lane holds no more frames than its quota, where the rings would take more") {
  Wires wires;
  Lanes lanes;
  XskLane lane({.name = "wan0",
                .ifindex = interface_number("wan0"),
                .rings = kTestRings,
                .quota = {.receive = 300, .transmit = 100}},
               lanes.region.view(), lanes.pool);
  lane.refill();
  CHECK(lane.frames_receiving() == 300);
  Burst burst;
  std::uint32_t taken = 0;
  for (int i = 0; i < 3; ++i) {
    make_packets(lanes, burst, 64);
    taken += offer(burst, lane, lanes.pool);
  }
  CHECK(taken == 100);
  CHECK(lane.frames_transmitting() == 100);
  CHECK(lanes.pool.available() == 4096 - 400);
}

TEST_CASE("one system call sends a whole ring where the kernel allows, and EAGAIN goes on in the next flush") {
  Forwarder f;
  Burst generated;
  constexpr int kMaxTxSkbBudget = 9;
  std::uint32_t budget = 32;
  if (::setsockopt(f.wan->socket_fd(), SOL_XDP, kMaxTxSkbBudget, &budget, sizeof(budget)) == 0) {
    CHECK(f.wan->report().send.packets_per_send == 256);
    CHECK(f.wan->report().send.note.empty());
  } else {
    CHECK(f.wan->report().send.packets_per_send == 32);
    CHECK_FALSE(f.wan->report().send.note.empty());
  }
  for (int i = 0; i < 4; ++i) {
    make_packets(f.lanes, generated, 50);
    REQUIRE(offer(generated, *f.wan, f.lanes.pool) == 50);
  }
  f.wan->flush(monotonic_ns());
  CHECK(f.wan->cells().tx_again.read() == 1);
  CHECK(f.wan->cells().tx_wakeups.read() == 1);
  flush_until_idle(*f.wan);
  CHECK(f.wan->frames_transmitting() == 0);
  CHECK(f.wan->cells().tx_wakeups.read() <= 8);
  for (int i = 0; i < 200; ++i) REQUIRE(f.out.receive(1000).has_value());
}

TEST_CASE("packets that the driver refuses are counted, and their frames come back") {
  Forwarder f;
  f.wires.net.run("ip link set wan1 down");  // wan0 is up, but has no carrier
  Burst generated;
  make_packets(f.lanes, generated, 10);
  REQUIRE(offer(generated, *f.wan, f.lanes.pool) == 10);
  flush_until_idle(*f.wan);
  CHECK(f.wan->frames_transmitting() == 0);
  CHECK(f.wan->cells().tx_busy.read() == 10);
  CHECK(f.wan->state() == LaneState::kUp);
  CHECK(frames_of(f.lanes, {f.lan.get(), f.wan.get()}) == 4096);
}

TEST_CASE("when frames run out the kernel drops and counts, and receiving goes on when they are back") {
  Forwarder f(512);
  std::vector<FrameAddress> rest(f.lanes.pool.available());
  REQUIRE(f.lanes.pool.take(rest) == rest.size());
  const std::uint32_t given = f.lan->frames_receiving();
  const std::vector<std::byte> packet(60, std::byte{2});
  std::uint32_t received = 0;
  for (std::uint32_t i = 0; i < given + 100; ++i) {
    f.in.send(packet);
    f.lan->receive(f.burst);
    received += f.burst.size();
    for (const Packet& each : f.burst) rest.push_back(each.frame);
    f.burst.clear();
  }
  CHECK(received == given);
  f.lan->refill();
  CHECK(f.lan->cells().fill_ring.failures.read() > 0);
  f.lan->publish();
  CHECK(f.lan->cells().kernel_fill_empty.read() >= 100);
  for (const FrameAddress frame : rest) f.lanes.pool.give(frame);
  f.lan->refill();
  REQUIRE(f.in.send(packet));
  receive_until(*f.lan, f.burst, 1);
  CHECK(f.burst.size() == 1);
  offer(f.burst, *f.wan, f.lanes.pool);
}

TEST_CASE("two queues are two lanes, and together they see every packet") {
  Wires wires({.queues = 2});
  Lanes lanes;
  const RedirectAll redirect(interface_number("lan0"));
  std::array<std::unique_ptr<XskLane>, 2> both{lanes.open("lan0", 0), lanes.open("lan0", 1)};
  for (std::uint32_t queue = 0; queue < 2; ++queue) {
    both[queue]->refill();
    redirect.set(queue, both[queue]->socket_fd());
  }
  RawPort in("lan1");
  const PacketList traffic = make_traffic({.flows = 400});
  Burst burst;
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    REQUIRE(in.send(traffic.stored(traffic[i])));
    for (auto& lane : both) {
      lane->receive(burst);
      lane->refill();
      for (const Packet& packet : burst) lanes.pool.give(packet.frame);
      burst.clear();
    }
  }
  const std::uint64_t first = both[0]->cells().rx_packets.read(), second = both[1]->cells().rx_packets.read();
  CHECK(first + second == 400);
  CHECK(first > 0);
  CHECK(second > 0);
}
