// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_shard.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace culvert {
namespace {

/// Neighbours that are looked at to make room.
constexpr std::uint32_t kCandidates = 8;

void forget_flag(FlowHead& head, std::uint8_t flag) noexcept {
  put(head.kind_and_flags, static_cast<std::uint8_t>(head.kind_and_flags & ~flag));
}

}  // namespace

bool handshake_open(const FlowHead& original, const FlowHead& reply) noexcept {
  if (original.kind() != FlowKind::kTcp) return false;
  return culvert::is_half_open(tcp_state_of(original.tcp, reply.tcp));
}

bool may_make_way(const FlowHead& original, const FlowHead& reply) noexcept {
  // Whoever has spoken first: of a session through a NAT mapping that may be the reply's side.
  if (original.kind() != FlowKind::kTcp) return original.packets() == 0 || reply.packets() == 0;
  switch (tcp_state_of(original.tcp, reply.tcp)) {
    case TcpState::kEstablished:
    case TcpState::kFinWait:
      return false;
    default:
      return true;
  }
}

SessionShard::SessionShard(const Memory& memory, const SessionLimits& limits, const HashKey& key, SessionCells& cells,
                           Now now, SourceLimits* sources, NatBindings* nat) noexcept
    : ipv4_(memory.ipv4, key, now),
      ipv6_(memory.ipv6, key, now),
      limits_(limits),
      cells_(cells),
      sources_(sources),
      nat_(nat),
      now_(now),
      log_(cells.log_records, cells.log_lost) {
  CULVERT_CHECK(limits.half_open <= limits.sessions);
  cells_.sessions.max.set(limits.sessions);
  cells_.half_open.max.set(limits.half_open);
}

template <typename Tuple>
bool SessionShard::is_half_open(FlowSlot slot) noexcept {
  auto& sessions = table<Tuple>();
  const FlowSlot original = sessions.original_of(slot);
  const FlowHead& head = sessions.entry(original).head;
  return handshake_open(head, sessions.entry(head.peer).head);
}

template <typename Tuple>
void SessionShard::tcp_changed(FlowSlot slot, bool was_half_open, const SessionTimeouts& timeouts) noexcept {
  auto& sessions = table<Tuple>();
  const FlowSlot original = sessions.original_of(slot);
  const bool now_half_open = is_half_open<Tuple>(original);
  if (was_half_open && !now_half_open) --half_open_;
  if (!was_half_open && now_half_open) ++half_open_;
  sessions.reschedule(original, timeouts);
}

template <typename Tuple>
void SessionShard::forget(FlowSlot original, SessionEnd why) noexcept {
  ++changes_;
  if (is_half_open<Tuple>(original)) --half_open_;
  const auto& entry = table<Tuple>().entry(original);
  if (entry.head.has(kFlowLogClose)) log_end<Tuple>(original, why);
  if (entry.head.has(kFlowHoldsPort)) give_back<Tuple>(original);
  if (!entry.head.has(kFlowCounted) || sources_ == nullptr) return;
  sources_->end(sources_->meters().id(MeterKind::kSource, entry.key.source));
}

template <typename Tuple>
void SessionShard::remember(FlowSlot original, Now now) noexcept {
  if (is_half_open<Tuple>(original)) ++half_open_;
  auto& entry = table<Tuple>().entry(original);
  if (!entry.head.has(kFlowCounted)) return;
  if (sources_ != nullptr && sources_->go_on(sources_->meters().id(MeterKind::kSource, entry.key.source), now)) return;
  forget_flag(entry.head, kFlowCounted);
}

template <typename Tuple>
[[gnu::noinline]] void SessionShard::give_back(FlowSlot original) noexcept {
  auto& sessions = table<Tuple>();
  const auto& entry = sessions.entry(original);
  CULVERT_CHECK(nat_ != nullptr);
  const std::uint8_t nat = sessions.info(original).nat;
  if (!nat_->give_back(entry.key, sessions.entry(entry.head.peer).key, nat)) return;
  log_.write(record_of_port(sessions, original, SessionRecordKind::kPortFree, now_));
}

template <typename Tuple>
void SessionShard::translate_again() noexcept {
  auto& sessions = table<Tuple>();
  std::array<FlowSlot, kSideBySide> replies;
  std::size_t count = 0;
  sessions.visit_translated([&](FlowSlot reply) {
    sessions.prefetch(sessions.entry(reply).head.peer);
    replies[count++] = reply;
    if (count < replies.size()) return;
    translate_again<Tuple>(replies);
    count = 0;
  });
  translate_again<Tuple>(std::span(replies).first(count));
}

template <typename Tuple>
void SessionShard::fetch_mappings(std::span<const FlowSlot> replies) noexcept {
  using Mappings = NatMappings<Tuple>;
  if (nat_ == nullptr || !nat_->has_mappings()) return;
  auto& sessions = table<Tuple>();
  const Mappings& mappings = nat_->mappings<Tuple>();
  std::array<typename Mappings::Place, kSideBySide> places;
  std::size_t count = 0;
  for (const FlowSlot reply : replies) {
    const auto& entry = sessions.entry(reply);
    if ((sessions.info(entry.head.peer).nat & kNatMapped) == 0) continue;
    places[count++] = mappings.prefetch(sessions.entry(entry.head.peer).key, entry.key);
  }
  for (const auto& place : std::span(places).first(count)) mappings.prefetch(place);
}

template <typename Tuple>
void SessionShard::translate_again(std::span<const FlowSlot> replies) noexcept {
  auto& sessions = table<Tuple>();
  fetch_mappings<Tuple>(replies);
  for (const FlowSlot reply : replies) {
    if (take_again<Tuple>(reply)) continue;
    const FlowSlot original = sessions.entry(reply).head.peer;
    FlowHead& head = sessions.entry(original).head;
    if (head.has(kFlowHoldsPort) && (sessions.info(original).nat & kNatLogged) != 0) {
      log_.write(record_of_port(sessions, original, SessionRecordKind::kPortFree, now_));
    }
    forget_flag(head, kFlowHoldsPort);
    end<Tuple>(reply, SessionEnd::kPolicyChanged);
  }
}

template <typename Tuple>
bool SessionShard::take_again(FlowSlot reply) noexcept {
  if (nat_ == nullptr) return false;
  auto& sessions = table<Tuple>();
  const auto& entry = sessions.entry(reply);
  // What has no port that somebody else could get waits for its next packet, which asks the configuration of now.
  if (!entry.head.has(kFlowHoldsPort)) return true;
  FlowInfo& info = sessions.info(entry.head.peer);
  const auto nat = nat_->take_again(sessions.entry(entry.head.peer).key, entry.key, info.nat, now_);
  if (!nat.has_value()) return false;
  put(info.nat, *nat);
  return true;
}

template <typename Tuple>
[[gnu::noinline]] void SessionShard::log_end(FlowSlot original, SessionEnd why) noexcept {
  log_.write(record_of_end(table<Tuple>(), original, why, now_));
}

template <typename Tuple>
void SessionShard::end(FlowSlot slot, SessionEnd why) noexcept {
  auto& sessions = table<Tuple>();
  forget<Tuple>(sessions.original_of(slot), why);
  sessions.erase(slot);
  switch (why) {
    case SessionEnd::kExpired:
      cells_.expired.add();
      break;
    case SessionEnd::kEvicted:
      cells_.evicted.add();
      break;
    case SessionEnd::kCleared:
    case SessionEnd::kPolicyChanged:
      cells_.cleared.add();
      break;
    case SessionEnd::kRenewed:
      cells_.renewed.add();
      break;
  }
}

template <typename Tuple>
bool SessionShard::make_room(std::uint64_t hash, bool half_open_only) noexcept {
  auto& sessions = table<Tuple>();
  auto& flows = sessions.flows();
  const FlowSlot bucket = fast_range(hash, flows.buckets()) * 32;
  std::array<FlowSlot, kFlowsPerBucket> taken;
  std::uint32_t count = 0;
  for (FlowSlot slot = bucket + 1; slot <= bucket + kFlowsPerBucket; ++slot) {
    if (flows.used(slot)) taken[count++] = slot;
  }
  FlowSlot idlest = kNoFlow;
  FlowDate idlest_seen = 0;
  std::uint64_t chance = hash;
  for (std::uint32_t i = 0; i < std::min(count, kCandidates); ++i) {
    // Any of those that are left: places are taken lowest first, so sessions that last lie together.
    std::swap(taken[i], taken[i + fast_range(splitmix64(chance), count - i)]);
    const FlowSlot slot = taken[i];
    const FlowSlot original = sessions.original_of(slot);
    const FlowHead& one = sessions.entry(original).head;
    const FlowHead& two = sessions.entry(one.peer).head;
    if (half_open_only ? !handshake_open(one, two) : !may_make_way(one, two)) continue;
    const FlowDate seen = static_cast<std::int32_t>(one.seen - two.seen) > 0 ? one.seen : two.seen;
    if (idlest != kNoFlow && static_cast<std::int32_t>(seen - idlest_seen) >= 0) continue;
    idlest = original;
    idlest_seen = seen;
  }
  if (idlest == kNoFlow) return false;
  end<Tuple>(idlest, SessionEnd::kEvicted);
  return true;
}

template <typename Tuple>
bool SessionShard::make_room_anywhere(std::uint64_t hash, bool half_open_only) noexcept {
  using Other = std::conditional_t<std::is_same_v<Tuple, FiveTuple4>, FiveTuple6, FiveTuple4>;
  return make_room<Tuple>(hash, half_open_only) || make_room<Other>(hash, half_open_only);
}

template <typename Tuple>
SessionShard::Admitted<Tuple> SessionShard::admit(const SessionStart<Tuple>& start, const SessionTimeouts& timeouts,
                                                  Now now) noexcept {
  now_ = now;
  const bool half_open =
      start.kind == FlowKind::kTcp && culvert::is_half_open(tcp_state_of(start.original.tcp, start.reply.tcp));
  if (half_open && half_open_ >= limits_.half_open && !make_room_anywhere<Tuple>(start.original.hash, true)) {
    cells_.half_open.failures.add();
    return {kNoFlow, SessionAdmission::kHalfOpenFull};
  }
  if (size() >= limits_.sessions && !make_room_anywhere<Tuple>(start.original.hash, false)) {
    cells_.sessions.failures.add();
    return {kNoFlow, SessionAdmission::kTableFull};
  }
  const auto inserted = table<Tuple>().insert(start, timeouts, now);
  switch (inserted.refusal) {
    case SessionRefusal::kReplyTaken:
      cells_.refused_reply.add();
      return {kNoFlow, SessionAdmission::kReplyTaken};
    case SessionRefusal::kNoPlace:
      cells_.refused_place.add();
      return {kNoFlow, SessionAdmission::kNoPlace};
    case SessionRefusal::kNone:
      break;
  }
  if (half_open) ++half_open_;
  ++changes_;
  cells_.created.add();
  return {inserted.slot, SessionAdmission::kAdmitted};
}

template <typename Tuple>
bool SessionShard::clear_one(const SessionHandle& handle) noexcept {
  auto& flows = table<Tuple>().flows();
  if (handle.slot >= flows.slots() || !flows.used(handle.slot)) return false;
  if (flows.entry(handle.slot).head.sequence != handle.sequence) return false;
  end<Tuple>(handle.slot, SessionEnd::kCleared);
  return true;
}

std::uint32_t SessionShard::clear(std::span<const SessionHandle> sessions) noexcept {
  std::uint32_t ended = 0;
  for (const SessionHandle& handle : sessions) {
    ended += (handle.ipv6 ? clear_one<FiveTuple6>(handle) : clear_one<FiveTuple4>(handle)) ? 1U : 0U;
  }
  return ended;
}

std::uint32_t SessionShard::expire(Now now, const SessionTimeouts& timeouts, std::uint32_t most) noexcept {
  now_ = now;
  std::uint32_t looked_at = ipv4_.expire(now, timeouts, most, [&](FlowSlot slot) {
    forget<FiveTuple4>(slot, SessionEnd::kExpired);
    cells_.expired.add();
  });
  looked_at += ipv6_.expire(now, timeouts, most - looked_at, [&](FlowSlot slot) {
    forget<FiveTuple6>(slot, SessionEnd::kExpired);
    cells_.expired.add();
  });
  if (looked_at != 0) cells_.looked_at.add(looked_at);
  return looked_at;
}

void SessionShard::go_on(const State& state, Now now) noexcept {
  now_ = now;
  ipv4_.go_on(state.ipv4);
  ipv6_.go_on(state.ipv6);
  half_open_ = state.half_open;
  taken_over();
}

void SessionShard::recover(const SessionTimeouts& timeouts, Now now) noexcept {
  now_ = now;
  const std::uint32_t torn = ipv4_.recover(timeouts, now, [&](FlowSlot slot) { remember<FiveTuple4>(slot, now); }) +
                             ipv6_.recover(timeouts, now, [&](FlowSlot slot) { remember<FiveTuple6>(slot, now); });
  cells_.torn.add(torn);
  taken_over();
}

void SessionShard::taken_over() noexcept {
  cells_.recovered.add(size());
  cells_.created.add(size());
  translate_again<FiveTuple4>();
  translate_again<FiveTuple6>();
  publish();
}

template SessionShard::Admitted<FiveTuple4> SessionShard::admit(const SessionStart<FiveTuple4>&, const SessionTimeouts&,
                                                                Now) noexcept;
template void SessionShard::end<FiveTuple4>(FlowSlot, SessionEnd) noexcept;
template bool SessionShard::is_half_open<FiveTuple4>(FlowSlot) noexcept;
template void SessionShard::tcp_changed<FiveTuple4>(FlowSlot, bool, const SessionTimeouts&) noexcept;
template SessionShard::Admitted<FiveTuple6> SessionShard::admit(const SessionStart<FiveTuple6>&, const SessionTimeouts&,
                                                                Now) noexcept;
template void SessionShard::end<FiveTuple6>(FlowSlot, SessionEnd) noexcept;
template bool SessionShard::is_half_open<FiveTuple6>(FlowSlot) noexcept;
template void SessionShard::tcp_changed<FiveTuple6>(FlowSlot, bool, const SessionTimeouts&) noexcept;

}  // namespace culvert
