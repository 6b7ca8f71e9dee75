// SPDX-License-Identifier: Apache-2.0
// Real worker threads on memory lanes, with all that can happen to them at once, leave the heap alone from the first
// turn to the last: traffic of every kind, hand-off, punts, fragments, ICMP errors, missing neighbours, routes that
// flap, new snapshots, cleared peaks, lanes that are taken away, workers that sleep, and somebody who reads the status.
#include <atomic>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "status/collect.h"
#include "test/hot/threads.h"
#include "test/support/allocation_guard.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

using namespace std::chrono_literals;

PacketList traffic_of_all_kinds() {
  PacketList list;
  const auto v4 = [](const char* to, const Ipv4Fields& fields = {}) {
    return PacketBuilder().ethernet().ipv4("198.18.0.2", to, fields);
  };
  for (std::uint16_t flow = 1; flow <= 64; ++flow) {
    list.add(v4("198.18.1.9").udp(flow, 53).payload(64).build());
    list.add(v4("203.0.114.4").tcp(flow, 80).payload(900).build());
    list.add(PacketBuilder().ethernet().ipv6("2001:db8::2", "2001:db8:1::9").udp(flow, 53).payload(99).build());
  }
  list.add(v4("198.18.1.9").udp(1, 2).checksum(BuildChecksum::kPartial).payload(40).build());
  list.add(v4("198.18.1.9", {.ttl = 1}).udp(1, 2).build());
  list.add(v4("198.18.2.9").udp(1, 2).payload(1400).build());
  list.add(v4("198.18.2.9", {.dont_fragment = true}).udp(1, 2).payload(1400).build());
  list.add(PacketBuilder().ethernet().ipv6("2001:db8::2", "2001:db8:1::9").udp(1, 2).payload(1400).build());
  list.add(v4("198.18.3.9").udp(1, 2).build());
  list.add(v4("198.18.4.9").udp(1, 2).build());
  list.add(v4("198.18.5.9").udp(1, 2).build());
  list.add(v4("198.18.6.9").udp(1, 2).build());
  list.add(v4("198.18.7.9").tcp(1, 2).build());
  list.add(v4("192.0.2.77").udp(1, 2).build());
  list.add(slice(v4("198.18.1.9").udp(1, 2).build(), 0, 30));
  return list;
}

/// Three workers: 0 sends on both interfaces, 1 receives and hands over what goes to interface 1, 2 has no lane.
RigConfig three_workers(const PacketList& traffic) {
  RigConfig config;
  config.workers = 3;
  config.queues = 2;
  config.frames_per_worker = 8192;
  config.traffic = &traffic;
  config.partial_checksums = true;
  config.capture = false;  // it keeps what it sees, on the heap
  return config;
}

class World {
 public:
  World() : traffic_(traffic_of_all_kinds()), rig_(three_workers(traffic_)) {
    const MultipathMember members[] = {{rig_.forward("203.0.113.1/32", 1, test_mac(1)), 1},
                                       {rig_.forward("203.0.113.2/32", 1, test_mac(2)), 3}};
    rig_.multipath("203.0.114.0/24", members);
    rig_.forward("198.18.0.0/24", 0, test_mac(0xa0));
    hops_[0] = rig_.forward("198.18.1.0/24", 1, test_mac(0xa1));
    hops_[1] = rig_.forward("198.18.8.0/24", 0, test_mac(0xa8));
    rig_.forward("198.18.2.0/24", 1, test_mac(0xa2), 600);
    rig_.special("198.18.3.0/24", NextHopKind::kGlean, 1);
    rig_.special("198.18.4.0/24", NextHopKind::kLocal);
    rig_.special("198.18.5.0/24", NextHopKind::kUnreachable);
    rig_.unresolved("198.18.6.0/24", 1);
    answers_later_ = rig_.unresolved("198.18.7.0/24", 1);
    rig_.forward("2001:db8::/64", 0, test_mac(0xa0));
    rig_.forward("2001:db8:1::/64", 1, test_mac(0xa1), 1280);
    rig_.remove_lane(1, 1);
    for (Snapshot& snapshot : snapshots_) snapshot = rig_.snapshot();
    for (WorkerIndex i = 0; i < 3; ++i) sources_.workers.push_back(&rig_.worker(i).cells());
    sources_.lanes.push_back({"lan0", 0, 0, 0, &rig_.lane(0).cells(), "memory", "memory", "none", {}});
  }

  Rig& rig() { return rig_; }

  /// What control, the punter and an operator do, all on this thread.
  void step() {
    ++steps_;
    rig_.set("198.18.1.0/24", hops_[steps_ % 2]);
    rig_.set("2001:db8:1::/64", hops_[steps_ % 2]);
    if (steps_ % 4 == 0) rig_.set("198.18.1.9/32", hops_[0]);
    if (steps_ % 4 == 2) rig_.remove("198.18.1.9/32");
    rig_.reclaim();
    if (steps_ == 50) rig_.resolve(answers_later_, test_mac(0xa7));
    rig_.punts_delivered = steps_ % 8 != 0;
    rig_.serve_punts();
    rig_.take_requests();
    if (steps_ % 8 == 0)
      tell_all({steps_ % 16 == 0 ? CommandKind::kClearPeaks : CommandKind::kUseSnapshot, &snapshots_[steps_ / 16 % 2],
                nullptr, nullptr});
    status_ = collector_.collect(sources_, monotonic_ns(), 0);
  }

  void tell(WorkerIndex worker, const Command& command) {
    // Full: that worker is slower than this test; it gets the next one.
    if (rig_.worker(worker).commands().push(command)) rig_.waker(worker).wake();
  }
  void tell_all(const Command& command) {
    for (WorkerIndex i = 0; i < 3; ++i) tell(i, command);
  }

  /// What has not happened yet; empty when the test has shown what it claims.
  std::string missing() const {
    const std::pair<const char*, std::uint64_t> wanted[] = {
        {"forwarded", rig_.sum(&PipelineCells::forwarded)},
        {"punted", rig_.sum(&PipelineCells::punted)},
        {"handed out", rig_.sum(&PipelineCells::handed_out)},
        {"handed in", rig_.sum(&PipelineCells::handed_in)},
        {"fragmented", rig_.sum(&PipelineCells::fragmented)},
        {"ICMP errors", rig_.sum(&PipelineCells::icmp_errors_sent)},
        {"checksums completed", rig_.sum(&PipelineCells::partial_checksums_completed)},
        {"no route", rig_.drops(DropReason::kNoRoute)},
        {"unreachable", rig_.drops(DropReason::kRouteUnreachable)},
        {"too big", rig_.drops(DropReason::kPacketTooBig)},
        {"truncated", rig_.drops(DropReason::kIpv4Truncated)},
        {"waited for a neighbour in vain", rig_.drops(DropReason::kNeighborPendingFull)},
        {"the tun refused", rig_.drops(DropReason::kPuntFailed)},
    };
    std::string text;
    for (const auto& [what, count] : wanted) text += count > 0 ? std::string() : std::string(what) + ", ";
    return text;
  }

 private:
  PacketList traffic_;
  Rig rig_;
  std::array<NextHopIndex, 2> hops_{};
  NextHopIndex answers_later_ = 0;
  std::array<Snapshot, 2> snapshots_;
  StatusSources sources_;
  StatusCollector collector_;
  StatusSnapshot status_;
  std::uint64_t steps_ = 0;
};

TEST_CASE("worker threads leave the heap alone, whatever happens, from the first turn to the last") {
  World world;
  Rig& rig = world.rig();
  std::uint64_t allocations = 0, frees = 0;
  std::string call, missing;
  {
    Threads threads(rig, 3);
    const AllocationGuard guard(WatchedThreads::kOthers);
    const auto end = Clock::now() + duration();
    while (Clock::now() < end || (!world.missing().empty() && Clock::now() < end + 20s)) {
      world.step();
      std::this_thread::sleep_for(1ms);
    }
    missing = world.missing();
    // The end: a lane is taken away, then every worker drops what it holds and closes its lanes.
    world.tell(1, {CommandKind::kRemoveLane, nullptr, nullptr, &rig.lane(0, 1)});
    CHECK(comes_true(
        [&] { return rig.lane(0, 1).cells().state.read() == static_cast<std::uint64_t>(LaneState::kGone); }));
    frees = guard.frees();  // a thread that ends frees what std::thread gave it
    threads.stop();
    allocations = guard.allocations();
    call = guard.first_call_stack();
  }
  INFO(call);
  CHECK(allocations == 0);
  CHECK(frees == 0);
  CHECK(missing == "");
  CHECK(rig.worker(2).cells().wakeups.read() > 0);
  rig.serve_punts();
  CHECK(rig.unaccounted_frames() == 0);
  CHECK(rig.unaccounted_packets() == 0);
}

/// A lane that takes something from the heap now and then.
class CarelessLane final : public Lane {
 public:
  CarelessLane() : Lane(0, 0) {}
  void receive(Burst& /*burst*/) noexcept override {}
  std::uint32_t transmit(std::span<Packet* const> /*packets*/) noexcept override { return 0; }
  void flush(Now /*now*/) noexcept override { notes_ = std::make_unique<int>(++flushes_); }
  void refill() noexcept override {}
  std::uint32_t frames_receiving() const noexcept override { return 0; }
  std::uint32_t frames_transmitting() const noexcept override { return 0; }
  void publish() noexcept override {}
  void close() noexcept override {}
  int wait_descriptor() const noexcept override { return -1; }
  LaneState state() const noexcept override { return LaneState::kUp; }
  bool partial_checksums() const noexcept override { return false; }

 private:
  std::unique_ptr<int> notes_;
  int flushes_ = 0;
};

/// Its descriptor is always readable; it has packets to send that the kernel does not take.
class BackloggedLane final : public Lane {
 public:
  BackloggedLane() : Lane(0, 0), descriptor_(::eventfd(1, EFD_CLOEXEC)) {}
  void receive(Burst& /*burst*/) noexcept override {}
  std::uint32_t transmit(std::span<Packet* const> /*packets*/) noexcept override { return 0; }
  void flush(Now /*now*/) noexcept override {}
  void refill() noexcept override {}
  std::uint32_t frames_receiving() const noexcept override { return 0; }
  std::uint32_t frames_transmitting() const noexcept override { return 0; }
  void publish() noexcept override {}
  void close() noexcept override {}
  int wait_descriptor() const noexcept override { return descriptor_.get(); }
  bool has_unsent() noexcept override { return unsent; }
  LaneState state() const noexcept override { return LaneState::kUp; }
  bool partial_checksums() const noexcept override { return false; }

  std::atomic<bool> unsent{true};

 private:
  Fd descriptor_;
};

TEST_CASE("a lane with unsent packets is not polled: that would send them behind the worker's back") {
  Rig rig;
  rig.remove_lane(0);
  rig.remove_lane(1);
  BackloggedLane lane;
  rig.tell(0, {CommandKind::kAddLane, nullptr, nullptr, &lane});
  const auto wakeups_in_100_ms = [&] {
    const Cell& wakeups = rig.worker().cells().wakeups;
    const std::uint64_t before = wakeups.read();
    std::this_thread::sleep_for(100ms);
    return wakeups.read() - before;
  };
  std::uint64_t unsent = 0, sent = 0;
  {
    const Threads threads(rig, 1);
    unsent = wakeups_in_100_ms();
    lane.unsent = false;
    rig.waker(0).wake();
    sent = wakeups_in_100_ms();
  }
  // At most one a sleep, of 10 ms; polled, it is one a turn.
  CHECK(unsent <= 20);
  CHECK(sent > 2 * unsent);
}

TEST_CASE("a worker thread that does not leave the heap alone is caught, and the call stack says where") {
  Rig rig;
  rig.remove_lane(0);
  CarelessLane lane;
  rig.tell(0, {CommandKind::kAddLane, nullptr, nullptr, &lane});
  std::uint64_t allocations = 0, frees = 0;
  std::string call;
  {
    const Threads threads(rig, 1);
    const AllocationGuard guard(WatchedThreads::kOthers);
    CHECK(comes_true([&] { return guard.allocations() > 1 && guard.frees() > 1; }));
    allocations = guard.allocations();
    frees = guard.frees();
    call = guard.first_call_stack();
  }
  CHECK(allocations > 1);
  CHECK(frees > 1);
  CHECK(call.find("thread ") == 0);
}

}  // namespace
}  // namespace culvert::test
