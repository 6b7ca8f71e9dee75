// SPDX-License-Identifier: Apache-2.0
// More than an egress sends and more than a worker hands out: who gets through, and whether frames come home in time.
#include <poll.h>

#include "test/support/catch.h"
#include "test/support/packet_builder.h"
#include "test/support/rig.h"

namespace culvert::test {
namespace {

constexpr std::size_t kEthernet = 14;

/// A lane that has a burst for the egress in each turn, and the last byte of its sender's address.
struct Source {
  InterfaceIndex interface = 0;
  std::uint16_t queue = 0;
};

/// What percentage of the packets that left the egress lane came from each source.
std::vector<std::size_t> shares(Rig& rig, InterfaceIndex egress, const std::vector<Source>& sources) {
  rig.forward("198.18.9.0/24", egress, test_mac(9));
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    packets.push_back(PacketBuilder().ethernet().ipv4("198.18.0." + std::to_string(i), "198.18.9.9").udp(1, 2).build());
  }
  rig.lane(egress).behavior().sends_per_flush = 20;
  rig.turn();
  for (int turn = 0; turn < 600; ++turn) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      for (std::uint32_t n = 0; n < kBurstSize; ++n) {
        rig.lane(sources[i].interface, sources[i].queue).inject(packets[i]);
      }
    }
    rig.turn();
  }
  std::vector<std::size_t> sent(sources.size());
  PacketCapture& capture = rig.sent(egress);
  for (std::size_t i = 0; i < capture.size(); ++i) ++sent.at(get8(capture[i], kEthernet + 15));
  for (std::size_t& count : sent) count = count * 100 / capture.size();
  CHECK(rig.unaccounted_packets() == 0);
  CHECK(rig.unaccounted_frames() == 0);
  return sent;
}

TEST_CASE("two interfaces that overload a third have half of it each, wherever it stands between them") {
  for (InterfaceIndex egress = 0; egress < 3; ++egress) {
    RigConfig config;
    config.interfaces = 3;
    Rig rig(config);
    const auto share = shares(
        rig, egress,
        {{egress == 0 ? InterfaceIndex{1} : InterfaceIndex{0}}, {egress == 2 ? InterfaceIndex{1} : InterfaceIndex{2}}});
    INFO("egress " << egress << ": " << share[0] << " % and " << share[1] << " %");
    CHECK((share[0] >= 40 && share[0] <= 60));
    CHECK((share[1] >= 40 && share[1] <= 60));
  }
}

TEST_CASE("an overloaded egress takes as much from its worker's own lane as from each worker that hands over to it") {
  RigConfig config;
  config.workers = 3;
  config.tx_queues = 1;
  Rig rig(config);
  const auto share = shares(rig, 1, {{0, 0}, {0, 1}, {0, 2}});
  for (std::size_t i = 0; i < share.size(); ++i) {
    INFO("worker " << i << ": " << share[i] << " %");
    CHECK((share[i] >= 25 && share[i] <= 42));
  }
}

TEST_CASE("frames come home as fast as they are handed out, also to a worker that is slower than the one that sends") {
  RigConfig config;
  config.workers = 2;
  config.queues = 8;
  config.tx_queues = 1;  // worker 1 receives on four lanes and hands everything to worker 0
  Rig rig(config);
  rig.forward("198.18.1.0/24", 1, test_mac(1));
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build();
  rig.turn();
  for (int round = 0; round < 100; ++round) {
    for (const std::uint16_t queue : {std::uint16_t{1}, std::uint16_t{3}, std::uint16_t{5}, std::uint16_t{7}}) {
      for (std::uint32_t i = 0; i < kBurstSize; ++i) REQUIRE(rig.lane(0, queue).inject(packet));
    }
    rig.worker(1).turn(rig.now());
    for (int turn = 0; turn < 6; ++turn) rig.worker(0).turn(rig.now());
  }
  CHECK(rig.drops() == 0);
  CHECK(rig.sent(1).size() == 100 * 4 * kBurstSize);
  CHECK(rig.worker(0).cells().pipeline.way_home.peak.read() <= 4 * kBurstSize);
  CHECK(rig.unaccounted_frames() == 0);
}

TEST_CASE("frames that come home wake their worker, and one that has some to send does not sleep long") {
  RigConfig config;
  config.workers = 2;
  config.tx_queues = 1;
  Rig rig(config);
  rig.forward("198.18.1.0/24", 1, test_mac(1));
  rig.turn();
  REQUIRE(rig.lane(0, 1).inject(PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build()));
  rig.worker(1).turn(rig.now());
  rig.worker(0).turn(rig.now());
  REQUIRE(rig.sent(1).size() == 1);
  CHECK(rig.worker(0).must_reap());
  rig.waker(1).announce_sleep();
  rig.worker(0).turn(rig.now());
  pollfd woken{rig.waker(1).descriptor(), POLLIN, 0};
  CHECK(::poll(&woken, 1, 0) == 1);
  CHECK(rig.worker(1).has_waiting());
  CHECK_FALSE(rig.worker(0).must_reap());
}

}  // namespace
}  // namespace culvert::test
