// SPDX-License-Identifier: Apache-2.0
// Between workers. Each ordered pair of workers has two bounded rings: packets that the other worker must send or own,
// with their parse results and in order; and free frames going home. Nobody waits: a full packet ring drops the newest
// (handoff_full), a full frame ring leaves the frames with the pool's strangers until the next turn.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>

#include "base/cell.h"
#include "base/fd.h"
#include "base/spsc.h"
#include "packet/packet.h"
#include "umem/frame.h"

namespace culvert {

/// How a sleeping worker is woken: it raises `sleeping`, checks its rings once more, and sleeps on the descriptor.
/// Whoever puts something into a ring of his calls wake() afterwards. Between the push and the read of the flag stands
/// a sequentially consistent fence, and another one between the flag and the check; so at least one side sees the
/// other.
class Waker {
 public:
  Waker();

  /// Any thread, after pushing. One system call when the worker sleeps, none otherwise.
  void wake() noexcept;

  // The worker.
  void announce_sleep() noexcept;
  void announce_awake() noexcept;
  int descriptor() const noexcept { return event_.get(); }

 private:
  alignas(64) std::atomic<bool> sleeping_{false};
  Fd event_;
};

inline constexpr std::size_t kHandoffPacketCapacity = 1024;
inline constexpr std::size_t kHandoffFrameCapacity = 4096;

/// The rings from one worker to another.
struct HandoffLink {
  SpscRing<Packet, kHandoffPacketCapacity> packets;
  SpscRing<FrameAddress, kHandoffFrameCapacity> frames;
  alignas(kCacheLine) Cell refused;  ///< packets that found their ring full; the sender counts
};

/// Every ordered pair of workers.
class HandoffMesh {
 public:
  explicit HandoffMesh(WorkerIndex workers);

  WorkerIndex workers() const noexcept { return workers_; }
  HandoffLink& link(WorkerIndex from, WorkerIndex to) noexcept { return links_[std::size_t{from} * workers_ + to]; }
  Waker& waker(WorkerIndex worker) noexcept { return wakers_[worker]; }

 private:
  WorkerIndex workers_;
  std::unique_ptr<HandoffLink[]> links_;
  std::unique_ptr<Waker[]> wakers_;
};

}  // namespace culvert
