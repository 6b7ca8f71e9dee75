// SPDX-License-Identifier: Apache-2.0
// The sessions of one family and one worker: two flows each, which are made, found and taken apart together.
//
//   198.18.0.1:1024 -> 192.0.2.1:443     slot 1318, peer 4007      the original direction
//   192.0.2.1:443 -> 198.18.0.1:1024     slot 4007, peer 1318      the reply's, kFlowReply
//
// The reply's key need not be the original's reversed: translation stores here what the answer will look like. A
// reply's key that another session has is refused and never overwritten, so no packet ever has two sessions.
//
// Everything that a reader or a successor needs lies in the caller's memory (flows and infos: a file that outlives the
// process); the wheel is made anew. Without a wheel sessions last until somebody erases them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "sessions/expiry_wheel.h"
#include "sessions/flow_shift.h"
#include "sessions/flow_table.h"
#include "sessions/timeouts.h"

namespace culvert {

/// Everything about a session that is to be.
template <typename Tuple>
struct SessionStart {
  struct Side {
    Tuple key;
    std::uint64_t hash = 0;  ///< SessionTable::hash(key)
    std::uint8_t zone = 0;
    std::uint8_t ingress = 0;  ///< interface
    TcpSide tcp;
  };

  Side original;
  Side reply;
  FlowKind kind = FlowKind::kOther;
  std::uint8_t flags = 0;  ///< kFlow bits for both
  std::uint16_t rule = 0;
  std::uint16_t policy = 0;  ///< its generation
  std::uint8_t nat = 0;      ///< kNat bits
  FlowShift shift;           ///< with kFlowShifted; its interface is the reply's
};

enum class SessionRefusal : std::uint8_t {
  kNone,
  kReplyTaken,  ///< another session has the reply's key, or the key is its own reply
  kNoPlace,     ///< the buckets where it may live are full
};

template <typename Tuple>
class SessionTable {
 public:
  using Flows = FlowTable<Tuple>;
  using Entry = typename Flows::Entry;

  struct Memory {
    std::span<std::byte> flows;           ///< Flows::bytes_for(2 * sessions)
    std::span<FlowInfo> infos;            ///< one for each slot
    std::span<ExpiryWheel::Chunk> wheel;  ///< none: no session ends by time
    bool in_use = false;                  ///< another process works with all of it, until recover() or go_on()
  };
  /// What it knows besides its memory.
  struct State {
    ExpiryWheel::State wheel;
    std::uint32_t flows = 0;
    std::uint32_t translated = 0;
  };

  SessionTable(const Memory& memory, const HashKey& key, Now now) noexcept;

  std::uint64_t hash(const Tuple& tuple) const noexcept { return hash_of(key_, tuple); }
  /// The hashes of keys that have been stored for a while: one that was written in pieces just before would make the
  /// hash wait for its pieces to come together.
  void hash(std::span<const Tuple> tuples, std::span<std::uint64_t> hashes) const noexcept {
    const HashKey key = key_;  // a copy stays in registers
    for (std::size_t i = 0; i < tuples.size(); ++i) {
      hashes[i] = hash_of(key, tuples[i]);
      flows_.prefetch(hashes[i]);
    }
  }
  Flows& flows() noexcept { return flows_; }
  const Flows& flows() const noexcept { return flows_; }
  /// What insert() writes of a flow with this hash, whose tags have come already, is on its way.
  void prefetch_place(std::uint64_t hash) const noexcept;
  Entry& entry(FlowSlot slot) noexcept { return flows_.entry(slot); }
  FlowInfo& info(FlowSlot slot) noexcept { return infos_[slot]; }
  void prefetch(FlowSlot slot) const noexcept {
    flows_.prefetch_entry(slot);
    culvert::prefetch(&infos_[slot]);
  }
  /// Of a session with kFlowShifted, whose reply's slot it is.
  FlowShift shift(FlowSlot reply) const noexcept { return load<FlowShift>(&infos_[reply]); }
  void put_shift(FlowSlot reply, const FlowShift& shift) noexcept;
  std::uint32_t size() const noexcept { return flows_.size() / 2; }
  /// Sessions with kFlowTranslated.
  std::uint32_t translated() const noexcept { return translated_; }
  /// The slot of the session's original direction, of either one's.
  FlowSlot original_of(FlowSlot slot) const noexcept {
    const FlowHead& head = flows_.entry(slot).head;
    return head.has(kFlowReply) ? head.peer : slot;
  }

  struct Inserted {
    FlowSlot slot = kNoFlow;  ///< of the original direction
    SessionRefusal refusal = SessionRefusal::kNone;
  };
  /// The original's key is not in the table.
  Inserted insert(const SessionStart<Tuple>& start, const SessionTimeouts& timeouts, Now now) noexcept;

  /// Takes a session apart; `slot` of either direction.
  void erase(FlowSlot slot) noexcept;

  /// The session's state has changed: if its timeout ends before it would be looked at, it is looked at then.
  /// `original`: slot of the original direction.
  void reschedule(FlowSlot original, const SessionTimeouts& timeouts) noexcept;

  /// Looks at up to `most` sessions whose time has come; calls on_end(slot of
  /// the original) for each that is over, just before it is erased. How many it looked at.
  template <typename OnEnd>
  std::uint32_t expire(Now now, const SessionTimeouts& timeouts, std::uint32_t most, OnEnd&& on_end) noexcept;
  /// Never without a wheel.
  bool expiry_due(Now now) const noexcept { return wheel_.due(flow_date(now)); }

  /// For a successor that has the same memory.
  State state() const noexcept { return {wheel_.state(), flows_.size(), translated_}; }
  /// Goes on with memory that another process has left in this state; nothing is looked at.
  void go_on(const State& state) noexcept {
    wheel_.go_on(state.wheel);
    flows_.go_on(state.flows);
    translated_ = state.translated;
    wheel_begun_ = true;
  }

  /// Calls visit(slot of the reply) for each session with kFlowTranslated, which may erase it. Memory is read once, in
  /// order, and not at all when there are none.
  template <typename Visit>
  void visit_translated(Visit&& visit) noexcept;

  /// After a crash or a restart: keeps the sessions whose two flows are whole and belong together, forgets the rest.
  /// on_kept(slot of the original) for each. How many flows were there and are not any more.
  template <typename OnKept>
  std::uint32_t recover(const SessionTimeouts& timeouts, Now now, OnKept&& on_kept) noexcept;

 private:
  static constexpr std::uint32_t kSpread = 256;  ///< flow dates, 4.3 s
  /// Sessions of a chunk stay together as long as one is looked at so much too early at most: 8.6 s.
  static constexpr std::int32_t kMostTooEarly = 512;

  /// Sessions that are looked at side by side, in three passes, so that what one pass reads is fetched by the one
  /// before.
  struct Visits {
    ExpiryWheel::Block block;
    std::array<std::int32_t, ExpiryWheel::kRecordsPerChunk> left;  ///< flow dates until it ends; not above 0: it has
    std::uint32_t unsure = 0;                                      ///< bits: only the reply's head can tell
  };
  /// Takes them out of the wheel.
  void fetch(Visits& visits, FlowDate date, std::uint32_t most) noexcept;
  /// What the originals' heads tell. One that has had a packet lately goes on, and where no state of TCP's has a say
  /// that is enough.
  void look_at_originals(Visits& visits, FlowDate date, const SessionTimeouts& timeouts) noexcept;
  void look_at_replies(Visits& visits, FlowDate date, const SessionTimeouts& timeouts) noexcept;
  /// Those that don't end are put where they will be looked at again.
  void go_on(const Visits& visits, FlowDate date) noexcept;

  void fill(FlowSlot slot, FlowSlot peer, const SessionStart<Tuple>& start, bool reply, Now now) noexcept;
  FlowDate deadline(FlowSlot original, FlowSlot reply, const SessionTimeouts& timeouts) const noexcept;
  void schedule(FlowSlot original, FlowSlot reply, FlowDate when) noexcept;
  void unschedule(FlowSlot original) noexcept;
  void take_apart(FlowSlot original, FlowSlot reply) noexcept;
  // Recovery goes over slots in groups, so that the lines of a group that are anywhere come together.
  static constexpr FlowSlot kSlotsAtOnce = 256;
  struct Pair {
    std::uint64_t original, reply;  ///< their hashes
  };
  /// The slots of the group that begins here for which `is_original`; their partners are prefetched.
  template <typename IsOriginal>
  std::size_t originals(FlowSlot begin, std::array<FlowSlot, kSlotsAtOnce>& slots,
                        IsOriginal&& is_original) const noexcept;
  bool may_be_original(FlowSlot slot) const noexcept;
  /// Whether the flow at this slot has a partner that agrees.
  bool paired(FlowSlot slot) const noexcept;
  void restore_session(FlowSlot original, const Pair& hashes) noexcept;
  std::uint32_t restore_flows() noexcept;
  /// What another process knew of policy, routes and windows is not believed: policy and route are asked again with the
  /// next packet (no generation is 0), windows are learnt.
  static void begin_again(FlowHead& original, FlowHead& reply) noexcept;

  HashKey key_;
  Flows flows_;
  std::span<FlowInfo> infos_;
  bool timed_;  ///< there is a wheel
  ExpiryWheel wheel_;
  bool wheel_begun_;
  std::uint32_t translated_ = 0;
};

template <typename Tuple>
template <typename OnEnd>
std::uint32_t SessionTable<Tuple>::expire(Now now, const SessionTimeouts& timeouts, std::uint32_t most,
                                          OnEnd&& on_end) noexcept {
  const FlowDate date = flow_date(now);
  std::array<Visits, 3> visits;
  std::uint32_t taken = 0;
  // The heads of one block are on their way from memory while those of the block before are looked at.
  for (std::size_t step = 0;; ++step) {
    Visits& coming = visits[step % 3];
    fetch(coming, date, most - taken);
    taken += coming.block.count;
    if (step >= 1) look_at_originals(visits[(step - 1) % 3], date, timeouts);
    if (step < 2) continue;
    Visits& here = visits[(step - 2) % 3];
    if (here.block.count == 0) return taken;
    look_at_replies(here, date, timeouts);
    for (std::uint32_t i = 0; i < here.block.count; ++i) {
      if (here.left[i] > 0) continue;
      on_end(here.block.records[i].slot);
      take_apart(here.block.records[i].slot, here.block.records[i].peer);
    }
    go_on(here, date);
  }
}

template <typename Tuple>
template <typename IsOriginal>
std::size_t SessionTable<Tuple>::originals(FlowSlot begin, std::array<FlowSlot, kSlotsAtOnce>& slots,
                                           IsOriginal&& is_original) const noexcept {
  const auto end = static_cast<FlowSlot>(std::min<std::size_t>(flows_.slots(), begin + kSlotsAtOnce));
  std::size_t count = 0;
  for (FlowSlot slot = begin; slot < end; ++slot) {
    if (!is_original(slot)) continue;
    slots[count++] = slot;
    flows_.prefetch_entry(flows_.entry(slot).head.peer);
  }
  return count;
}

template <typename Tuple>
template <typename OnKept>
std::uint32_t SessionTable<Tuple>::recover(const SessionTimeouts& timeouts, Now now, OnKept&& on_kept) noexcept {
  CULVERT_CHECK(timed_);
  const std::uint32_t lost = restore_flows();
  const FlowDate date = flow_date(now);
  if (!std::exchange(wheel_begun_, true)) wheel_.begin(date);
  wheel_.wake(date);
  std::uint32_t kept = 0;
  std::array<FlowSlot, kSlotsAtOnce> slots;
  const auto is_original = [this](FlowSlot slot) {
    return flows_.used(slot) && !flows_.entry(slot).head.has(kFlowReply);
  };
  for (FlowSlot begin = 0; begin < flows_.slots(); begin += kSlotsAtOnce) {
    const std::size_t count = originals(begin, slots, is_original);
    for (const FlowSlot slot : std::span(slots).first(count)) {
      const FlowSlot peer = flows_.entry(slot).head.peer;
      begin_again(flows_.entry(slot).head, flows_.entry(peer).head);
      if (flows_.entry(slot).head.has(kFlowTranslated)) ++translated_;
      // What is over long since ends in the first seconds and not in the first turn.
      const FlowDate end = deadline(slot, peer, timeouts);
      const FlowDate soonest = date + kept++ % kSpread;
      schedule(slot, peer, static_cast<std::int32_t>(end - soonest) > 0 ? end : soonest);
      on_kept(slot);
    }
  }
  return lost;
}

template <typename Tuple>
template <typename Visit>
void SessionTable<Tuple>::visit_translated(Visit&& visit) noexcept {
  constexpr unsigned kWanted = kFlowReply | kFlowTranslated;
  if (translated_ == 0) return;
  const auto slots = static_cast<FlowSlot>(flows_.slots());
  for (FlowSlot bucket = 0; bucket < slots; bucket += 32) {
    // The next one is on its way meanwhile: the processor does not guess the order of a bucket's lines.
    const FlowSlot next = bucket + 32;
    for (FlowSlot slot = next; slot < slots && slot < next + 32; ++slot) flows_.prefetch_entry(slot);
    for (FlowSlot slot = bucket + 1; slot < next; ++slot) {
      if (flows_.used(slot) && (flows_.entry(slot).head.kind_and_flags & kWanted) == kWanted) visit(slot);
    }
  }
}

extern template class SessionTable<FiveTuple4>;
extern template class SessionTable<FiveTuple6>;

/// What the tables of both families lie in.
struct SessionTables {
  SessionTable<FiveTuple4>::Memory ipv4;
  SessionTable<FiveTuple6>::Memory ipv6;
};

}  // namespace culvert
