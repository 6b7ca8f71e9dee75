// SPDX-License-Identifier: Apache-2.0
// NAT's rules as people are shown them.
#include "control/nat_rule_rows.h"

#include "config/check.h"
#include "status/nat_text.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr const char* kText = R"(
interfaces: {lan0: {zone: lan}, wan0: {zone: wan}}
zones: {lan: {}, wan: {}}
policy:
  addresses: {office: [198.18.0.0/24]}
  rules: [{name: all, from: lan, to: wan, action: permit}]
nat:
  pools: {office: {addresses: [198.18.1.16]}}
  source:
    - {name: web, from: lan, to: wan, source: [office, 198.18.2.0/24], translate: office, log: mappings}
    - {name: rest, to: wan, family: both, translate: interface, mapping: address_and_port_dependent, enabled: false}
  destination:
    - {name: web, from: wan, destination: interface, service: [tcp/8080], translate: 198.18.0.10, port: 80}
  static:
    - {name: lab, outside: wan, external: "2001:db8:1::/48", internal: "fd01:203:405::/48", checksum_neutral: true}
)";

NatConfig config() {
  const CheckResult result = check_text(kText, "f");
  INFO(result.to_text());
  REQUIRE(result.ok());
  return *result.config->nat;
}

std::uint64_t length_of(const std::string& name) {
  return name.size();
}

}  // namespace

TEST_CASE("rules are shown in the order in which they are asked, each with the hits of its kind and name") {
  const NatRulePage page = nat_rule_page(config(), length_of, {100, ""}).value();
  CHECK(page.total == 4);
  CHECK(!page.next);
  REQUIRE(page.rules.size() == 4);
  const NatRuleRow& forwarded = page.rules[0];
  CHECK(forwarded.kind == "destination");
  CHECK(forwarded.rule == "web");
  CHECK(forwarded.destination == std::vector<std::string>{"interface"});
  CHECK(forwarded.service == std::vector<std::string>{"tcp/8080"});
  CHECK(forwarded.translate == "198.18.0.10");
  CHECK(forwarded.port == "80");
  CHECK(forwarded.hits == std::string("destination web").size());
  const NatRuleRow& fixed = page.rules[1];
  CHECK(fixed.kind == "static");
  CHECK(fixed.to == std::vector<std::string>{"wan"});
  CHECK(fixed.family == "ipv6");
  CHECK(fixed.checksum_neutral);
  CHECK(fixed.hits == std::string("static lab").size());
  const NatRuleRow& web = page.rules[2];
  CHECK(web.kind == "source");
  CHECK(web.position == 1);
  CHECK(web.source == std::vector<std::string>{"office", "198.18.2.0/24"});
  CHECK(web.translate == "office");
  CHECK(web.mapping == "endpoint_independent");
  CHECK(web.filtering == "address_dependent");
  CHECK(web.log == "mappings");
  CHECK(web.enabled);
  CHECK(web.hits == std::string("source web").size());
  const NatRuleRow& rest = page.rules[3];
  CHECK(rest.position == 2);
  CHECK(rest.family == "both");
  CHECK(rest.translate == "interface");
  CHECK(rest.filtering == "address_and_port_dependent");
  CHECK(!rest.enabled);
}

TEST_CASE("pages of rules follow each other") {
  std::vector<std::string> seen;
  TablePage page{1, ""};
  for (int i = 0; i < 4; ++i) {
    const NatRulePage rules = nat_rule_page(config(), length_of, page).value();
    REQUIRE(rules.rules.size() == 1);
    CHECK(rules.total == 4);
    seen.push_back(rules.rules[0].kind + rules.rules[0].rule);
    page.after = rules.next.value_or("end");
  }
  CHECK(seen == std::vector<std::string>{"destinationweb", "staticlab", "sourceweb", "sourcerest"});
  CHECK(nat_rule_page(config(), length_of, {1, "end"}).has_error());
}

TEST_CASE("the screen says what becomes of whom") {
  const std::string text = nat_rules_text(nat_rule_page(config(), length_of, {100, ""}).value(), {false, false});
  INFO(text);
  CHECK(text.find("198.18.0.10 port 80") != std::string::npos);
  CHECK(text.find("2001:db8:1::/48, checksum-neutral") != std::string::npos);
  CHECK(text.find("office, filtering address_dependent") != std::string::npos);
  CHECK(text.find("interface, a port a session") != std::string::npos);
  CHECK(text.find("disabled") != std::string::npos);
  CHECK(text.ends_with("4 rules\n"));
}
