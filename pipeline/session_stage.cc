// SPDX-License-Identifier: Apache-2.0
#include "pipeline/session_stage.h"

#include <array>

#include "packet/translate.h"
#include "pipeline/datagram_queue.h"
#include "pipeline/decide.h"
#include "pipeline/related.h"
#include "pipeline/route_stage.h"
#include "pipeline/way_out.h"

namespace culvert {
namespace {

/// Visits of sessions whose time has come: after a burst, and in a turn without packets.
constexpr std::uint32_t kVisitsAfterBurst = 64;
constexpr std::uint32_t kVisitsWhenIdle = 4096;

template <typename Tuple>
inline constexpr NetworkKind kFamily = std::is_same_v<Tuple, FiveTuple4> ? NetworkKind::kIpv4 : NetworkKind::kIpv6;

/// Packets of one family, side by side for the bulk lookup.
template <typename Tuple>
struct Lookups {
  std::array<Tuple, kBurstSize> key;
  std::array<std::uint64_t, kBurstSize> hash;
  std::array<FlowSlot, kBurstSize> slot;
  std::array<Packet*, kBurstSize> packet;
};

/// The sessions of one family's packets; returns how many packets are open and of the other family.
template <typename Tuple>
std::uint32_t look_up(Burst& burst, const StatefulContext& context) noexcept {
  Lookups<Tuple> lookups;
  auto& sessions = context.shard.table<Tuple>();
  std::uint32_t count = 0;
  std::uint32_t others = 0;
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    if (packet.network != kFamily<Tuple>) {
      ++others;
      continue;
    }
    if ((packet.flags & (kFlagIcmpError | kFlagFragment)) != 0) {
      if (packet.is_part()) continue;  // its datagram decides
      if (packet.has(kFlagIcmpError)) {
        admit_icmp_error(packet, context);
        continue;
      }
    }
    lookups.packet[count] = &packet;
    lookups.key[count++] = key_of<Tuple>(packet);
  }
  if (count == 0) return others;
  const std::span<const Tuple> keys(lookups.key.data(), count);
  const std::span<std::uint64_t> hashes(lookups.hash.data(), count);
  sessions.hash(keys, hashes);
  sessions.flows().find_sessions(keys, hashes, std::span<FlowSlot>(lookups.slot.data(), count));
  // A session that a packet of this burst makes or ends is no more, or not yet, what the bulk lookup found.
  bool changed = false;
  for (std::uint32_t i = 0; i < count; ++i) {
    FlowSlot slot = lookups.slot[i];
    if (changed) slot = sessions.flows().find(lookups.key[i], lookups.hash[i]);
    const std::uint64_t before = context.shard.changes();
    decide(*lookups.packet[i], lookups.key[i], lookups.hash[i], slot, 0, context);
    changed |= context.shard.changes() != before;
  }
  return others;
}

/// Apart, because the arrays of keys begin with zeros: a burst without IPv6 does not pay for that.
[[gnu::noinline]] void look_up_ipv6(Burst& burst, const StatefulContext& context) noexcept {
  look_up<FiveTuple6>(burst, context);
}

/// What goes out of here goes by a session; what is meant for this host needs none.
bool leads_out(const Packet& packet, const StatefulContext& context) noexcept {
  const NextHopKind kind = context.context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop)).kind;
  return kind == NextHopKind::kForward || kind == NextHopKind::kGlean || kind == NextHopKind::kMultipath;
}

/// The session of a datagram's first fragment, which holds the ports, decides for all.
template <typename Tuple>
FlowSlot decide_first(Packet& first, const Tuple& key, std::uint32_t transport_length, const StatefulContext& context,
                      DatagramDecision& decision) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  const std::uint64_t hash = sessions.hash(key);
  decision.datagram = fragment_place(first).datagram;
  decision.zone = context.zone_of(first.ingress);
  decide(first, key, hash, sessions.flows().find(key, hash), transport_length, context);
  const FlowSlot slot = first.verdict == Verdict::kNone ? sessions.flows().find(key, hash) : kNoFlow;
  decision.in_session = slot != kNoFlow;
  // It goes no further, for its TTL or a source route, which the others need not have.
  if (first.verdict == Verdict::kNone && slot == kNoFlow && leads_out(first, context)) return slot;
  decision.next_hop = first.next_hop;
  decision.verdict = first.verdict;
  decision.drop_reason = first.drop_reason;
  return slot;
}

/// One behind the first, of the flow `slot` if the first is of one.
template <typename Tuple>
void follow_first(Packet& packet, FlowSlot slot, const DatagramDecision& decision,
                  const StatefulContext& context) noexcept {
  // What the policy says of one zone says nothing of a piece that somebody sends in from another.
  if (context.zone_of(packet.ingress) != decision.zone) return packet.drop(DropReason::kSessionZone);
  // Its session has ended since.
  if (decision.in_session && slot == kNoFlow) return packet.drop(DropReason::kDatagramSpoiled);
  if (slot != kNoFlow) {
    // The first one is counted; so are the others, wherever the session is now.
    auto& sessions = context.shard.table<Tuple>();
    FlowHead& head = sessions.entry(slot).head;
    count_packet(head, packet);
    if (head.has(kFlowTranslated)) leave_translated(packet, sessions.entry(head.peer).key, 0);
  }
  packet.next_hop = decision.next_hop;
  packet.verdict = decision.verdict;
  packet.drop_reason = decision.drop_reason;
}

template <typename Tuple>
void follow_later(Packet& packet, const Tuple& key, const DatagramDecision& decision,
                  const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  const FlowSlot slot = decision.in_session ? sessions.flows().find(key, sessions.hash(key)) : kNoFlow;
  follow_first<Tuple>(packet, slot, decision, context);
}

template <typename Tuple>
void decide_datagram(std::span<Packet> fragments, const Tuple& key, std::uint32_t transport_length,
                     const StatefulContext& context) noexcept {
  DatagramDecision decision;
  const FlowSlot slot = decide_first(fragments.front(), key, transport_length, context, decision);
  for (Packet& packet : fragments.subspan(1)) follow_first<Tuple>(packet, slot, decision, context);
}

}  // namespace

StatefulContext SessionStage::with(const Context& context) noexcept {
  // Read before the routes are: what is found may be newer than it says, and is then only found again.
  const auto generation = static_cast<std::uint32_t>(context.routes.generation->load(std::memory_order_acquire));
  return {context, *context.snapshot.stateful, shard_, meters_, rule_hits_, generation, syn_proxy_, translator_,
          owners_};
}

void SessionStage::process(Burst& burst, const Context& context) noexcept {
  const StatefulContext stateful = with(context);
  if (look_up<FiveTuple4>(burst, stateful) > 0) look_up_ipv6(burst, stateful);
}

void SessionStage::whole_datagram(std::span<Packet> fragments, std::uint32_t transport_length,
                                  const Context& context) noexcept {
  const StatefulContext stateful = with(context);
  const Packet& first = fragments.front();
  if (first.network == NetworkKind::kIpv4) {
    decide_datagram(fragments, datagram_tuple4(first), transport_length, stateful);
  } else {
    decide_datagram(fragments, datagram_tuple6(first), transport_length, stateful);
  }
}

DatagramDecision SessionStage::first_fragment(Packet& first, std::uint32_t transport_length,
                                              const Context& context) noexcept {
  const StatefulContext stateful = with(context);
  DatagramDecision decision;
  if (first.network == NetworkKind::kIpv4) {
    decide_first(first, datagram_tuple4(first), transport_length, stateful, decision);
  } else {
    decide_first(first, datagram_tuple6(first), transport_length, stateful, decision);
  }
  return decision;
}

void SessionStage::later_fragment(Packet& packet, const DatagramDecision& decision, const Context& context) noexcept {
  const StatefulContext stateful = with(context);
  if (packet.network == NetworkKind::kIpv4) {
    follow_later(packet, datagram_tuple4(packet), decision, stateful);
  } else {
    follow_later(packet, datagram_tuple6(packet), decision, stateful);
  }
}

void SessionStage::restore(Packet& packet) noexcept {
  const auto restore_in = [&packet](auto& sessions, const auto& key) {
    // What the other direction's packets look like when they come.
    const auto answer = key.reversed();
    const FlowSlot answers = sessions.flows().find(answer, sessions.hash(answer));
    if (answers == kNoFlow) return;
    const FlowSlot slot = sessions.entry(answers).head.peer;
    const FlowHead& head = sessions.entry(slot).head;
    if (head.has(kFlowTranslated)) translate(packet, sessions.entry(slot).key);
    if (!head.has(kFlowShifted) || !head.has(kFlowReply) || packet.is_part() || sessions.shift(slot).waits()) return;
    TcpShift back;
    back.sequence = 0 - sessions.shift(slot).sequence;
    shift_to_client(packet, back);
  };
  if (packet.network == NetworkKind::kIpv4) {
    restore_in(shard_.table<FiveTuple4>(), datagram_tuple4(packet));
  } else {
    restore_in(shard_.table<FiveTuple6>(), datagram_tuple6(packet));
  }
}

bool SessionStage::expire(const Context& context, bool idle) noexcept {
  const SessionTimeouts& timeouts = context.snapshot.stateful->timeouts;
  const std::uint32_t visits = shard_.expire(context.now, timeouts, idle ? kVisitsWhenIdle : kVisitsAfterBurst);
  shard_.publish();
  return visits > 0;
}

void SessionStage::end(std::span<const SessionHandle> sessions) noexcept {
  shard_.clear(sessions);
  shard_.publish();
}

}  // namespace culvert
