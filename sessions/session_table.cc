// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_table.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace culvert {
namespace {

/// From now on the entry is not whole: readers and successors pass it by.
void open_entry(FlowHead& head) noexcept {
  put(head.sequence, head.sequence | 1);
  std::atomic_thread_fence(std::memory_order_release);
}

/// The entry is whole, and another one than before.
void close_entry(FlowHead& head) noexcept {
  // 0 is what memory that was never used says.
  const std::uint32_t next = (head.sequence | 1) + 1;
  std::atomic_ref<std::uint32_t>(head.sequence).store(next != 0 ? next : 2, std::memory_order_release);
}

template <typename T>
void put_words(T& object, const T& value) noexcept {
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0);
  static_assert(alignof(T) % alignof(std::uint64_t) == 0);
  const auto words = array_over<std::uint64_t>(std::as_writable_bytes(std::span<T, 1>(&object, 1)));
  for (std::size_t i = 0; i < words.size(); ++i) {
    put(words[i], load<std::uint64_t>(bytes_of(value).data() + i * sizeof(std::uint64_t)));
  }
}

}  // namespace

template <typename Tuple>
SessionTable<Tuple>::SessionTable(const Memory& memory, const HashKey& key, Now now) noexcept
    : key_(key),
      flows_(memory.flows),
      infos_(memory.infos),
      timed_(!memory.wheel.empty()),
      wheel_(memory.in_use || !timed_ ? ExpiryWheel(memory.wheel) : ExpiryWheel(memory.wheel, flow_date(now))),
      wheel_begun_(!memory.in_use) {
  CULVERT_CHECK(infos_.size() >= flows_.slots());
}

template <typename Tuple>
void SessionTable<Tuple>::prefetch_place(std::uint64_t hash) const noexcept {
  const FlowSlot slot = flows_.next_place(hash);
  if (slot == kNoFlow) return;
  flows_.prefetch_entry(slot);
  culvert::prefetch_for_write(&infos_[slot]);
}

template <typename Tuple>
void SessionTable<Tuple>::fill(FlowSlot slot, FlowSlot peer, const SessionStart<Tuple>& start, bool reply,
                               Now now) noexcept {
  const auto& side = reply ? start.reply : start.original;
  Entry& entry = flows_.entry(slot);
  FlowHead head;
  head.sequence = entry.head.sequence | 1;
  head.peer = peer;
  head.seen = flow_date(now);
  head.packets_and_policy = std::uint64_t{start.policy} << 48;
  head.zone = side.zone;
  head.kind_and_flags = static_cast<std::uint8_t>(static_cast<unsigned>(start.kind) << kFlowKindShift | start.flags |
                                                  (reply ? kFlowReply : 0));
  head.tcp = side.tcp;
  put_words(entry.key, side.key);
  put_words(entry.head, head);
  if (reply && (start.flags & kFlowShifted) != 0) {
    FlowShift shift = start.shift;
    shift.ingress = side.ingress;
    return put_shift(slot, shift);
  }
  FlowInfo info;
  info.created_s = static_cast<std::uint32_t>(now / kNanosecondsPerSecond);
  info.rule = start.rule;
  info.ingress = side.ingress;
  if (!reply) info.nat = start.nat;
  put_words(infos_[slot], info);
}

template <typename Tuple>
void SessionTable<Tuple>::put_shift(FlowSlot reply, const FlowShift& shift) noexcept {
  put_words(infos_[reply], load<FlowInfo>(&shift));
}

template <typename Tuple>
typename SessionTable<Tuple>::Inserted SessionTable<Tuple>::insert(const SessionStart<Tuple>& start,
                                                                   const SessionTimeouts& timeouts, Now now) noexcept {
  const auto& original = start.original;
  const auto& reply = start.reply;
  if (original.key == reply.key || flows_.find(reply.key, reply.hash) != kNoFlow) {
    return {kNoFlow, SessionRefusal::kReplyTaken};
  }
  const FlowSlot slot = flows_.reserve(original.hash);
  if (slot == kNoFlow) return {kNoFlow, SessionRefusal::kNoPlace};
  const FlowSlot peer = flows_.reserve(reply.hash);
  if (peer == kNoFlow) {
    flows_.release(slot, original.hash);
    return {kNoFlow, SessionRefusal::kNoPlace};
  }
  open_entry(flows_.entry(slot).head);
  open_entry(flows_.entry(peer).head);
  fill(slot, peer, start, false, now);
  fill(peer, slot, start, true, now);
  close_entry(flows_.entry(slot).head);
  close_entry(flows_.entry(peer).head);
  if ((start.flags & kFlowTranslated) != 0) ++translated_;
  if (timed_) {
    wheel_.wake(flow_date(now));
    schedule(slot, peer, deadline(slot, peer, timeouts));
  }
  return {slot, SessionRefusal::kNone};
}

template <typename Tuple>
void SessionTable<Tuple>::erase(FlowSlot slot) noexcept {
  const FlowSlot original = original_of(slot);
  if (timed_) unschedule(original);
  take_apart(original, flows_.entry(original).head.peer);
}

template <typename Tuple>
void SessionTable<Tuple>::take_apart(FlowSlot original, FlowSlot reply) noexcept {
  if (flows_.entry(original).head.has(kFlowTranslated)) --translated_;
  for (const FlowSlot slot : {original, reply}) open_entry(flows_.entry(slot).head);
  for (const FlowSlot slot : {original, reply}) flows_.release(slot, hash(flows_.entry(slot).key));
}

template <typename Tuple>
FlowDate SessionTable<Tuple>::deadline(FlowSlot original, FlowSlot reply,
                                       const SessionTimeouts& timeouts) const noexcept {
  const FlowHead& one = flows_.entry(original).head;
  const FlowHead& two = flows_.entry(reply).head;
  return last_seen(one, two) + timeout_of(one, two, timeouts);
}

template <typename Tuple>
void SessionTable<Tuple>::schedule(FlowSlot original, FlowSlot reply, FlowDate when) noexcept {
  const WheelPlace place = wheel_.add({original, reply}, when);
  put(infos_[original].wheel_record, place);
}

template <typename Tuple>
void SessionTable<Tuple>::unschedule(FlowSlot original) noexcept {
  const WheelPlace place = infos_[original].wheel_record;
  if (place == 0) return;
  put(infos_[original].wheel_record, 0);
  const FlowSlot moved = wheel_.remove(place);
  if (moved != kNoFlow) put(infos_[moved].wheel_record, place);
}

template <typename Tuple>
void SessionTable<Tuple>::reschedule(FlowSlot original, const SessionTimeouts& timeouts) noexcept {
  const FlowSlot reply = flows_.entry(original).head.peer;
  const FlowDate end = deadline(original, reply, timeouts);
  if (!wheel_.later_than(infos_[original].wheel_record, end)) return;
  unschedule(original);
  schedule(original, reply, end);
}

template <typename Tuple>
void SessionTable<Tuple>::fetch(Visits& visits, FlowDate date, std::uint32_t most) noexcept {
  wheel_.take_block(date, most, visits.block);
  for (std::uint32_t i = 0; i < visits.block.count; ++i) {
    const FlowSlot slot = visits.block.records[i].slot;
    culvert::prefetch(&flows_.entry(slot).head);
    if (visits.block.chunk == 0) culvert::prefetch_for_write(&infos_[slot]);
  }
}

template <typename Tuple>
void SessionTable<Tuple>::look_at_originals(Visits& visits, FlowDate date, const SessionTimeouts& timeouts) noexcept {
  visits.unsure = 0;
  for (std::uint32_t i = 0; i < visits.block.count; ++i) {
    const auto [slot, peer] = visits.block.records[i];
    const FlowHead& head = flows_.entry(slot).head;
    const std::uint32_t timeout = timeout_of(head, timeouts);
    const std::uint32_t far = timeout < ExpiryWheel::kHorizon ? timeout : ExpiryWheel::kHorizon;
    visits.left[i] = static_cast<std::int32_t>(head.seen + timeout - date);
    if (head.kind() != FlowKind::kTcp && visits.left[i] > static_cast<std::int32_t>(far / 4 * 3)) continue;
    visits.unsure |= std::uint32_t{1} << i;
    culvert::prefetch(&flows_.entry(peer).head);
  }
}

template <typename Tuple>
void SessionTable<Tuple>::look_at_replies(Visits& visits, FlowDate date, const SessionTimeouts& timeouts) noexcept {
  for (std::uint32_t unsure = visits.unsure; unsure != 0; unsure &= unsure - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(unsure));
    const auto [slot, peer] = visits.block.records[i];
    visits.left[i] = static_cast<std::int32_t>(deadline(slot, peer, timeouts) - date);
    if (visits.left[i] > 0) continue;
    flows_.prefetch_tag(slot);
    flows_.prefetch_tag(peer);
  }
}

template <typename Tuple>
void SessionTable<Tuple>::go_on(const Visits& visits, FlowDate date) noexcept {
  const auto& [records, count, chunk] = visits.block;
  std::int32_t last = 0;
  for (std::uint32_t i = 0; i < count; ++i) last = std::max(last, visits.left[i]);
  last = std::min(last, static_cast<std::int32_t>(ExpiryWheel::kHorizon));
  std::uint32_t together = 0;
  std::int32_t first = last;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (visits.left[i] <= 0 || visits.left[i] < last - kMostTooEarly) continue;
    together |= std::uint32_t{1} << i;
    first = std::min(first, visits.left[i]);
  }
  const bool stays = chunk != 0 && std::popcount(together) >= static_cast<int>(ExpiryWheel::kFewestTogether);
  if (!stays) together = 0;
  if (!stays && chunk != 0) wheel_.dissolve(chunk);
  for (std::uint32_t i = count; i-- > 0;) {
    if ((together >> i & 1) != 0) continue;
    if (stays) {
      const FlowSlot moved = wheel_.leave(chunk, i);
      if (moved != kNoFlow) put(infos_[moved].wheel_record, ExpiryWheel::place_in(chunk, i));
    }
    if (visits.left[i] > 0) schedule(records[i].slot, records[i].peer, date + static_cast<FlowDate>(visits.left[i]));
  }
  if (stays) wheel_.put_back(chunk, date + static_cast<FlowDate>(first));
}

template <typename Tuple>
bool SessionTable<Tuple>::paired(FlowSlot slot) const noexcept {
  const FlowHead& head = flows_.entry(slot).head;
  if (!head.whole() || head.peer >= flows_.slots() || head.peer % 32 == 0 || head.peer == slot) return false;
  const FlowHead& other = flows_.entry(head.peer).head;
  constexpr unsigned kAlike = kFlowTranslated | kFlowHoldsPort | ~0U << kFlowKindShift;
  return other.whole() && other.peer == slot &&
         ((other.kind_and_flags ^ head.kind_and_flags) & (kAlike | kFlowReply)) == kFlowReply &&
         (!head.has(kFlowHoldsPort) || head.has(kFlowTranslated));
}

template <typename Tuple>
bool SessionTable<Tuple>::may_be_original(FlowSlot slot) const noexcept {
  if (slot % 32 == 0) return false;
  const FlowHead& head = flows_.entry(slot).head;
  return head.whole() && !head.has(kFlowReply) && head.peer < flows_.slots();
}

template <typename Tuple>
void SessionTable<Tuple>::restore_session(FlowSlot original, const Pair& hashes) noexcept {
  const FlowSlot reply = flows_.entry(original).head.peer;
  if (flows_.find(flows_.entry(original).key, hashes.original) != kNoFlow ||
      flows_.find(flows_.entry(reply).key, hashes.reply) != kNoFlow || !flows_.restore(original, hashes.original)) {
    return;
  }
  if (!flows_.restore(reply, hashes.reply)) flows_.release(original, hashes.original);
}

template <typename Tuple>
std::uint32_t SessionTable<Tuple>::restore_flows() noexcept {
  // A session with a flow that is not whole, has lost its partner, can't live where it is, or has another's key, goes.
  // Tags and counters are made anew from the keys, whatever the crash left of them.
  const std::uint32_t tagged = flows_.count_tags();
  flows_.forget_tags();
  translated_ = 0;
  std::array<FlowSlot, kSlotsAtOnce> slots;
  std::array<Pair, kSlotsAtOnce> hashes;
  for (FlowSlot begin = 0; begin < flows_.slots(); begin += kSlotsAtOnce) {
    const std::size_t count = originals(begin, slots, [this](FlowSlot slot) { return may_be_original(slot); });
    std::size_t sessions = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const FlowSlot slot = slots[i];
      if (!paired(slot)) continue;
      const Pair pair{hash(flows_.entry(slot).key), hash(flows_.entry(flows_.entry(slot).head.peer).key)};
      flows_.prefetch(pair.original);
      flows_.prefetch(pair.reply);
      slots[sessions] = slot;
      hashes[sessions++] = pair;
    }
    for (std::size_t i = 0; i < sessions; ++i) restore_session(slots[i], hashes[i]);
  }
  for (FlowSlot slot = 1; slot < flows_.slots(); ++slot) {
    if (slot % 32 == 0 || flows_.used(slot)) continue;
    if (FlowHead& head = flows_.entry(slot).head; head.whole()) open_entry(head);
  }
  // A tag may have been lost where the entry was not.
  return tagged > flows_.size() ? tagged - flows_.size() : 0;
}

template <typename Tuple>
void SessionTable<Tuple>::begin_again(FlowHead& original, FlowHead& reply) noexcept {
  for (FlowHead* head : {&original, &reply}) {
    head->packets_and_policy = head->packets();
    head->route_generation = 0;
    head->next_hop = 0;
  }
  if (original.kind() == FlowKind::kTcp) tcp_learn(original.tcp, reply.tcp);
}

template class SessionTable<FiveTuple4>;
template class SessionTable<FiveTuple6>;

}  // namespace culvert
