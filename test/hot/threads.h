// SPDX-License-Identifier: Apache-2.0
// A rig's workers on real threads.
#pragma once

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "test/support/catch.h"
#include "test/support/rig.h"
#include "workers/worker_thread.h"

namespace culvert::test {

using Clock = std::chrono::steady_clock;

/// Longer where there is time (tools/suites/plan.py).
inline std::chrono::milliseconds duration() {
  const char* tier = std::getenv("CULVERT_TEST_TIER");
  return tier != nullptr && std::string_view(tier) != "short" ? std::chrono::seconds(10) : std::chrono::seconds(2);
}

template <typename Condition>
bool comes_true(Condition condition) {
  const auto end = Clock::now() + std::chrono::seconds(20);
  while (!condition() && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

/// The threads of a rig's workers; the end stops them, also when a check has thrown.
class Threads {
 public:
  Threads(Rig& rig, WorkerIndex workers) : rig_(rig) {
    for (WorkerIndex i = 0; i < workers; ++i) {
      const std::uint64_t before = turns(i);
      threads_.push_back(std::make_unique<WorkerThread>(rig.worker(i), rig.waker(i), 0, kSleepMax));
      // A thread's own start may allocate; it is over when its worker has turned.
      CHECK(comes_true([&] { return turns(i) > before + 10; }));
    }
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { stop(); }

  void stop() {
    for (WorkerIndex i = 0; i < threads_.size(); ++i) {
      while (!stopped(i)) {
        (void)rig_.worker(i).commands().push({CommandKind::kStop, nullptr, nullptr, nullptr});
        rig_.waker(i).wake();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }

 private:
  static constexpr std::uint64_t kSleepMax = 10 * kNanosecondsPerMillisecond;

  std::uint64_t turns(WorkerIndex i) const { return rig_.worker(i).cells().turns.read(); }
  bool stopped(WorkerIndex i) const {
    return rig_.worker(i).cells().state.read() == static_cast<std::uint64_t>(WorkerState::kStopped);
  }

  Rig& rig_;
  std::vector<std::unique_ptr<WorkerThread>> threads_;
};

}  // namespace culvert::test
