// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_thread.h"

#include <array>
#include <csignal>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/result.h"

namespace culvert {
namespace {

/// Signals are the main thread's.
void keep_signals_away() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

WorkerThread::WorkerThread(Worker& worker, Waker& waker, int cpu, std::uint64_t sleep_max_ns)
    : worker_(worker),
      waker_(waker),
      cpu_(cpu),
      sleep_max_ms_(static_cast<int>(sleep_max_ns / kNanosecondsPerMillisecond)),
      thread_([this, &worker] {
        keep_signals_away();
        const std::string name = "worker-" + std::to_string(worker.index());
        ::pthread_setname_np(::pthread_self(), name.c_str());
        // A CPU that cannot be had was refused when the configuration was compiled; here it costs speed, not packets.
        if (pin_this_thread(cpu_).has_value()) worker.cells().cpu.set(static_cast<std::uint64_t>(cpu_));
        worker.cells().thread_id.set(static_cast<std::uint64_t>(::gettid()));
        run();
      }) {}

WorkerThread::~WorkerThread() {
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::run() noexcept {
  WorkerCells& cells = worker_.cells();
  cells.state.set(static_cast<std::uint64_t>(WorkerState::kRunning));
  Now now = monotonic_ns();
  Now idle_since = now;
  while (!worker_.stopped()) {
    const bool moved = worker_.turn(now);
    const Now after = monotonic_ns();
    if (moved) {
      cells.busy_turns.add();
      cells.busy_ns.add(after - now);
      cells.longest_turn_ns.raise_to(after - now);
      idle_since = after;
    } else if (after - idle_since >= worker_.spin_ns()) {
      sleep();
      const Now awake = monotonic_ns();
      cells.sleep_ns.add(awake - after);
      // The next turn takes up what woke it; if nothing did, it sleeps again at once.
      now = awake;
      continue;
    } else {
      cpu_pause();
    }
    now = after;
  }
  cells.state.set(static_cast<std::uint64_t>(WorkerState::kStopped));
}

void WorkerThread::sleep() noexcept {
  std::array<pollfd, kMaxLanesPerWorker + 1> waits{};
  nfds_t count = 0;
  waits[count++] = {waker_.descriptor(), POLLIN, 0};
  for (Lane* lane : worker_.lanes()) {
    if (lane->state() != LaneState::kUp) continue;  // its descriptor may be readable for ever; the timeout looks again
    if (lane->has_unsent()) continue;               // only flush() sends, and counts; it comes in a millisecond
    if (lane->wait_descriptor() < 0) return;        // it must be polled by receiving
    waits[count++] = {lane->wait_descriptor(), POLLIN, 0};
  }
  WorkerCells& cells = worker_.cells();
  cells.state.set(static_cast<std::uint64_t>(WorkerState::kSleeping));
  waker_.announce_sleep();
  if (!worker_.has_waiting()) {
    // Completions make no descriptor readable, and a lane that waits for its turn to send needs somebody to try.
    ::poll(waits.data(), count, worker_.must_reap() ? 1 : sleep_max_ms_);
    cells.wakeups.add();
  }
  waker_.announce_awake();
  cells.state.set(static_cast<std::uint64_t>(WorkerState::kRunning));
}

}  // namespace culvert
