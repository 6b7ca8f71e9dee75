// SPDX-License-Identifier: Apache-2.0
// Packets that wait for a neighbour, oldest first. Bounded three ways: its storage (full: the oldest goes out, counted
// neighbor_pending_full), a share for each neighbour (so that a sweep of dead addresses can't push out the packets of a
// live one), and time. Nobody tells it that a neighbour answered: when the tables' generation has grown, every packet
// is tried once more in a round, a burst a turn (hold_stage.h).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/cell.h"
#include "base/time.h"
#include "packet/packet.h"

namespace culvert {

/// Packets of one neighbour (by the hash of its address) that may wait at a time.
inline constexpr std::uint16_t kPendingPerNeighbor = 64;

class PendingQueue {
 public:
  struct Entry {
    Packet packet;
    Now since = 0;
    std::uint8_t neighbor = 0;
  };

  /// `storage` is the caller's; its size is the bound.
  explicit PendingQueue(std::span<Entry> storage) noexcept : storage_(storage) {}

  std::uint32_t size() const noexcept { return count_; }

  enum class Push : std::uint8_t {
    kKept,      ///< the packet waits
    kReplaced,  ///< the packet waits; `packet` now is the oldest one, which must be dropped
    kRefused,   ///< its neighbour has its share already: the packet must be dropped
  };
  /// `neighbor` is a hash of the neighbour's address.
  Push push(Packet& packet, std::uint8_t neighbor, Now since) noexcept {
    if (waiting_[neighbor] >= kPendingPerNeighbor || storage_.empty()) return Push::kRefused;
    Packet oldest;
    const bool full = count_ == storage_.size();
    if (full) {
      Entry entry;
      pop(entry);
      oldest = entry.packet;
    }
    storage_[(head_ + count_) % storage_.size()] = Entry{packet, since, neighbor};
    ++count_;
    ++waiting_[neighbor];
    if (!full) return Push::kKept;
    packet = oldest;
    return Push::kReplaced;
  }

  bool pop(Entry& entry) noexcept {
    if (count_ == 0) return false;
    entry = storage_[head_];
    head_ = static_cast<std::uint32_t>((head_ + 1) % storage_.size());
    --count_;
    --waiting_[entry.neighbor];
    return true;
  }

 private:
  std::span<Entry> storage_;
  std::array<std::uint16_t, 256> waiting_{};
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace culvert
