// SPDX-License-Identifier: Apache-2.0
// Every worker with its memory, thread and queues, as control sees them: something to send commands to and to wait for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mapping.h"
#include "base/result.h"
#include "control/meter_memory.h"
#include "control/punter.h"
#include "control/session_slot.h"
#include "umem/region.h"
#include "workers/worker.h"
#include "workers/worker_thread.h"

namespace culvert {

struct WorkerGroupConfig {
  std::vector<int> cpus;  ///< worker i runs on cpus[i]
  std::uint32_t pending_packets = 1024;
  std::uint64_t sleep_max_ns = 10 * kNanosecondsPerMillisecond;
  RouteTables routes;
  const Snapshot* snapshot = nullptr;
  HashKey multipath_key;
  LeftMeters left_meters;
  std::optional<SessionSetup> sessions;  ///< there when a snapshot may be stateful
};

class WorkerGroup {
 public:
  /// Builds the workers. `beats[i]` is where worker i says that it is alive. Throws SetupError.
  WorkerGroup(const WorkerGroupConfig& config, Region& region, PuntDevice& punt,
              const std::vector<unsigned long long*>& beats);
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;
  /// Stops and joins every worker. What they held is dropped and counted.
  ~WorkerGroup();

  /// Before start(): takes sessions of an earlier run over, from files that nobody writes any more.
  void take_sessions_over();
  /// Before start(), at most once: lanes that were left to us, whose frames are in no pool; take_lane_over() follows
  /// for each. `worker` serves the lane that holds the frames.
  struct LeftFrames {
    WorkerIndex worker = 0;
    std::span<const std::uint64_t> receiving, transmitting;  ///< one bit a frame
  };
  void leave_out(std::span<const LeftFrames> lanes);
  void take_lane_over(const LeftFrames& frames, Lane& lane);

  /// Starts the threads. Throws SetupError; those that were started are stopped then.
  void start();
  /// Every worker has ended a turn: XDP has seen it alive.
  bool all_turned() const noexcept;
  /// Every worker ends turns; waits for two seconds at most. False: one is stuck.
  bool all_turn();
  /// For a successor: from now on no worker takes packets from its lanes, and what was handed over or punted is done;
  /// then the threads end and leave their lanes as they are. An error when a worker does not follow: then lanes must
  /// not be left, and the group can only be destroyed.
  Result<void> leave();

  WorkerIndex size() const noexcept { return static_cast<WorkerIndex>(workers_.size()); }
  Worker& worker(WorkerIndex index) noexcept { return *workers_[index]->worker; }
  const Worker& worker(WorkerIndex index) const noexcept { return *workers_[index]->worker; }
  FramePool& pool(WorkerIndex index) noexcept { return workers_[index]->pool; }
  /// Null without sessions.
  const SessionSlot* sessions(WorkerIndex index) const noexcept { return workers_[index]->sessions.get(); }
  SessionSlot* sessions(WorkerIndex index) noexcept { return workers_[index]->sessions.get(); }
  /// Null without sessions.
  const MeterMemory* meters() const noexcept { return meters_.has_value() ? &*meters_ : nullptr; }
  /// Counts a part of what the meters hold; control's, ten times a second.
  void observe_meters() noexcept;
  NeighborRequestQueue& requests(WorkerIndex index) noexcept { return workers_[index]->requests; }
  /// What waits in a worker's request queue, as control finds it when it empties it: the gauge is control's.
  const Gauge& requests_gauge(WorkerIndex index) const noexcept { return workers_[index]->requests_gauge; }
  void observe_requests(WorkerIndex index) noexcept;
  /// Of the gauges that are control's; a worker clears its own when it is told to.
  void clear_peaks() noexcept;
  /// Readable when a worker has put something into its request queue.
  int requests_descriptor() const noexcept { return requests_waker_.descriptor(); }
  void drain_requests_descriptor() noexcept;

  /// Sends to one worker and waits until it has applied the command. An error when it does not within two seconds, and
  /// at once when it still owes the answer to an earlier command: the worker is stuck, and what the command handed over
  /// must be kept. The command stays in its queue, if there was room.
  Result<void> tell(WorkerIndex worker, const Command& command);
  /// Takes a lane from its worker, disconnects it here, where waiting for the kernel keeps no packet waiting, and keeps
  /// it for as long as the worker may touch it: until it has let go of the last frame (a zero-copy driver takes a
  /// second), or its thread has ended. A lane that its worker does not let go of is disconnected when it does.
  void remove_lane(WorkerIndex worker, std::unique_ptr<Lane> lane);
  /// Disconnects the removed lanes that were not yet, and destroys those that no worker holds any more.
  void free_removed_lanes();
  /// How many removed lanes the worker may still hold.
  std::size_t removed_lanes(WorkerIndex worker) const;

  /// Sends to all, then waits for all.
  Result<void> tell_all(const Command& command);

  /// A moment of the tables: everything unlinked before it is unused once passed() says so.
  using Moment = std::vector<std::uint64_t>;
  Moment moment() const;
  bool passed(const Moment& moment) const noexcept;

 private:
  struct Slot {
    Slot(const WorkerGroupConfig& config, WorkerIndex index, Region& region);

    Mapping frames_memory;
    Mapping pending_memory;
    FramePool pool;
    std::unique_ptr<SessionSlot> sessions;
    NeighborRequestQueue requests;
    Gauge requests_gauge;
    std::unique_ptr<Worker> worker;
    std::unique_ptr<WorkerThread> thread;
    std::uint64_t sent = 0;
    std::uint64_t given_up_at = 0;  ///< how many commands it had been sent when it was last waited for in vain
  };

  static constexpr std::uint64_t kNotSent = ~std::uint64_t{0};
  struct RemovedLane {
    WorkerIndex worker;
    std::uint64_t command;  ///< the worker knows that it was removed once it has acknowledged so many; kNotSent
    std::unique_ptr<Lane> lane;
  };

  void stop();
  bool quiet() noexcept;
  /// Two turns of each.
  bool turned_until(Now deadline);
  Result<void> push(WorkerIndex worker, const Command& command);
  Result<void> wait(WorkerIndex worker);
  /// Until the worker has ended a turn that began after this: what need not be kept of a disconnected lane is home
  /// then, so that a lane that takes its place finds frames, and its place.
  void wait_for_closing(const Worker& worker) const;

  std::vector<int> cpus_;
  std::uint64_t sleep_max_ns_;
  FrameHomes homes_;
  std::uint32_t frame_size_;
  bool started_ = false;
  HandoffMesh mesh_;
  std::optional<MeterMemory> meters_;
  Punter punter_;
  Waker requests_waker_;
  std::vector<RemovedLane> removed_;  ///< outlives the workers
  std::vector<std::unique_ptr<Slot>> workers_;
};

}  // namespace culvert
