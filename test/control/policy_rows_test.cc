// SPDX-License-Identifier: Apache-2.0
// The policy as people read it, and why a rule decides.
#include "control/policy_rows.h"

#include "config/config.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

constexpr const char* kText = R"(
zones: {trust: {}, internet: {}}
interfaces: {lan0: {zone: trust}, wan0: {zone: internet}}
policy:
  default: deny
  addresses:
    servers: [192.0.2.0/28, 2001:db8:9::/64]
  services:
    web: [tcp/80, tcp/443]
  rules:
    - {name: never, from: trust, action: permit, enabled: false}
    - {name: out, from: trust, to: internet, action: permit, log: close}
    - {name: web, from: internet, to: trust, destination: servers, service: web, action: permit}
    - {name: ssh, from: internet, to: trust, source: 198.18.7.0/24, service: tcp/22, action: reject,
       description: by hand}
)";

struct Desk {
  explicit Desk(const std::string& text = kText) : checked(check_text(text, "policy.yaml")) {
    INFO(checked.to_text());
    REQUIRE(checked.ok());
    zones = ZoneNumbers(*checked.config);
    rules = policy_rules(*checked.config->policy, zones, 0).rules;
  }
  const PolicyConfig& policy() const { return *checked.config->policy; }
  /// The rule at position i has 100 * i hits, the default 7.
  static std::uint64_t hits(RuleIndex rule) { return rule == kDefaultRule ? 7 : std::uint64_t{rule} * 100; }
  Result<PolicyPage> page(std::size_t limit, const std::string& after = "") const {
    return policy_page(policy(), rules, hits, {limit, after});
  }
  PolicyTestQuery query(const char* source, const char* destination, std::uint16_t port) const {
    PolicyTestQuery query;
    query.from = "internet";
    query.to = "trust";
    query.source = parse_address(source).value();
    query.destination = parse_address(destination).value();
    query.protocol = 6;
    query.source_port = kTestedSourcePort;
    query.destination_port = port;
    return query;
  }
  PolicyTest test(const PolicyTestQuery& query) const { return policy_test(rules, zones, query).value(); }

  CheckResult checked;
  ZoneNumbers zones;
  RuleSet rules;
};

TEST_CASE("a rule is told as the configuration says it, with its position and its hits") {
  const Desk desk;
  const auto page = desk.page(1000);
  REQUIRE(page.has_value());
  CHECK(page->total == 4);
  CHECK_FALSE(page->next.has_value());
  CHECK(page->default_action == "deny");
  CHECK_FALSE(page->default_log);
  CHECK(page->default_hits == 7);
  REQUIRE(page->policies.size() == 4);
  const PolicyRow& never = page->policies[0];
  CHECK(never.position == 1);
  CHECK_FALSE(never.enabled);
  CHECK_FALSE(never.active);
  CHECK(never.to.empty());
  CHECK(never.hits == 0);
  CHECK(page->policies[1].log == "close");
  CHECK(page->policies[1].active);
  const PolicyRow& web = page->policies[2];
  CHECK(web.from == std::vector<std::string>{"internet"});
  CHECK(web.to == std::vector<std::string>{"trust"});
  CHECK(web.source.empty());
  CHECK(web.destination == std::vector<std::string>{"servers"});
  CHECK(web.service == std::vector<std::string>{"web"});
  CHECK(web.hits == 200);
  const PolicyRow& ssh = page->policies[3];
  CHECK(ssh.source == std::vector<std::string>{"198.18.7.0/24"});
  CHECK(ssh.service == std::vector<std::string>{"tcp/22"});
  CHECK(ssh.action == "reject");
  CHECK(ssh.description == "by hand");
  CHECK_FALSE(ssh.schedule.has_value());
}

TEST_CASE("pages of rules have each of them once, and a page that is none is refused") {
  const Desk desk;
  std::vector<std::uint32_t> positions;
  std::string after;
  for (int pages = 0; pages < 10; ++pages) {
    const auto page = desk.page(3, after);
    REQUIRE(page.has_value());
    for (const PolicyRow& row : page->policies) positions.push_back(row.position);
    if (!page->next) break;
    after = *page->next;
  }
  CHECK(positions == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(desk.page(3, "5").has_error());
  CHECK(desk.page(3, "x").has_error());
  CHECK(desk.page(3, "1 ").has_error());
  CHECK(desk.page(3, "-1").has_error());
  CHECK(desk.page(3, "4")->policies.empty());
}

TEST_CASE("the status has the hits of a bounded number of rules") {
  std::string text = "zones: {trust: {}}\ninterfaces: {lan0: {zone: trust}}\npolicy:\n  rules:\n";
  for (std::size_t i = 0; i < kMostRuleHits + 5; ++i) {
    text += "    - {name: rule" + std::to_string(i) + ", source: 198.18." + std::to_string(i / 256) + "." +
            std::to_string(i % 256) + ", action: permit}\n";
  }
  const Desk desk(text);
  const PolicyStatus status = policy_status(desk.rules, Desk::hits);
  CHECK(status.rules == kMostRuleHits + 5);
  CHECK(status.default_hits == 7);
  REQUIRE(status.hits.size() == kMostRuleHits);
  CHECK(status.hits[3].rule == "rule3");
  CHECK(status.hits[3].hits == 300);
}

TEST_CASE("a test names the rule that decides and what kept each rule before it from deciding") {
  const Desk desk;
  const PolicyTest permitted = desk.test(desk.query("198.18.7.9", "192.0.2.1", 443));
  CHECK(permitted.action == "permit");
  CHECK(permitted.position == 3u);
  CHECK(permitted.rule == "web");
  CHECK(permitted.protocol == "tcp");
  CHECK(permitted.destination_port == 443u);
  REQUIRE(permitted.passed.size() == 2);
  CHECK(permitted.passed[0].rule == "never");
  CHECK(permitted.passed[0].why == "disabled");
  CHECK(permitted.passed[1].position == 2);
  CHECK(permitted.passed[1].why == "from_zone");

  const PolicyTest rejected = desk.test(desk.query("198.18.7.9", "192.0.2.1", 22));
  CHECK(rejected.action == "reject");
  CHECK(rejected.passed.back().why == "service");
  const PolicyTest denied = desk.test(desk.query("198.18.8.9", "192.0.2.99", 22));
  CHECK(denied.action == "deny");
  CHECK_FALSE(denied.position.has_value());
  CHECK_FALSE(denied.rule.has_value());
  REQUIRE(denied.passed.size() == 4);
  CHECK(denied.passed[2].why == "destination");
  CHECK(denied.passed[3].why == "source");
}

TEST_CASE("of the rules before, those that came closest are told first, in their order") {
  const Desk desk;
  PolicyTestQuery query = desk.query("198.18.7.9", "192.0.2.1", 25);
  query.limit = 2;
  const PolicyTest test = desk.test(query);
  CHECK(test.passed_total == 4);
  REQUIRE(test.passed.size() == 2);
  CHECK(test.passed[0].rule == "web");
  CHECK(test.passed[1].rule == "ssh");
  query.limit = 0;
  CHECK(desk.test(query).passed.empty());
}

TEST_CASE("an echo is tested as workers ask for it, and a zone that is nobody's is an error") {
  std::string text(kText);
  text += "    - {name: ping, from: internet, to: trust, service: icmpv6/128, action: permit}\n";
  const Desk desk(text);
  PolicyTestQuery echo = desk.query("2001:db8::1", "2001:db8:9::1", 0);
  echo.protocol = 58;
  echo.source_port = 0;
  CHECK(desk.test(echo).rule == "ping");
  CHECK_FALSE(desk.test(echo).destination_port.has_value());
  echo.to = "trusd";
  const auto wrong = policy_test(desk.rules, desk.zones, echo);
  REQUIRE(wrong.has_error());
  CHECK(wrong.error().hint == "did you mean 'trust'?");
  echo.from = echo.to = "none";
  CHECK(policy_test(desk.rules, desk.zones, echo)->action == "deny");
}

}  // namespace
}  // namespace culvert
