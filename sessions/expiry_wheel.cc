// SPDX-License-Identifier: Apache-2.0
#include "sessions/expiry_wheel.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/prefetch.h"

namespace culvert {

ExpiryWheel::ExpiryWheel(std::span<Chunk> chunks, FlowDate now) noexcept : chunks_(chunks) {
  CULVERT_CHECK(chunks.size() > kTicks && chunks.size() < (std::size_t{1} << 28));
  begin(now);
}

void ExpiryWheel::go_on(const State& state) noexcept {
  first_ = state.first;
  free_ = state.free;
  next_ = state.next;
  size_ = state.size;
}

void ExpiryWheel::begin(FlowDate now) noexcept {
  next_ = now & ~(kTick - 1);
  first_ = {};
  free_ = 0;
  size_ = 0;
  chunks_[0] = Chunk{};  // behind every list's end
  for (std::uint32_t chunk = static_cast<std::uint32_t>(chunks_.size()) - 1; chunk > 0; --chunk) {
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
  const std::uint32_t index = into.count;
  into.records[index] = record;
  ++into.count;
  ++size_;
  return place_in(chunk, index);
}

void ExpiryWheel::detach_first(std::uint32_t list) noexcept {
  const Chunk& first = chunks_[first_[list]];
  first_[list] = first.next;
  // A list is read from end to end soon: the chunk behind the one that is first now, which was fetched the same way.
  const Chunk& behind = chunks_[chunks_[first.next].next];
  prefetch(&behind);
  prefetch(bytes_of(behind).data() + kCacheLine);
}

ExpiryWheel::Record ExpiryWheel::pop(std::uint32_t list) noexcept {
  const std::uint32_t chunk = first_[list];
  Chunk& from = chunks_[chunk];
  const Record record = from.records[--from.count];
  --size_;
  if (from.count == 0) {
    detach_first(list);
    dissolve(chunk);
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

std::uint32_t ExpiryWheel::due_list(FlowDate now) noexcept {
  while (ticks_passed(now)) {
    if (first_[list_of(next_)] != 0) return list_of(next_);
    // When nobody is in the wheel there is no tick to visit on the way.
    next_ = size_ != 0 ? next_ + kTick : (now & ~(kTick - 1)) + kTick;
  }
  return kTicks;
}

std::size_t ExpiryWheel::take(FlowDate now, std::span<Record> records) noexcept {
  std::size_t taken = 0;
  while (taken < records.size()) {
    const std::uint32_t list = due_list(now);
    if (list == kTicks) break;
    records[taken++] = pop(list);
  }
  return taken;
}

void ExpiryWheel::take_block(FlowDate now, std::uint32_t most, Block& block) noexcept {
  block.count = 0;
  block.chunk = 0;
  const std::uint32_t list = due_list(now);
  if (list == kTicks || most == 0) return;
  const std::uint32_t chunk = first_[list];
  const std::uint32_t count = chunks_[chunk].count;
  if (count < kFewestTogether || count > most) {
    block.count = count < most ? count : most;
    for (Record& record : std::span(block.records).first(block.count)) record = pop(list);
    return;
  }
  block.records = chunks_[chunk].records;
  block.count = count;
  block.chunk = chunk;
  size_ -= count;
  detach_first(list);
}

FlowSlot ExpiryWheel::leave(std::uint32_t chunk, std::uint32_t index) noexcept {
  Chunk& from = chunks_[chunk];
  const std::uint32_t last = --from.count;
  if (last == index) return kNoFlow;
  from.records[index] = from.records[last];
  return from.records[index].slot;
}

void ExpiryWheel::put_back(std::uint32_t chunk, FlowDate when) noexcept {
  const std::uint32_t list = list_of(tick_for(when));
  Chunk& back = chunks_[chunk];
  CULVERT_ASSERT(back.count >= kFewestTogether);
  back.list = static_cast<std::uint16_t>(list);
  size_ += back.count;
  // Behind the first one, which may have few.
  const std::uint32_t first = first_[list];
  back.next = first != 0 ? chunks_[first].next : 0;
  (first != 0 ? chunks_[first].next : first_[list]) = chunk;
}

void ExpiryWheel::dissolve(std::uint32_t chunk) noexcept {
  chunks_[chunk].count = 0;
  chunks_[chunk].next = free_;
  free_ = chunk;
}

bool ExpiryWheel::later_than(WheelPlace place, FlowDate when) const noexcept {
  const std::uint32_t lists_ahead = (chunks_[place / 16].list - list_of(next_)) % kTicks;
  return static_cast<std::int32_t>(next_ + (lists_ahead << kTickShift) - tick_for(when)) > 0;
}

}  // namespace culvert
