// SPDX-License-Identifier: Apache-2.0
// Packets that wait for their neighbours: how many are tried again in a turn, and in which order they leave.
#include "packet/ipv4.h"
#include "test/pipeline/router.h"

using namespace culvert;
using test::kEthernet;
using test::PacketBuilder;
using test::Router;

namespace {

/// Packets to as many on-link neighbours that nobody knows.
void wait_for_neighbors(Router& router, int count) {
  router.special("198.18.4.0/23", NextHopKind::kGlean, 1);
  for (int i = 0; i < count; ++i) {
    const std::string to = "198.18." + std::to_string(4 + i / 256) + "." + std::to_string(i % 256);
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", to).udp(1, 2).build());
  }
}

}  // namespace

TEST_CASE("what waits is tried again a burst a turn, however often the tables change") {
  RigConfig config;
  config.pending_packets = 512;
  Router router(config);
  wait_for_neighbors(router, 500);
  REQUIRE(router.sum(&PipelineCells::held) == 500);
  router.turns(20, 1);
  for (int i = 0; i < 30; ++i) {
    router.forward("203.0.113.0/24", 1, test_mac(0xa1));  // a change that concerns none of them
    const auto before = router.sum(&PipelineCells::route_lookups);
    router.turn(1);
    CHECK(router.sum(&PipelineCells::route_lookups) - before <= kBurstSize);
  }
  // All of them are met, not only the oldest.
  router.forward("198.18.4.0/23", 1, test_mac(0xa2));
  for (int i = 0; i < 20; ++i) {
    const auto before = router.sent(1).size();
    router.turn(1);
    CHECK(router.sent(1).size() - before <= kBurstSize);
  }
  CHECK(router.sent(1).size() == 500);
  CHECK(router.unaccounted_packets() == 0);
  CHECK(router.unaccounted_frames() == 0);
}

TEST_CASE("packets of one neighbour leave in their order when it answers in the middle of a round") {
  RigConfig config;
  config.pending_packets = 512;
  Router router(config);
  const NextHopIndex gateway = router.unresolved("203.0.113.0/24", 1);
  router.unresolved("203.0.114.0/24", 1);
  const auto wait = [&](const std::string& to, std::uint16_t port) {
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", to).udp(port, 80).build());
  };
  for (std::uint16_t i = 0; i < 20; ++i) wait("203.0.113.9", i);
  for (std::uint16_t i = 0; i < 64; ++i) wait("203.0.114.9", i);
  for (std::uint16_t i = 20; i < 40; ++i) wait("203.0.113.9", i);
  router.turns(20, 1);
  REQUIRE(router.sum(&PipelineCells::held) == 104);
  router.forward("203.0.115.0/24", 1, test_mac(0xa1));
  router.turn(1);  // the first 64 are tried, in vain
  router.resolve(gateway, test_mac(0xb1));
  router.turns(10, 1);
  REQUIRE(router.sent(1).size() == 40);
  for (std::uint16_t i = 0; i < 40; ++i) CHECK(load<Be16>(router.sent(1)[i].data() + kEthernet + 20).host() == i);
}

TEST_CASE("a packet that comes in the middle of a round stays behind older ones of its neighbour") {
  RigConfig config;
  config.pending_packets = 512;
  Router router(config);
  std::vector<NextHopIndex> gateways;
  for (int i = 0; i < 8; ++i) gateways.push_back(router.unresolved("203.0." + std::to_string(i) + ".0/24", 1));
  const auto packet_for = [](int gateway, std::uint16_t port) {
    const std::string to = "203.0." + std::to_string(gateway) + ".9";
    return PacketBuilder().ethernet().ipv4("198.18.0.2", to).udp(port, 80).build();
  };
  for (std::uint16_t port = 0; port < 40; ++port) {
    for (int gateway = 0; gateway < 8; ++gateway) router.pass(packet_for(gateway, port));
  }
  router.turns(20, 1);
  router.forward("203.0.113.0/24", 1, test_mac(0xa1));  // a change that concerns none of them: a round of five turns
  for (std::uint16_t port = 40; port < 45; ++port) {
    for (int gateway = 0; gateway < 8; ++gateway) REQUIRE(router.lane(0).inject(packet_for(gateway, port)));
    router.turn(1);
  }
  router.turns(20, 1);
  REQUIRE(router.sum(&PipelineCells::held) == 8 * 45);
  for (const NextHopIndex gateway : gateways) {
    router.sent(1).clear();
    router.resolve(gateway, test_mac(0xb1));
    router.turns(20, 1);
    REQUIRE(router.sent(1).size() == 45);
    for (std::uint16_t i = 0; i < 45; ++i) CHECK(load<Be16>(router.sent(1)[i].data() + kEthernet + 20).host() == i);
  }
}

TEST_CASE("a packet that comes when its neighbour has just answered does not overtake those that waited") {
  Router router;
  const NextHopIndex gateway = router.unresolved("203.0.113.0/24", 1);
  for (std::uint16_t port = 0; port < 9; ++port) {
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(port, 80).build());
  }
  router.resolve(gateway, test_mac(0xb1));
  REQUIRE(router.lane(0).inject(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(9, 80).build()));
  router.turns(3);
  REQUIRE(router.sent(1).size() == 10);
  for (std::uint16_t i = 0; i < 10; ++i) CHECK(load<Be16>(router.sent(1)[i].data() + kEthernet + 20).host() == i);
}

TEST_CASE("dead neighbours with many packets do not push out the few of one that is being resolved") {
  RigConfig config;
  config.pending_packets = 128;
  Router router(config);
  const NextHopIndex gateway = router.unresolved("203.0.113.0/24", 1);
  router.special("198.18.4.0/23", NextHopKind::kGlean, 1);
  for (int i = 0; i < 3; ++i) {
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build());
  }
  for (int i = 0; i < 400; ++i) {
    const std::string to = "198.18.4." + std::to_string(1 + i % 20);
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", to).udp(1, 2).build());
  }
  CHECK(router.sum(&PipelineCells::held) == 128);
  CHECK(router.drops(DropReason::kNeighborPendingFull) == 400 + 3 - 128);
  router.resolve(gateway, test_mac(0xb1));
  router.turns(10, 1);
  CHECK(router.sent(1).size() == 3);
  CHECK(router.unaccounted_packets() == 0);
  CHECK(router.unaccounted_frames() == 0);
}

TEST_CASE("a neighbour that answers does not wait for dead ones that came before it") {
  RigConfig config;
  config.pending_packets = 512;
  Router router(config);
  wait_for_neighbors(router, 500);
  for (int i = 400; i < 500; ++i) router.forward("198.18.5." + std::to_string(i - 256) + "/32", 1, test_mac(0xa2));
  router.turns(20, 1);
  CHECK(router.sent(1).size() == 100);
}

TEST_CASE("neighbours that never answer: all packets are dropped in time, a burst a turn") {
  RigConfig config;
  config.pending_packets = 512;
  Router router(config);
  wait_for_neighbors(router, 300);
  router.turns(29, 100 * kNanosecondsPerMillisecond);
  CHECK(router.drops(DropReason::kNeighborTimeout) == 0);
  router.turns(16, 10 * kNanosecondsPerMillisecond);
  CHECK(router.drops(DropReason::kNeighborTimeout) == 300);
  CHECK(router.sum(&PipelineCells::held) == 0);
}
