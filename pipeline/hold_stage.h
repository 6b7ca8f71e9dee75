// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>

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

  /// Takes a kHold packet. If it can't, or if an older one must go for it, `packet` becomes what has to be dropped,
  /// with its verdict and reason.
  void keep(Packet& packet, Now since, const Context& context) noexcept;

  /// Arms one round over all that wait when the tables have changed since the last one, and every 100 ms for timeouts;
  /// one that is under way goes on first. Once a turn.
  void tick(Now now) noexcept;

  /// The next packet of the round, to be routed anew; false when the round is over, or this turn's burst of it.
  bool next(PendingQueue::Entry& entry) noexcept;
  /// In this round an older packet for the same neighbour went on waiting: this one must not overtake it.
  bool must_wait(const PendingQueue::Entry& entry) const noexcept { return stayed_[entry.neighbor]; }
  /// Puts an entry of this round back: there is room, it was just taken.
  void stay(PendingQueue::Entry& entry) noexcept;
  /// The packet of `entry`, routed anew, has no neighbour still: waits on, as keep() has it.
  void keep_on(Packet& packet, const PendingQueue::Entry& entry, const Context& context) noexcept;
  /// The next packet whatever the round; false when none waits.
  bool pop(PendingQueue::Entry& entry) noexcept { return queue_.pop(entry); }

  std::uint32_t size() const noexcept { return queue_.size(); }

 private:
  struct Asked {
    std::uint64_t key = 0;
    Now at = 0;
  };

  void ask(const Packet& packet, std::uint64_t key, const Context& context) noexcept;

  PendingQueue queue_;
  NeighborRequestQueue& requests_;
  const std::atomic<std::uint64_t>& generation_;
  std::uint64_t seen_generation_ = 0;
  Now last_round_ = 0;
  std::uint32_t left_in_round_ = 0;
  std::uint32_t left_in_turn_ = 0;
  std::bitset<256> stayed_;  ///< by PendingQueue::Entry::neighbor, in this round
  std::array<Asked, 256> asked_{};
};

}  // namespace culvert
