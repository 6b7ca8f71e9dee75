// SPDX-License-Identifier: Apache-2.0
// Records of workers as events: words, fields, names of rules that are gone, and that none is lost without being said.
#include <map>

#include "control/session_log_reader.h"
#include "status/text.h"
#include "test/control/session_box.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::kSessionsBegin;
using test::SessionBox;
using test::SessionPlan;
using Fields = std::map<std::string, std::string>;

constexpr std::uint64_t kUnixMs = 1'700'000'000'000;

struct Desk : test::SessionNamesBox {
  Desk() { known.add(1, rules); }

  SessionEvent event(const SessionRecord& record) const { return session_event(record, names, known); }
  void read() { reader.read(names, known, events, now, kUnixMs); }

  SessionBox box{10'000};
  RuleNames known;
  SessionLogReader reader{box.shard().log()};
  EventLog events{100'000};
  Now now = kSessionsBegin;
};

Fields fields_of(const std::vector<std::pair<std::string, std::string>>& fields) {
  return {fields.begin(), fields.end()};
}

SessionRecord first_packet(SessionRecordKind kind) {
  SessionRecord record;
  record.kind = kind;
  record.set_key(FiveTuple4{{Be32(0xc6120002U)}, {Be32(0xc0000201U)}, Be16(1024), Be16(443), 6, 0, 0});
  record.from_zone = 1;
  record.to_zone = 2;
  record.in_interface = 0;
  record.out_interface = 1;
  record.rule = 1;
  record.policy = 1;
  record.time = kSessionsBegin;
  return record;
}

TEST_CASE("what a rule lets in or refuses is told with its addresses, zones, interfaces, and the rule") {
  const Desk desk;
  const SessionEvent opened = desk.event(first_packet(SessionRecordKind::kOpened));
  CHECK(opened.kind == EventKind::kSessionOpened);
  CHECK(opened.text == "tcp 198.18.0.2:1024 -> 192.0.2.1:443, trust (lan0) to internet (wan0): permit by rule 'web'");
  CHECK(fields_of(opened.fields) == Fields{{"protocol", "tcp"},
                                           {"source", "198.18.0.2"},
                                           {"source_port", "1024"},
                                           {"destination", "192.0.2.1"},
                                           {"destination_port", "443"},
                                           {"from_zone", "trust"},
                                           {"to_zone", "internet"},
                                           {"in_interface", "lan0"},
                                           {"out_interface", "wan0"},
                                           {"rule", "web"},
                                           {"action", "permit"}});
  const SessionEvent rejected = desk.event(first_packet(SessionRecordKind::kRejected));
  CHECK(rejected.kind == EventKind::kSessionDenied);
  CHECK(rejected.text.ends_with(": reject by rule 'web'"));
  SessionRecord record = first_packet(SessionRecordKind::kDenied);
  record.rule = kDefaultRule;
  record.from_zone = kNoZone;
  const SessionEvent denied = desk.event(record);
  CHECK(denied.kind == EventKind::kSessionDenied);
  CHECK(denied.text.ends_with(", none (lan0) to internet (wan0): deny by the default"));
  CHECK(fields_of(denied.fields)["rule"] == "default");
  CHECK(fields_of(denied.fields)["action"] == "deny");
}

TEST_CASE("a port of NAT is told with who has it and what it is outside, and not with whom he speaks") {
  const Desk desk;
  SessionRecord record = first_packet(SessionRecordKind::kPortTaken);
  const FiveTuple4 key{{Be32(0xc6120002U)}, {Be32(0xc0000201U)}, Be16(1024), Be16(443), 6, 0, 0};
  FiveTuple4 reply = key.reversed();
  reply.destination = {Be32(0xc6120110U)};
  reply.destination_port = Be16(40000);
  record.set_translation(key, reply);
  record.mapped = true;
  const SessionEvent taken = desk.event(record);
  CHECK(taken.kind == EventKind::kNatMappingCreated);
  CHECK(taken.text == "tcp 198.18.0.2:1024 as 198.18.1.16:40000, trust to internet: has it for all its sessions");
  CHECK(fields_of(taken.fields) == Fields{{"protocol", "tcp"},
                                          {"source", "198.18.0.2"},
                                          {"source_port", "1024"},
                                          {"translated_source", "198.18.1.16"},
                                          {"translated_source_port", "40000"},
                                          {"from_zone", "trust"},
                                          {"to_zone", "internet"},
                                          {"in_interface", "lan0"},
                                          {"out_interface", "wan0"},
                                          {"mapping", "endpoint_independent"}});
  record.kind = SessionRecordKind::kPortFree;
  record.mapped = false;
  const SessionEvent freed = desk.event(record);
  CHECK(freed.kind == EventKind::kNatMappingDeleted);
  CHECK(freed.text.ends_with(": had it for one session"));
  CHECK(fields_of(freed.fields)["mapping"] == "address_and_port_dependent");
}

TEST_CASE("an echo has its id, IPv6 its brackets, and what has no ports none") {
  const Desk desk;
  SessionRecord record = first_packet(SessionRecordKind::kOpened);
  record.protocol = 1;
  record.source_port = record.destination_port = Be16(7);
  CHECK(desk.event(record).text.starts_with("icmp id 7 198.18.0.2 -> 192.0.2.1, "));
  const Fields echo = fields_of(desk.event(record).fields);
  CHECK(echo.at("icmp_id") == "7");
  CHECK_FALSE(echo.contains("source_port"));
  record.protocol = 47;
  CHECK(desk.event(record).text.starts_with("gre 198.18.0.2 -> 192.0.2.1, "));
  CHECK_FALSE(fields_of(desk.event(record).fields).contains("icmp_id"));
  FiveTuple6 key;
  key.source.bytes = {0x20, 0x01, 0x0d, 0xb8};
  key.destination.bytes[15] = 1;
  key.source_port = Be16(1024);
  key.destination_port = Be16(53);
  key.protocol = 17;
  record.set_key(key);
  CHECK(desk.event(record).text.starts_with("udp [2001:db8::]:1024 -> [::1]:53, "));
  CHECK(fields_of(desk.event(record).fields)["source"] == "2001:db8::");
}

TEST_CASE("a translated session is told with what it has outside") {
  const Desk desk;
  SessionRecord record = first_packet(SessionRecordKind::kOpened);
  const FiveTuple4 reply{{Be32(0xc0000201U)}, {Be32(0xc6120110U)}, Be16(443), Be16(40512), 6, 0, 0};
  const FiveTuple4 key{{Be32(0xc6120002U)}, {Be32(0xc0000201U)}, Be16(1024), Be16(443), 6, 0, 0};
  record.set_translation(key, reply);
  CHECK(desk.event(record).text.starts_with("tcp 198.18.0.2:1024 as 198.18.1.16:40512 -> 192.0.2.1:443, trust "));
  const Fields fields = fields_of(desk.event(record).fields);
  CHECK(fields.at("translated_source") == "198.18.1.16");
  CHECK(fields.at("translated_source_port") == "40512");
  record.protocol = 1;
  record.source_port = record.destination_port = Be16(7);
  CHECK(desk.event(record).text.starts_with("icmp id 7 198.18.0.2 as 198.18.1.16 id 40512 -> 192.0.2.1, "));
  CHECK(fields_of(desk.event(record).fields).at("translated_icmp_id") == "40512");
  record.protocol = 47;
  CHECK(desk.event(record).text.starts_with("gre 198.18.0.2 as 198.18.1.16 -> 192.0.2.1, "));
}

TEST_CASE("a session that ends is told with what has passed, how long, and why") {
  Desk desk;
  SessionPlan plan;
  plan.protocol = 6;
  plan.established = true;
  plan.packets = 7;
  plan.bytes = 700;
  plan.reply_packets = 5;
  plan.reply_bytes = 5000;
  plan.log_close = true;
  const FlowSlot slot = desk.box.add4(2, plan);
  plan.log_close = false;
  const FlowSlot silent = desk.box.add6(2, plan);
  desk.box.shard().expire(kSessionsBegin + 30 * kNanosecondsPerSecond, SessionTimeouts{}, 100);
  desk.box.shard().end<FiveTuple4>(slot, SessionEnd::kCleared);
  desk.box.shard().end<FiveTuple6>(silent, SessionEnd::kCleared);
  desk.now = kSessionsBegin + 30 * kNanosecondsPerSecond + 7 * kNanosecondsPerMillisecond;
  CHECK_FALSE(desk.reader.empty());
  desk.read();
  CHECK(desk.reader.empty());
  REQUIRE(desk.events.history().size() == 1);
  const Event& event = desk.events.history()[0];
  CHECK(event.kind == "session_closed");
  CHECK(event.time_unix_ms == kUnixMs - 7);
  Fields fields = fields_of(event.fields);
  CHECK(fields["rule"] == "out");
  CHECK(fields["action"] == "permit");
  CHECK(fields["reason"] == "cleared");
  CHECK(fields["duration_s"] == "30");
  CHECK((fields["idle_s"] == "29" || fields["idle_s"] == "30"));
  CHECK(fields["packets"] == "7");
  CHECK(fields["bytes"] == "700");
  CHECK(fields["reply_packets"] == "5");
  CHECK(fields["reply_bytes"] == "5000");
  CHECK(event.text.ends_with("s of them silent); 7 packets, 700 bytes; answered by 5, 5000; rule 'out'"));
  // One line for people, without the fields again.
  CHECK(event_line(event).find("reply_bytes=") == std::string::npos);
  CHECK(event_line(event).ends_with("rule 'out'\n"));
}

TEST_CASE("why a session ended: TCP's own end before the timeout that follows it") {
  const Desk desk;
  struct Row {
    SessionEnd why;
    bool tcp;
    TcpState state;
    const char* reason;
  };
  const Row rows[] = {{SessionEnd::kExpired, true, TcpState::kReset, "reset"},
                      {SessionEnd::kExpired, true, TcpState::kTimeWait, "closed"},
                      {SessionEnd::kExpired, true, TcpState::kClosing, "closed"},
                      {SessionEnd::kExpired, true, TcpState::kEstablished, "expired"},
                      {SessionEnd::kExpired, true, TcpState::kSynSent, "expired"},
                      {SessionEnd::kExpired, false, TcpState::kSynSent, "expired"},
                      {SessionEnd::kEvicted, true, TcpState::kTimeWait, "evicted"},
                      {SessionEnd::kCleared, true, TcpState::kReset, "cleared"},
                      {SessionEnd::kPolicyChanged, false, TcpState::kSynSent, "policy_changed"},
                      {SessionEnd::kRenewed, true, TcpState::kTimeWait, "renewed"}};
  for (const Row& row : rows) {
    SessionRecord record = first_packet(SessionRecordKind::kClosed);
    record.why = row.why;
    record.is_tcp = row.tcp;
    record.tcp = row.state;
    CHECK(fields_of(desk.event(record).fields)["reason"] == row.reason);
  }
}

TEST_CASE("a rule has the name that it had in the policy that was asked, as long as that is known") {
  Desk desk;
  RuleSet next = desk.rules;
  next.rules.erase(next.rules.begin());
  desk.known.add(2, next);
  SessionRecord record = first_packet(SessionRecordKind::kOpened);
  CHECK(fields_of(desk.event(record).fields)["rule"] == "web");
  record.policy = 2;
  record.rule = 0;
  CHECK(fields_of(desk.event(record).fields)["rule"] == "web");
  record.rule = 1;
  CHECK(desk.event(record).text.ends_with(": permit by rule 2 of an earlier policy"));
  CHECK_FALSE(fields_of(desk.event(record).fields).contains("rule"));
  record.rule = kEarlierRule;
  CHECK(desk.event(record).text.ends_with(": permit by a rule of an earlier policy"));
  for (std::uint16_t generation = 3; generation < 3 + RuleNames::kPolicies; ++generation) {
    desk.known.add(generation, next);
  }
  record = first_packet(SessionRecordKind::kOpened);
  CHECK(desk.event(record).text.ends_with(": permit by rule 2 of an earlier policy"));
  record.rule = kDefaultRule;
  CHECK(desk.event(record).text.ends_with(": permit by the default"));
}

TEST_CASE("records that the event log takes away, or that found no room, are counted, and the next event says so") {
  Desk desk;
  SessionLog& log = desk.box.shard().log();
  const auto write = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) log.write(first_packet(SessionRecordKind::kDenied));
  };
  write(kSessionRecords + 40);
  CHECK(log.waiting() == kSessionRecords);
  desk.read();
  CHECK(desk.reader.gauge().failures.read() == 40);
  CHECK(desk.reader.gauge().used.read() == 0);
  CHECK(desk.reader.gauge().peak.read() == kSessionRecords);
  CHECK(desk.events.status().produced == kSessionRecords);
  CHECK(desk.events.status().delivered == EventLog::kBurst);
  CHECK(fields_of(desk.events.history().front().fields)["records_lost"] == "40");
  CHECK_FALSE(fields_of(desk.events.history().back().fields).contains("records_lost"));
  // Others have their own limit.
  log.write(first_packet(SessionRecordKind::kOpened));
  desk.read();
  CHECK(desk.events.history().back().kind == "session_opened");
  desk.now += kNanosecondsPerSecond;
  write(1);
  desk.read();
  Fields fields = fields_of(desk.events.history().back().fields);
  CHECK(fields["lost_before"] == std::to_string(kSessionRecords - EventLog::kBurst));
  CHECK_FALSE(fields.contains("records_lost"));
  CHECK(event_line(desk.events.history().back()).find(" lost_before=") != std::string::npos);
  // Conservation, from the worker to the reader of events.
  const EventStatus events = desk.events.status();
  CHECK(desk.box.cells().log_records.read() == events.produced + desk.box.cells().log_lost.read());
  CHECK(events.produced == events.delivered + events.lost);
}

}  // namespace
}  // namespace culvert
