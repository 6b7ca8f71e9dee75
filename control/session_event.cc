// SPDX-License-Identifier: Apache-2.0
#include "control/session_event.h"

#include <fmt/format.h>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "control/session_rows.h"

namespace culvert {
namespace {

std::string address_of(const SessionRecord& record, const Ipv6Address& address) {
  return record.ipv6 ? address_text(address) : address_text(load<Ipv4Address>(address.bytes.data()));
}

std::string endpoint(const SessionRecord& record, const Ipv6Address& address, Be16 port) {
  const std::string text = address_of(record, address);
  if (!has_ports(record.protocol)) return text;
  return record.ipv6 ? fmt::format("[{}]:{}", text, port.host()) : fmt::format("{}:{}", text, port.host());
}

std::string_view action_of(SessionRecordKind kind) noexcept {
  switch (kind) {
    case SessionRecordKind::kDenied:
      return "deny";
    case SessionRecordKind::kRejected:
      return "reject";
    default:
      break;
  }
  return "permit";
}

std::string_view reason_of(const SessionRecord& record) noexcept {
  switch (record.why) {
    case SessionEnd::kEvicted:
      return "evicted";
    case SessionEnd::kCleared:
      return "cleared";
    case SessionEnd::kPolicyChanged:
      return "policy_changed";
    case SessionEnd::kRenewed:
      return "renewed";
    case SessionEnd::kExpired:
      break;
  }
  // What TCP's ends have said comes before the timeout that followed it.
  if (record.is_tcp && record.tcp == TcpState::kReset) return "reset";
  const bool closed = record.tcp == TcpState::kTimeWait || record.tcp == TcpState::kClosing;
  return record.is_tcp && closed ? "closed" : "expired";
}

std::string rule_text(const SessionRecord& record, const std::optional<std::string>& rule) {
  if (record.rule == kDefaultRule) return "the default";
  if (rule.has_value()) return fmt::format("rule '{}'", *rule);
  if (record.rule == kEarlierRule) return "a rule of an earlier policy";
  if (record.rule == kMappingRule) return "a mapping of NAT";
  return fmt::format("rule {} of an earlier policy", record.rule + 1);
}

/// " as 198.18.1.16:40512", or nothing.
std::string translation_of(const SessionRecord& record) {
  if (!record.translated) return {};
  const std::string text = " as " + endpoint(record, record.translated_source, record.translated_port);
  return is_icmp(record.protocol) ? fmt::format("{} id {}", text, record.translated_port.host()) : text;
}

/// " at 198.18.0.10:80", or nothing.
std::string target_of(const SessionRecord& record) {
  if (!record.redirected) return {};
  return " at " + endpoint(record, record.translated_destination, record.redirected_port);
}

std::string text_of(const SessionRecord& record, const SessionNames& names, const std::string& rule) {
  const std::string id = is_icmp(record.protocol) ? fmt::format(" id {}", record.source_port.host()) : std::string();
  const std::string who = fmt::format("{}{} {}{} -> {}{}, {} ({}) to {} ({})", protocol_text(record.protocol), id,
                                      endpoint(record, record.source, record.source_port), translation_of(record),
                                      endpoint(record, record.destination, record.destination_port), target_of(record),
                                      names.zone(record.from_zone), names.interface(record.in_interface),
                                      names.zone(record.to_zone), names.interface(record.out_interface));
  if (record.kind != SessionRecordKind::kClosed) {
    return fmt::format("{}: {} by {}", who, action_of(record.kind), rule);
  }
  return fmt::format("{}: {} after {} s ({} s of them silent); {} packets, {} bytes; answered by {}, {}; {}", who,
                     reason_of(record), record.age_s, record.idle_s, record.packets, record.bytes, record.reply_packets,
                     record.reply_bytes, rule);
}

}  // namespace

EventKind event_kind(const SessionRecord& record) noexcept {
  switch (record.kind) {
    case SessionRecordKind::kOpened:
      return EventKind::kSessionOpened;
    case SessionRecordKind::kClosed:
      return EventKind::kSessionClosed;
    case SessionRecordKind::kPortTaken:
      return EventKind::kNatMappingCreated;
    case SessionRecordKind::kPortFree:
      return EventKind::kNatMappingDeleted;
    case SessionRecordKind::kDenied:
    case SessionRecordKind::kRejected:
      break;
  }
  return EventKind::kSessionDenied;
}

namespace {

bool is_of_port(const SessionRecord& record) noexcept {
  return record.kind == SessionRecordKind::kPortTaken || record.kind == SessionRecordKind::kPortFree;
}

/// Builds an event's fields.
class Fields {
 public:
  explicit Fields(SessionEvent& event) : event_(event) {}
  void say(const char* name, std::string value) { event_.fields.emplace_back(name, std::move(value)); }
  void count(const char* name, std::uint64_t value) { say(name, std::to_string(value)); }

  void say_source(const SessionRecord& record) {
    say("protocol", protocol_text(record.protocol));
    say("source", address_of(record, record.source));
    if (has_ports(record.protocol)) count("source_port", record.source_port.host());
    if (is_icmp(record.protocol)) count("icmp_id", record.source_port.host());
  }
  void say_translated_source(const SessionRecord& record) {
    if (!record.translated) return;
    say("translated_source", address_of(record, record.translated_source));
    if (has_ports(record.protocol)) count("translated_source_port", record.translated_port.host());
    if (is_icmp(record.protocol)) count("translated_icmp_id", record.translated_port.host());
  }
  void say_way(const SessionRecord& record, const SessionNames& names) {
    say("from_zone", names.zone(record.from_zone));
    say("to_zone", names.zone(record.to_zone));
    say("in_interface", names.interface(record.in_interface));
    say("out_interface", names.interface(record.out_interface));
  }

 private:
  SessionEvent& event_;
};

/// Of one of NAT's ports: whom the inside endpoint speaks to is nobody's business (RFC 6888 REQ-12).
SessionEvent port_event(const SessionRecord& record, const SessionNames& names) {
  const char* what = record.kind == SessionRecordKind::kPortTaken ? "has" : "had";
  const std::string id = is_icmp(record.protocol) ? fmt::format(" id {}", record.source_port.host()) : std::string();
  SessionEvent event{event_kind(record),
                     fmt::format("{}{} {}{}, {} to {}: {} it for {}", protocol_text(record.protocol), id,
                                 endpoint(record, record.source, record.source_port), translation_of(record),
                                 names.zone(record.from_zone), names.zone(record.to_zone), what,
                                 record.mapped ? "all its sessions" : "one session"),
                     {}};
  Fields fields(event);
  fields.say_source(record);
  fields.say_translated_source(record);
  fields.say_way(record, names);
  fields.say("mapping", record.mapped ? "endpoint_independent" : "address_and_port_dependent");
  return event;
}

}  // namespace

SessionEvent session_event(const SessionRecord& record, const SessionNames& names, const RuleNames& rules) {
  if (is_of_port(record)) return port_event(record, names);
  const std::optional<std::string> rule = rules.of(record.policy, record.rule);
  SessionEvent event{event_kind(record), text_of(record, names, rule_text(record, rule)), {}};
  Fields fields(event);
  fields.say_source(record);
  fields.say("destination", address_of(record, record.destination));
  if (has_ports(record.protocol)) fields.count("destination_port", record.destination_port.host());
  fields.say_translated_source(record);
  if (record.redirected) {
    fields.say("translated_destination", address_of(record, record.translated_destination));
    if (has_ports(record.protocol)) fields.count("translated_destination_port", record.redirected_port.host());
  }
  fields.say_way(record, names);
  if (record.rule == kMappingRule) fields.say("rule", std::string(kMappingRuleName));
  if (rule.has_value()) fields.say("rule", *rule);
  fields.say("action", std::string(action_of(record.kind)));
  if (record.kind != SessionRecordKind::kClosed) return event;
  fields.say("reason", std::string(reason_of(record)));
  fields.count("duration_s", record.age_s);
  fields.count("idle_s", record.idle_s);
  fields.count("packets", record.packets);
  fields.count("bytes", record.bytes);
  fields.count("reply_packets", record.reply_packets);
  fields.count("reply_bytes", record.reply_bytes);
  return event;
}

}  // namespace culvert
