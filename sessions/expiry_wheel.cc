// SPDX-License-Identifier: Apache-2.0
#include "sessions/expiry_wheel.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/prefetch.h"

namespace culvert {

ExpiryWheel::ExpiryWheel(std::span<Chunk> chunks, FlowDate now) noexcept : chunks_(chunks), next_(now & ~(kTick - 1)) {
  CULVERT_CHECK(chunks.size() > kTicks && chunks.size() < (std::size_t{1} << 28));
  chunks_[0] = Chunk{};  // behind every list's end
  for (std::uint32_t chunk = static_cast<std::uint32_t>(chunks.size()) - 1; chunk > 0; --chunk) {
    chunks_[chunk] = Chunk{};
    chunks_[chunk].next = free_;
    free_ = chunk;
  }
}

FlowDate ExpiryWheel::tick_for(FlowDate when) const noexcept {
  // The first tick that begins when the date has come. What is over already is looked at with the next tick; a session
  // that has just been looked at and goes on is never put into the one that is being taken, whose date is not ahead.
  const auto ahead = static_cast<std::int32_t>(when - next_);
  if (ahead <= 0) return next_;
  const std::uint32_t ticks = (static_cast<std::uint32_t>(ahead) + kTick - 1) >> kTickShift;
  return next_ + ((ticks < kTicks - 1 ? ticks : kTicks - 1) << kTickShift);
}

WheelPlace ExpiryWheel::add(const Record& record, FlowDate when) noexcept {
  const std::uint32_t list = list_of(tick_for(when));
  std::uint32_t chunk = first_[list];
  if (chunk == 0 || chunks_[chunk].count == kRecordsPerChunk) {
    const std::uint32_t fresh = free_;
    CULVERT_CHECK(fresh != 0);
    free_ = chunks_[fresh].next;
    chunks_[fresh].next = chunk;
    chunks_[fresh].count = 0;
    chunks_[fresh].list = static_cast<std::uint16_t>(list);
    first_[list] = chunk = fresh;
  }
  Chunk& into = chunks_[chunk];
  into.records[into.count] = record;
  ++into.count;
  ++size_;
  return chunk * 16 + into.count;
}

ExpiryWheel::Record ExpiryWheel::pop(std::uint32_t list) noexcept {
  const std::uint32_t chunk = first_[list];
  Chunk& from = chunks_[chunk];
  const Record record = from.records[--from.count];
  --size_;
  if (from.count == 0) {
    first_[list] = from.next;
    // A list is read from end to end soon: the chunk behind the one that is first now, which was fetched the same way.
    const Chunk& behind = chunks_[chunks_[from.next].next];
    prefetch(&behind);
    prefetch(bytes_of(behind).data() + kCacheLine);
    from.next = free_;
    free_ = chunk;
  }
  return record;
}

FlowSlot ExpiryWheel::remove(WheelPlace place) noexcept {
  Chunk& chunk = chunks_[place / 16];
  const std::uint32_t list = chunk.list;
  const WheelPlace last = first_[list] * 16 + chunks_[first_[list]].count;
  const Record moved = pop(list);
  if (last == place) return kNoFlow;
  chunk.records[place % 16 - 1] = moved;
  return moved.slot;
}

std::size_t ExpiryWheel::take(FlowDate now, std::span<Record> records) noexcept {
  std::size_t taken = 0;
  while (taken < records.size() && ticks_passed(now)) {
    const std::uint32_t list = list_of(next_);
    if (first_[list] != 0) {
      records[taken++] = pop(list);
    } else if (size_ != 0) {
      next_ += kTick;
    } else {
      next_ = (now & ~(kTick - 1)) + kTick;  // nobody is in the wheel: no tick to visit on the way
    }
  }
  return taken;
}

bool ExpiryWheel::later_than(WheelPlace place, FlowDate when) const noexcept {
  const std::uint32_t lists_ahead = (chunks_[place / 16].list - list_of(next_)) % kTicks;
  return static_cast<std::int32_t>(next_ + (lists_ahead << kTickShift) - tick_for(when)) > 0;
}

}  // namespace culvert
