// SPDX-License-Identifier: Apache-2.0
// What it costs that a packet's session is another worker's. Two workers, each with one queue of either interface and
// half of 64k sessions; the contenders differ only in the queue where a flow comes in:
//
//   own          at the worker that has its session: received, parsed, looked up, sent
//   handed off   at the other one: received, parsed, put into a ring; here taken out, looked up, sent; and the frame
//                goes home by another ring
//
// "A side" is half of what a packet takes more: each worker is one side of what it receives and the other of what it
// is given.
//
//   one thread    both workers take turns: all of the work, nothing of the way from one cache to another
//   two threads   each worker on a CPU of its own: CPU time of one of them, without waiting for the other one, by
//   packets
//                 that it has received. The way between the caches is in it, and how long that is a guest can't choose:
//                 its two CPUs share a core, a cache, or nothing, from one minute to the next. So the time that one
//                 line takes there and back is measured in the same rounds.
#include "bench/turn/handoff.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <thread>

#include "base/cpu.h"
#include "base/time.h"
#include "bench/turn/contenders.h"
#include "packet/parse.h"
#include "pipeline/session_owner.h"

namespace culvert::bench {
namespace {

constexpr std::uint32_t kFlows = 65536;
constexpr WorkerIndex kWorkers = 2;
constexpr std::size_t kPacketsOfThread = 4 * kPackets;
/// Packets on the way to the other worker at which a worker receives no more, lest the ring fills.
constexpr std::int64_t kMostAhead = kHandoffPacketCapacity / 2;
constexpr int kBreathsOfWait = 200;
constexpr double kMostNsASide = 40;

/// By the worker that has the packets' sessions.
using Lists = std::array<PacketList, kWorkers>;

WorkerIndex owner_of(std::span<std::byte> bytes) {
  Burst burst;
  Packet& packet = burst.append();
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  parse_burst(burst, {});
  SessionOwners(0, kWorkers, Rig::owner_key()).sort(burst);
  return packet.verdict == Verdict::kHandOff ? static_cast<WorkerIndex>(packet.next_hop) : WorkerIndex{0};
}

/// As many flows of each worker.
Lists lists_by_owner() {
  TrafficConfig traffic;
  traffic.flows = kFlows / 8 * 9;
  const PacketList all = make_traffic(traffic);
  Lists lists;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto stored = all.stored(all[i]);
    std::vector<std::byte> bytes(stored.begin(), stored.end());
    PacketList& list = lists[owner_of(bytes)];
    if (list.size() < kFlows / kWorkers) list.add(bytes);
  }
  return lists;
}

RuleSet permit_everything() {
  RuleSet set;
  Rule rule;
  rule.name = "everything";
  rule.from = ZoneMask{1} << 1;
  rule.to = ZoneMask{1} << 2;
  rule.action = RuleAction::kPermit;
  set.rules.push_back(rule);
  return set;
}

class TwoWorkers {
 public:
  enum class Flows : std::uint8_t { kOwn, kOthers };

  /// All sessions are there after the constructor.
  TwoWorkers(const Lists& lists, Flows flows) : flows_(flows), rig_(config(lists, flows)) {
    rig_.forward("198.19.0.0/16", 1, test_mac(9));
    rig_.use(permit_everything());
    take_turns(std::size_t{2} * kFlows);
    before_ = counts();
  }

  /// On this thread, until both have received so many together.
  void take_turns(std::size_t packets) {
    for (std::size_t done = 0; done < packets; done += kWorkers * kBurstSize) {
      for (WorkerIndex worker = 0; worker < kWorkers; ++worker) turn(worker);
    }
  }

  /// The first worker on this thread, the other one on that CPU, until the first has received so many.
  void run_beside(std::size_t packets, int other_cpu) {
    std::atomic<bool> ready{false};
    done_ = false;
    sides_[0].waited_ns = 0;
    const std::jthread other([&] {
      const bool pinned = pin_this_thread(other_cpu).has_value();
      pinned_ = pinned_ && pinned;
      ready = true;
      ready.notify_one();
      while (!done_.load(std::memory_order_relaxed)) careful_turn(1);
    });
    ready.wait(false);
    for (const std::uint64_t until = cells(0).received.read() + packets; cells(0).received.read() < until;) {
      careful_turn(0);
    }
    done_ = true;
  }
  /// CPU time of the last run in which the first worker waited for the other one.
  std::uint64_t waited_ns() const { return sides_[0].waited_ns; }

  /// Every packet since the constructor took the way that it should, found its session there, and was sent.
  bool holds() {
    const Counts now = counts();
    const std::uint64_t received = now.received - before_.received;
    const std::uint64_t came = now.handed_in - before_.handed_in;
    const std::uint64_t went = now.handed_out - before_.handed_out;
    const std::uint64_t still_on_its_way = now.handed_out - now.handed_in;
    const std::uint64_t sent = received + before_.handed_out - before_.handed_in - still_on_its_way;
    bool sessions = now.evaluations == before_.evaluations;
    for (WorkerIndex worker = 0; worker < kWorkers; ++worker) {
      sessions = sessions && rig_.shard(worker).size() == kFlows / kWorkers;
    }
    const bool way = flows_ == Flows::kOthers ? went == received && came != 0 : went == 0 && came == 0;
    return way && sessions && pinned_ && now.forwarded - before_.forwarded == sent && now.drops == before_.drops &&
           rig_.unaccounted_packets() == 0;
  }

 private:
  struct alignas(kCacheLine) Side {
    Now now = kNanosecondsPerSecond;
    std::uint64_t waited_ns = 0;
  };
  struct Counts {
    std::uint64_t received, forwarded, handed_out, handed_in, evaluations, drops;
  };

  static RigConfig config(const Lists& lists, Flows flows) {
    RigConfig config;
    config.workers = kWorkers;
    config.traffic_by_queue = {&lists[0], &lists[1]};
    if (flows == Flows::kOthers) std::swap(config.traffic_by_queue[0], config.traffic_by_queue[1]);
    config.frames_per_worker = 8192;
    config.rings = kRings;
    config.capture = false;
    config.full_table = true;
    config.sessions = kFlows / kWorkers;
    return config;
  }

  Counts counts() const {
    return {rig_.sum(&PipelineCells::received),           rig_.sum(&PipelineCells::forwarded),
            rig_.sum(&PipelineCells::handed_out),         rig_.sum(&PipelineCells::handed_in),
            rig_.sum(&PipelineCells::policy_evaluations), rig_.drops()};
  }

  const PipelineCells& cells(WorkerIndex worker) { return rig_.worker(worker).cells().pipeline; }
  void turn(WorkerIndex worker) { rig_.worker(worker).turn(sides_[worker].now += 2000); }

  /// Packets on their way from this worker to the other one; seen from there perhaps less than none, since a packet can
  /// be taken out before it is counted.
  std::int64_t ahead(WorkerIndex worker) {
    const std::uint64_t given = cells(worker).handed_out.read();
    return static_cast<std::int64_t>(given - cells(worker ^ 1).handed_in.read());
  }
  /// A turn in which the worker receives only while the ring to the other one has room.
  void careful_turn(WorkerIndex worker) {
    if (ahead(worker) > kMostAhead) wait(worker);
    rig_.lane(0, worker).behavior().receive_per_call = ahead(worker) > kMostAhead ? 0 : LaneBehavior::kAll;
    turn(worker);
  }
  /// Until most has been taken out, so that the clock is seldom read; or until there is something to take in. Looks
  /// seldom, for whoever looks at a counter takes its line away from the worker that counts.
  void wait(WorkerIndex worker) {
    const WorkerIndex other = worker ^ 1;
    const std::uint64_t begin = thread_cpu_ns();
    while (ahead(worker) > kBurstSize && ahead(other) < kMostAhead / 2 && !done_.load(std::memory_order_relaxed)) {
      for (int breath = 0; breath < kBreathsOfWait; ++breath) cpu_pause();
    }
    sides_[worker].waited_ns += thread_cpu_ns() - begin;
  }

  Flows flows_;
  Rig rig_;
  std::array<Side, kWorkers> sides_{};
  Counts before_{};
  std::atomic<bool> done_{false};
  bool pinned_ = true;
};

/// A cache line goes to that CPU and comes back, so many times.
void there_and_back(std::uint64_t times, int other_cpu) {
  alignas(kCacheLine) std::atomic<std::uint64_t> line{0};
  const std::jthread other([&] {
    [[maybe_unused]] const auto pinned = pin_this_thread(other_cpu);
    for (std::uint64_t i = 1; i < 2 * times; i += 2) {
      while (line.load(std::memory_order_acquire) != i) continue;
      line.store(i + 1, std::memory_order_release);
    }
  });
  for (std::uint64_t i = 0; i < 2 * times; i += 2) {
    line.store(i + 1, std::memory_order_release);
    while (line.load(std::memory_order_acquire) != i + 2) continue;
  }
}

void measure(Comparison& comparison, TwoWorkers& handed_off, TwoWorkers& own, Report& report) {
  comparison.run();
  if (!comparison.ran()) return;
  if (!handed_off.holds() || !own.holds()) {
    report.note("void", "not all packets were handed off, or some were lost: this run says nothing", 0);
  }
  report.limit_a_side("P7", comparison, "handed off", "own", kMostNsASide);
}

}  // namespace

void measure_handoff(const std::vector<int>& cpus, const Options& options, Report& report) {
  constexpr std::string_view kOne = "hand-off, 64 B, 64k sessions, one thread";
  constexpr const char* kLine = "a cache line there and back";
  constexpr std::string_view kTwo = "hand-off, 64 B, 64k sessions, two threads";
  const auto wanted = [&](std::string_view name) { return name.find(options.only) != std::string_view::npos; };
  if (!wanted(kOne) && !wanted(kTwo)) return;
  const Lists lists = lists_by_owner();
  TwoWorkers handed_off(lists, TwoWorkers::Flows::kOthers);
  TwoWorkers own(lists, TwoWorkers::Flows::kOwn);

  Comparison one(std::string(kOne), kPackets, options);
  one.add("handed off", [&] { handed_off.take_turns(kPackets); });
  one.add("own", [&] { own.take_turns(kPackets); });
  measure(one, handed_off, own, report);

  if (cpus.size() < kWorkers || !pin_this_thread(cpus[0]).has_value()) {
    std::printf("hand-off between threads: left out, it needs two CPUs\n");
    return;
  }
  Comparison two(std::string(kTwo), kPacketsOfThread, options);
  const auto beside = [&](const char* name, TwoWorkers& workers) {
    two.add(
        name, [&] { workers.run_beside(kPacketsOfThread, cpus[1]); }, [&] { return workers.waited_ns(); });
  };
  beside("handed off", handed_off);
  beside("own", own);
  two.add(kLine, [&] { there_and_back(kPacketsOfThread, cpus[1]); });
  measure(two, handed_off, own, report);
  if (const auto ns = two.median_ns(kLine))
    report.note("P7", "between the same two CPUs: a cache line there and back", *ns);
}

}  // namespace culvert::bench
