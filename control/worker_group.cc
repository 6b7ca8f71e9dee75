// SPDX-License-Identifier: Apache-2.0
#include "control/worker_group.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <system_error>
#include <thread>
#include <utility>

#include "base/bytes.h"

namespace culvert {
namespace {

constexpr Now kPatience = 2 * kNanosecondsPerSecond;
/// A worker that is closing a lane sleeps a millisecond at most.
constexpr Now kTurnPatience = 10 * kNanosecondsPerMillisecond;

std::size_t frames_of(const Region& region) {
  return region.frames() / region.homes().workers;
}

}  // namespace

WorkerGroup::Slot::Slot(const WorkerGroupConfig& config, WorkerIndex index, Region& region)
    : frames_memory(Mapping::anonymous(region.frames() * sizeof(FrameAddress), HugePages::kNever, "a frame pool")),
      pending_memory(Mapping::anonymous(config.pending_packets * sizeof(PendingQueue::Entry), HugePages::kNever,
                                        "packets that wait for neighbours")),
      pool(index, region.homes(), region.frame_size(),
           array_over<FrameAddress>(frames_memory.bytes()).first(frames_of(region)),
           array_over<FrameAddress>(frames_memory.bytes()).subspan(frames_of(region)), region.ledger()) {}

WorkerGroup::WorkerGroup(const WorkerGroupConfig& config, Region& region, PuntDevice& punt,
                         const std::vector<unsigned long long*>& beats)
    : cpus_(config.cpus),
      sleep_max_ns_(config.sleep_max_ns),
      homes_(region.homes()),
      frame_size_(region.frame_size()),
      mesh_(static_cast<WorkerIndex>(config.cpus.size())),
      punter_(static_cast<WorkerIndex>(config.cpus.size()), punt) {
  // Control waits in epoll, not in this Waker's protocol: whoever has a request always writes the eventfd.
  requests_waker_.announce_sleep();
  const auto count = static_cast<WorkerIndex>(config.cpus.size());
  std::optional<SessionSetup> sessions = config.sessions;
  if (sessions.has_value()) {
    meters_.emplace(sessions->sessions * count, sessions->huge_pages, config.left_meters);
    sessions->meters_taken_over = meters_->taken_over();
  }
  for (WorkerIndex index = 0; index < count; ++index) {
    auto slot = std::make_unique<Slot>(config, index, region);
    WorkerParts parts;
    parts.index = index;
    parts.pipeline.routes = config.routes;
    parts.pipeline.snapshot = config.snapshot;
    parts.pipeline.multipath_key = config.multipath_key;
    parts.pipeline.region = region.view().base;
    parts.pipeline.requests = &slot->requests;
    parts.pipeline.pending =
        array_over<PendingQueue::Entry>(slot->pending_memory.bytes()).first(config.pending_packets);
    if (sessions.has_value()) {
      slot->sessions = std::make_unique<SessionSlot>(*sessions, index, meters_->meters());
      sessions->owner_key = slot->sessions->owner_key();
      slot->sessions->give(parts.pipeline);
    }
    parts.pool = &slot->pool;
    parts.mesh = &mesh_;
    parts.punt = &punter_.queue(index);
    parts.punter = &punter_.waker();
    parts.control = &requests_waker_;
    parts.beat = beats[index];
    slot->worker = std::make_unique<Worker>(parts);
    slot->requests_gauge.max.set(kNeighborRequests);
    workers_.push_back(std::move(slot));
  }
}

void WorkerGroup::take_sessions_over() {
  if (!meters_.has_value()) return;
  const bool whole =
      std::all_of(workers_.begin(), workers_.end(), [](const auto& slot) { return slot->sessions->is_whole(); });
  // What is recovered from files is counted again.
  if (!whole) meters_->begin_again();
  for (auto& slot : workers_) slot->sessions->take_over(whole);
}

void WorkerGroup::leave_out(std::span<const LeftFrames> lanes) {
  if (lanes.empty()) return;
  std::vector<std::uint64_t> held(lanes.front().receiving.size());
  for (const LeftFrames& lane : lanes) {
    for (std::size_t i = 0; i < held.size(); ++i) held[i] |= lane.receiving[i] | lane.transmitting[i];
  }
  for (auto& slot : workers_) slot->pool.leave_out(held);
}

void WorkerGroup::take_lane_over(const LeftFrames& frames, Lane& lane) {
  std::uint64_t strangers = 0;
  for (const auto& words : {frames.receiving, frames.transmitting}) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (std::uint64_t word = words[i]; word != 0; word &= word - 1) {
        const FrameAddress frame = (i * 64 + static_cast<std::uint64_t>(std::countr_zero(word))) * frame_size_;
        const WorkerIndex home = homes_.home_of(frame);
        if (home == frames.worker) continue;
        workers_[home]->worker->lent(1);
        ++strangers;
      }
    }
  }
  workers_[frames.worker]->worker->take_over(lane, strangers);
}

void WorkerGroup::start() {
  const auto count = static_cast<WorkerIndex>(workers_.size());
  WorkerIndex index = 0;
  started_ = true;
  try {
    for (; index < count; ++index) {
      Slot& slot = *workers_[index];
      slot.thread = std::make_unique<WorkerThread>(*slot.worker, mesh_.waker(index), cpus_[index], sleep_max_ns_);
    }
  } catch (const std::system_error& error) {
    stop();
    throw SetupError(Error{"starting the thread of worker " + std::to_string(index), error.code().value(),
                           "raise `ulimit -u` or `ulimit -v` (systemd: TasksMax), or set fewer system.workers"});
  } catch (...) {
    stop();
    throw;
  }
}

WorkerGroup::~WorkerGroup() {
  stop();
}

bool WorkerGroup::all_turned() const noexcept {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& slot) { return slot->worker->turns_ended() > 0; });
}

Result<void> WorkerGroup::leave() {
  if (auto resting = tell_all(Command{CommandKind::kRest}); resting.has_error()) return resting;
  const Now deadline = monotonic_ns() + kTurnPatience;
  // Twice, turns apart: what one had in hand it may have handed on.
  while (monotonic_ns() < deadline && !(quiet() && turned_until(deadline) && quiet())) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  for (WorkerIndex index = 0; index < size(); ++index) {
    if (auto pushed = push(index, Command{CommandKind::kLeave}); pushed.has_error()) return pushed;
  }
  for (auto& slot : workers_) slot->thread.reset();
  punter_.stop();  // or it would read frames that others write
  for (auto& slot : workers_) {
    if (slot->sessions != nullptr) slot->sessions->leave();
  }
  return {};
}

bool WorkerGroup::turned_until(Now deadline) {
  const Moment begin = moment();
  while (!passed(begin)) {
    if (monotonic_ns() >= deadline) return false;
    for (WorkerIndex index = 0; index < size(); ++index) mesh_.waker(index).wake();
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return true;
}

bool WorkerGroup::all_turn() {
  return turned_until(monotonic_ns() + kPatience);
}

bool WorkerGroup::quiet() noexcept {
  for (WorkerIndex from = 0; from < size(); ++from) {
    if (punter_.queue(from).items.waiting() > 0) return false;
    for (WorkerIndex to = 0; to < size(); ++to) {
      if (from != to && mesh_.link(from, to).packets.waiting() > 0) return false;
    }
  }
  return true;
}

void WorkerGroup::stop() {
  for (WorkerIndex index = 0; index < size(); ++index) {
    if (workers_[index]->thread == nullptr) continue;
    // A full queue means a worker that takes no commands; joining it would wait for ever, and the process ends anyway.
    while (push(index, Command{CommandKind::kStop}).has_error()) std::this_thread::yield();
  }
  for (auto& slot : workers_) slot->thread.reset();
}

void WorkerGroup::remove_lane(WorkerIndex worker, std::unique_ptr<Lane> lane) {
  Command command;
  command.kind = CommandKind::kRemoveLane;
  command.lane = lane.get();
  // A worker that takes no commands has the lane until it does again, or its thread ends.
  const bool sent = push(worker, command).has_value();
  const std::uint64_t number = sent ? workers_[worker]->sent : kNotSent;
  removed_.push_back({worker, number, std::move(lane)});
  if (!sent || wait(worker).has_error()) return;
  removed_.back().lane->disconnect();
  wait_for_closing(*workers_[worker]->worker);
}

void WorkerGroup::wait_for_closing(const Worker& worker) const {
  const std::uint64_t turn = worker.turns_ended() + 2;
  const Now deadline = monotonic_ns() + kTurnPatience;
  while (worker.closing_lanes() != 0 && worker.turns_ended() < turn && monotonic_ns() < deadline) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

void WorkerGroup::free_removed_lanes() {
  for (RemovedLane& removed : removed_) {
    if (removed.command != kNotSent) continue;
    Command command;
    command.kind = CommandKind::kRemoveLane;
    command.lane = removed.lane.get();
    if (push(removed.worker, command).has_value()) removed.command = workers_[removed.worker]->sent;
  }
  std::erase_if(removed_, [this](const RemovedLane& removed) {
    const Worker& worker = *workers_[removed.worker]->worker;
    if (worker.acknowledged() < removed.command) return false;
    removed.lane->disconnect();
    return worker.closing_lanes() == 0;
  });
}

std::size_t WorkerGroup::removed_lanes(WorkerIndex worker) const {
  return static_cast<std::size_t>(std::count_if(
      removed_.begin(), removed_.end(), [worker](const RemovedLane& removed) { return removed.worker == worker; }));
}

void WorkerGroup::drain_requests_descriptor() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(requests_waker_.descriptor(), &count, sizeof(count));
}

void WorkerGroup::observe_meters() noexcept {
  if (!meters_.has_value()) return;
  std::uint64_t unknown = 0;
  for (const auto& slot : workers_) unknown += slot->worker->cells().pipeline.limits_unknown.read();
  meters_->observe(monotonic_ns(), unknown);
}

void WorkerGroup::observe_requests(WorkerIndex index) noexcept {
  Slot& slot = *workers_[index];
  slot.requests_gauge.observe(slot.requests.waiting());
  slot.requests_gauge.failures.set(slot.worker->cells().pipeline.neighbor_requests_full.read());
}

void WorkerGroup::clear_peaks() noexcept {
  if (meters_.has_value()) meters_->clear_peaks();
  for (auto& slot : workers_) slot->requests_gauge.clear_peak();
}

Result<void> WorkerGroup::push(WorkerIndex worker, const Command& command) {
  Slot& slot = *workers_[worker];
  if (!slot.worker->commands().push(command)) {
    return Error{"worker " + std::to_string(worker) + " takes no commands: its queue is full", 0,
                 "see `culvert show workers`; a stuck worker needs a restart"};
  }
  ++slot.sent;
  mesh_.waker(worker).wake();
  return {};
}

Result<void> WorkerGroup::wait(WorkerIndex worker) {
  Slot& slot = *workers_[worker];
  while (!started_ && slot.worker->acknowledged() < slot.sent) slot.worker->apply_commands(monotonic_ns());
  // Whoever is stuck is waited for once, so that it does not hold control up at every command.
  const Now patience = slot.worker->acknowledged() < slot.given_up_at ? 0 : kPatience;
  const Now deadline = monotonic_ns() + patience;
  while (slot.worker->acknowledged() < slot.sent) {
    if (monotonic_ns() >= deadline) {
      slot.given_up_at = slot.sent;
      return Error{"worker " + std::to_string(worker) + " has not applied a command for two seconds", 0,
                   "see `culvert show workers`; a stuck worker needs a restart"};
    }
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return {};
}

Result<void> WorkerGroup::tell(WorkerIndex worker, const Command& command) {
  if (auto pushed = push(worker, command); pushed.has_error()) return pushed;
  return wait(worker);
}

Result<void> WorkerGroup::tell_all(const Command& command) {
  Result<void> outcome;
  for (WorkerIndex worker = 0; worker < size(); ++worker) {
    if (auto pushed = push(worker, command); pushed.has_error()) outcome = pushed;
  }
  for (WorkerIndex worker = 0; worker < size(); ++worker) {
    if (auto waited = wait(worker); waited.has_error()) outcome = waited;
  }
  return outcome;
}

WorkerGroup::Moment WorkerGroup::moment() const {
  Moment moment;
  // What was unlinked is written before the counts are read: release and acquire alone would let a count be read first,
  // of a turn that still finds the old. A worker needs no fence: while its count waits to be written its next turn may
  // read the tables already, and that is the one turn more that passed() waits for.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (const auto& slot : workers_) moment.push_back(slot->worker->turns_ended());
  return moment;
}

bool WorkerGroup::passed(const Moment& moment) const noexcept {
  if (!started_) return true;  // nobody reads tables yet
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    // The turn that ran at that moment may have read the old value; the one after it cannot.
    if (workers_[i]->worker->turns_ended() < moment[i] + 2) return false;
  }
  return true;
}

}  // namespace culvert
