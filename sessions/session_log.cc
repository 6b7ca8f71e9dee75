// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_log.h"

namespace culvert {
namespace {

std::uint32_t seconds_since(FlowDate date, Now now) noexcept {
  const auto units = static_cast<std::int32_t>(flow_date(now) - date);
  if (units <= 0) return 0;
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(units) << kFlowDateShift) / kNanosecondsPerSecond);
}

}  // namespace

template <typename Tuple>
SessionRecord record_of(SessionTable<Tuple>& sessions, FlowSlot original, SessionRecordKind kind, Now now) noexcept {
  const auto& entry = sessions.entry(original);
  const auto& reply = sessions.entry(entry.head.peer);
  SessionRecord record;
  record.kind = kind;
  record.set_key(entry.key);
  if (entry.head.has(kFlowTranslated)) record.set_translation(entry.key, reply.key);
  record.from_zone = entry.head.zone;
  record.to_zone = reply.head.zone;
  record.in_interface = sessions.info(original).ingress;
  record.out_interface = sessions.info(entry.head.peer).ingress;
  record.time = now;
  return record;
}

template <typename Tuple>
SessionRecord record_of_port(SessionTable<Tuple>& sessions, FlowSlot original, SessionRecordKind kind,
                             Now now) noexcept {
  SessionRecord record = record_of(sessions, original, kind, now);
  record.mapped = (sessions.info(original).nat & kNatMapped) != 0;
  return record;
}

template <typename Tuple>
SessionRecord record_of_end(SessionTable<Tuple>& sessions, FlowSlot original, SessionEnd why, Now now) noexcept {
  const FlowHead& head = sessions.entry(original).head;
  const FlowHead& reply = sessions.entry(head.peer).head;
  const FlowInfo& info = sessions.info(original);
  SessionRecord record = record_of(sessions, original, SessionRecordKind::kClosed, now);
  record.rule = info.rule;
  record.policy = head.policy();
  record.why = why;
  record.is_tcp = head.kind() == FlowKind::kTcp;
  if (record.is_tcp) record.tcp = tcp_state_of(head.tcp, reply.tcp);
  const auto age = static_cast<std::int32_t>(static_cast<std::uint32_t>(now / kNanosecondsPerSecond) - info.created_s);
  record.age_s = age > 0 ? static_cast<std::uint32_t>(age) : 0;
  record.idle_s = seconds_since(static_cast<std::int32_t>(head.seen - reply.seen) > 0 ? head.seen : reply.seen, now);
  record.packets = head.packets();
  record.bytes = head.bytes;
  record.reply_packets = reply.packets();
  record.reply_bytes = reply.bytes;
  return record;
}

template SessionRecord record_of(SessionTable<FiveTuple4>&, FlowSlot, SessionRecordKind, Now) noexcept;
template SessionRecord record_of(SessionTable<FiveTuple6>&, FlowSlot, SessionRecordKind, Now) noexcept;
template SessionRecord record_of_port(SessionTable<FiveTuple4>&, FlowSlot, SessionRecordKind, Now) noexcept;
template SessionRecord record_of_port(SessionTable<FiveTuple6>&, FlowSlot, SessionRecordKind, Now) noexcept;
template SessionRecord record_of_end(SessionTable<FiveTuple4>&, FlowSlot, SessionEnd, Now) noexcept;
template SessionRecord record_of_end(SessionTable<FiveTuple6>&, FlowSlot, SessionEnd, Now) noexcept;

}  // namespace culvert
