// SPDX-License-Identifier: Apache-2.0
// What a rule with `log` makes a worker tell control: one record for what begins or is refused, one for what ends.
#include <arpa/inet.h>
#include <map>

#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

RuleSet logged(RuleAction action, bool open, bool close) {
  RuleSet set = rules({rule(kZoneTrust, kZoneInternet, action)});
  set.rules[0].log_open = open;
  set.rules[0].log_close = close;
  return set;
}

/// A firewall whose records are taken as control takes them.
struct LoggedFirewall : Firewall {
  using Firewall::Firewall;

  std::vector<SessionRecord> records() {
    std::vector<SessionRecord> records;
    SessionRecord record;
    while (shard().log().take(record)) records.push_back(record);
    taken += records.size();
    CHECK(session_cells().log_records.read() == taken + session_cells().log_lost.read());
    return records;
  }
  /// The only one there is.
  SessionRecord record() {
    const auto all = records();
    REQUIRE(all.size() == 1);
    return all[0];
  }
  /// Of the session whose client has this port.
  template <typename Tuple>
  SessionHandle handle(std::uint16_t port) const {
    for (const auto& session : sessions<Tuple>()) {
      if (session.original.key.source_port.host() != port) continue;
      return {session.original.slot, session.original.head.sequence, std::is_same_v<Tuple, FiveTuple6>};
    }
    return {};
  }
  std::uint64_t taken = 0;
};

std::string source_of(const SessionRecord& record) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(record.ipv6 ? AF_INET6 : AF_INET, record.source.bytes.data(), text.data(), text.size());
  return text.data();
}

PacketBuilder datagram(const Family& family, std::uint16_t port = 1024) {
  return from_client(family).udp(port, 53);
}

}  // namespace

TEST_CASE("a session that a rule with `log: open` lets in is one record; its further packets are none") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, true, false));
    REQUIRE(firewall.fate(datagram(family)) == "passed");
    const Now opened = firewall.now();
    const SessionRecord record = firewall.record();
    CHECK(record.kind == SessionRecordKind::kOpened);
    CHECK(record.ipv6 == !family.ipv4);
    CHECK(record.protocol == 17);
    CHECK(record.source_port.host() == 1024);
    CHECK(record.destination_port.host() == 53);
    CHECK(record.from_zone == kZoneTrust);
    CHECK(record.to_zone == kZoneInternet);
    CHECK(record.in_interface == kTrust);
    CHECK(record.out_interface == kInternet);
    CHECK(record.rule == 0);
    CHECK(record.policy == firewall.snapshot().stateful->policy_generation);
    CHECK(opened - record.time < kNanosecondsPerSecond);
    REQUIRE(firewall.fate(datagram(family)) == "passed");
    REQUIRE(firewall.fate(from_server(family).udp(53, 1024), kInternet) == "passed");
    firewall.wait(62'000);
    CHECK(firewall.count() == 0);
    CHECK(firewall.records().empty());
  }
}

TEST_CASE("each packet that a rule with `log: open` denies or rejects is one record") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kDeny, true, true));
    CHECK(firewall.fate(datagram(family)) == "policy_deny");
    CHECK(firewall.record().kind == SessionRecordKind::kDenied);
    firewall.use(logged(RuleAction::kReject, true, false));
    firewall.pass(datagram(family).build());
    firewall.pass(datagram(family).build());
    const auto records = firewall.records();
    REQUIRE(records.size() == 2);
    CHECK(records[1].kind == SessionRecordKind::kRejected);
    CHECK(records[1].policy == firewall.snapshot().stateful->policy_generation);
    CHECK(records[1].out_interface == kInternet);
  }
}

TEST_CASE("without `log` there are no records, whatever begins, is refused or ends") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, false, false));
    REQUIRE(firewall.fate(datagram(family)) == "passed");
    CHECK(firewall.fate(from_server(family).udp(9, 9), kInternet) == "policy_deny");
    firewall.wait(62'000);
    CHECK(firewall.count() == 0);
    CHECK(firewall.records().empty());
    // Nor with `log: close` of a rule that denies, or of what nothing comes of.
    firewall.use(logged(RuleAction::kDeny, false, true));
    CHECK(firewall.fate(datagram(family)) == "policy_deny");
    firewall.use(logged(RuleAction::kPermit, true, true));
    CHECK(firewall.fate(from_client(family, 1).udp(1024, 53)) == "ttl_expired");
    CHECK(firewall.fate(from_client(family).tcp(1024, 443, {.flags = kTcpAck})) == "tcp_no_session");
    CHECK(firewall.records().empty());
  }
}

TEST_CASE("the default is logged when the policy says so: what it denies, and what it permits") {
  for (const Family& family : kFamilies) {
    RuleSet set = trust_goes_out();
    set.log_default = true;
    LoggedFirewall firewall(set);
    CHECK(firewall.fate(datagram(family)) == "passed");
    CHECK(firewall.records().empty());
    CHECK(firewall.fate(from_server(family).udp(9, 9), kInternet) == "policy_deny");
    const SessionRecord denied = firewall.record();
    CHECK(denied.kind == SessionRecordKind::kDenied);
    CHECK(denied.rule == kDefaultRule);
    CHECK(denied.from_zone == kZoneInternet);
    CHECK(source_of(denied) == family.server);
    set.default_action = RuleAction::kPermit;
    firewall.use(set);
    CHECK(firewall.fate(from_server(family).udp(9, 9), kInternet) == "passed");
    const SessionRecord opened = firewall.record();
    CHECK(opened.kind == SessionRecordKind::kOpened);
    CHECK(opened.rule == kDefaultRule);
  }
}

TEST_CASE("a session that is over says how many packets and bytes have passed each way, how long, and how it ended") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, false, true));
    const std::uint64_t headers = family.ipv4 ? 28 : 48;
    for (int i = 0; i < 3; ++i) REQUIRE(firewall.fate(datagram(family).payload(100)) == "passed");
    firewall.wait(5'000);
    REQUIRE(firewall.fate(from_server(family).udp(53, 1024).payload(200), kInternet) == "passed");
    CHECK(firewall.records().empty());
    firewall.wait(62'000);
    const SessionRecord record = firewall.record();
    CHECK(record.kind == SessionRecordKind::kClosed);
    CHECK(record.why == SessionEnd::kExpired);
    CHECK_FALSE(record.is_tcp);
    CHECK(source_of(record) == family.client);
    CHECK(record.packets == 3);
    CHECK(record.bytes == 3 * (headers + 100));
    CHECK(record.reply_packets == 1);
    CHECK(record.reply_bytes == headers + 200);
    CHECK(record.age_s >= 64);
    CHECK(record.age_s <= 67);
    CHECK(record.idle_s >= 59);
    CHECK(record.idle_s <= 62);
    CHECK(record.from_zone == kZoneTrust);
    CHECK(record.to_zone == kZoneInternet);
    CHECK(record.in_interface == kTrust);
    CHECK(record.out_interface == kInternet);
  }
}

TEST_CASE("of a TCP connection the record says whether it was closed, reset, or given up") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, true, true));
    Connection closed(firewall, family, 1), reset(firewall, family, 2), given_up(firewall, family, 3);
    closed.establish();
    closed.close();
    reset.establish();
    CHECK(reset.from_server_fate(kTcpRst, Connection::kServerStart + 1) == "passed");
    CHECK(given_up.from_client_fate(kTcpSyn, Connection::kClientStart) == "passed");
    CHECK(firewall.records().size() == 3);
    firewall.wait(40'000);
    std::map<std::uint16_t, SessionRecord> by_port;
    for (const SessionRecord& record : firewall.records()) by_port[record.source_port.host()] = record;
    REQUIRE(by_port.size() == 3);
    for (const auto& [port, record] : by_port) {
      CHECK(record.is_tcp);
      CHECK(record.why == SessionEnd::kExpired);
    }
    CHECK(by_port[1].tcp == TcpState::kTimeWait);
    CHECK(by_port[2].tcp == TcpState::kReset);
    CHECK(by_port[3].tcp == TcpState::kSynSent);
    CHECK(by_port[1].packets == 4);
    CHECK(by_port[1].reply_packets == 2);
  }
}

TEST_CASE("a connection that another of the same addresses and ports takes the place of is one end and one beginning") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, true, true));
    Connection connection(firewall, family);
    connection.establish();
    connection.close();
    CHECK(firewall.records().size() == 1);
    REQUIRE(connection.from_client_fate(kTcpSyn, 900'000) == "passed");
    const auto records = firewall.records();
    REQUIRE(records.size() == 2);
    CHECK(records[0].kind == SessionRecordKind::kClosed);
    CHECK(records[0].why == SessionEnd::kRenewed);
    CHECK(records[0].packets == 4);
    CHECK(records[1].kind == SessionRecordKind::kOpened);
  }
}

TEST_CASE("a session that the operator ends says so, and one that a changed policy ends says that") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, false, true));
    REQUIRE(firewall.fate(datagram(family, 1)) == "passed");
    REQUIRE(firewall.fate(datagram(family, 2)) == "passed");
    const SessionHandle handle = family.ipv4 ? firewall.handle<FiveTuple4>(1) : firewall.handle<FiveTuple6>(1);
    CHECK(firewall.shard().clear({&handle, 1}) == 1);
    const SessionRecord cleared = firewall.record();
    CHECK(cleared.why == SessionEnd::kCleared);
    CHECK(cleared.source_port.host() == 1);
    firewall.use(rules({}));
    CHECK(firewall.fate(datagram(family, 2)) == "policy_changed");
    const SessionRecord changed = firewall.record();
    CHECK(changed.why == SessionEnd::kPolicyChanged);
    CHECK(changed.source_port.host() == 2);
    CHECK(firewall.session_cells().cleared.read() == 2);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("a session that makes way for another is told, and one that finds no room is not") {
  for (const Family& family : kFamilies) {
    RigConfig config;
    config.sessions = 64;
    LoggedFirewall firewall(logged(RuleAction::kPermit, true, true), config);
    std::size_t opened = 0, evicted = 0, passed = 0;
    for (std::uint16_t port = 1; port <= 200; ++port) {
      passed += firewall.fate(datagram(family, port)) == "passed" ? 1U : 0U;
      for (const SessionRecord& record : firewall.records()) {
        opened += record.kind == SessionRecordKind::kOpened ? 1U : 0U;
        evicted += record.kind == SessionRecordKind::kClosed && record.why == SessionEnd::kEvicted ? 1U : 0U;
      }
    }
    CHECK(opened == passed);
    CHECK(evicted == firewall.session_cells().evicted.read());
    CHECK(evicted > 100);
  }
}

TEST_CASE("a session follows what the rule of now says about its end") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, false, true));
    REQUIRE(firewall.fate(datagram(family, 1)) == "passed");
    firewall.use(rules({rule(kZoneInternet, kZoneTrust, RuleAction::kPermit), trust_goes_out().rules[0]}));
    REQUIRE(firewall.fate(datagram(family, 1)) == "passed");
    REQUIRE(firewall.fate(datagram(family, 2)) == "passed");
    firewall.use(logged(RuleAction::kPermit, true, true));
    REQUIRE(firewall.fate(datagram(family, 2)) == "passed");
    firewall.wait(62'000);
    // The first one was silent since its rule stopped to log.
    const SessionRecord record = firewall.record();
    CHECK(record.source_port.host() == 2);
    CHECK(record.rule == 0);
    CHECK(record.policy == firewall.snapshot().stateful->policy_generation);
  }
}

TEST_CASE("a session that goes on though the policy of now denies it names no rule of that") {
  LoggedFirewall firewall(logged(RuleAction::kPermit, false, true));
  REQUIRE(firewall.fate(datagram(kFamilies[0])) == "passed");
  firewall.settings.close_on_change = false;
  firewall.use(rules({rule(kZoneTrust, kZoneInternet, RuleAction::kDeny)}));
  REQUIRE(firewall.fate(datagram(kFamilies[0])) == "passed");
  firewall.wait(62'000);
  CHECK(firewall.record().rule == kEarlierRule);
}

TEST_CASE("when control does not come, records are lost and counted, and packets do not notice") {
  for (const Family& family : kFamilies) {
    LoggedFirewall firewall(logged(RuleAction::kPermit, true, true));
    const std::uint16_t more = kSessionRecords + 100;
    for (std::uint16_t port = 1; port <= more; ++port) REQUIRE(firewall.fate(datagram(family, port)) == "passed");
    CHECK(firewall.session_cells().log_lost.read() == 100);
    CHECK(firewall.shard().log().waiting() == kSessionRecords);
    CHECK(firewall.records().size() == kSessionRecords);
    CHECK(firewall.count() == more);
    firewall.wait(62'000);
    CHECK(firewall.session_cells().log_records.read() == 2 * more);
    CHECK(firewall.records().size() == kSessionRecords);
    CHECK(firewall.session_cells().log_lost.read() == 200);
  }
}
