// SPDX-License-Identifier: Apache-2.0
#include "workers/handoff.h"

#include <sys/eventfd.h>

#include "base/result.h"

namespace culvert {

Waker::Waker() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw SetupError(errno_error("making an eventfd to wake a worker", "raise ulimit -n"));
}

void Waker::wake() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!sleeping_.load(std::memory_order_relaxed)) return;
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, and then the worker is awake already.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof(one));
}

void Waker::announce_sleep() noexcept {
  sleeping_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Waker::announce_awake() noexcept {
  sleeping_.store(false, std::memory_order_relaxed);
  std::uint64_t drained = 0;
  [[maybe_unused]] const auto read = ::read(event_.get(), &drained, sizeof(drained));
}

HandoffMesh::HandoffMesh(WorkerIndex workers)
    : workers_(workers),
      links_(std::make_unique<HandoffLink[]>(std::size_t{workers} * workers)),
      wakers_(std::make_unique<Waker[]>(workers)) {}

}  // namespace culvert
