// SPDX-License-Identifier: Apache-2.0
#include "workers/worker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace culvert {
namespace {

/// Rings' fill and the kernel's statistics are read this often, not every turn.
constexpr Now kPublishInterval = 100 * kNanosecondsPerMillisecond;

PipelineParts completed(const WorkerParts& worker, PipelineCells* cells) noexcept {
  PipelineParts parts = worker.pipeline;
  parts.self = worker.index;
  parts.workers = worker.mesh->workers();
  parts.pool = worker.pool;
  parts.cells = cells;
  return parts;
}

}  // namespace

Worker::Worker(const WorkerParts& parts) noexcept
    : index_(parts.index),
      pool_(*parts.pool),
      mesh_(*parts.mesh),
      requests_(*parts.pipeline.requests),
      control_(parts.control),
      beat_(*parts.beat),
      snapshot_(parts.pipeline.snapshot),
      pipeline_(completed(parts, &cells_.pipeline)),
      egress_({parts.index, parts.pool, parts.mesh, parts.punt, parts.punter, &cells_.pipeline, &traffic_}) {
  cells_.budget.home.set(pool_.available());
  cells_.frames.max.set(pool_.available());
  cells_.handoff_in.max.set(kHandoffPacketCapacity);
  cells_.punt_queue.max.set(kPuntQueueCapacity);
  cells_.command_queue.max.set(kCommandQueueCapacity);
  cells_.pipeline.way_home.max.set(kHandoffFrameCapacity);
  publish_budget();
}

bool Worker::turn(Now now) noexcept {
  bool moved = apply_commands(now);
  moved |= take_frames_home();
  // What is held goes first, so that a packet of the turn in which its neighbour has answered does not overtake those
  // that waited. When more than a burst waits, it overtakes the rest.
  pipeline_.tick(now);
  moved |= send_made(now);
  moved |= serve_sources(now);
  egress_.end_turn();
  moved |= pipeline_.expire(now, !moved);
  // Asked at most once a second for each neighbour, so this is no system call per packet.
  if (moved && control_ != nullptr && requests_.space() < kNeighborRequests) control_->wake();
  flush_lanes(now);
  if (moved) publish_budget();
  if (now - published_at_ >= kPublishInterval) publish(now);
  std::atomic_ref<unsigned long long>(beat_).store(now, std::memory_order_relaxed);
  cells_.beat_ns.set(now);
  cells_.turns.add();
  turns_ended_.store(turns_ended_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return moved;
}

void Worker::flush_lanes(Now now) noexcept {
  for (std::uint32_t i = 0; i < lane_count_; ++i) lanes_[i]->flush(now);
  for (std::uint32_t i = closing_count_; i > 0; --i) {
    Lane& lane = *closing_[i - 1];
    lane.flush(now);
    if (lane.frames_receiving() + lane.frames_transmitting() > 0) continue;
    closing_[i - 1] = closing_[--closing_count_];
    tell_closing();
  }
}

bool Worker::must_reap() const noexcept {
  if (closing_count_ > 0 || !pool_.strangers().empty()) return true;
  return std::any_of(lanes_.begin(), lanes_.begin() + lane_count_,
                     [](const Lane* lane) { return lane->frames_transmitting() > 0; });
}

bool Worker::serve_sources(Now now) noexcept {
  // A full tx ring gets room once a turn (flush_lanes), and who is served first takes it. So each turn begins behind
  // the source that was the first with packets in the turn before: those that have packets are first in turn.
  const std::uint32_t sources = lane_count_ + mesh_.workers();
  std::uint32_t source = first_source_ < sources ? first_source_ : 0;
  std::size_t fullest = 0;
  bool moved = false;
  for (std::uint32_t served = 0; served < sources; ++served) {
    const bool had_packets = source < lane_count_
                                 ? serve(*lanes_[source], now)
                                 : serve_hand_in(static_cast<WorkerIndex>(source - lane_count_), fullest, now);
    if (++source == sources) source = 0;
    if (had_packets && !moved) first_source_ = source;
    moved |= had_packets;
  }
  if (fullest > 0) cells_.handoff_in.observe(fullest);
  return moved;
}

bool Worker::serve(Lane& lane, Now now) noexcept {
  if (resting_) [[unlikely]]
    return false;
  lane.receive(burst_);
  const bool moved = !burst_.empty();
  if (moved) {
    pipeline_.process(burst_, lane.partial_checksums(), now);
    egress_.dispatch(burst_);
    send_made(now);
  }
  lane.refill();
  return moved;
}

bool Worker::send_made(Now now) noexcept {
  if (pipeline_.held() == 0) return false;
  bool moved = false;
  while (pipeline_.take_made(burst_, now)) {
    egress_.dispatch(burst_);
    moved = true;
  }
  return moved;
}

bool Worker::serve_hand_in(WorkerIndex from, std::size_t& fullest, Now now) noexcept {
  if (from == index_) return false;
  auto& ring = mesh_.link(from, index_).packets;
  const std::size_t waiting = ring.waiting();
  if (waiting == 0) return false;
  fullest = std::max(fullest, waiting);
  Packet packet;
  while (burst_.space() > 0 && sending_.space() > 0 && ring.pop(packet)) {
    pool_.ledger().leave(packet.frame, FrameHolder::kHandoff);
    // Decided, and to be sent by a lane of ours; or of a session of ours.
    (packet.verdict == Verdict::kNone ? burst_ : sending_).append() = packet;
  }
  cells_.pipeline.handed_in.add(burst_.size() + sending_.size());
  traffic_.in += burst_.size() + sending_.size();
  egress_.dispatch_handed_in(sending_);
  if (burst_.empty()) return true;
  pipeline_.process_handed_in(burst_, from, now);
  egress_.dispatch(burst_);
  send_made(now);
  return true;
}

bool Worker::take_frames_home() noexcept {
  bool moved = false;
  std::array<FrameAddress, kBurstSize> frames;
  for (WorkerIndex from = 0; from < mesh_.workers(); ++from) {
    if (from == index_) continue;
    auto& ring = mesh_.link(from, index_).frames;
    // All that wait now, before new ones are handed out: a part of them each turn would fall behind a faster worker.
    for (std::size_t left = ring.waiting(); left > 0;) {
      const std::size_t came = ring.pop(std::span(frames).first(std::min<std::size_t>(left, frames.size())));
      for (const FrameAddress frame : std::span(frames).first(came)) {
        pool_.ledger().leave(frame, FrameHolder::kHandoff);
        pool_.give(frame);
      }
      traffic_.in += came;
      left -= came;
      moved = true;
    }
  }
  return moved;
}

bool Worker::has_waiting() const noexcept {
  if (commands_.waiting() > 0) return true;
  for (WorkerIndex from = 0; from < mesh_.workers(); ++from) {
    const HandoffLink& link = mesh_.link(from, index_);
    if (from != index_ && (link.packets.waiting() > 0 || link.frames.waiting() > 0)) return true;
  }
  return false;
}

bool Worker::apply_commands(Now now) noexcept {
  Command command;
  std::uint32_t applied = 0;
  while (applied < kCommandsPerTurn && commands_.pop(command)) {
    apply(command, now);
    ++applied;
    acknowledged_.store(acknowledged_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  cells_.commands.add(applied);
  return applied > 0;
}

void Worker::apply(const Command& command, Now now) noexcept {
  switch (command.kind) {
    case CommandKind::kUseSnapshot:
      snapshot_ = command.snapshot;
      pipeline_.use(*command.snapshot);
      cells_.snapshot_generation.set(command.snapshot->generation);
      break;
    case CommandKind::kUseEgressOwners:
      egress_.use(*command.owners);
      break;
    case CommandKind::kAddLane:
      add_lane(*command.lane);
      break;
    case CommandKind::kRemoveLane:
      remove_lane(command.lane);
      break;
    case CommandKind::kEndSessions:
      pipeline_.end_sessions(command.sessions);
      break;
    case CommandKind::kClearPeaks:
      clear_peaks();
      break;
    case CommandKind::kRest:
      resting_ = true;
      break;
    case CommandKind::kLeave:
      leave(now);
      break;
    case CommandKind::kStop:
      stop(now);
      break;
  }
}

void Worker::add_lane(Lane& lane) noexcept {
  // Control counts lanes before it sends them (control/interfaces.cc, check_lanes).
  CULVERT_CHECK(lane_count_ + closing_count_ < kMaxLanesPerWorker);
  lost_settled_[lane_count_] = lane.cells().tx_busy.read();
  lanes_[lane_count_++] = &lane;
  egress_.add_lane(lane);
}

void Worker::take_over(Lane& lane, std::uint64_t others) noexcept {
  add_lane(lane);
  traffic_.in += others;
}

void Worker::remove_lane(Lane* lane) noexcept {
  for (std::uint32_t i = 0; i < lane_count_; ++i) {
    if (lanes_[i] != lane) continue;
    egress_.remove_lane(*lane, lanes());
    lane->close();
    settle_lost(*lane);
    lanes_[i] = lanes_[--lane_count_];
    lost_settled_[i] = lost_settled_[lane_count_];
    if (lane->frames_receiving() + lane->frames_transmitting() > 0) closing_[closing_count_++] = lane;
    tell_closing();
    return;
  }
}

void Worker::tell_closing() noexcept {
  cells_.closing_lanes.set(closing_count_);
  closing_told_.store(closing_count_, std::memory_order_release);
}

void Worker::stop(Now now) noexcept {
  while (pipeline_.take_held(burst_)) egress_.dispatch(burst_);
  while (lane_count_ > 0) {
    lanes_[lane_count_ - 1]->flush(now);
    remove_lane(lanes_[lane_count_ - 1]);
  }
  stopped_ = true;
}

void Worker::leave(Now now) noexcept {
  while (pipeline_.take_held(burst_)) egress_.dispatch(burst_);
  egress_.end_turn();
  for (Lane* lane : lanes()) lane->flush(now);
  stopped_ = true;
}

void Worker::clear_peaks() noexcept {
  cells_.longest_turn_ns.set(0);
  for (Gauge* gauge : {&cells_.handoff_in, &cells_.punt_queue, &cells_.command_queue, &cells_.frames,
                       &cells_.pipeline.pending, &cells_.pipeline.fragments, &cells_.pipeline.way_home}) {
    gauge->clear_peak();
  }
  pipeline_.clear_peaks();
  for (std::uint32_t i = 0; i < lane_count_; ++i) {
    LaneCells& lane = lanes_[i]->cells();
    for (Gauge* gauge : {&lane.rx_ring, &lane.tx_ring, &lane.fill_ring, &lane.completion_ring}) gauge->clear_peak();
  }
}

void Worker::publish(Now now) noexcept {
  published_at_ = now;
  for (std::uint32_t i = 0; i < lane_count_; ++i) {
    lanes_[i]->publish();
    lanes_[i]->cells().state.set(static_cast<std::uint64_t>(lanes_[i]->state()));
    settle_lost(*lanes_[i]);
  }
  std::uint64_t refused = 0;
  for (WorkerIndex from = 0; from < mesh_.workers(); ++from) refused += mesh_.link(from, index_).refused.read();
  cells_.handoff_in.failures.set(refused);
  cells_.punt_queue.observe(egress_.punting());
  cells_.command_queue.observe(commands_.waiting());
  publish_budget();
}

void Worker::settle_lost(Lane& lane) noexcept {
  const std::uint64_t lost = lane.cells().tx_busy.read();
  PipelineCells& cells = cells_.pipeline;
  const std::uint64_t news = lost - std::exchange(lost_settled_[lane_number(lane)], lost);
  if (news == 0) return;
  // The kernel says how many, not which: they are taken out of the packets that this interface sent, but not out of its
  // bytes, since nobody knows how long they were, and where they had come in is not known any more.
  Cell& sent = cells.interfaces[PipelineCells::line(lane.interface())].tx_packets;
  cells.forwarded.set(cells.forwarded.read() - news);
  sent.set(sent.read() - news);
  cells.drops[PipelineCells::line(kNoInterface)][static_cast<std::size_t>(DropReason::kTransmitFailed)].add(news);
}

std::uint32_t Worker::lane_number(const Lane& lane) const noexcept {
  return static_cast<std::uint32_t>(std::find(lanes_.begin(), lanes_.begin() + lane_count_, &lane) - lanes_.begin());
}

void Worker::publish_budget() noexcept {
  FrameBudgetCells& budget = cells_.budget;
  std::uint64_t receiving = 0;
  std::uint64_t transmitting = 0;
  for (std::uint32_t i = 0; i < lane_count_; ++i) {
    receiving += lanes_[i]->frames_receiving();
    transmitting += lanes_[i]->frames_transmitting();
  }
  for (std::uint32_t i = 0; i < closing_count_; ++i) {
    receiving += closing_[i]->frames_receiving();
    transmitting += closing_[i]->frames_transmitting();
  }
  const auto line = [&budget](FrameHolder holder) -> Cell& { return budget.holders[static_cast<std::size_t>(holder)]; };
  const std::uint32_t sequence = budget.sequence.load(std::memory_order_relaxed);
  budget.sequence.store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  line(FrameHolder::kPool).set(pool_.available());
  line(FrameHolder::kStrangers).set(pool_.strangers().size());
  line(FrameHolder::kReceive).set(receiving);
  line(FrameHolder::kTransmit).set(transmitting);
  line(FrameHolder::kPending).set(pipeline_.held());
  line(FrameHolder::kPunt).set(egress_.punting());
  budget.handed_out.set(traffic_.out);
  budget.handed_in.set(traffic_.in);
  budget.sequence.store(sequence + 2, std::memory_order_release);

  const std::uint64_t sum =
      pool_.available() + pool_.strangers().size() + receiving + transmitting + pipeline_.held() + egress_.punting();
  CULVERT_ASSERT(sum == budget.home.read() + traffic_.in - traffic_.out);
  cells_.frames.observe(budget.home.read() - std::min<std::uint64_t>(budget.home.read(), pool_.available()));
}

}  // namespace culvert
