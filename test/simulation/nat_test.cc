// SPDX-License-Identifier: Apache-2.0
// A firewall with NAT in a random world: dialogues (dialogues.h) between four networks, and configurations that change
// while sessions go on (nat_world.h), with a virtual clock, one worker and several, at a common pace and each at its
// own. After every turn each frame has one holder and each packet one fate, and no address of the networks inside has
// shown in the internet; every now and then ports are taken by sessions and mappings alone, each by one. The seed is
// printed; CULVERT_SEED repeats a run, CULVERT_TURNS makes it longer.
#include <cstdio>

#include "test/simulation/environment.h"
#include "test/simulation/leaks.h"
#include "test/simulation/nat_books.h"
#include "test/simulation/nat_world.h"
#include "test/simulation/verdicts.h"

namespace culvert::test {
namespace {

constexpr std::size_t kMostPerTurn = 32;

/// What the log says of sessions and ports.
struct Told {
  std::uint64_t opened = 0, translated = 0, redirected = 0, by_mapping = 0, taken = 0, freed = 0;

  void read(Rig& rig, WorkerIndex workers) {
    SessionRecord record;
    for (WorkerIndex worker = 0; worker < workers; ++worker) {
      while (rig.shard(worker).log().take(record)) {
        taken += record.kind == SessionRecordKind::kPortTaken ? 1 : 0;
        freed += record.kind == SessionRecordKind::kPortFree ? 1 : 0;
        if (record.kind != SessionRecordKind::kOpened) continue;
        ++opened;
        translated += record.translated ? 1 : 0;
        redirected += record.redirected ? 1 : 0;
        by_mapping += record.rule == kMappingRule ? 1 : 0;
      }
    }
  }
};

class World {
 public:
  World(Rig& rig, const RigConfig& config, std::uint64_t seed)
      : rig_(rig),
        config_(config),
        dialogues_(seed, NatWorld::kInterfaces),
        dice_(dialogues_.dice()),
        // Who is rejected with an external address whose home is inside now hears it from there.
        leaks_(NatWorld::kInsideNetworks, Leaks::Own::kMayShow),
        nat_(rig, dice_, config.workers),
        books_(rig, config.workers, nat_.slots()) {}

  void step() {
    const auto interface = static_cast<InterfaceIndex>(dice_.pick(NatWorld::kInterfaces));
    for (std::uint64_t i = dice_.pick(kMostPerTurn); i > 0; --i) {
      const auto queue = static_cast<std::uint16_t>(dice_.pick(config_.queues));
      for (const Bytes& packet : dialogues_.next(interface)) {
        const bool arrived = rig_.lane(interface, queue).inject(packet);
        if (arrived && interface >= NatWorld::kInsideNetworks) leaks_.note_arrival(packet);
      }
    }
    const std::uint64_t pause = dice_.chance(2) ? dice_.pick(40) * kNanosecondsPerSecond : 500'000;
    if (config_.workers == 1 || dice_.chance(50)) {
      rig_.turn(pause);
    } else {
      std::vector<std::uint32_t> turns(config_.workers);
      for (std::uint32_t& count : turns) count = static_cast<std::uint32_t>(dice_.pick(4));
      rig_.uneven_turns(turns, static_cast<WorkerIndex>(dice_.pick(config_.workers)), pause);
    }
    look();
    if (dice_.chance(2)) nat_.change();
    if (dice_.chance(1)) nat_.move_network();
    if (dice_.chance(1)) clear_some();
  }

  /// What has left, and what was told.
  void look() {
    check_sent(rig_, config_, [this](std::span<const std::byte> packet, InterfaceIndex interface) {
      dialogues_.see(packet, interface);
      if (interface == NatWorld::kOpenNetwork) leaks_.note_departure(packet);
      if (interface == NatWorld::kOutside && leaks_.shows_in(packet)) {
        FAIL("an address inside shows in the internet: " << to_hex(packet));
      }
    });
    told.read(rig_, config_.workers);
  }

  NatBooks& books() { return books_; }
  Told told;

 private:
  /// What `culvert clear sessions` does with a worker's sessions of one family.
  void clear_some() {
    const auto worker = static_cast<WorkerIndex>(dice_.pick(config_.workers));
    std::vector<SessionHandle> handles;
    const auto add = [&](const auto& views, bool ipv6) {
      for (const auto& view : views) {
        if (dice_.chance(30)) handles.push_back({view.original.slot, view.original.head.sequence, ipv6});
      }
    };
    dice_.chance(50) ? add(rig_.sessions<FiveTuple4>(worker), false) : add(rig_.sessions<FiveTuple6>(worker), true);
    handles.resize(std::min(handles.size(), kMostEndedAtOnce));
    Command command;
    command.kind = CommandKind::kEndSessions;
    command.sessions = handles;
    rig_.tell(worker, command);
  }

  Rig& rig_;
  const RigConfig& config_;
  Dialogues dialogues_;
  Dice& dice_;
  Leaks leaks_;
  NatWorld nat_;
  NatBooks books_;
};

std::uint64_t ended(const Rig& rig, WorkerIndex workers, Cell SessionCells::*why) {
  std::uint64_t sum = 0;
  for (WorkerIndex worker = 0; worker < workers; ++worker) sum += (rig.session_cells(worker).*why).read();
  return sum;
}

/// The world was not so bad that nothing happened.
void check_reach(const Rig& rig, const RigConfig& config, World& world, std::uint64_t turns) {
  const Told& told = world.told;
  std::printf(
      "  %llu sessions, %llu translated, %llu redirected, %llu by a mapping, %llu ports; at once %llu ports of "
      "mappings, %llu of one session, %llu sessions of one port\n",
      static_cast<unsigned long long>(told.opened), static_cast<unsigned long long>(told.translated),
      static_cast<unsigned long long>(told.redirected), static_cast<unsigned long long>(told.by_mapping),
      static_cast<unsigned long long>(told.taken), static_cast<unsigned long long>(world.books().most_mapped()),
      static_cast<unsigned long long>(world.books().most_alone()),
      static_cast<unsigned long long>(world.books().most_shared()));
  CHECK(rig.sum(&PipelineCells::forwarded) > turns);
  CHECK(told.translated > turns / 5);
  CHECK(told.redirected > turns / 100);
  CHECK(told.by_mapping > turns / 200);
  CHECK(world.books().most_mapped() > 20);
  CHECK(world.books().most_alone() > 20);
  CHECK(world.books().most_shared() > 1);
  CHECK(ended(rig, config.workers, &SessionCells::expired) > 0);
  CHECK(ended(rig, config.workers, &SessionCells::cleared) > 0);
  CHECK(ended(rig, config.workers, &SessionCells::renewed) > 0);
  CHECK(rig.sum(&PipelineCells::punted) > 0);
  CHECK((rig.sum(&PipelineCells::handed_out) > 0) == (config.workers > 1));
  for (const DropReason reason : {DropReason::kPolicyDeny, DropReason::kPolicyReject, DropReason::kPolicyChanged,
                                  DropReason::kSessionZone, DropReason::kReversePath, DropReason::kTcpNoSession,
                                  DropReason::kIcmpUnrelated, DropReason::kNatNoMapping, DropReason::kNatFiltered}) {
    INFO(drop_reason_text(reason).name);
    CHECK(rig.drops(reason) > 0);
  }
}

void simulate(const RigConfig& config) {
  const std::uint64_t seed = seed_from_environment();
  const std::uint64_t turns = from_environment("CULVERT_TURNS", has_time() ? 60'000 : 8000);
  std::printf("CULVERT_SEED=%llu, %llu turns, %u workers, %u sessions each, NAT\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(turns), config.workers,
              config.sessions);
  INFO("CULVERT_SEED=" << seed);
  Rig rig(config);
  World world(rig, config, seed);
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    world.step();
    REQUIRE(rig.unaccounted_packets() == 0);
    REQUIRE(rig.unaccounted_frames() == 0);
    if (turn % 32 == 0) world.books().check();
  }
  rig.turns(20);
  world.look();
  world.books().check();
  check_reach(rig, config, world, turns);
  // All that lives by time goes with time, and every port that was taken is free.
  for (int i = 0; i < 9000; ++i) {
    rig.turn(kNanosecondsPerSecond);
    world.told.read(rig, config.workers);
  }
  world.books().check_empty();
  CHECK(rig.sum(&PipelineCells::held) == 0);
  CHECK(rig.sum(&PipelineCells::handed_out) == rig.sum(&PipelineCells::handed_in));
  if (ended(rig, config.workers, &SessionCells::log_lost) == 0) CHECK(world.told.taken == world.told.freed);
}

RigConfig config_of(WorkerIndex workers, std::uint32_t sessions) {
  RigConfig config;
  config.interfaces = NatWorld::kInterfaces;
  config.workers = config.queues = workers;
  config.sessions = sessions;
  config.half_open = sessions / 2;
  config.fragments = 64;
  config.external_addresses = NatWorld::kSlots;
  return config;
}

}  // namespace

TEST_CASE("NAT under changing configurations keeps its books and shows nobody inside, with one worker and several") {
  for (const WorkerIndex workers : {WorkerIndex{1}, WorkerIndex{2}, WorkerIndex{5}}) simulate(config_of(workers, 2048));
}

TEST_CASE("the same with room for few sessions") {
  simulate(config_of(2, 96));
}

}  // namespace culvert::test
