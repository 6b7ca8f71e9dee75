// SPDX-License-Identifier: Apache-2.0
// A worker: its lanes, its frames, its pipeline, its counters, and the turn that moves packets through them. One thread
// calls it. It touches only what it owns and the rings that it shares with exactly one other thread each:
//
//   control --commands--> worker --acknowledged, cells--> control
//   worker <--hand-off links--> every other worker
//   worker <--punt queue--> punter        worker --neighbour requests--> control
//
// A frame that a turn takes up has a holder again when the turn ends; in test builds the sum is asserted.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "pipeline/pipeline.h"
#include "umem/pool.h"
#include "workers/command.h"
#include "workers/egress.h"
#include "workers/handoff.h"
#include "workers/worker_cells.h"

namespace culvert {

/// Lanes that one worker can own.
inline constexpr std::size_t kMaxLanesPerWorker = 64;

struct WorkerParts {
  WorkerIndex index = 0;
  PipelineParts pipeline;  ///< `cells` and `pool` are the worker's: filled in by its constructor
  FramePool* pool = nullptr;
  HandoffMesh* mesh = nullptr;
  PuntQueue* punt = nullptr;
  Waker* punter = nullptr;
  Waker* control = nullptr;            ///< told when a neighbour is asked for; may be null
  unsigned long long* beat = nullptr;  ///< where XDP looks for signs of life; a __u64 of the kernel's
};

class Worker {
 public:
  explicit Worker(const WorkerParts& parts) noexcept;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Control.

  /// The queue that control pushes to; wake the worker afterwards (its Waker of the mesh).
  CommandQueue& commands() noexcept { return commands_; }
  /// How many commands have been applied, ever.
  std::uint64_t acknowledged() const noexcept { return acknowledged_.load(std::memory_order_acquire); }
  /// How many turns have ended, ever: whatever the tables no longer name is unused once this has grown by two.
  std::uint64_t turns_ended() const noexcept { return turns_ended_.load(std::memory_order_acquire); }
  /// Lanes that were taken away and still wait for frames. 0: what the worker did to them is over, control may destroy
  /// them.
  std::uint32_t closing_lanes() const noexcept { return closing_told_.load(std::memory_order_acquire); }
  /// Before its first turn: a lane that an earlier process had, with the frames that it holds. `others` of them are at
  /// home with other workers.
  void take_over(Lane& lane, std::uint64_t others) noexcept;
  /// Before its first turn: so many frames of its home are with lanes of others.
  void lent(std::uint64_t frames) noexcept { traffic_.out += frames; }
  const WorkerCells& cells() const noexcept { return cells_; }
  WorkerCells& cells() noexcept { return cells_; }
  WorkerIndex index() const noexcept { return index_; }

  // The worker's thread, or a simulation.

  /// What a turn begins with. True when there were any. Also control's, before there is a thread.
  bool apply_commands(Now now) noexcept;
  /// One pass of the loop. True when it moved something.
  bool turn(Now now) noexcept;
  /// Something waits in a ring that no descriptor tells of; asked before sleeping.
  bool has_waiting() const noexcept;
  bool stopped() const noexcept { return stopped_; }
  /// Frames are with a kernel that will not tell when it is done with them, or wait to be sent home: somebody must
  /// look.
  bool must_reap() const noexcept;
  std::span<Lane* const> lanes() const noexcept { return {lanes_.data(), lane_count_}; }
  std::uint64_t spin_ns() const noexcept { return snapshot_->idle_spin_ns; }

 private:
  void apply(const Command& command, Now now) noexcept;
  void add_lane(Lane& lane) noexcept;
  void remove_lane(Lane* lane) noexcept;
  void tell_closing() noexcept;
  void stop(Now now) noexcept;
  void leave(Now now) noexcept;
  void flush_lanes(Now now) noexcept;
  /// Own lanes and other workers' packet rings, each once.
  bool serve_sources(Now now) noexcept;
  bool serve(Lane& lane, Now now) noexcept;
  /// Of the rings served in a turn, `fullest` keeps the most that waited in one.
  bool serve_hand_in(WorkerIndex from, std::size_t& fullest, Now now) noexcept;
  bool take_frames_home() noexcept;
  bool send_made(Now now) noexcept;
  void publish(Now now) noexcept;
  void publish_budget() noexcept;
  /// The kernel may refuse a packet after a lane took it (EBUSY): then it was not forwarded but dropped.
  void settle_lost(Lane& lane) noexcept;
  std::uint32_t lane_number(const Lane& lane) const noexcept;
  void clear_peaks() noexcept;

  WorkerIndex index_;
  FramePool& pool_;
  HandoffMesh& mesh_;
  NeighborRequestQueue& requests_;
  Waker* control_;
  unsigned long long& beat_;  ///< shared with the XDP program: written through an atomic reference
  const Snapshot* snapshot_;
  WorkerCells cells_;
  CommandQueue commands_;
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> turns_ended_{0};
  std::atomic<std::uint32_t> closing_told_{0};
  FrameTraffic traffic_;
  Pipeline pipeline_;
  Egress egress_;
  Burst burst_;
  Burst sending_;  ///< what others handed over to be sent
  std::array<Lane*, kMaxLanesPerWorker> lanes_{};
  std::array<std::uint64_t, kMaxLanesPerWorker> lost_settled_{};  ///< beside lanes_: losses that are counted already
  std::uint32_t lane_count_ = 0;
  std::uint32_t first_source_ = 0;  ///< where the next turn begins
  /// Lanes that were taken away and whose frames the kernel has not all given back (a zero-copy driver takes a moment).
  std::array<Lane*, kMaxLanesPerWorker> closing_{};
  std::uint32_t closing_count_ = 0;
  Now published_at_ = 0;
  bool resting_ = false;
  bool stopped_ = false;
};

}  // namespace culvert
