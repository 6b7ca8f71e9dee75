// SPDX-License-Identifier: Apache-2.0
#include "pipeline/datagram_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace culvert {
namespace {

/// Entries that a datagram of `count` pieces has of its source's share.
std::uint16_t use_of(std::uint16_t count) noexcept {
  return std::max<std::uint16_t>(count, 1);
}

void take_from(std::uint16_t& use, std::uint32_t amount) noexcept {
  use = static_cast<std::uint16_t>(use - amount);
}

}  // namespace

static_assert(kMaxFragments <= kBurstSize, "a whole datagram fits an empty burst");

DatagramQueue::DatagramQueue(std::span<Entry> storage, const HashKey& key, Gauge& gauge) noexcept
    : storage_(storage), key_(key), gauge_(gauge), share_(source_share(storage.size())) {
  CULVERT_CHECK(storage.size() < kNone);
  for (auto index = static_cast<Index>(storage.size()); index > 0; --index) {
    const auto entry = static_cast<Index>(index - 1);
    piece(entry).next = std::exchange(free_piece_, entry);
    datagram(entry).younger = std::exchange(free_datagram_, entry);
  }
  gauge_.max.set(storage.size());
}

void DatagramQueue::keep(Packet& packet, Now now, std::uint32_t timeout_ms, std::uint16_t vrf) noexcept {
  if (storage_.empty()) return packet.drop(DropReason::kFragmentQueueFull);
  const FragmentPlace place = fragment_place(packet, vrf);
  const auto bucket =
      static_cast<Index>(fast_range(hash_of(key_, place.datagram), static_cast<std::uint32_t>(storage_.size())));
  Index index = find(place.datagram, bucket);
  if (index != kNone && is_over(datagram(index), now, timeout_ms)) {
    remove(index, DropReason::kFragmentTimeout);
    index = kNone;
  }
  if (index == kNone) index = open(place.datagram, bucket, now);
  if (index == kNone) return packet.drop(DropReason::kFragmentSourceShare);
  if (datagram(index).spoiled) return packet.drop(DropReason::kDatagramSpoiled);

  const Gap gap = gap_for(datagram(index), place.offset);
  DropReason reason = judge(datagram(index), gap, place);
  if (reason == DropReason::kFragmentDuplicate) return packet.drop(reason);
  if (reason == DropReason::kNone) reason = make_room(index);
  if (reason != DropReason::kNone) {
    spoil(index, reason);
    return packet.drop(reason);
  }
  insert(index, gap, place, packet);
  const Datagram& grown = datagram(index);
  if (grown.bytes == grown.total) complete(index);
}

// Datagrams.

DatagramQueue::Index DatagramQueue::find(const DatagramId& id, Index bucket) const noexcept {
  Index index = storage_[bucket].bucket;
  while (index != kNone && !(storage_[index].datagram.id == id)) index = storage_[index].datagram.next;
  return index;
}

std::uint16_t DatagramQueue::source_line(const DatagramId& id) const noexcept {
  // The first 8 bytes: an IPv4 address with zeros, or an IPv6 /64.
  const std::uint64_t kind = static_cast<std::uint64_t>(id.network) | std::uint64_t{id.vrf} << 8;
  return static_cast<std::uint16_t>(hash16(key_, id.source.high(), kind) % kSourceLines);
}

/// A datagram without pieces; kNone when its source has its share.
DatagramQueue::Index DatagramQueue::open(const DatagramId& id, Index bucket, Now now) noexcept {
  const std::uint16_t line = source_line(id);
  if (source_use_[line] >= share_) {
    gauge_.failures.add();
    return kNone;
  }
  shorten(bucket);
  if (free_datagram_ == kNone) {
    gauge_.failures.add();
    // There is one: whole datagrams have two pieces or more, so they don't have all entries.
    remove(spoiled_.first != kNone ? spoiled_.first : waiting_.first, DropReason::kFragmentQueueFull);
  }
  const Index index = free_datagram_;
  Datagram& opened = datagram(index);
  free_datagram_ = opened.younger;
  opened = Datagram{};
  opened.id = id;
  opened.since = now;
  opened.source_line = line;
  opened.bucket = bucket;
  opened.next = std::exchange(storage_[bucket].bucket, index);
  append(waiting_, index);
  ++source_use_[line];
  return index;
}

/// Makes room for one more datagram in a bucket: its oldest goes when it has as many as it may.
void DatagramQueue::shorten(Index bucket) noexcept {
  Index oldest = kNone;
  std::uint32_t length = 0;
  for (Index index = storage_[bucket].bucket; index != kNone; index = datagram(index).next, ++length) oldest = index;
  if (length < kLongestChain) return;
  gauge_.failures.add();
  remove(oldest, DropReason::kFragmentQueueFull);
}

/// Drops its pieces and those that will come.
void DatagramQueue::spoil(Index index, DropReason reason) noexcept {
  Datagram& gone = datagram(index);
  take_from(source_use_[gone.source_line], use_of(gone.count) - 1U);
  drop_pieces(gone, reason);
  take_out(waiting_, index);
  append(spoiled_, index);
  gone.spoiled = true;
}

/// Drops its pieces and forgets it.
void DatagramQueue::remove(Index index, DropReason reason) noexcept {
  forget(index);
  drop_pieces(datagram(index), reason);
  free_datagram(list_of(datagram(index)), index);
}

/// It has all its bytes: it waits for take_whole(), and is found no more.
void DatagramQueue::complete(Index index) noexcept {
  Datagram& whole = datagram(index);
  const Packet& first = storage_[whole.first].packet;
  const FragmentPlace place = fragment_place(first);
  // Each fragment was short enough with its own headers; the first one may have more of them.
  if (std::uint32_t{place.before} + whole.total > 0xffff) return spoil(index, DropReason::kFragmentBad);
  std::uint32_t length = whole.total;
  if (first.has(kFlagTransport)) length -= std::uint32_t{first.transport_offset} - place.data_offset;
  whole.transport_length = static_cast<std::uint16_t>(length);
  forget(index);
  take_out(waiting_, index);
  append(whole_, index);
}

/// It is found no more, and off its source's account.
void DatagramQueue::forget(Index index) noexcept {
  const Datagram& gone = datagram(index);
  Index* link = &storage_[gone.bucket].bucket;
  while (*link != index) link = &datagram(*link).next;
  *link = gone.next;
  take_from(source_use_[gone.source_line], use_of(gone.count));
}

void DatagramQueue::free_datagram(List& list, Index index) noexcept {
  take_out(list, index);
  datagram(index).younger = std::exchange(free_datagram_, index);
}

void DatagramQueue::append(List& list, Index index) noexcept {
  datagram(index).younger = kNone;
  datagram(index).older = list.last;
  (list.last == kNone ? list.first : datagram(list.last).younger) = index;
  list.last = index;
}

void DatagramQueue::take_out(List& list, Index index) noexcept {
  const Datagram& gone = datagram(index);
  (gone.older == kNone ? list.first : datagram(gone.older).younger) = gone.younger;
  (gone.younger == kNone ? list.last : datagram(gone.younger).older) = gone.older;
}

// Fragments.

DatagramQueue::Gap DatagramQueue::gap_for(const Datagram& datagram, std::uint32_t offset) const noexcept {
  // Most come in order.
  if (datagram.last != kNone && piece(datagram.last).offset < offset) return {datagram.last, kNone};
  Gap gap{kNone, datagram.first};
  while (gap.behind != kNone && piece(gap.behind).offset < offset) {
    gap.before = gap.behind;
    gap.behind = piece(gap.behind).next;
  }
  return gap;
}

/// Whether a fragment agrees with those that are there.
DropReason DatagramQueue::judge(const Datagram& datagram, const Gap& gap, const FragmentPlace& place) const noexcept {
  if (gap.behind != kNone) {
    const Piece& behind = piece(gap.behind);
    const bool is_last = behind.end() == datagram.total;
    if (behind.offset == place.offset && behind.length == place.length && is_last == place.last) {
      return DropReason::kFragmentDuplicate;
    }
    if (behind.offset < place.end()) return DropReason::kFragmentOverlap;
    if (place.last) return DropReason::kFragmentOverlap;
  }
  if (gap.before != kNone && piece(gap.before).end() > place.offset) return DropReason::kFragmentOverlap;
  if (datagram.total != 0 && (place.last || place.end() > datagram.total)) return DropReason::kFragmentOverlap;
  return datagram.count < kMaxFragments ? DropReason::kNone : DropReason::kDatagramTooManyFragments;
}

/// Sees to it that there is an entry for one more piece of a datagram: a free one, or one of a dropped packet.
DropReason DatagramQueue::make_room(Index index) noexcept {
  const Datagram& grows = datagram(index);
  if (grows.count > 0 && source_use_[grows.source_line] >= share_) {
    gauge_.failures.add();
    return DropReason::kFragmentSourceShare;
  }
  if (free_piece_ != kNone || dropped_.first != kNone) return DropReason::kNone;
  gauge_.failures.add();
  const Index oldest = waiting_.first == index ? grows.younger : waiting_.first;
  if (oldest == kNone) return DropReason::kFragmentQueueFull;
  remove(oldest, DropReason::kFragmentQueueFull);
  return DropReason::kNone;
}

/// make_room() has been called. `packet` is held then, or has become the dropped one whose entry it got.
void DatagramQueue::insert(Index index, const Gap& gap, const FragmentPlace& place, Packet& packet) noexcept {
  const bool replaces = free_piece_ == kNone;
  const Index at = replaces ? dropped_.first : free_piece_;
  Entry& entry = storage_[at];
  packet.verdict = Verdict::kNone;
  if (replaces) {
    dropped_.first = entry.piece.next;
    if (dropped_.first == kNone) dropped_.last = kNone;
    std::swap(entry.packet, packet);
  } else {
    free_piece_ = entry.piece.next;
    entry.packet = packet;
    packet.verdict = Verdict::kHold;
    ++fragments_;
  }
  Datagram& grown = datagram(index);
  entry.piece = {gap.behind, place.offset, place.length};
  (gap.before == kNone ? grown.first : piece(gap.before).next) = at;
  if (gap.behind == kNone) grown.last = at;
  if (grown.count > 0) ++source_use_[grown.source_line];  // its first piece is what it was opened for
  ++grown.count;
  grown.bytes += place.length;
  if (place.last) grown.total = static_cast<std::uint16_t>(place.end());
}

void DatagramQueue::drop_pieces(Datagram& datagram, DropReason reason) noexcept {
  if (datagram.first == kNone) return;
  for (Index at = datagram.first; at != kNone; at = piece(at).next) storage_[at].packet.drop(reason);
  (dropped_.last == kNone ? dropped_.first : piece(dropped_.last).next) = datagram.first;
  dropped_.last = datagram.last;
  datagram.first = datagram.last = kNone;
  datagram.count = 0;
}

void DatagramQueue::free_piece(Index index) noexcept {
  piece(index).next = std::exchange(free_piece_, index);
  --fragments_;
}

// The ways out.

WholeDatagram DatagramQueue::take_whole(Burst& burst) noexcept {
  const Index index = whole_.first;
  if (index == kNone || datagram(index).count > burst.space()) return {};
  Datagram& whole = datagram(index);
  const Packet& first = storage_[whole.first].packet;
  const WholeDatagram taken{burst.size(), whole.count, whole.transport_length};
  const std::uint8_t protocol = first.protocol;
  const Be16 source_port = first.source_port;
  const Be16 destination_port = first.destination_port;
  for (Index at = whole.first; at != kNone;) {
    Packet& packet = burst.append();
    packet = storage_[at].packet;
    packet.protocol = protocol;
    packet.source_port = source_port;
    packet.destination_port = destination_port;
    free_piece(std::exchange(at, piece(at).next));
  }
  free_datagram(whole_, index);
  return taken;
}

void DatagramQueue::append_dropped(Burst& burst) noexcept {
  while (dropped_.first != kNone && burst.space() > 0) {
    burst.append() = storage_[dropped_.first].packet;
    free_piece(std::exchange(dropped_.first, piece(dropped_.first).next));
  }
  if (dropped_.first == kNone) dropped_.last = kNone;
}

void DatagramQueue::take_dropped(Burst& burst, Now now, std::uint32_t timeout_ms) noexcept {
  append_dropped(burst);
  for (std::uint32_t looked = 0; looked < kBurstSize && burst.space() > 0; ++looked) {
    const auto over = [&](const List& list) {
      return list.first != kNone && is_over(datagram(list.first), now, timeout_ms);
    };
    const bool waits = over(waiting_);
    if (!waits && !over(spoiled_)) return;
    remove(waits ? waiting_.first : spoiled_.first, DropReason::kFragmentTimeout);
    append_dropped(burst);
  }
}

bool DatagramQueue::take_all(Burst& burst) noexcept {
  const bool any = fragments_ > 0;
  append_dropped(burst);
  while (burst.space() > 0 && fragments_ > 0) {
    if (waiting_.first != kNone) {
      remove(waiting_.first, DropReason::kWorkerStopping);
    } else {
      drop_pieces(datagram(whole_.first), DropReason::kWorkerStopping);
      free_datagram(whole_, whole_.first);
    }
    append_dropped(burst);
  }
  return any;
}

}  // namespace culvert
