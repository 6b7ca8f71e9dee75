// SPDX-License-Identifier: Apache-2.0
#include "pipeline/session_hit.h"

#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "pipeline/admission.h"
#include "pipeline/hairpin.h"
#include "pipeline/inbound.h"
#include "pipeline/route_stage.h"
#include "pipeline/tcp_of_packet.h"
#include "pipeline/way_out.h"

namespace culvert {
namespace {

/// What tracking found goes back into the entry, field by field, for readers look at it meanwhile.
void put_side(TcpSide& to, const TcpSide& side) noexcept {
  put(to.end, side.end);
  put(to.acked, side.acked);
  put(to.window, side.window);
  put(to.bits, side.bits);
}

/// Follows the connection.
template <typename Tuple>
TcpOutcome track(const TcpSegment& segment, FlowSlot slot, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  FlowHead& from = sessions.entry(slot).head;
  FlowHead& to = sessions.entry(from.peer).head;
  TcpSide sender = from.tcp;
  TcpSide receiver = to.tcp;
  FlowInfo& info = sessions.info(sessions.original_of(slot));
  std::uint32_t again = info.tcp_again;
  const TcpOutcome outcome = tcp_track(sender, receiver, segment, again);
  if (again != info.tcp_again) put(info.tcp_again, again);
  if (outcome.action == TcpAction::kDrop || outcome.action == TcpAction::kRenew) return outcome;
  const bool changed = sender.bits != from.tcp.bits || receiver.bits != to.tcp.bits;
  const bool was_half_open = changed && context.shard.is_half_open<Tuple>(slot);
  put_side(from.tcp, sender);
  put_side(to.tcp, receiver);
  if (changed) context.shard.tcp_changed<Tuple>(slot, was_half_open, context.stateful.timeouts);
  return outcome;
}

/// A segment of a session whose ends count differently, on its way out. The client's acknowledgment of the server's SYN
/// is tracked like one that came.
template <typename Tuple>
[[gnu::noinline]] void leave_shifted(Packet& packet, FlowSlot slot, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  TcpSegment acknowledgment;
  if (!context.syn_proxy.leave(packet, sessions, slot, context.context, acknowledgment)) return;
  track<Tuple>(acknowledgment, sessions.entry(slot).head.peer, context);
}

/// Requests go one way and answers the other: nobody sends requests by the way of somebody else's answers.
bool fits_echo(const Packet& packet, const FlowHead& head) noexcept {
  if (!packet.has(kFlagTransport)) return false;
  const auto type = static_cast<std::uint8_t>(*packet.transport_header());
  const bool ipv4 = packet.network == NetworkKind::kIpv4;
  if (head.has(kFlowReply)) return type == (ipv4 ? kIcmpEchoReply : kIcmpv6EchoReply);
  return type == (ipv4 ? kIcmpEcho : kIcmpv6Echo);
}

/// Whether the configuration of now would translate the session as it is.
template <typename Tuple>
bool translation_is_right(FlowSlot original, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  const auto& entry = sessions.entry(original);
  const auto& reply = sessions.entry(entry.head.peer);
  if (context.stateful.source_nat == nullptr) return !entry.head.has(kFlowTranslated);
  const InterfaceIndex egress = sessions.info(entry.head.peer).ingress;
  const Translator::Rules rules = context.nat_rules(entry.key, entry.head.zone, reply.head.zone, egress);
  return context.translator.still_right(entry.key, reply.key, entry.head.zone, reply.head.zone, rules);
}

template <typename Tuple>
std::uint8_t nat_bits(FlowSlot original, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  return sessions.entry(original).head.has(kFlowHoldsPort) ? sessions.info(original).nat : std::uint8_t{0};
}

/// Somebody outside has begun it with a mapping.
template <typename Tuple>
bool is_from_outside(FlowSlot original, const StatefulContext& context) noexcept {
  return (nat_bits<Tuple>(original, context) & kNatFromOutside) != 0;
}

/// What a session of an earlier policy is let go on by.
template <typename Tuple>
RuleOutcome ask_again(FlowSlot original, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  const auto& entry = sessions.entry(original);
  const auto& reply = sessions.entry(entry.head.peer);
  const std::uint8_t nat = nat_bits<Tuple>(original, context);
  RuleOutcome outcome = evaluate_policy(meant_key(entry.key, reply.key), entry.head.zone, reply.head.zone, context);
  if (outcome.action == RuleAction::kPermit) {
    // Whoever began it, outside: its end is told if its begin was.
    if ((nat & kNatFromOutside) != 0) outcome.log_close |= entry.head.has(kFlowLogClose);
    if ((nat & kNatOpens) != 0) {
      context.translator.allow(reply.key, {context.stateful.policy_generation, entry.head.zone, reply.head.zone});
    }
  } else if ((nat & kNatFromOutside) != 0 && mapping_is_allowed(reply.key, entry.head.zone, reply.head.zone, context)) {
    outcome = {.rule = kMappingRule, .action = RuleAction::kPermit};
    outcome.log_close = entry.head.has(kFlowLogClose);
  }
  return outcome;
}

/// Asks the policy of now about a session of an earlier one. False: nothing passes; it has been closed, or waits.
template <typename Tuple>
[[gnu::noinline]] bool still_allowed(FlowSlot slot, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  const FlowSlot original = sessions.original_of(slot);
  auto& entry = sessions.entry(original);
  FlowHead& reply = sessions.entry(entry.head.peer).head;
  const RuleOutcome outcome = ask_again<Tuple>(original, context);
  const bool refused = outcome.action != RuleAction::kPermit && context.stateful.close_on_change;
  const bool translated_rightly = translation_is_right<Tuple>(original, context);
  // Another session of its mapping may be allowed soon, and then this one is.
  if (refused && translated_rightly && is_from_outside<Tuple>(original, context)) return false;
  if (refused || !translated_rightly) {
    context.shard.end<Tuple>(original, SessionEnd::kPolicyChanged);
    return false;
  }
  for (FlowHead* head : {&entry.head, &reply}) {
    put(head->packets_and_policy, head->packets() | std::uint64_t{context.stateful.policy_generation} << 48);
    if (outcome.action != RuleAction::kPermit) continue;
    // Answers that leave elsewhere than requests come from have another question to ask: find_way() does.
    put(head->route_generation, context.route_generation - 1);
    set_log_close(*head, outcome.log_close);
  }
  put(sessions.info(original).rule, outcome.action == RuleAction::kPermit ? outcome.rule : kEarlierRule);
  return true;
}

/// The first packet from inside of a session that somebody outside has begun: its mapping is used, and open.
template <typename Tuple>
void note_answer(FlowSlot original, InterfaceIndex egress, const StatefulContext& context) noexcept {
  if (context.stateful.source_nat == nullptr) return;
  if ((nat_bits<Tuple>(original, context) & (kNatFromOutside | kNatOpens)) != kNatFromOutside) return;
  auto& sessions = context.shard.table<Tuple>();
  const auto& entry = sessions.entry(original);
  const Zone to = sessions.entry(entry.head.peer).head.zone;
  context.translator.answered(sessions, original, context.nat_rules(entry.key, entry.head.zone, to, egress));
}

/// A session's packets leave by another interface now: with addresses for which that is right, or no more. False: it
/// has been closed.
template <typename Tuple>
bool goes_on_by(FlowSlot original, InterfaceIndex egress, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  // It may be a FlowShift, which has its interface at the same place.
  FlowInfo& reply = sessions.info(sessions.entry(original).head.peer);
  if (reply.ingress == egress) return true;
  put(reply.ingress, static_cast<std::uint8_t>(egress));
  if (translation_is_right<Tuple>(original, context)) return true;
  context.shard.end<Tuple>(original, SessionEnd::kPolicyChanged);
  return false;
}

NextHopView way_of_untranslated(Packet& packet, const StatefulContext& context) noexcept {
  route_packet(packet, context.context);
  return way_out(packet, context.context);
}

/// `destination`: with which it will leave.
template <typename Address>
NextHopView way_of_translated(Packet& packet, const Address& destination, const StatefulContext& context) noexcept {
  if (const InterfaceIndex home = context.stateful.home_of(destination); home != kNoInterface) {
    packet.next_hop = kHairpinHop;
    return {NextHopKind::kForward, home};
  }
  route_to(packet, destination, context.context);
  return settle_way_out(packet, context.context);
}

/// A route has changed since the flow's next hop was found, or it is the reply's first packet. When this direction
/// leaves by another zone than the other one comes from, the policy is asked about that zone: whatever the routes do,
/// nothing goes where no rule lets the session go. False: the packet is dropped.
template <typename Tuple>
[[gnu::noinline]] bool find_way(Packet& packet, FlowSlot slot, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  auto& entry = sessions.entry(slot);
  auto& other = sessions.entry(entry.head.peer);
  const bool translated = entry.head.has(kFlowTranslated);
  const NextHopView hop =
      translated ? way_of_translated(packet, other.key.source, context) : way_of_untranslated(packet, context);
  if (hop.kind == NextHopKind::kForward || hop.kind == NextHopKind::kGlean) {
    const Zone to = context.zone_of(hop.interface);
    if (to != other.head.zone) {
      const bool reply = entry.head.has(kFlowReply);
      const RuleOutcome outcome = reply
                                      ? evaluate_policy(meant_key(other.key, entry.key), to, entry.head.zone, context)
                                      : evaluate_policy(meant_key(entry.key, other.key), entry.head.zone, to, context);
      if (outcome.action != RuleAction::kPermit) {
        packet.drop(DropReason::kPolicyDeny);
        return false;
      }
      // Answers come from where requests go; but requests may come in elsewhere than answers leave.
      if (!reply) put(other.head.zone, to);
    }
    if (!entry.head.has(kFlowReply)) {
      if (!goes_on_by<Tuple>(slot, hop.interface, context)) {
        packet.drop(DropReason::kPolicyChanged);
        return false;
      }
      note_answer<Tuple>(slot, hop.interface, context);
    }
  }
  keep_next_hop(entry.head, packet, context.route_generation);
  return true;
}

}  // namespace

template <typename Tuple>
SessionHit session_hit(Packet& packet, FlowSlot slot, const StatefulContext& context,
                       std::uint32_t transport_length) noexcept {
  FlowHead& head = context.shard.table<Tuple>().entry(slot).head;
  if (head.zone != context.zone_of(packet.ingress)) {
    packet.drop(DropReason::kSessionZone);
    return SessionHit::kDecided;
  }
  if (head.policy() != context.stateful.policy_generation && !still_allowed<Tuple>(slot, context)) {
    packet.drop(DropReason::kPolicyChanged);
    return SessionHit::kDecided;
  }
  TcpAction action = TcpAction::kPass;
  const bool shifted = head.has(kFlowShifted);
  if (head.kind() == FlowKind::kTcp) {
    if (shifted && !context.syn_proxy.arrive(packet, context.shard.table<Tuple>(), slot, context.context)) {
      return SessionHit::kDecided;
    }
    const TcpOutcome outcome = track<Tuple>(segment_of(packet, transport_length), slot, context);
    action = outcome.action;
    if (action == TcpAction::kRenew) return SessionHit::kRenew;
    if (action == TcpAction::kDrop) packet.drop(reason_of(outcome.reason));
  } else if (head.kind() == FlowKind::kIcmp && !fits_echo(packet, head)) {
    packet.drop(DropReason::kIcmpUnsolicited);
  }
  if (packet.verdict != Verdict::kNone) return SessionHit::kDecided;
  if (head.route_generation == context.route_generation) {
    packet.next_hop = head.next_hop;
  } else if (!find_way<Tuple>(packet, slot, context)) {
    return SessionHit::kDecided;
  }
  count_packet(head, packet);
  // What passes without being believed does not prolong the session.
  if (action == TcpAction::kPass) put(head.seen, flow_date(context.context.now));
  if (shifted) leave_shifted<Tuple>(packet, slot, context);
  if (head.has(kFlowTranslated)) leave<Tuple>(packet, slot, transport_length, context);
  return SessionHit::kDecided;
}

template SessionHit session_hit<FiveTuple4>(Packet&, FlowSlot, const StatefulContext&, std::uint32_t) noexcept;
template SessionHit session_hit<FiveTuple6>(Packet&, FlowSlot, const StatefulContext&, std::uint32_t) noexcept;

}  // namespace culvert
