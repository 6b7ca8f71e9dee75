// SPDX-License-Identifier: Apache-2.0
// Packets that wait for a neighbour: 256 lines by the hash of its address, oldest first. Bounded three ways: its
// storage (full: the oldest of the longest line goes out, counted neighbor_pending_full, so that dead neighbours with
// many packets cannot push out the few of one that is being resolved), a share for each line, and time. A sweep of so
// many addresses that every line is as long as its own can: then the oldest of its line goes.
//
// Nobody tells it that a neighbour answered: when the tables' generation has grown, every packet is tried once more in
// a round, a burst a turn (hold_stage.h). A packet that waits on keeps its place, so those of one neighbour always
// leave in the order in which they came.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/cell.h"
#include "base/check.h"
#include "base/time.h"
#include "packet/packet.h"

namespace culvert {

/// Packets of one neighbour (by the hash of its address) that may wait at a time.
inline constexpr std::uint16_t kPendingPerNeighbor = 64;

class PendingQueue {
 public:
  using Index = std::uint16_t;  ///< of an entry of the storage
  static constexpr Index kNone = 0xffff;
  static constexpr std::size_t kLines = 256;

  struct Entry {
    Packet packet;
    Now since = 0;
    std::uint32_t neighbor = 0;  ///< a hash of its address; the low byte is its line
    Index next = kNone;          ///< the younger one behind it, or the next free one
  };

  /// `storage` is the caller's; its size is the bound, at most 65534.
  explicit PendingQueue(std::span<Entry> storage) noexcept : storage_(storage) {
    CULVERT_CHECK(storage.size() < kNone);
    for (auto index = static_cast<Index>(storage.size()); index > 0; --index) {
      storage_[index - 1U].next = free_;
      free_ = static_cast<Index>(index - 1);
    }
  }

  std::uint32_t size() const noexcept { return count_; }

  enum class Push : std::uint8_t {
    kKept,      ///< the packet waits
    kReplaced,  ///< the packet waits; `packet` now is an older one, which must be dropped
    kRefused,   ///< its line has its share already: the packet must be dropped
  };
  Push push(Packet& packet, std::uint32_t neighbor, Now since) noexcept {
    Line& line = line_of(neighbor);
    if (line.count >= kPendingPerNeighbor || storage_.empty()) return Push::kRefused;
    Packet replaced;
    const bool full = free_ == kNone;
    if (full) {
      Line& longest = *std::max_element(lines_.begin(), lines_.end(),
                                        [](const Line& a, const Line& b) { return a.count < b.count; });
      replaced = take_behind(longest.count > line.count ? longest : line, kNone);
    }
    const Index index = free_;
    Entry& entry = storage_[index];
    free_ = entry.next;
    entry = Entry{packet, since, neighbor, kNone};
    (line.last == kNone ? line.first : storage_[line.last].next) = index;
    line.last = index;
    ++line.count;
    ++count_;
    if (!full) return Push::kKept;
    packet = replaced;
    return Push::kReplaced;
  }

  // A round goes through the lines once. Packets may be pushed meanwhile.

  void begin_round() noexcept {
    round_line_ = 0;
    round_stayed_ = kNone;
  }
  bool in_round() const noexcept { return round_line_ < kLines; }
  /// The packet that the round has come to; null when it is over.
  Entry* current() noexcept {
    for (; round_line_ < kLines; ++round_line_, round_stayed_ = kNone) {
      if (const Index index = current_index(); index != kNone) return &storage_[index];
    }
    return nullptr;
  }
  /// An older packet for the neighbour of the current one waits.
  bool waits_behind_another() const noexcept {
    const Index end = current_index();
    for (Index index = lines_[round_line_].first; index != end; index = storage_[index].next) {
      if (storage_[index].neighbor == storage_[end].neighbor) return true;
    }
    return false;
  }
  /// The current one keeps its place; the round goes on behind it.
  void stay() noexcept { round_stayed_ = current_index(); }
  /// The current one goes out.
  void take() noexcept { take_behind(lines_[round_line_], round_stayed_); }

 private:
  struct Line {
    Index first = kNone, last = kNone;
    std::uint16_t count = 0;
  };

  Line& line_of(std::uint32_t neighbor) noexcept { return lines_[neighbor % kLines]; }
  Index current_index() const noexcept {
    return round_stayed_ == kNone ? lines_[round_line_].first : storage_[round_stayed_].next;
  }

  /// Takes out the one behind `before`, or the first; there is one.
  const Packet& take_behind(Line& line, Index before) noexcept {
    Index& link = before == kNone ? line.first : storage_[before].next;
    const Index index = link;
    Entry& entry = storage_[index];
    link = entry.next;
    if (line.last == index) line.last = before;
    if (round_stayed_ == index) round_stayed_ = kNone;  // only the first of a line goes out behind the round's back
    entry.next = free_;
    free_ = index;
    --line.count;
    --count_;
    return entry.packet;
  }

  std::span<Entry> storage_;
  std::array<Line, kLines> lines_{};
  std::uint32_t count_ = 0;
  Index free_ = kNone;
  Index round_stayed_ = kNone;  ///< the one of round_line_ that the round has left last; kNone: it has left none
  std::uint16_t round_line_ = kLines;
};

}  // namespace culvert
