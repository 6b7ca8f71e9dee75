// SPDX-License-Identifier: Apache-2.0
// What NAT tells of ports that it gives, and what its rules count.
#include <vector>

#include "test/pipeline/endpoint_nat.h"
#include "test/support/session_memory.h"

using namespace culvert;
using namespace culvert::test;

namespace {

using Kinds = std::vector<SessionRecordKind>;
constexpr auto kTaken = SessionRecordKind::kPortTaken, kFree = SessionRecordKind::kPortFree,
               kOpened = SessionRecordKind::kOpened, kClosed = SessionRecordKind::kClosed;

struct LoggedNat : EndpointNat {
  explicit LoggedNat(NatLog log, NatMapping mapping = NatMapping::kEndpointIndependent)
      : EndpointNat(NatFiltering::kEndpointIndependent) {
    for (std::size_t i = 0; i < nat_rules.size(); ++i) {
      nat_rules[i].log = log;
      nat_rules[i].mapping = mapping;
      nat_rules[i].counter = static_cast<std::uint16_t>(kRuleCounters + i);
    }
    apply();
  }

  std::vector<SessionRecord> take() {
    std::vector<SessionRecord> records;
    for (SessionRecord record; shard().log().take(record);) records.push_back(record);
    return records;
  }
  Kinds kinds() {
    Kinds kinds;
    for (const SessionRecord& record : take()) kinds.push_back(record.kind);
    return kinds;
  }
};

}  // namespace

TEST_CASE("a mapping is told when it begins and when its last session has ended") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kMappings);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    const auto begun = nat.take();
    REQUIRE(begun.size() == 1);
    CHECK(begun[0].kind == kTaken);
    CHECK(begun[0].mapped);
    CHECK(begun[0].translated);
    CHECK(begun[0].source_port.host() == 5060);
    CHECK(begun[0].translated_port.host() == port);
    CHECK(begun[0].from_zone == kZoneTrust);
    CHECK(begun[0].to_zone == kZoneInternet);
    // A second session of it, and one from outside, are no news.
    CHECK(nat.udp(family, 5060, stranger(family), 9) == port);
    CHECK(nat.comes(family, family.server, 77, port) == "passed");
    CHECK(nat.kinds().empty());
    nat.wait(301'000);
    const auto ended = nat.take();
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].kind == kFree);
    CHECK(ended[0].mapped);
    CHECK(ended[0].source_port.host() == 5060);
    CHECK(ended[0].translated_port.host() == port);
    CHECK(nat.count() == 0);
  }
}

TEST_CASE("a port that one session has alone is told with it") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kMappings, NatMapping::kAddressAndPortDependent);
    REQUIRE(nat.udp(family, 5060, family.server, 5060) != 0);
    REQUIRE(nat.udp(family, 5060, stranger(family), 5060) != 0);
    const auto begun = nat.take();
    REQUIRE(begun.size() == 2);
    CHECK(begun[0].kind == kTaken);
    CHECK(!begun[0].mapped);
    CHECK(begun[0].translated_port != begun[1].translated_port);
    nat.wait(301'000);
    CHECK(nat.kinds() == Kinds{kFree, kFree});
  }
}

TEST_CASE("what somebody outside begins is told when the rule says sessions") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kSessions);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.kinds() == Kinds{kTaken});
    CHECK(nat.comes(family, stranger(family), 77, port) == "passed");
    const auto begun = nat.take();
    REQUIRE(begun.size() == 1);
    CHECK(begun[0].kind == kOpened);
    CHECK(begun[0].rule == kMappingRule);
    CHECK(begun[0].destination_port.host() == 77);
    CHECK(begun[0].translated_port.host() == port);
    nat.wait(301'000);
    auto ended = nat.kinds();
    std::ranges::sort(ended);
    CHECK(ended == Kinds{kClosed, kFree});
  }
}

TEST_CASE("a mapping is told when a rule with log uses it first, and then its end, whoever has it last") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kNone);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    for (SourceRule& rule : nat.nat_rules) rule.log = NatLog::kMappings;
    nat.apply();
    CHECK(nat.kinds().empty());
    nat.wait(200'000);
    CHECK(nat.udp(family, 5060, stranger(family), 9) == port);
    CHECK(nat.kinds() == Kinds{kTaken});
    nat.wait(90'000);
    REQUIRE(nat.udp(family, 5060, family.server, 5060) == port);
    nat.wait(250'000);
    // The session of before, which knows of no log, is the last one.
    CHECK(nat.count() == 1);
    CHECK(nat.kinds().empty());
    nat.wait(60'000);
    CHECK(nat.count() == 0);
    CHECK(nat.kinds() == Kinds{kFree});
  }
}

TEST_CASE("without log nothing is told") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kNone);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 77, port) == "passed");
    nat.wait(301'000);
    CHECK(nat.kinds().empty());
  }
}

TEST_CASE("the end of a session from outside is told though the policy has changed since") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kSessions);
    const std::uint16_t port = nat.udp(family, 5060, family.server, 5060);
    CHECK(nat.comes(family, stranger(family), 77, port) == "passed");
    nat.take();
    nat.apply();  // the next generation
    REQUIRE(nat.udp(family, 5060, stranger(family), 77) == port);
    nat.wait(301'000);
    auto ended = nat.kinds();
    std::ranges::sort(ended);
    CHECK(ended == Kinds{kClosed, kFree});
  }
}

TEST_CASE("a session that finds no place takes no port, and nothing is told") {
  RigConfig config;
  config.sessions = 8;
  for (const Family& family : kFamilies) {
    EndpointNat nat(NatFiltering::kEndpointIndependent, {}, config);
    for (SourceRule& rule : nat.nat_rules) rule.log = NatLog::kMappings;
    nat.apply();
    std::size_t taken = 0, freed = 0;
    for (std::uint16_t port = 2000; port < 2064; ++port) nat.udp(family, port, family.server, 53);
    for (SessionRecord record; nat.shard().log().take(record);) (record.kind == kTaken ? taken : freed) += 1;
    CHECK(taken - freed == nat.count());
    CHECK(taken == nat.session_cells().created.read());
  }
}

TEST_CASE("each rule counts the sessions that it has decided about") {
  for (const Family& family : kFamilies) {
    LoggedNat nat(NatLog::kNone);
    const std::size_t counter = kRuleCounters + (family.ipv4 ? 0 : 1);
    CHECK(nat.rule_hits(counter) == 0);
    for (int i = 0; i < 3; ++i) REQUIRE(nat.udp(family, 5060, family.server, 5060) != 0);
    REQUIRE(nat.udp(family, 5061, family.server, 5060) != 0);
    CHECK(nat.rule_hits(counter) == 2);
    CHECK(nat.rule_hits(kRuleCounters + (family.ipv4 ? 1 : 0)) == 0);
    // What stays as it is has been decided about, too.
    for (SourceRule& rule : nat.nat_rules) rule.action = SourceAction::kKeep;
    nat.apply();
    REQUIRE(nat.udp(family, 5062, family.server, 5060) == 5062);
    CHECK(nat.rule_hits(counter) == 3);
  }
}
