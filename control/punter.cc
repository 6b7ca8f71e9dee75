// SPDX-License-Identifier: Apache-2.0
#include "control/punter.h"

#include <algorithm>
#include <csignal>
#include <poll.h>
#include <pthread.h>

namespace culvert {
namespace {

constexpr std::uint32_t kPacketsPerRound = 64;

std::vector<std::unique_ptr<PuntQueue>> make_queues(WorkerIndex workers) {
  std::vector<std::unique_ptr<PuntQueue>> queues;
  for (WorkerIndex worker = 0; worker < workers; ++worker) queues.push_back(std::make_unique<PuntQueue>());
  return queues;
}

}  // namespace

Punter::Punter(WorkerIndex workers, PuntDevice& device)
    : device_(device), queues_(make_queues(workers)), thread_([this] {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
        ::pthread_setname_np(::pthread_self(), "punter");
        run();
      }) {}

Punter::~Punter() {
  stop();
}

void Punter::stop() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_release);
  waker_.wake();
  thread_.join();
}

void Punter::run() noexcept {
  while (!stop_.load(std::memory_order_acquire)) {
    bool moved = false;
    for (auto& queue : queues_) moved |= serve(*queue);
    if (moved) continue;
    waker_.announce_sleep();
    if (!waiting() && !stop_.load(std::memory_order_acquire)) {
      pollfd wait{waker_.descriptor(), POLLIN, 0};
      ::poll(&wait, 1, -1);
    }
    waker_.announce_awake();
  }
}

bool Punter::waiting() const noexcept {
  return std::any_of(queues_.begin(), queues_.end(), [](const auto& queue) { return queue->items.waiting() > 0; });
}

bool Punter::serve(PuntQueue& queue) noexcept {
  PuntItem item;
  std::uint32_t served = 0;
  while (served < kPacketsPerRound && queue.items.pop(item)) {
    const bool delivered = device_.write({item.packet, item.length}) == PuntOutcome::kTaken;
    // As large as the worker's limit of packets out with the punter, so there always is room.
    queue.returns.push({item.frame, item.ingress, delivered});
    ++served;
  }
  return served > 0;
}

}  // namespace culvert
