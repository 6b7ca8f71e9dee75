// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "packet/burst.h"
#include "pipeline/context.h"
#include "pipeline/neighbor_request.h"
#include "pipeline/pending_queue.h"

namespace culvert {

/// Keeps packets whose neighbour is not known, and asks control for the neighbour: at most once a second for each, and
/// never more than the request queue takes (the next packet asks again).
class HoldStage {
 public:
  HoldStage(std::span<PendingQueue::Entry> storage, NeighborRequestQueue& requests,
            const std::atomic<std::uint64_t>& generation) noexcept
      : queue_(storage), requests_(requests), generation_(generation) {}

  /// Takes a kHold packet. If it can't, or if another one must go for it, `packet` becomes what has to be dropped, with
  /// its verdict and reason.
  void keep(Packet& packet, const Context& context) noexcept;

  /// Arms one round over all that wait when the tables have changed since the last one, and every 100 ms for timeouts;
  /// one that is under way goes on first. Once a turn.
  void tick(Now now) noexcept;

  /// The next packet of the round, to be routed anew; null when the round is over, or this turn's burst of it. To be
  /// followed by stay_behind_another() that is true, keep_on() or take().
  const PendingQueue::Entry* next() noexcept;
  /// True when an older packet for the same neighbour waits on in this round: this one must not overtake it.
  bool stay_behind_another() noexcept;
  /// Routed anew as `packet`, it has no neighbour still: waits on. If it can't, `packet` becomes a drop, as in keep().
  void keep_on(Packet& packet, const PendingQueue::Entry& entry, const Context& context) noexcept;
  /// It goes out.
  void take() noexcept { queue_.take(); }
  /// Appends packets that wait, whatever the round, as many as have room; for a worker that stops.
  void take_all(Burst& burst) noexcept;

  std::uint32_t size() const noexcept { return queue_.size(); }

 private:
  struct Asked {
    std::uint64_t key = 0;
    Now at = 0;
  };

  void put(Packet& packet, std::uint64_t key, Now since, const Context& context) noexcept;
  void ask(const Packet& packet, std::uint64_t key, const Context& context) noexcept;

  PendingQueue queue_;
  NeighborRequestQueue& requests_;
  const std::atomic<std::uint64_t>& generation_;
  std::uint64_t seen_generation_ = 0;
  Now last_round_ = 0;
  std::uint32_t left_in_turn_ = 0;
  std::array<Asked, 256> asked_{};
};

}  // namespace culvert
