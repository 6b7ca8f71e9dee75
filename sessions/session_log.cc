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
SessionRecord record_of_end(SessionTable<Tuple>& sessions, FlowSlot original, SessionEnd why, Now now) noexcept {
  const auto& entry = sessions.entry(original);
  const FlowHead& head = entry.head;
  const auto& reply_entry = sessions.entry(head.peer);
  const FlowHead& reply = reply_entry.head;
  const FlowInfo& info = sessions.info(original);
  SessionRecord record;
  record.kind = SessionRecordKind::kClosed;
  record.set_key(entry.key);
  if (head.has(kFlowTranslated)) record.set_translation(entry.key, reply_entry.key);
  record.from_zone = head.zone;
  record.to_zone = reply.zone;
  record.in_interface = info.ingress;
  record.out_interface = sessions.info(head.peer).ingress;
  record.rule = info.rule;
  record.policy = head.policy();
  record.time = now;
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

template SessionRecord record_of_end(SessionTable<FiveTuple4>&, FlowSlot, SessionEnd, Now) noexcept;
template SessionRecord record_of_end(SessionTable<FiveTuple6>&, FlowSlot, SessionEnd, Now) noexcept;

}  // namespace culvert
