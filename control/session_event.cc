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
    case SessionRecordKind::kOpened:
    case SessionRecordKind::kClosed:
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
    case SessionRecordKind::kDenied:
    case SessionRecordKind::kRejected:
      break;
  }
  return EventKind::kSessionDenied;
}

SessionEvent session_event(const SessionRecord& record, const SessionNames& names, const RuleNames& rules) {
  const std::optional<std::string> rule = rules.of(record.policy, record.rule);
  SessionEvent event{event_kind(record), text_of(record, names, rule_text(record, rule)), {}};
  const auto say = [&event](const char* name, std::string value) { event.fields.emplace_back(name, std::move(value)); };
  const auto count = [&say](const char* name, std::uint64_t value) { say(name, std::to_string(value)); };
  say("protocol", protocol_text(record.protocol));
  say("source", address_of(record, record.source));
  if (has_ports(record.protocol)) count("source_port", record.source_port.host());
  say("destination", address_of(record, record.destination));
  if (has_ports(record.protocol)) count("destination_port", record.destination_port.host());
  if (is_icmp(record.protocol)) count("icmp_id", record.source_port.host());
  if (record.translated) {
    say("translated_source", address_of(record, record.translated_source));
    if (has_ports(record.protocol)) count("translated_source_port", record.translated_port.host());
    if (is_icmp(record.protocol)) count("translated_icmp_id", record.translated_port.host());
  }
  if (record.redirected) {
    say("translated_destination", address_of(record, record.translated_destination));
    if (has_ports(record.protocol)) count("translated_destination_port", record.redirected_port.host());
  }
  say("from_zone", names.zone(record.from_zone));
  say("to_zone", names.zone(record.to_zone));
  say("in_interface", names.interface(record.in_interface));
  say("out_interface", names.interface(record.out_interface));
  if (rule.has_value()) say("rule", *rule);
  say("action", std::string(action_of(record.kind)));
  if (record.kind != SessionRecordKind::kClosed) return event;
  say("reason", std::string(reason_of(record)));
  count("duration_s", record.age_s);
  count("idle_s", record.idle_s);
  count("packets", record.packets);
  count("bytes", record.bytes);
  count("reply_packets", record.reply_packets);
  count("reply_bytes", record.reply_bytes);
  return event;
}

}  // namespace culvert
