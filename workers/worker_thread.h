// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "workers/worker.h"

namespace culvert {

/// Runs one worker's turns on a pinned thread until it has applied kStop. Adaptive: while there is work it never
/// sleeps; without work it spins for the snapshot's idle_spin_ns, then sleeps on its lanes' descriptors and its
/// eventfd, at most `sleep_max_ns`, so that its heartbeat stays fresh.
class WorkerThread {
 public:
  /// Starts the thread. A worker with a lane that has no descriptor to sleep on (a memory lane) never sleeps.
  WorkerThread(Worker& worker, Waker& waker, int cpu, std::uint64_t sleep_max_ns);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  /// Waits for the thread; control has sent kStop.
  ~WorkerThread();

  int cpu() const noexcept { return cpu_; }

 private:
  void run() noexcept;
  void sleep() noexcept;

  Worker& worker_;
  Waker& waker_;
  int cpu_;
  int sleep_max_ms_;
  std::thread thread_;
};

}  // namespace culvert
