// SPDX-License-Identifier: Apache-2.0
#include "pipeline/inbound.h"

#include "packet/five_tuple.h"
#include "pipeline/admission.h"
#include "pipeline/first_packet.h"
#include "pipeline/guards.h"
#include "pipeline/hairpin.h"
#include "pipeline/log_decision.h"
#include "pipeline/route_stage.h"
#include "pipeline/tcp_of_packet.h"
#include "pipeline/way_out.h"

namespace culvert {
namespace {

/// The key of the session that the packet begins, as packets from inside have it.
template <typename Tuple>
Tuple original_of(const Tuple& packet, const Tuple& inside) noexcept {
  Tuple original = packet.reversed();
  original.source = inside.source;
  original.source_port = inside.source_port;
  return original;
}

/// Whether it is the host's own: a query, or for a port where it listens, whoever may have had that before.
template <typename Tuple>
bool is_of_host(const Tuple& packet, const StatefulContext& context) noexcept {
  const ExternalAddress* external = context.stateful.external(packet.destination);
  const auto kind = port_kind(packet.protocol);
  if (external == nullptr || !kind.has_value() || *kind == PortKind::kIcmp) return true;
  return culvert::is_of_host(*external, *kind, packet.destination_port.host());
}

/// The rates of new sessions count; whose they are is not kept.
template <typename Tuple>
DropReason pass_rates(const Tuple& key, Zone from, const StatefulContext& context) noexcept {
  bool counted = false;
  const DropReason over_limit = pass_limits(key, from, counted, context);
  if (counted) context.meters.sources.end(context.meters.sources.meters().id(MeterKind::kSource, key.source));
  return over_limit;
}

/// Why a packet can't be the first of this session; kNone: it can, and TCP's sides are ready.
template <typename Tuple>
DropReason open_inbound(const Packet& packet, std::uint32_t transport_length, SessionStart<Tuple>& start) noexcept {
  if (start.kind != FlowKind::kTcp) return DropReason::kNone;
  const TcpSegment segment = segment_of(packet, transport_length);
  return reason_of(tcp_open(start.reply.tcp, start.original.tcp, segment, TcpPickUp::kOnlySyn).reason);
}

/// The session with its hold on the mapping, or neither.
template <typename Tuple>
FlowSlot admit(Packet& packet, SessionStart<Tuple>& start, FlowSlot mapping, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  // The inside endpoint speaks to this one with another external address.
  if (sessions.flows().find(start.original.key, start.original.hash) != kNoFlow) {
    packet.drop(DropReason::kSessionReplyTaken);
    return kNoFlow;
  }
  context.translator.join(start, mapping);
  const auto admitted = context.shard.admit(start, context.stateful.timeouts, context.context.now);
  if (admitted.slot != kNoFlow) return sessions.entry(admitted.slot).head.peer;
  if (context.translator.give_back(start)) log_port(start, SessionRecordKind::kPortFree, context);
  packet.drop(reason_of(admitted.admission));
  return kNoFlow;
}

}  // namespace

template <typename Tuple>
bool mapping_is_allowed(const Tuple& reply, Zone inside, Zone outside, const StatefulContext& context) noexcept {
  return context.translator.is_allowed(reply, {context.stateful.policy_generation, inside, outside});
}

template <typename Tuple>
bool admit_inbound(Packet& packet, const Tuple& key, std::uint64_t hash, std::uint32_t transport_length,
                   const StatefulContext& context) noexcept {
  const FlowSlot mapping = is_of_host(key, context) ? kNoFlow : context.translator.mapping_of(key);
  if (mapping == kNoFlow || context.stateful.source_nat == nullptr) return false;
  const Tuple original = original_of(key, context.translator.inside<Tuple>(mapping));
  route_to(packet, original.source, context.context);
  const NextHopView hop = settle_way_out(packet, context.context);
  if (hop.kind != NextHopKind::kForward && hop.kind != NextHopKind::kGlean) return true;
  SessionStart<Tuple> start;
  start.kind = kind_of(key.protocol);
  fill_side(start.original, original, context.shard.table<Tuple>().hash(original), hop.interface, context);
  fill_side(start.reply, key, hash, packet.ingress, context);
  start.rule = kMappingRule;
  start.policy = context.stateful.policy_generation;
  const Zone inside = start.original.zone;
  const Zone outside = start.reply.zone;
  const auto drop = [&packet](DropReason reason) {
    packet.drop(reason);
    return true;
  };
  if (const DropReason not_first = open_inbound(packet, transport_length, start); not_first != DropReason::kNone) {
    return drop(not_first);
  }
  if (!source_is_routed(packet, context)) return drop(DropReason::kReversePath);
  const Translator::Rules rules = context.nat_rules(original, inside, outside, packet.ingress);
  const SourceRule* rule =
      rules.may_map ? context.translator.lets_in(mapping, key, original, inside, outside, rules) : nullptr;
  if (rule == nullptr) return drop(DropReason::kNatFiltered);
  if (!mapping_is_allowed(key, inside, outside, context) &&
      evaluate_policy(original, inside, outside, context).action != RuleAction::kPermit) {
    return drop(DropReason::kNatFiltered);
  }
  if (goes_no_further(packet)) return true;
  if (const DropReason over_limit = pass_rates(key, outside, context); over_limit != DropReason::kNone) {
    return drop(over_limit);
  }
  const bool is_logged = rule->log == NatLog::kSessions;
  if (is_logged) start.flags |= kFlowLogClose;
  const FlowSlot slot = admit(packet, start, mapping, context);
  if (slot == kNoFlow) return true;
  if (is_logged) log_opened<Tuple>(slot, context);
  auto& sessions = context.shard.table<Tuple>();
  FlowHead& head = sessions.entry(slot).head;
  count_packet(head, packet);
  keep_next_hop(head, packet, context.route_generation);
  leave<Tuple>(packet, slot, transport_length, context);
  return true;
}

template bool admit_inbound<FiveTuple4>(Packet&, const FiveTuple4&, std::uint64_t, std::uint32_t,
                                        const StatefulContext&) noexcept;
template bool admit_inbound<FiveTuple6>(Packet&, const FiveTuple6&, std::uint64_t, std::uint32_t,
                                        const StatefulContext&) noexcept;
template bool mapping_is_allowed<FiveTuple4>(const FiveTuple4&, Zone, Zone, const StatefulContext&) noexcept;
template bool mapping_is_allowed<FiveTuple6>(const FiveTuple6&, Zone, Zone, const StatefulContext&) noexcept;

}  // namespace culvert
