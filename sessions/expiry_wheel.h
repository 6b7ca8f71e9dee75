// SPDX-License-Identifier: Apache-2.0
// When to look at which session again, with bounded work a turn and no sweep of the table.
//
// A wheel of 256 ticks of 268 ms; a tick has a list of sessions to look at then. A session is in exactly one list. The
// packets of a session don't touch the wheel: they store a date, and when its tick comes the session is found to be
// over, or is put where its timeout will be, or at the wheel's far end (68 s) when that is further away. A session
// whose timeout becomes shorter is moved at once.
//
//   tick 41   [ 7: 3 of 15 ] -> [ 2: full ] -> [ 9: full ]      chunks of 15 records; only the first may have few
//   take(41)  hands out the records of chunk 7, then those of 2 and 9: side by side, so that the entries they name are
//             fetched together, which a list linked through the entries could not do
//
// The record's place is stored with its session; taking one out puts the list's last record there. So the number of
// records is the number of sessions, and the memory is given once.
//
// To write the new place of each session that goes on would be a cache line a visit. Sessions that are looked at
// together mostly go on together; so a chunk that is all but full is taken out as it is, and put as it is where the
// first of its sessions must be looked at again (take_block, put_back). Those that end, or end much earlier than the
// rest, leave it:
//
//   tick 41   chunk 2   15 sessions, two are over, one ends 20 s before the others      -> 12 stay, tick 260
//   tick 41   chunk 9   15 sessions, five of them are over     -> less than 12: the rest goes to its ticks one by one
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cell.h"
#include "sessions/flow_head.h"

namespace culvert {

/// Place of a record; 0: none.
using WheelPlace = std::uint32_t;

class ExpiryWheel {
 public:
  struct Record {
    FlowSlot slot = kNoFlow;  ///< of the session's original direction
    FlowSlot peer = kNoFlow;
  };
  struct alignas(kCacheLine) Chunk {
    std::uint32_t next = 0;
    std::uint16_t count = 0;
    std::uint16_t list = 0;
    std::array<Record, 15> records{};
  };
  static_assert(sizeof(Chunk) == 2 * kCacheLine);

  static constexpr std::uint32_t kRecordsPerChunk = 15;
  /// A chunk with less is not put into a list as it is, so behind a list's first chunk none has less.
  static constexpr std::uint32_t kFewestTogether = 12;
  /// Records that were taken out together.
  struct Block {
    std::array<Record, kRecordsPerChunk> records{};
    std::uint32_t count = 0;
    std::uint32_t chunk = 0;  ///< where they still lie, in this order; 0: nowhere
  };

  static constexpr unsigned kTickShift = 4;  ///< a tick is 16 flow dates: 268 ms
  static constexpr std::uint32_t kTicks = 256;
  /// The furthest that a session can be put ahead, in flow dates.
  static constexpr std::uint32_t kHorizon = (kTicks - 2) << kTickShift;

  /// Chunks for so many sessions.
  static constexpr std::size_t chunks_for(std::size_t sessions) noexcept {
    return sessions / kFewestTogether + kTicks + 2;
  }

  /// `chunks`: chunks_for(sessions), their content doesn't matter. Time begins at `now`.
  ExpiryWheel(std::span<Chunk> chunks, FlowDate now) noexcept;
  /// Chunks that another process still works with: nothing is touched, and nothing may be asked, before begin() or
  /// go_on().
  explicit ExpiryWheel(std::span<Chunk> chunks) noexcept : chunks_(chunks) {}
  /// Whatever was there, the wheel is empty. Time begins at `now`.
  void begin(FlowDate now) noexcept;

  /// What it knows besides its chunks, for a successor that has the same ones.
  struct State {
    std::array<std::uint32_t, kTicks> first{};
    std::uint32_t free = 0;
    FlowDate next = 0;
    std::uint32_t size = 0;
  };
  State state() const noexcept { return {first_, free_, next_, size_}; }
  void go_on(const State& state) noexcept;

  /// Nobody may have looked for long, because there was nothing to look at: then time is `now` at once, and what is
  /// added next is not put into ticks that are over.
  void wake(FlowDate now) noexcept {
    if (size_ == 0 && ticks_passed(now)) next_ = now & ~(kTick - 1);
  }

  /// Has the session looked at when `when` has come (a tick later at most), or at the horizon. There is room for as
  /// many as the chunks were meant for.
  WheelPlace add(const Record& record, FlowDate when) noexcept;

  /// Takes out the record at `place`. The slot whose record is at this place now, or kNoFlow.
  FlowSlot remove(WheelPlace place) noexcept;

  /// Takes out records whose time has come, oldest first; how many there were, at most records.size().
  std::size_t take(FlowDate now, std::span<Record> records) noexcept;

  /// The same for the records of one chunk at most, side by side; `block.count` is 0 when none is due.
  void take_block(FlowDate now, std::uint32_t most, Block& block) noexcept;
  // A block's chunk is the caller's until he puts it back or dissolves it; meanwhile he may add other records.

  /// The record at `index` leaves the chunk, and the last one goes to its place: its slot, or kNoFlow when it was the
  /// last itself.
  FlowSlot leave(std::uint32_t chunk, std::uint32_t index) noexcept;
  /// Has what is in the chunk, kFewestTogether at least, looked at when `when` has come.
  void put_back(std::uint32_t chunk, FlowDate when) noexcept;
  /// None of its records stays.
  void dissolve(std::uint32_t chunk) noexcept;
  static constexpr WheelPlace place_in(std::uint32_t chunk, std::uint32_t index) noexcept {
    return chunk * 16 + index + 1;
  }

  /// Whether the record at `place` would be looked at later than `when`.
  bool later_than(WheelPlace place, FlowDate when) const noexcept;
  /// Whether take() would find something or has ticks to pass.
  bool due(FlowDate now) const noexcept { return size_ != 0 && ticks_passed(now); }
  std::uint32_t size() const noexcept { return size_; }

 private:
  static constexpr FlowDate kTick = FlowDate{1} << kTickShift;
  bool ticks_passed(FlowDate now) const noexcept { return static_cast<std::int32_t>(now - next_) >= 0; }
  static constexpr std::uint32_t list_of(FlowDate date) noexcept { return (date >> kTickShift) % kTicks; }
  /// Date of the tick that a session for `when` is put into.
  FlowDate tick_for(FlowDate when) const noexcept;
  /// The first chunk of a list loses its last record.
  Record pop(std::uint32_t list) noexcept;
  /// The list that is due and not empty; kTicks: none. Passes the ticks before it.
  std::uint32_t due_list(FlowDate now) noexcept;
  /// The chunk behind a list's first one is the first now.
  void detach_first(std::uint32_t list) noexcept;

  std::span<Chunk> chunks_;
  std::array<std::uint32_t, kTicks> first_{};  ///< chunk with room, or the only one; 0: no list
  std::uint32_t free_ = 0;                     ///< chain of free chunks
  FlowDate next_ = 0;                          ///< date of the next tick to be taken
  std::uint32_t size_ = 0;
};

}  // namespace culvert
