// SPDX-License-Identifier: Apache-2.0
// Sessions as people read them: each row, each part of a filter, and pages that together have everything once.
#include "control/session_rows.h"

#include <map>
#include <set>

#include "test/control/session_box.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::kSessionsBegin;
using test::SessionBox;
using test::SessionPlan;

constexpr Now kLooked = kSessionsBegin + 30 * kNanosecondsPerSecond;

struct Desk : test::SessionNamesBox {
  SessionBox box{10'000};
  std::vector<const SessionShard::Memory*> tables{&box.memory()};

  Result<SessionPage> page(const SessionPageQuery& query) {
    return session_page(tables, query, names, {kLooked, SessionTimeouts{}});
  }
  /// Everything that fits, page by page.
  std::vector<SessionRow> all(const SessionQuery& which, std::size_t limit = 1000) {
    std::vector<SessionRow> rows;
    SessionPageQuery query{which, limit, ""};
    for (;;) {
      const auto found = page(query);
      REQUIRE(found.has_value());
      CHECK(found->sessions.size() <= limit);
      rows.insert(rows.end(), found->sessions.begin(), found->sessions.end());
      if (!found->next) return rows;
      query.after = *found->next;
    }
  }
  std::size_t count(const SessionQuery& which) { return all(which).size(); }
};

ConfigPrefix prefix(const char* text) {
  return parse_prefix(text).value();
}

TEST_CASE("a session is told from the side that began it, with its names, times and counts") {
  Desk desk;
  SessionPlan plan;
  plan.protocol = 6;
  plan.established = true;
  plan.rule = 1;
  plan.packets = 7;
  plan.bytes = 700;
  plan.reply_packets = 5;
  plan.reply_bytes = 5000;
  desk.box.add4(0x0102, plan);
  const auto rows = desk.all({});
  REQUIRE(rows.size() == 1);
  const SessionRow& row = rows[0];
  CHECK(row.protocol == "tcp");
  CHECK(row.source == "198.18.1.2");
  CHECK(row.source_port == 1024u);
  CHECK(row.destination == "192.0.2.1");
  CHECK(row.destination_port == 443u);
  CHECK_FALSE(row.icmp_id.has_value());
  CHECK(row.from_zone == "trust");
  CHECK(row.to_zone == "internet");
  CHECK(row.in_interface == "lan0");
  CHECK(row.out_interface == "wan0");
  CHECK(row.rule == "web");
  CHECK(row.state == "established");
  CHECK(row.age_s == 30);
  CHECK((row.idle_s == 29 || row.idle_s == 30));
  CHECK(row.idle_s + row.expires_in_s >= 3598);
  CHECK(row.idle_s + row.expires_in_s <= 3600);
  CHECK(row.packets == 7);
  CHECK(row.bytes == 700);
  CHECK(row.reply_packets == 5);
  CHECK(row.reply_bytes == 5000);
}

TEST_CASE("what has no ports has none, an echo has its identifier, and a protocol without a name its number") {
  Desk desk;
  SessionPlan plan;
  plan.protocol = 1;
  desk.box.add4(1, plan);
  plan.protocol = 99;
  desk.box.add4(2, plan);
  plan.protocol = 58;
  plan.reply_packets = 1;
  desk.box.add6(3, plan);
  std::map<std::string, SessionRow> rows;
  for (const SessionRow& row : desk.all({})) rows[row.protocol] = row;
  REQUIRE(rows.size() == 3);
  CHECK(rows.at("icmp").icmp_id == 1024u);
  CHECK_FALSE(rows.at("icmp").source_port.has_value());
  CHECK(rows.at("icmp").state == "unreplied");
  CHECK_FALSE(rows.at("protocol/99").icmp_id.has_value());
  CHECK_FALSE(rows.at("protocol/99").destination_port.has_value());
  CHECK(rows.at("icmpv6").source == "2001:db8::3");
  CHECK(rows.at("icmpv6").state == "replied");
}

TEST_CASE("a rule's name is of the policy that runs: positions of an earlier one mean nothing") {
  Desk desk;
  SessionPlan plan;
  plan.generation = 0;
  desk.box.add4(1, plan);
  plan.generation = 1;
  plan.rule = kDefaultRule;
  desk.box.add4(2, plan);
  plan.rule = 77;
  desk.box.add4(3, plan);
  std::map<std::string, std::optional<std::string>> rules;
  for (const SessionRow& row : desk.all({})) rules[row.source] = row.rule;
  CHECK_FALSE(rules.at("198.18.0.1").has_value());
  CHECK(rules.at("198.18.0.2") == "default");
  CHECK_FALSE(rules.at("198.18.0.3").has_value());
  SessionQuery by_rule;
  by_rule.policy = "out";
  CHECK(desk.count(by_rule) == 0);
  by_rule.policy = "default";
  CHECK(desk.count(by_rule) == 1);
}

TEST_CASE("ten thousand sessions of both families: the pages have each of them exactly once, whatever their size") {
  Desk desk;
  std::size_t admitted = 0;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    admitted += desk.box.add4(i, {}) != kNoFlow ? 1U : 0U;
    admitted += desk.box.add6(i, {}) != kNoFlow ? 1U : 0U;
  }
  REQUIRE(admitted == 10'000);
  for (const std::size_t limit : {1'000u, 7u, 10'000u}) {
    INFO("limit " << limit);
    std::set<std::string> sources;
    const auto rows = desk.all({}, limit);
    for (const SessionRow& row : rows) sources.insert(row.source);
    CHECK(rows.size() == 10'000);
    CHECK(sources.size() == 10'000);
  }
  SessionQuery ipv6;
  ipv6.ipv6 = true;
  CHECK(desk.count(ipv6) == 5000);
}

TEST_CASE("sessions that come and go between two pages: those that stay are told once, and none that is gone") {
  Desk desk;
  std::vector<FlowSlot> slots;
  for (std::uint32_t i = 0; i < 2000; ++i) slots.push_back(desk.box.add4(i, {}));
  const auto first = desk.page({{}, 1000, ""});
  REQUIRE(first->next.has_value());
  std::map<std::string, int> told;
  for (const SessionRow& row : first->sessions) ++told[row.source];
  for (std::uint32_t i = 0; i < 2000; i += 2) desk.box.shard().end<FiveTuple4>(slots[i], SessionEnd::kCleared);
  for (std::uint32_t i = 5000; i < 6000; ++i) desk.box.add4(i, {});
  SessionPageQuery query{{}, 1000, *first->next};
  std::set<std::string> later;
  for (;;) {
    const auto page = desk.page(query);
    for (const SessionRow& row : page->sessions) {
      ++told[row.source];
      later.insert(row.source);
    }
    if (!page->next) break;
    query.after = *page->next;
  }
  for (const auto& [source, times] : told) {
    INFO(source);
    CHECK(times == 1);
  }
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const std::string source = address_text(Ipv4Address{Be32(0xc6120000U + i)});
    INFO(source);
    if (i % 2 == 0) CHECK_FALSE(later.contains(source));
    if (i % 2 == 1) CHECK(told.contains(source));
  }
}

TEST_CASE("one page looks at a bounded part of the tables, and says where the next begins even when nothing fitted") {
  test::SessionNamesBox names;
  SessionBox large(100'000);
  large.add6(1, {});
  const std::vector<const SessionShard::Memory*> tables{&large.memory()};
  SessionPageQuery query;
  std::size_t pages = 0, found = 0;
  for (;;) {
    const auto page = session_page(tables, query, names.names, {kLooked, SessionTimeouts{}});
    ++pages;
    found += page->sessions.size();
    if (!page->next) break;
    query.after = *page->next;
  }
  const std::size_t slots =
      SessionReader<FiveTuple4>(large.memory().ipv4).slots() + SessionReader<FiveTuple6>(large.memory().ipv6).slots();
  CHECK(found == 1);
  CHECK(pages >= slots / kSlotsAtOnce);
  CHECK(pages <= slots / kSlotsAtOnce + 1);
}

TEST_CASE("several workers are one sequence") {
  test::SessionNamesBox names;
  SessionBox one(64), two(64);
  one.add4(1, {});
  two.add4(2, {});
  two.add6(3, {});
  const std::vector<const SessionShard::Memory*> tables{&one.memory(), &two.memory()};
  const auto page = session_page(tables, {}, names.names, {kLooked, SessionTimeouts{}});
  REQUIRE(page->sessions.size() == 3);
  CHECK(page->sessions[0].worker == 0);
  CHECK(page->sessions[1].worker == 1);
  CHECK(page->sessions[2].source == "2001:db8::3");
  CHECK_FALSE(page->next.has_value());
}

TEST_CASE("a place that is none is refused") {
  Desk desk;
  for (const char* after : {"x", "0", "0.4", "0.4.", "0.5.1", "1.4.0", "0.4.4294967295", "0.4.1x", "-1.4.0", "0.4.1.1",
                            "0.4.99999999999999999999"}) {
    INFO(after);
    const auto page = desk.page({{}, 10, after});
    REQUIRE(page.has_error());
    CHECK(page.error().what.find("\"after\"") != std::string::npos);
  }
  CHECK(desk.page({{}, 10, "0.6.0"}).has_value());
}

TEST_CASE("each part of a filter takes its part, and together they take what all of them leave") {
  Desk desk;
  SessionPlan tcp;
  tcp.protocol = 6;
  tcp.established = true;
  tcp.port = 80;
  desk.box.add4(0x0001, tcp);
  tcp.established = false;
  tcp.rule = 1;
  desk.box.add4(0x0101, tcp);
  SessionPlan udp;
  udp.port = 53;
  udp.from = 2;
  udp.to = 2;
  udp.in = 1;
  udp.begun = kLooked - kNanosecondsPerSecond;
  desk.box.add6(1, udp);
  SessionPlan echo;
  echo.protocol = 1;
  desk.box.add4(0x0002, echo);

  const auto fit = [&](auto change) {
    SessionQuery query;
    change(query);
    CHECK_FALSE(query.is_any());
    return desk.count(query);
  };
  CHECK(fit([](SessionQuery& q) { q.source = prefix("198.18.0.0/24"); }) == 2);
  CHECK(fit([](SessionQuery& q) { q.source = prefix("192.0.2.1"); }) == 0);
  CHECK(fit([](SessionQuery& q) { q.destination = prefix("192.0.2.1"); }) == 3);
  CHECK(fit([](SessionQuery& q) { q.destination = prefix("2001:db8:ff::/48"); }) == 1);
  CHECK(fit([](SessionQuery& q) { q.source = prefix("::/0"); }) == 1);
  CHECK(fit([](SessionQuery& q) { q.source = prefix("0.0.0.0/0"); }) == 3);
  CHECK(fit([](SessionQuery& q) { q.protocol = std::uint8_t{6}; }) == 2);
  CHECK(fit([](SessionQuery& q) { q.port = std::uint16_t{80}; }) == 2);
  CHECK(fit([](SessionQuery& q) { q.port = std::uint16_t{1024}; }) == 3);  // an echo's identifier is no port
  CHECK(fit([](SessionQuery& q) { q.ipv6 = false; }) == 3);
  CHECK(fit([](SessionQuery& q) { q.zone = "trust"; }) == 3);
  CHECK(fit([](SessionQuery& q) { q.zone = "internet"; }) == 4);
  CHECK(fit([](SessionQuery& q) { q.zone = "none"; }) == 0);
  CHECK(fit([](SessionQuery& q) { q.interface = "lan0"; }) == 3);
  CHECK(fit([](SessionQuery& q) { q.state = "established"; }) == 1);
  CHECK(fit([](SessionQuery& q) { q.state = "syn_sent"; }) == 1);
  CHECK(fit([](SessionQuery& q) { q.state = "unreplied"; }) == 2);
  CHECK(fit([](SessionQuery& q) { q.state = "replied"; }) == 0);
  CHECK(fit([](SessionQuery& q) { q.policy = "web"; }) == 1);
  CHECK(fit([](SessionQuery& q) { q.min_age_s = 30; }) == 3);
  CHECK(fit([](SessionQuery& q) { q.min_age_s = 31; }) == 0);
  CHECK(fit([](SessionQuery& q) {
          q.zone = "trust";
          q.port = std::uint16_t{80};
          q.state = "syn_sent";
        }) == 1);
}

TEST_CASE("a name that is nobody's is an error with what may have been meant") {
  Desk desk;
  const auto refused = [&](auto change) {
    SessionPageQuery query;
    change(query.which);
    const auto page = desk.page(query);
    REQUIRE(page.has_error());
    return page.error().what + "; " + page.error().hint;
  };
  CHECK(refused([](SessionQuery& q) { q.zone = "trusd"; }) == "there is no zone 'trusd'; did you mean 'trust'?");
  CHECK(refused([](SessionQuery& q) { q.zone = "moon"; }) == "there is no zone 'moon'; there are: trust, internet");
  CHECK(refused([](SessionQuery& q) { q.interface = "lan1"; }) == "there is no interface 'lan1'; did you mean 'lan0'?");
  CHECK(refused([](SessionQuery& q) { q.policy = "wep"; }) == "there is no rule 'wep'; did you mean 'web'?");
  CHECK(refused([](SessionQuery& q) { q.state = "etablished"; }) ==
        "there is no state 'etablished'; did you mean 'established'?");
}

}  // namespace
}  // namespace culvert
