// SPDX-License-Identifier: Apache-2.0
#include "control/session_rows.h"

#include <algorithm>

#include "config/service.h"

namespace culvert {
namespace {

/// Seconds between two dates; 0 when the later one is not later.
std::uint64_t seconds_between(FlowDate before, FlowDate after) noexcept {
  const auto units = static_cast<std::int32_t>(after - before);
  if (units <= 0) return 0;
  return (static_cast<std::uint64_t>(units) << kFlowDateShift) / kNanosecondsPerSecond;
}

FlowDate later(FlowDate a, FlowDate b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0 ? a : b;
}

template <typename Tuple>
void add_ports(SessionRow& row, const Tuple& key) {
  if (has_ports(key.protocol)) {
    row.source_port = key.source_port.host();
    row.destination_port = key.destination_port.host();
  } else if (is_icmp(key.protocol)) {
    row.icmp_id = key.source_port.host();
  }
}

/// Where answers come from, if that is not where packets went.
template <typename Tuple>
void add_destination(SessionRow& row, const Tuple& original, const Tuple& reply) {
  const bool same_port = !has_ports(reply.protocol) || reply.source_port == original.destination_port;
  if (reply.source == original.destination && same_port) return;
  row.translated_destination = address_text(reply.source);
  if (has_ports(reply.protocol)) row.translated_destination_port = reply.source_port.host();
}

/// What answers come to, if that is not where packets came from.
template <typename Tuple>
void add_source(SessionRow& row, const Tuple& original, const Tuple& reply) {
  if (reply.destination == original.source && reply.destination_port == original.source_port) return;
  row.translated_source = address_text(reply.destination);
  if (has_ports(reply.protocol)) {
    row.translated_source_port = reply.destination_port.host();
  } else if (is_icmp(reply.protocol)) {
    row.translated_icmp_id = reply.destination_port.host();
  }
}

/// Positions of an earlier policy mean nothing now.
std::optional<std::string> rule_name(const FlowHead& head, RuleIndex rule, const SessionNames& names) {
  if (head.policy() != names.generation || names.rules == nullptr) return std::nullopt;
  if (rule == kMappingRule) return std::string(kMappingRuleName);
  if (rule == kDefaultRule) return std::string(kDefaultRuleName);
  if (rule >= names.rules->rules.size()) return std::nullopt;
  return names.rules->rules[rule].name;
}

}  // namespace

std::string protocol_text(std::uint8_t protocol) {
  ServiceMatch service;
  service.protocol = protocol;
  return to_text(service);
}

std::string address_text(Ipv4Address address) {
  ConfigAddress text;
  store(text.bytes.data(), address);
  return to_text(text);
}

std::string address_text(const Ipv6Address& address) {
  return to_text(ConfigAddress{true, address.bytes});
}

template <typename Tuple>
SessionRow session_row(WorkerIndex worker, const SessionView<Tuple>& session, const SessionNames& names,
                       const SessionClock& clock) {
  const auto& original = session.original;
  const auto& reply = session.reply;
  SessionRow row;
  row.worker = worker;
  row.protocol = protocol_text(original.key.protocol);
  row.source = address_text(original.key.source);
  row.destination = address_text(original.key.destination);
  add_ports(row, original.key);
  add_source(row, original.key, reply.key);
  add_destination(row, original.key, reply.key);
  row.from_zone = names.zone(original.head.zone);
  row.to_zone = names.zone(reply.head.zone);
  row.in_interface = names.interface(original.info.ingress);
  row.out_interface = names.interface(reply.info.ingress);
  row.rule = rule_name(original.head, original.info.rule, names);
  row.state = session_state(original.head, reply.head);
  const FlowDate seen = later(original.head.seen, reply.head.seen);
  const auto age = static_cast<std::int32_t>(clock.seconds() - original.info.created_s);
  row.age_s = static_cast<std::uint64_t>(std::max(age, 0));
  row.idle_s = seconds_between(seen, flow_date(clock.now));
  row.expires_in_s = seconds_between(flow_date(clock.now), last_seen(original.head, reply.head) +
                                                               timeout_of(original.head, reply.head, clock.timeouts));
  row.packets = original.head.packets();
  row.bytes = original.head.bytes;
  row.reply_packets = reply.head.packets();
  row.reply_bytes = reply.head.bytes;
  return row;
}

Result<SessionPage> session_page(const std::vector<const SessionShard::Memory*>& workers, const SessionPageQuery& query,
                                 const SessionNames& names, const SessionClock& clock) {
  const auto filter = SessionFilter::of(query.which, names);
  if (filter.has_error()) return filter.error();
  SessionWalk walk(workers);
  if (!query.after.empty()) {
    if (const auto stands = walk.stand_at(query.after); stands.has_error()) return stands.error();
  }
  SessionPage page;
  const std::uint32_t now_s = clock.seconds();
  walk.go_on(kSlotsAtOnce, [&](WorkerIndex worker, const auto& session) {
    if (!filter->fits(session, now_s)) return true;
    page.sessions.push_back(session_row(worker, session, names, clock));
    return page.sessions.size() < query.limit;
  });
  if (!walk.ended()) page.next = walk.place();
  return page;
}

template SessionRow session_row(WorkerIndex, const SessionView<FiveTuple4>&, const SessionNames&, const SessionClock&);
template SessionRow session_row(WorkerIndex, const SessionView<FiveTuple6>&, const SessionNames&, const SessionClock&);

}  // namespace culvert
