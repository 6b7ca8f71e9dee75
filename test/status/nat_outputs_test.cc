// SPDX-License-Identifier: Apache-2.0
// NAT in every output.
#include <boost/json.hpp>

#include "status/collect.h"
#include "status/json.h"
#include "status/nat_text.h"
#include "status/prometheus.h"
#include "test/status/nat_fixture.h"
#include "test/status/outputs.h"

namespace culvert {
namespace {

using test::every_member_is_documented;
using test::file_text;
using test::has;

TEST_CASE("the screens of NAT, to the letter") {
  CHECK(nat_rules_text(test::nat_rules_fixture(), {}) ==
        "Kind         #  Rule  Family  From           To        Source             Destination  Service   "
        "Becomes                              Log       Hits\n"
        "destination  1  web   ipv4    internet       any       any                interface    tcp/8080  "
        "198.18.0.10 port 80                  -           12\n"
        "static       1  lab   ipv6    any            internet  fd01:203:405::/48  any          any       "
        "2001:db8:1::/48, checksum-neutral    -            0\n"
        "source       1  web   both    trust, guests  internet  any                any          any       "
        "office, filtering address_dependent  mappings  3456  disabled\n"
        "3 rules\n");
  CHECK(nat_pools_text(test::nat_pools_fixture(), {}) ==
        "Pool            Address        Ports       Excluded        TCP          UDP     ICMP     SCTP  Refused\n"
        "office          198.18.1.16    1024-65535         2  100/64510  64510/64510  0/64510  0/64510        7\n"
        "interface wan0  2001:db8:1::1  -                  0          3            0"
        "        0        0        0  retired\n"
        "2 of 64 places for addresses are taken\n"
        "Without a place: 198.18.1.17; raise nat.addresses_max and restart\n");
  CHECK(nat_mappings_text(test::nat_mappings_fixture().mappings, {}) ==
        "Protocol  Inside              Outside               Sessions  Open    Age\n"
        "udp       198.18.0.2:5060     198.18.1.16:40512            3     2  125 s\n"
        "tcp       [2001:db8::2]:7000  [2001:db8:1::1]:7001         1     0    9 s\n");
}

TEST_CASE("without rules or addresses the screens of NAT say how many there are") {
  CHECK(nat_rules_text({}, {}) == "0 rules\n");
  CHECK(nat_pools_text({}, {}) == "0 of 0 places for addresses are taken\n");
}

TEST_CASE("what is told of NAT comes back from JSON as it was") {
  const auto rules = nat_rules_from_json(boost::json::parse(to_json(test::nat_rules_fixture()).text));
  REQUIRE(rules.has_value());
  CHECK(to_json(*rules).text == to_json(test::nat_rules_fixture()).text);
  CHECK(nat_rules_text(*rules, {}) == nat_rules_text(test::nat_rules_fixture(), {}));
  const auto pools = nat_pools_from_json(boost::json::parse(to_json(test::nat_pools_fixture()).text));
  REQUIRE(pools.has_value());
  CHECK(to_json(*pools).text == to_json(test::nat_pools_fixture()).text);
  CHECK(nat_pools_text(*pools, {}) == nat_pools_text(test::nat_pools_fixture(), {}));
  const auto mappings = nat_mappings_from_json(boost::json::parse(to_json(test::nat_mappings_fixture()).text));
  REQUIRE(mappings.has_value());
  CHECK(to_json(*mappings).text == to_json(test::nat_mappings_fixture()).text);
  const auto status = status_from_json(boost::json::parse(to_json(test::nat_fixture()).text));
  REQUIRE(status.has_value());
  CHECK(to_json(*status).text == to_json(test::nat_fixture()).text);
  CHECK(boost::json::parse(to_json(test::firewall_fixture()).text).at("nat").is_null());
}

TEST_CASE("hits of NAT's rules are collected, and counted beside those of the policy's by kind and name") {
  StatusSources sources;
  StatusCollector collector;
  CHECK_FALSE(collector.collect(sources, kNanosecondsPerSecond, 1).nat.has_value());
  sources.nat = [] { return test::nat_fixture().nat; };
  const StatusSnapshot status = collector.collect(sources, kNanosecondsPerSecond, 1);
  REQUIRE(status.nat.has_value());
  CHECK(status.nat->hits.size() == 3);
  const std::string text = prometheus_text(test::nat_fixture());
  CHECK(has(text, "culvert_rule_hits_total{rule=\"out\"} 5000\n"));
  CHECK(has(text, "culvert_nat_rule_hits_total{kind=\"destination\",rule=\"web\"} 12\n"));
  CHECK(has(text, "culvert_nat_rule_hits_total{kind=\"static\",rule=\"lab\"} 0\n"));
  CHECK(has(text, "culvert_nat_rule_hits_total{kind=\"source\",rule=\"web\"} 3456\n"));
  CHECK_FALSE(has(prometheus_text(test::firewall_fixture()), "culvert_nat_rule_hits_total"));
}

TEST_CASE("docs/json.md names every field about NAT where it speaks of it") {
  const std::string document = file_text("docs/json.md");
  every_member_is_documented<NatStatus>(document);
  every_member_is_documented<NatRuleHits>(document);
  const std::size_t begin = document.find("\n## NAT\n");
  REQUIRE(begin != std::string::npos);
  const std::string nat = document.substr(begin, document.find("\n## ", begin + 1) - begin);
  every_member_is_documented<NatRuleRow>(nat);
  every_member_is_documented<NatRulePage>(nat);
  every_member_is_documented<NatPortUse>(nat);
  every_member_is_documented<NatAddressRow>(nat);
  every_member_is_documented<NatPools>(nat);
  every_member_is_documented<NatMappingRow>(nat);
  every_member_is_documented<NatMappingPage>(nat);
  for (const char* command : {"show_nat_rules", "show_nat_pools", "show_nat_mappings", "clear_nat_mappings"}) {
    INFO(command);
    CHECK(has(document, std::string("| `") + command + "` |"));
    CHECK(has(nat, std::string("`") + command + "`"));
  }
}

TEST_CASE("the families about sessions, rules and NAT are in docs/operating.md") {
  const std::string document = file_text("docs/operating.md");
  const std::string text = prometheus_text(test::nat_fixture());
  const std::string begin = "# HELP ";
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const std::size_t name = at + begin.size();
    const std::string family = text.substr(name, text.find(' ', name) - name);
    if (!has(family, "session") && !has(family, "nat_") && !has(family, "rule")) continue;
    INFO(family);
    CHECK(has(document, family));
  }
}

}  // namespace
}  // namespace culvert
