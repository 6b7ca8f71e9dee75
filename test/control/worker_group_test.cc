// SPDX-License-Identifier: Apache-2.0
// Workers on threads of their own, as control has them: what happens to lanes that are taken away, and to threads that
// cannot be made.
#include "control/worker_group.h"

#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "test/support/catch.h"
#include "test/support/netns.h"

namespace culvert {
namespace {

using namespace std::chrono_literals;

/// What is left of a lane when it is gone.
struct Witness {
  std::atomic<bool> has_frame{false};
  std::atomic<bool> let_go{false};
  std::atomic<bool> destroyed{false};
  std::atomic<bool> flushed_while_destroyed{false};
  std::atomic<std::uint64_t> flushes{0};
  std::atomic<bool> closed{false};
  std::atomic<bool> disconnected{false};
  std::atomic<bool> disconnected_too_early{false};
  std::thread::id disconnected_by;
  std::atomic<bool> stuck{false};  ///< its worker does not get beyond flush() until this is false
  std::atomic<bool> waits{false};  ///< the worker is there
};

/// Keeps one frame after close(), as a zero-copy driver does, until it is told to let go.
class SlowLane final : public Lane {
 public:
  SlowLane(FramePool& pool, Witness& witness) : Lane(0, 0), pool_(pool), witness_(witness) {}
  ~SlowLane() override {
    const std::uint64_t before = witness_.flushes;
    std::this_thread::sleep_for(50ms);
    witness_.flushed_while_destroyed = witness_.flushes != before;
    witness_.destroyed = true;
  }

  void receive(Burst& /*burst*/) noexcept override {}
  std::uint32_t transmit(std::span<Packet* const> /*packets*/) noexcept override { return 0; }
  void flush(Now /*now*/) noexcept override {
    ++witness_.flushes;
    for (; witness_.stuck; std::this_thread::sleep_for(1ms)) witness_.waits = true;
    if (!closed_ || !witness_.let_go || held_ == 0) return;
    pool_.ledger().leave(frame_, FrameHolder::kReceive);
    pool_.give(frame_);
    held_ = 0;
  }
  void refill() noexcept override {
    if (held_ != 0 || !pool_.take(frame_)) return;
    pool_.ledger().enter(frame_, FrameHolder::kReceive);
    held_ = 1;
    witness_.has_frame = true;
  }
  std::uint32_t frames_receiving() const noexcept override { return held_; }
  std::uint32_t frames_transmitting() const noexcept override { return 0; }
  void publish() noexcept override {}
  void close() noexcept override { witness_.closed = closed_ = true; }
  void disconnect() noexcept override {
    witness_.disconnected_too_early = !witness_.closed;
    witness_.disconnected_by = std::this_thread::get_id();
    witness_.disconnected = true;
  }
  int wait_descriptor() const noexcept override { return -1; }
  LaneState state() const noexcept override { return LaneState::kUp; }
  bool partial_checksums() const noexcept override { return false; }

 private:
  FramePool& pool_;
  Witness& witness_;
  FrameAddress frame_ = 0;
  std::uint32_t held_ = 0;
  bool closed_ = false;
};

/// Workers without routes, in a network namespace for the tun.
class Workers {
 public:
  explicit Workers(WorkerIndex count)
      : region_({.frames = 4096, .workers = count, .huge_pages = HugePages::kNever}), beats_(count) {
    config_.cpus.assign(count, 0);
    config_.pending_packets = 16;
    config_.routes.generation = &route_changes_;
    config_.snapshot = &snapshot_;
    config_.multipath_key = HashKey::random();
  }

  std::unique_ptr<WorkerGroup> start() {
    std::vector<unsigned long long*> beats;
    for (unsigned long long& beat : beats_) beats.push_back(&beat);
    auto group = std::make_unique<WorkerGroup>(config_, region_, punt_, beats);
    group->start();
    return group;
  }

 private:
  NetNamespace net_;
  InNamespace inside_{net_};
  PuntDevice punt_;
  Region region_;
  std::atomic<std::uint64_t> route_changes_ = 0;
  Snapshot snapshot_;
  WorkerGroupConfig config_;
  std::vector<unsigned long long> beats_;
};

template <typename Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

void add_slow_lane(WorkerGroup& group, Lane& lane, const Witness& witness) {
  Command command;
  command.kind = CommandKind::kAddLane;
  command.lane = &lane;
  REQUIRE(group.tell(0, command).has_value());
  REQUIRE(comes_true([&] { return witness.has_frame.load(); }));
}

TEST_CASE("a removed lane is kept while its worker waits for its frames, and not a moment longer than needed") {
  Workers workers(2);
  Witness witness;
  const auto group = workers.start();
  auto lane = std::make_unique<SlowLane>(group->pool(0), witness);
  add_slow_lane(*group, *lane, witness);
  group->remove_lane(0, std::move(lane));
  group->free_removed_lanes();
  CHECK_FALSE(witness.destroyed);
  CHECK(group->removed_lanes(0) == 1);
  CHECK(group->removed_lanes(1) == 0);
  const std::uint64_t flushes = witness.flushes;
  CHECK(comes_true([&] { return witness.flushes > flushes + 2; }));

  witness.let_go = true;
  CHECK(comes_true([&] {
    group->free_removed_lanes();
    return witness.destroyed.load();
  }));
  CHECK_FALSE(witness.flushed_while_destroyed);
  CHECK(group->removed_lanes(0) == 0);
}

TEST_CASE("a lane that never lets go of its frames outlives the worker, also at the end") {
  Workers workers(1);
  Witness witness;
  auto group = workers.start();
  auto lane = std::make_unique<SlowLane>(group->pool(0), witness);
  add_slow_lane(*group, *lane, witness);
  group->remove_lane(0, std::move(lane));
  CHECK_FALSE(witness.destroyed);
  group.reset();
  CHECK(witness.destroyed);
  CHECK_FALSE(witness.flushed_while_destroyed);
}

TEST_CASE("control disconnects a removed lane, as soon as its worker has closed it and not before") {
  Workers workers(1);
  Witness prompt, late;
  auto group = workers.start();
  auto lane = std::make_unique<SlowLane>(group->pool(0), prompt);
  add_slow_lane(*group, *lane, prompt);
  group->remove_lane(0, std::move(lane));
  CHECK(prompt.disconnected);
  CHECK_FALSE(prompt.disconnected_too_early);
  CHECK(prompt.disconnected_by == std::this_thread::get_id());
  prompt.let_go = true;
  CHECK(comes_true([&] { return group->worker(0).cells().closing_lanes.read() == 0; }));

  lane = std::make_unique<SlowLane>(group->pool(0), late);
  add_slow_lane(*group, *lane, late);
  late.stuck = true;
  CHECK(comes_true([&] { return late.waits.load(); }));
  group->remove_lane(0, std::move(lane));
  group->free_removed_lanes();
  CHECK_FALSE(late.disconnected);
  late.stuck = false;
  CHECK(comes_true([&] {
    group->free_removed_lanes();
    return late.disconnected.load();
  }));
  CHECK_FALSE(late.disconnected_too_early);
  late.let_go = true;
  group.reset();
}

TEST_CASE("a removal that found no room in the command queue is sent when the worker takes commands again") {
  Workers workers(1);
  Witness witness;
  const auto group = workers.start();
  auto lane = std::make_unique<SlowLane>(group->pool(0), witness);
  add_slow_lane(*group, *lane, witness);
  witness.stuck = true;
  CHECK(comes_true([&] { return witness.waits.load(); }));
  Command command;
  command.kind = CommandKind::kClearPeaks;
  for (std::size_t i = 0; i < 2 * kCommandQueueCapacity; ++i) CHECK(group->tell(0, command).has_error());
  group->remove_lane(0, std::move(lane));
  group->free_removed_lanes();
  CHECK_FALSE(witness.closed);
  witness.let_go = true;
  witness.stuck = false;
  CHECK(comes_true([&] {
    group->free_removed_lanes();
    return witness.destroyed.load();
  }));
  CHECK_FALSE(witness.disconnected_too_early);
  CHECK(group->removed_lanes(0) == 0);
}

TEST_CASE("a stuck worker is waited for once, and again as soon as it has caught up") {
  Workers workers(2);
  Witness witness;
  auto group = workers.start();
  SlowLane lane(group->pool(0), witness);
  add_slow_lane(*group, lane, witness);
  witness.stuck = true;
  CHECK(comes_true([&] { return witness.waits.load(); }));
  const Command command{.kind = CommandKind::kClearPeaks};
  CHECK(group->tell(0, command).has_error());

  const auto before = std::chrono::steady_clock::now();
  CHECK(group->tell(0, command).has_error());
  CHECK(group->tell_all(command).has_error());
  CHECK(std::chrono::steady_clock::now() - before < 1s);
  CHECK(group->worker(1).acknowledged() == 1);

  witness.stuck = false;
  // The lane's, and the three that stayed in the queue.
  CHECK(comes_true([&] { return group->worker(0).acknowledged() == 4; }));
  CHECK(group->tell(0, command).has_value());
  CHECK(group->worker(0).acknowledged() == 5);
  witness.let_go = true;
  group.reset();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

std::size_t address_space_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// In a process of its own: room for the stacks of the punter and of two workers, not of the third.
int start_without_room() {
  constexpr std::size_t kStack = std::size_t{256} << 20;
  ::alarm(20);  // threads that nobody stops are joined for ever
  Workers workers(3);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStack);
  ::pthread_setattr_default_np(&attributes);
  const rlim_t room = address_space_bytes() + 3 * kStack + kStack / 2;
  const rlimit limit{room, room};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
  try {
    const auto group = workers.start();
    return 3;
  } catch (const SetupError& error) {
    return error.error().what == "starting the thread of worker 2" && error.error().code == EAGAIN ? 0 : 4;
  }
}

TEST_CASE("when a thread cannot be made those that were are stopped, and it says what to raise") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(start_without_room());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO("status " << status);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

#endif

}  // namespace
}  // namespace culvert
