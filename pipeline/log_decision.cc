// SPDX-License-Identifier: Apache-2.0
#include "pipeline/log_decision.h"

namespace culvert {
namespace {

SessionRecordKind kind_of(RuleAction action) noexcept {
  switch (action) {
    case RuleAction::kPermit:
      return SessionRecordKind::kOpened;
    case RuleAction::kReject:
      return SessionRecordKind::kRejected;
    case RuleAction::kDeny:
      break;
  }
  return SessionRecordKind::kDenied;
}

}  // namespace

template <typename Tuple>
void log_decision(const FirstPacket<Tuple>& first, const RuleOutcome& outcome,
                  const StatefulContext& context) noexcept {
  SessionRecord record;
  record.kind = kind_of(outcome.action);
  record.set_key(first.key);
  if (first.reply != nullptr) record.set_translation(first.key, *first.reply);
  record.from_zone = context.zone_of(first.ingress);
  record.to_zone = context.zone_of(first.egress);
  record.in_interface = static_cast<std::uint8_t>(first.ingress);
  record.out_interface = static_cast<std::uint8_t>(first.egress);
  record.rule = outcome.rule;
  record.policy = context.stateful.policy_generation;
  record.time = context.context.now;
  context.shard.log().write(record);
}

template <typename Tuple>
[[gnu::noinline]] void log_opened(FlowSlot slot, const StatefulContext& context) noexcept {
  auto& sessions = context.shard.table<Tuple>();
  const FlowSlot original = sessions.original_of(slot);
  SessionRecord record = record_of(sessions, original, SessionRecordKind::kOpened, context.context.now);
  record.rule = sessions.info(original).rule;
  record.policy = sessions.entry(original).head.policy();
  context.shard.log().write(record);
}

template <typename Tuple>
[[gnu::noinline]] void log_port(const SessionStart<Tuple>& start, SessionRecordKind kind,
                                const StatefulContext& context) noexcept {
  SessionRecord record;
  record.kind = kind;
  record.set_key(start.original.key);
  record.set_translation(start.original.key, start.reply.key);
  record.from_zone = start.original.zone;
  record.to_zone = start.reply.zone;
  record.in_interface = start.original.ingress;
  record.out_interface = start.reply.ingress;
  record.mapped = (start.nat & kNatMapped) != 0;
  record.time = context.context.now;
  context.shard.log().write(record);
}

template void log_port(const SessionStart<FiveTuple4>&, SessionRecordKind, const StatefulContext&) noexcept;
template void log_port(const SessionStart<FiveTuple6>&, SessionRecordKind, const StatefulContext&) noexcept;
template void log_opened<FiveTuple4>(FlowSlot, const StatefulContext&) noexcept;
template void log_opened<FiveTuple6>(FlowSlot, const StatefulContext&) noexcept;
template void log_decision(const FirstPacket<FiveTuple4>&, const RuleOutcome&, const StatefulContext&) noexcept;
template void log_decision(const FirstPacket<FiveTuple6>&, const RuleOutcome&, const StatefulContext&) noexcept;

}  // namespace culvert
