// SPDX-License-Identifier: Apache-2.0
// Whole workers on memory lanes, a virtual clock, and a world that misbehaves at random: mutated packets, stuck and
// slow links, refused sends, routes and neighbours that come and go, a punter that stalls. After every turn each frame
// has one holder and each packet one fate. The seed is printed; CULVERT_SEED repeats a run, CULVERT_TURNS makes it
// longer.
#include <cstdio>
#include <random>

#include "test/simulation/environment.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"
#include "test/support/rig.h"

using namespace culvert;
using test::Bytes;
using test::from_environment;
using test::PacketBuilder;

namespace {

enum class Pace { kLockstep, kUneven };

class World {
 public:
  World(Rig& rig, const RigConfig& config, Pace pace, std::span<const std::uint16_t> queues, std::uint64_t seed)
      : rig_(rig), config_(config), pace_(pace), queues_(queues), random_(seed) {
    const MultipathMember members[] = {{rig_.forward("203.0.113.1/32", 1, test_mac(1)), 1},
                                       {rig_.forward("203.0.113.2/32", 1, test_mac(2)), 3}};
    rig_.multipath("203.0.114.0/24", members);
    rig_.forward("198.18.0.0/24", 0, test_mac(0xa0));
    rig_.forward("198.18.1.0/24", 1, test_mac(0xa1));
    rig_.forward("198.18.2.0/24", 1, test_mac(0xa2), 600);
    rig_.forward("2001:db8::/64", 0, test_mac(0xa0));
    rig_.forward("2001:db8:1::/64", 1, test_mac(0xa1), 1280);
    rig_.special("198.18.3.0/24", NextHopKind::kGlean, 1);
    rig_.special("198.18.4.0/24", NextHopKind::kLocal);
    rig_.special("198.18.5.0/24", NextHopKind::kUnreachable);
    waiting_ = rig_.unresolved("198.18.6.0/24", 1);
  }

  void step() {
    const std::uint64_t packets = pick(40);
    for (std::uint64_t i = 0; i < packets; ++i) {
      // False is a packet lost before a worker saw it: no free frame, ring full, link down. The lane counts it.
      lane().inject(packet());
    }
    if (pick(20) == 0) misbehave();
    if (pick(50) == 0) change_routes();
    if (pick(30) == 0) rig_.punter_runs = !rig_.punter_runs;
    if (pick(30) == 0) rig_.punts_delivered = !rig_.punts_delivered;
    rig_.take_requests();
    const std::uint64_t step_ns = pick(100) == 0 ? 50 * kNanosecondsPerMillisecond : 10'000;
    if (pace_ == Pace::kLockstep) return rig_.turn(step_ns);
    std::vector<std::uint32_t> turns(config_.workers);
    for (std::uint32_t& count : turns) count = static_cast<std::uint32_t>(pick(4));
    rig_.uneven_turns(turns, static_cast<WorkerIndex>(pick(config_.workers)), step_ns);
  }

  /// Everything behaves again, and what is on the way arrives.
  void calm_down() {
    for (InterfaceIndex i = 0; i < config_.interfaces; ++i) {
      for (std::uint16_t q = 0; q < queues_[i]; ++q) rig_.lane(i, q).behavior() = {};
    }
    rig_.punter_runs = true;
    rig_.turns(50, 20 * kNanosecondsPerMillisecond);
    // In sixteen workers there may have been room and time for all that waited.
    rig_.remove("198.18.3.7/32");
    REQUIRE(rig_.lane(0).inject(PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.3.7").udp(1, 2).build()));
    rig_.turns(300, 20 * kNanosecondsPerMillisecond);
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  MemoryLane& lane() {
    const auto interface = static_cast<InterfaceIndex>(pick(config_.interfaces));
    return rig_.lane(interface, static_cast<std::uint16_t>(pick(queues_[interface])));
  }
  InterfaceIndex egress() { return static_cast<InterfaceIndex>(1 + pick(config_.interfaces - 1U)); }

  Bytes packet() {
    Bytes bytes = good_packet();
    if (pick(4) != 0) return bytes;
    for (std::uint64_t changes = 1 + pick(4); changes > 0; --changes) {
      bytes[pick(bytes.size())] = static_cast<std::byte>(pick(256));
    }
    if (pick(4) == 0) bytes.resize(pick(bytes.size()) + 1);
    return bytes;
  }

  Bytes good_packet() {
    static const char* const kDestinations[] = {"198.18.0.9", "198.18.1.9", "198.18.2.9",  "198.18.3.7", "198.18.4.1",
                                                "198.18.5.1", "198.18.6.1", "203.0.114.4", "192.0.2.1"};
    const std::string source = "198.18.0." + std::to_string(2 + pick(200));
    const auto ttl = static_cast<std::uint8_t>(pick(5) == 0 ? 1 : 64);
    const auto port = static_cast<std::uint16_t>(pick(65536));
    const std::size_t size = pick(3) == 0 ? pick(1400) : pick(64);
    PacketBuilder builder;
    builder.ethernet();
    if (pick(16) == 0) builder.vlan(static_cast<std::uint16_t>(pick(4096)));
    if (pick(3) == 0) {
      builder.ipv6("2001:db8::2", pick(2) == 0 ? "2001:db8:1::2" : "2001:db8:9::2", {.hop_limit = ttl});
      if (pick(4) == 0) builder.hop_by_hop();
    } else {
      builder.ipv4(source, kDestinations[pick(std::size(kDestinations))],
                   {.ttl = ttl, .dont_fragment = pick(2) == 0, .more_fragments = pick(8) == 0});
    }
    return pick(2) == 0 ? builder.udp(port, 53).payload(size).build() : builder.tcp(port, 80).payload(size).build();
  }

  void misbehave() {
    LaneBehavior& behavior = lane().behavior();
    behavior = {};
    switch (pick(6)) {
      case 0:
        behavior.sends_per_flush = 0;
        break;
      case 1:
        behavior.completions_per_flush = static_cast<std::uint32_t>(pick(3));
        break;
      case 2:
        behavior.busy_every = 3;
        break;
      case 3:
        behavior.state = LaneState::kLinkDown;
        break;
      case 4:
        behavior.receive_per_call = 1;
        break;
      default:
        break;
    }
  }

  void change_routes() {
    switch (pick(4)) {
      case 0:
        rig_.forward("198.18.1.0/24", egress(), test_mac(0xa1), pick(2) == 0 ? 1500 : 576);
        break;
      case 1:
        rig_.special("198.18.1.0/24", NextHopKind::kGlean, egress());
        break;
      case 2:
        rig_.resolve(waiting_, test_mac(0xbb));
        break;
      default:
        if (pick(2) == 0) {
          rig_.forward("198.18.3.7/32", 1, test_mac(0xcc));
        } else {
          rig_.remove("198.18.3.7/32");
        }
        break;
    }
  }

  Rig& rig_;
  const RigConfig& config_;
  Pace pace_;
  std::span<const std::uint16_t> queues_;  ///< of each interface
  std::mt19937_64 random_;
  NextHopIndex waiting_ = 0;
};

/// Of interface i, queues from `queues[i]` on do not exist. Whoever has no lane to send on hands over to worker 0.
void simulate(const RigConfig& config, Pace pace = Pace::kLockstep, std::vector<std::uint16_t> queues = {}) {
  const std::uint64_t seed = test::seed_from_environment();
  const std::uint64_t turns = from_environment("CULVERT_TURNS", 5000);
  std::printf("seed %llu, %llu turns, %u workers\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(turns), config.workers);
  Rig rig(config);
  if (config.workers == 3) {
    // Worker 1 cannot send on interface 1, nor worker 2 on interface 0: they hand over to worker 0, whose frames and
    // theirs then have to find home.
    rig.remove_lane(1, 1);
    rig.remove_lane(0, 2);
  }
  queues.resize(config.interfaces, config.workers);
  for (InterfaceIndex i = 0; i < config.interfaces; ++i) {
    for (std::uint16_t q = queues[i]; q < config.workers; ++q) rig.remove_lane(i, q);
  }
  World world(rig, config, pace, queues, seed);
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    world.step();
    REQUIRE(rig.unaccounted_packets() == 0);
    REQUIRE(rig.unaccounted_frames() == 0);
  }
  world.calm_down();
  CHECK(rig.unaccounted_packets() == 0);
  CHECK(rig.unaccounted_frames() == 0);
  CHECK(rig.sum(&PipelineCells::held) == 0);
  // The world was not so bad that nothing happened.
  CHECK(rig.sum(&PipelineCells::forwarded) > turns);
  CHECK(rig.sum(&PipelineCells::generated) > 0);
  CHECK(rig.sum(&PipelineCells::punted) > 0);
  CHECK(rig.sum(&PipelineCells::fragmented) > 0);
  CHECK(rig.drops(DropReason::kTransmitFailed) > 0);
  CHECK((rig.sum(&PipelineCells::handed_out) > 0) == (config.workers > 1));
  CHECK(rig.sum(&PipelineCells::handed_out) == rig.sum(&PipelineCells::handed_in));
  CHECK(rig.drops(DropReason::kNeighborTimeout) + rig.drops(DropReason::kNeighborPendingFull) > 0);
}

}  // namespace

TEST_CASE("one worker in a misbehaving world loses no frame and no packet unsaid") {
  simulate({});
}

TEST_CASE("three workers with unequal lanes: hand-off, homecoming, and still nothing lost unsaid") {
  RigConfig config;
  config.workers = 3;
  config.queues = 3;
  config.frames_per_worker = 2048;
  simulate(config);
}

TEST_CASE("the same when each worker turns as often as it likes") {
  RigConfig config;
  config.workers = 3;
  config.queues = 3;
  config.frames_per_worker = 2048;
  simulate(config, Pace::kUneven);
}

TEST_CASE("sixteen workers, four interfaces of unequal queues, and no common pace") {
  RigConfig config;
  config.workers = kMaxWorkers;
  config.interfaces = 4;
  config.frames_per_worker = 3072;
  simulate(config, Pace::kUneven, {16, 1, 3, 9});
}

TEST_CASE("too few frames for the rings: nothing is lost unsaid, and it goes on") {
  RigConfig config;
  config.frames_per_worker = 384;
  config.pending_packets = 32;
  simulate(config);
}

TEST_CASE("a lane that is taken away gives all its frames back, and packets for it become drops") {
  Rig rig;
  rig.forward("198.18.1.0/24", 1, test_mac(1));
  rig.lane(1).behavior().sends_per_flush = 0;
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build();
  rig.turn();
  for (int i = 0; i < 20; ++i) REQUIRE(rig.lane(0).inject(packet));
  rig.turns(2);
  CHECK(rig.lane(1).frames_transmitting() == 20);
  rig.remove_lane(1);
  rig.turns(2);
  CHECK(rig.lane(1).frames_transmitting() == 0);
  CHECK(rig.unaccounted_frames() == 0);
  REQUIRE(rig.lane(0).inject(packet));
  rig.turns(2);
  CHECK(rig.drops(DropReason::kInterfaceDown) == 1);
}

TEST_CASE("a lane without a tx queue is never chosen to send on: another one of the worker is, or another worker's") {
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build();
  for (const WorkerIndex workers : {WorkerIndex{1}, WorkerIndex{2}}) {
    RigConfig config;
    config.workers = workers;
    config.queues = 2;
    config.tx_queues = 1;
    Rig rig(config);
    rig.forward("198.18.1.0/24", 1, test_mac(1));
    rig.turn();
    REQUIRE(rig.lane(0, 1).inject(packet));
    rig.turns(3);
    CHECK(rig.drops() == 0);
    CHECK(rig.sent(1, 0).size() == 1);
    CHECK(rig.sum(&PipelineCells::handed_out) == (workers > 1 ? 1 : 0));
  }
}

TEST_CASE("without the lane that could send, one that only receives does not take its place") {
  RigConfig config;
  config.queues = 3;
  config.tx_queues = 2;
  Rig rig(config);
  rig.forward("198.18.1.0/24", 1, test_mac(1));
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build();
  rig.turn();
  rig.remove_lane(1, 0);
  REQUIRE(rig.lane(0).inject(packet));
  rig.turns(2);
  CHECK(rig.sent(1, 1).size() == 1);
  rig.remove_lane(1, 1);
  REQUIRE(rig.lane(0).inject(packet));
  rig.turns(2);
  CHECK(rig.drops(DropReason::kInterfaceDown) == 1);
  CHECK(rig.drops(DropReason::kTransmitQueueFull) == 0);
}

TEST_CASE("packets that find a hand-off ring full are dropped, and the ring's row counts them") {
  RigConfig config;
  config.workers = 2;
  config.queues = 8;
  config.tx_queues = 1;  // worker 0 alone can send, and takes a burst from worker 1 each turn, which receives four
  Rig rig(config);
  rig.forward("198.18.1.0/24", 1, test_mac(1));
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build();
  rig.turn();
  for (int turn = 0; turn < 20; ++turn) {
    for (const std::uint16_t queue : {std::uint16_t{1}, std::uint16_t{3}, std::uint16_t{5}, std::uint16_t{7}}) {
      for (std::uint32_t i = 0; i < kBurstSize; ++i) rig.lane(0, queue).inject(packet);
    }
    rig.turn();
  }
  rig.turns(30, 100 * kNanosecondsPerMillisecond);
  const std::uint64_t dropped = rig.drops(DropReason::kHandoffFull);
  CHECK(dropped > 0);
  CHECK(rig.worker(0).cells().handoff_in.failures.read() == dropped);
  CHECK(rig.worker(0).cells().handoff_in.peak.read() == kHandoffPacketCapacity);
  CHECK(rig.worker(1).cells().handoff_in.failures.read() == 0);
  CHECK(rig.unaccounted_packets() == 0);
  CHECK(rig.unaccounted_frames() == 0);
}

TEST_CASE("a frame in a hand-off ring is nobody's but the ring's: the ledger of test builds says so") {
  Region region({.frames = 8, .workers = 2});
  std::vector<FrameAddress> storage(4), strangers(4);
  FramePool pool(0, region.homes(), region.frame_size(), storage, strangers, region.ledger());
  HandoffMesh mesh(2);
  PuntQueue punt;
  Waker punter;
  PipelineCells cells;
  FrameTraffic traffic;
  Egress egress({0, &pool, &mesh, &punt, &punter, &cells, &traffic});
  EgressOwners owners;
  owners.worker.fill(1);
  egress.use(owners);
  Burst burst;
  Packet& packet = burst.append();
  REQUIRE(pool.take(packet.frame));
  packet.verdict = Verdict::kForward;
  packet.egress = 1;
  egress.dispatch(burst);
  Packet handed_over;
  REQUIRE(mesh.link(0, 1).packets.pop(handed_over));
  CHECK(region.ledger().is_with(handed_over.frame, FrameHolder::kHandoff));
  // The same on the way home: a frame of the other worker's that is freed here.
  const FrameAddress theirs = 5 * region.frame_size();
  region.ledger().leave(theirs, FrameHolder::kPool);
  pool.give(theirs);
  egress.end_turn();
  CHECK(mesh.link(0, 1).frames.waiting() == 1);
  CHECK(region.ledger().is_with(theirs, FrameHolder::kHandoff));
}

TEST_CASE("a stopped worker has given everything back") {
  Rig rig;
  rig.unresolved("198.18.1.0/24", 1);
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2").udp(1, 2).build();
  rig.turn();
  for (int i = 0; i < 20; ++i) REQUIRE(rig.lane(0).inject(packet));
  rig.turns(2);
  CHECK(rig.sum(&PipelineCells::held) == 20);
  rig.tell(0, Command{CommandKind::kStop});
  CHECK(rig.worker().stopped());
  CHECK(rig.drops(DropReason::kWorkerStopping) == 20);
  CHECK(rig.unaccounted_packets() == 0);
  const auto& budget = rig.worker().cells().budget;
  CHECK(budget.holders[static_cast<std::size_t>(FrameHolder::kPool)].read() == budget.home.read());
}
