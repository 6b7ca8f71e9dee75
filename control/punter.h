// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "kernel_redirect/punt.h"
#include "umem/frame.h"
#include "workers/handoff.h"
#include "workers/punt_queue.h"

namespace culvert {

/// The thread between the workers' punt queues and the tun: one write a packet, then the frame goes back with the
/// outcome. It sleeps on an eventfd while nothing is punted. A tun that is full or gone makes undelivered packets
/// (punt_failed), never a wait.
class Punter {
 public:
  /// One queue for each of `workers`. Throws SetupError when there are no more descriptors.
  Punter(WorkerIndex workers, PuntDevice& device);
  Punter(const Punter&) = delete;
  Punter& operator=(const Punter&) = delete;
  ~Punter();

  /// Ends the thread; what is queued stays so.
  void stop();

  PuntQueue& queue(WorkerIndex worker) noexcept { return *queues_[worker]; }
  Waker& waker() noexcept { return waker_; }

 private:
  void run() noexcept;
  bool serve(PuntQueue& queue) noexcept;
  bool waiting() const noexcept;

  PuntDevice& device_;
  std::vector<std::unique_ptr<PuntQueue>> queues_;
  Waker waker_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace culvert
