// SPDX-License-Identifier: Apache-2.0
#include "pipeline/admission.h"

#include "packet/five_tuple.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "pipeline/first_packet.h"
#include "pipeline/guards.h"
#include "pipeline/hairpin.h"
#include "pipeline/inbound.h"
#include "pipeline/log_decision.h"
#include "pipeline/route_stage.h"
#include "pipeline/tcp_of_packet.h"
#include "pipeline/way_out.h"

namespace culvert {
namespace {

/// Only requests begin anything, so that rules for them need not think of what an answer could open.
bool is_echo_request(const Packet& packet) noexcept {
  if (!packet.has(kFlagTransport)) return false;
  const auto type = static_cast<std::uint8_t>(*packet.transport_header());
  return packet.network == NetworkKind::kIpv4 ? packet.protocol == kProtocolIcmp && type == kIcmpEcho
                                              : packet.protocol == kProtocolIcmpv6 && type == kIcmpv6Echo;
}

/// Why the packet can't be the first of a session; kNone: it can, and TCP's sides are ready.
template <typename Tuple>
DropReason open_session(const Packet& packet, std::uint32_t transport_length, bool tcp_pick_up,
                        SessionStart<Tuple>& start) noexcept {
  switch (kind_of(packet.protocol)) {
    case FlowKind::kTcp: {
      const TcpPickUp pick_up = tcp_pick_up ? TcpPickUp::kMidStream : TcpPickUp::kOnlySyn;
      const TcpSegment segment = segment_of(packet, transport_length);
      return reason_of(tcp_open(start.original.tcp, start.reply.tcp, segment, pick_up).reason);
    }
    case FlowKind::kIcmp:
      return is_echo_request(packet) ? DropReason::kNone : DropReason::kIcmpUnsolicited;
    default:
      return DropReason::kNone;
  }
}

/// The port that rules see: the destination's, or the type and code of an echo request.
template <typename Tuple>
std::uint16_t rule_port(const Tuple& key) noexcept {
  constexpr std::uint8_t kEchoRequest = std::is_same_v<Tuple, FiveTuple4> ? kIcmpEcho : kIcmpv6Echo;
  if (kind_of(key.protocol) == FlowKind::kIcmp) return kEchoRequest << 8;
  return key.destination_port.host();
}

/// Where a packet goes, as routes, policy and source NAT see it.
template <typename Tuple>
struct Meant {
  Tuple key;
  bool translated = false;  ///< to another destination than it says
};

template <typename Tuple>
void fill(SessionStart<Tuple>& start, const Packet& packet, const Tuple& key, std::uint64_t hash,
          const Meant<Tuple>& to, InterfaceIndex egress, const RuleOutcome& outcome,
          const StatefulContext& context) noexcept {
  const Tuple reply = to.key.reversed();
  fill_side(start.original, key, hash, packet.ingress, context);
  fill_side(start.reply, reply, context.shard.table<Tuple>().hash(reply), egress, context);
  if (to.translated) start.flags |= kFlowTranslated;
  start.kind = kind_of(packet.protocol);
  if (outcome.log_close) start.flags |= kFlowLogClose;
  start.rule = outcome.rule;
  start.policy = context.stateful.policy_generation;
}

struct Begun {
  FlowSlot slot = kNoFlow;
  DropReason reason = DropReason::kNone;
};

/// The session with its translation, or neither.
template <typename Tuple>
Begun admit(SessionStart<Tuple>& start, InterfaceIndex egress, const StatefulContext& context) noexcept {
  bool tell_port = false;
  if (context.stateful.source_nat != nullptr) {
    const Translator::Rules rules =
        context.nat_rules(start.reply.key.reversed(), start.original.zone, start.reply.zone, egress);
    const Translator::Begun begun = context.translator.begin(start, rules);
    if (begun.refused != DropReason::kNone) return {kNoFlow, begun.refused};
    start.reply.hash = context.shard.table<Tuple>().hash(start.reply.key);
    tell_port = begun.tell_port;
  }
  const auto admitted = context.shard.admit(start, context.stateful.timeouts, context.context.now);
  if (admitted.slot != kNoFlow) {
    if (tell_port) log_port(start, SessionRecordKind::kPortTaken, context);
  } else if (const bool is_free = context.translator.give_back(start); is_free != tell_port) {
    // Others have the mapping that it would have had, too; or they have made way for it, in vain.
    log_port(start, is_free ? SessionRecordKind::kPortFree : SessionRecordKind::kPortTaken, context);
  }
  return {admitted.slot, reason_of(admitted.admission)};
}

/// The same of one that goes to another destination than it says: never to this host, whose answers no session sees.
template <typename Tuple>
bool find_translated_way(Packet& packet, const DestinationRule& rule, const Tuple& key, Meant<Tuple>& meant,
                         NextHopView& hop, const StatefulContext& context) noexcept {
  const auto to = DestinationNat::translated(rule, key);
  if (!to.has_value()) {
    packet.drop(DropReason::kNatNoAddress);
    return false;
  }
  meant = {*to, true};
  route_to(packet, meant.key.destination, context.context);
  hop = settle_way_out(packet, context.context);
  if (hop.kind != NextHopKind::kLocal) return true;
  packet.drop(DropReason::kNatTargetLocal);
  return false;
}

/// Where a packet of no session leads, and what it is meant for. False: it has been decided.
template <typename Tuple>
bool find_way_of_first(Packet& packet, const Tuple& key, std::uint64_t hash, std::uint32_t transport_length, Zone from,
                       Meant<Tuple>& meant, NextHopView& hop, const StatefulContext& context) noexcept {
  meant = {key, false};
  if (const DestinationRule* rule = context.stateful.destination_nat->find(key, from); rule != nullptr) {
    return find_translated_way(packet, *rule, key, meant, hop, context);
  }
  const bool external = context.stateful.is_external(key.destination);
  if (external) {
    if (const InterfaceIndex home = hairpin_way(packet, key, from, context); home != kNoInterface) {
      packet.next_hop = kHairpinHop;
      hop = {NextHopKind::kForward, home};
      return true;
    }
    if (admit_inbound(packet, key, hash, transport_length, context)) return false;
  }
  route_packet(packet, context.context);
  hop = context.stateful.source_nat == nullptr ? way_out(packet, context.context)
                                               : settle_way_out(packet, context.context);
  // Only this host and sessions have external addresses: wherever routes to them lead, nobody else gets their packets.
  // Nor does this host get what would answer to itself.
  if (external && (hop.kind != NextHopKind::kLocal || packet.turned_back)) {
    packet.drop(DropReason::kNatNoMapping);
    return false;
  }
  return true;
}

}  // namespace

template <typename Tuple>
RuleOutcome evaluate_policy(const Tuple& key, Zone from, Zone to, const StatefulContext& context) noexcept {
  PolicyKey policy_key;
  policy_key.network = std::is_same_v<Tuple, FiveTuple4> ? NetworkKind::kIpv4 : NetworkKind::kIpv6;
  policy_key.from = from;
  policy_key.to = to;
  policy_key.protocol = key.protocol;
  policy_key.source_port = kind_of(key.protocol) == FlowKind::kIcmp ? std::uint16_t{0} : key.source_port.host();
  policy_key.destination_port = rule_port(key);
  policy_key.source = PolicyKey::address_of(key.source);
  policy_key.destination = PolicyKey::address_of(key.destination);
  const RuleOutcome outcome = context.stateful.rules->match(policy_key);
  const std::uint16_t counter = outcome.rule < context.stateful.rule_counters.size()
                                    ? context.stateful.rule_counters[outcome.rule]
                                    : context.stateful.default_counter;
  if (counter < context.rule_hits.size()) context.rule_hits[counter].add();
  context.context.cells.policy_evaluations.add();
  return outcome;
}

template <typename Tuple>
void admit_packet(Packet& packet, const Tuple& key, std::uint64_t hash, std::uint32_t transport_length,
                  const StatefulContext& context) noexcept {
  const Zone from = context.zone_of(packet.ingress);
  // A source that can't be there is not counted against whoever is: it is dropped below.
  if (counts_packets(from, context) && !packet.turned_back && source_is_routed(packet, context) &&
      !pass_counting_screens(packet, key, context)) {
    return;
  }
  NextHopView hop;
  Meant<Tuple> meant;
  if (!find_way_of_first(packet, key, hash, transport_length, from, meant, hop, context)) return;
  if (hop.kind != NextHopKind::kForward && hop.kind != NextHopKind::kGlean) {
    // That nothing leads there is told to the source, if that can be where the packet comes from.
    if (hop.kind != NextHopKind::kLocal && !source_is_routed(packet, context)) packet.drop(DropReason::kReversePath);
    return;
  }
  SessionStart<Tuple> start;
  // What turns back gets no cookies: the proxy's own segments would not.
  const bool turns = packet.next_hop == kHairpinHop;
  const bool proved = transport_length == 0 && !turns && may_prove_a_cookie(packet, from, context) &&
                      context.syn_proxy.accept(packet, start, context.context);
  const DropReason not_first = open_session(packet, transport_length, context.stateful.tcp_pick_up, start);
  if (not_first != DropReason::kNone) return packet.drop(not_first);
  if (!source_is_routed(packet, context)) return packet.drop(DropReason::kReversePath);
  const RuleOutcome outcome = evaluate_policy(meant.key, from, context.zone_of(hop.interface), context);
  FirstPacket<Tuple> first{key, packet.ingress, hop.interface};
  if (outcome.log_open && outcome.action != RuleAction::kPermit) log_decision(first, outcome, context);
  if (outcome.action == RuleAction::kReject) return packet.drop(DropReason::kPolicyReject);
  if (outcome.action != RuleAction::kPermit) return packet.drop(DropReason::kPolicyDeny);
  if (goes_no_further(packet)) {
    if (turns) packet.drop(why_no_further(packet));
    return;
  }
  if (!proved && !turns && !pass_syn_flood(packet, key.protocol, from, context)) return;
  bool counted = false;
  const DropReason over_limit = pass_limits(key, from, counted, context);
  if (over_limit != DropReason::kNone) return packet.drop(over_limit);
  fill(start, packet, key, hash, meant, hop.interface, outcome, context);
  if (counted) start.flags |= kFlowCounted;
  const auto admitted = admit(start, hop.interface, context);
  if (admitted.slot == kNoFlow) {
    if (counted) context.meters.sources.end(context.meters.sources.meters().id(MeterKind::kSource, key.source));
    return packet.drop(admitted.reason);
  }
  auto& sessions = context.shard.table<Tuple>();
  FlowHead& head = sessions.entry(admitted.slot).head;
  count_packet(head, packet);
  keep_next_hop(head, packet, context.route_generation);
  if (proved) context.context.cells.syn_cookies_accepted.add();
  if (head.has(kFlowTranslated)) first.reply = &sessions.entry(head.peer).key;
  if (outcome.log_open) log_decision(first, outcome, context);
  if (head.has(kFlowTranslated)) leave<Tuple>(packet, admitted.slot, transport_length, context);
}

template void admit_packet<FiveTuple4>(Packet&, const FiveTuple4&, std::uint64_t, std::uint32_t,
                                       const StatefulContext&) noexcept;
template void admit_packet<FiveTuple6>(Packet&, const FiveTuple6&, std::uint64_t, std::uint32_t,
                                       const StatefulContext&) noexcept;
template RuleOutcome evaluate_policy<FiveTuple4>(const FiveTuple4&, Zone, Zone, const StatefulContext&) noexcept;
template RuleOutcome evaluate_policy<FiveTuple6>(const FiveTuple6&, Zone, Zone, const StatefulContext&) noexcept;

}  // namespace culvert
