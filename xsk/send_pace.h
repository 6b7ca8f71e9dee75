// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace culvert {

/// When a lane may ask the kernel to send again, and how often in one flush.
///
/// A send call that ends with EAGAIN has used its budget, and the next sends more; or it found no room, and the next is
/// to wait. Since Linux 6.17 the tx ring's consumer index tells which, and the budget is the whole ring. Before, a call
/// sends 32 packets, and the kernel writes the index only when it has taken every entry that it knew of
/// (net/xdp/xsk_queue.h, xskq_cons_get_entries): the index stands still while a full ring is sent, for one call in 32
/// of its packets. So many calls in a row may show no progress before we believe that there was none.
class SendPace {
 public:
  SendPace() noexcept = default;
  /// `packets_per_send`: what one call sends at most, not 0. `ring`: entries of the tx ring.
  SendPace(std::uint32_t packets_per_send, std::uint32_t ring) noexcept
      : packets_per_send_(packets_per_send), unseen_max_(packets_per_send < ring ? ring / packets_per_send : 0) {}

  bool due(Now now) const noexcept { return now >= next_; }

  /// System calls that one flush may make for so many waiting packets: one where it sends them all. Eight of 32 packets
  /// keep a worker some 400 us.
  std::uint32_t calls(std::uint32_t waiting) const noexcept {
    if (unseen_ >= unseen_max_) return 1;
    return std::clamp((waiting + packets_per_send_ - 1) / packets_per_send_, 1U, kCallsPerFlush);
  }

  /// A call sent all.
  void sent() noexcept {
    pause_ns_ = 0;
    unseen_ = 0;
  }

  /// A call ended early; `moved`: the kernel's index shows that it took something. True when another may follow at
  /// once, false when it has to wait.
  bool stopped(bool moved, Now now) noexcept {
    if (moved) {
      sent();
      return true;
    }
    if (unseen_ < unseen_max_) {
      ++unseen_;
      return true;
    }
    pause_ns_ = std::clamp(2 * pause_ns_, kFirstPauseNs, kLongestPauseNs);
    next_ = now + pause_ns_;
    return false;
  }

  void wait_until(Now next) noexcept { next_ = next; }
  /// Room in completion ring and send buffer: what a call without progress waited for.
  void completed() noexcept { next_ = 0; }

  static constexpr std::uint64_t kLongestPauseNs = kNanosecondsPerMillisecond;

 private:
  static constexpr std::uint64_t kFirstPauseNs = 10 * kNanosecondsPerMicrosecond;
  static constexpr std::uint32_t kCallsPerFlush = 8;

  Now next_ = 0;
  std::uint64_t pause_ns_ = 0;
  std::uint32_t packets_per_send_ = 1;
  std::uint32_t unseen_max_ = 0;
  std::uint32_t unseen_ = 0;
};

}  // namespace culvert
