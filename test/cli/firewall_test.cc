// SPDX-License-Identifier: Apache-2.0
// The CLI's binary about sessions and the policy, against a control server in this process.
#include <boost/json.hpp>

#include "status/firewall_text.h"
#include "status/nat_text.h"
#include "test/cli/run_culvert.h"
#include "test/status/firewall_desk.h"
#include "test/status/service.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::culvert;
using test::FirewallDesk;
using test::has;
using test::Outcome;
using test::Service;

struct Office {
  FirewallDesk desk;
  Service service{{}, desk.hooks()};

  Outcome type(const std::string& words) { return culvert("--socket " + service.path + " " + words); }
  SessionQuery asked() {
    SessionQuery query;
    service.run([&] { query = desk.asked; });
    return query;
  }
};

std::size_t lines_with(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_CASE("show sessions goes on from answer to answer until it has what was wanted, or all there is") {
  Office office;
  const Outcome usual = office.type("show sessions");
  CHECK(usual.code == 0);
  CHECK(lines_with(usual.out, "established") == 1000);
  CHECK(has(usual.out, "1000 shown of 2500 sessions; --limit N for more, 0 for all\n"));
  const Outcome few = office.type("show sessions --limit 5");
  CHECK(lines_with(few.out, "established") == 5);
  CHECK(lines_with(few.out, "Protocol") == 1);
  const Outcome all = office.type("show sessions --limit 0");
  CHECK(lines_with(all.out, "established") == 2500);
  CHECK(has(all.out, "2500 shown of 2500 sessions\n"));
  office.service.run([&] { office.desk.sessions = 0; });
  CHECK(office.type("show sessions").out == "0 shown of 0 sessions\n");
}

TEST_CASE("show sessions --json is an object a line, each of up to a thousand sessions") {
  Office office;
  const Outcome all = office.type("show sessions --limit 0 --json");
  CHECK(lines_with(all.out, "\n") == 3);
  std::size_t begin = 0, sessions = 0;
  for (std::size_t end; (end = all.out.find('\n', begin)) != std::string::npos; begin = end + 1) {
    sessions += boost::json::parse(all.out.substr(begin, end - begin)).at("sessions").as_array().size();
  }
  CHECK(sessions == 2500);
  CHECK(boost::json::parse(office.type("show sessions --json --limit 2").out).at("next").as_string() == "2");
}

TEST_CASE("filters are words with their values, in any order, before or behind summary and top") {
  Office office;
  CHECK(office
            .type("show sessions source 198.18.0.0/24 destination 192.0.2.1 protocol udp port 53 zone trust interface "
                  "lan0 state replied policy web age 10m family ipv4 --limit 1")
            .code == 0);
  const SessionQuery asked = office.asked();
  CHECK(to_text(*asked.source) == "198.18.0.0/24");
  CHECK(to_text(*asked.destination) == "192.0.2.1/32");
  CHECK(asked.protocol == 17);
  CHECK(asked.port == 53);
  CHECK(asked.zone == "trust");
  CHECK(asked.interface == "lan0");
  CHECK(asked.state == "replied");
  CHECK(asked.policy == "web");
  CHECK(asked.min_age_s == 600);
  CHECK(asked.ipv6 == false);
  CHECK(has(office.type("show sessions summary zone internet").out, "3 sessions: 2 IPv4, 1 IPv6"));
  CHECK(office.asked().zone == "internet");
  CHECK(has(office.type("show sessions zone trust summary").out, "established"));
  CHECK(office.asked().zone == "trust");
  const Outcome top = office.type("show sessions top destinations bytes protocol tcp --limit 3");
  CHECK(has(top.out, "1 of 9 destinations by bytes; 50 sessions"));
  office.service.run([&] {
    CHECK(office.desk.asked_top.limit == 3);
    CHECK(office.desk.asked_top.which.protocol == 6);
  });
  CHECK(has(office.type("show sessions top").out, "1 of 9 sources by sessions"));
  office.service.run([&] { CHECK(office.desk.asked_top.limit == 10); });
  // A name that is also a word of the command is a name where one is wanted.
  CHECK(office.type("show sessions policy top --limit 1").code == 0);
  CHECK(office.asked().policy == "top");
}

TEST_CASE("what is wrong about a filter is said, with what was meant") {
  Office office;
  const Outcome typo = office.type("show sessions source 198.18.0.1 protocl tcp");
  CHECK(typo.code == 2);
  CHECK(has(typo.err, "there is no command 'protocl' after 'show sessions source 198.18.0.1'"));
  CHECK(has(typo.err, "did you mean 'protocol'?"));
  const Outcome missing = office.type("show sessions zone");
  CHECK(missing.code == 2);
  CHECK(has(missing.err, "ZONE is required"));
  CHECK(office.type("show sessions port http").code == 2);
  CHECK(has(office.type("show sessions age soon").err, "age"));
  const Outcome refused = office.type("show sessions zone moon");
  CHECK(refused.code == 1);
  CHECK(has(refused.err, "there is no zone 'moon'"));
  CHECK(has(office.type("show sessions source 198.18.0.0/33").err, "\"source\": "));
}

TEST_CASE("clear sessions wants a filter or --all, and says how many ended") {
  Office office;
  const Outcome none = office.type("clear sessions");
  CHECK(none.code == 1);
  CHECK(has(none.err, "nothing says which sessions"));
  CHECK(has(none.err, "give a filter, or --all"));
  CHECK(office.type("clear sessions --all").out == "Cleared 2500 sessions.\n");
  CHECK(office.type("clear sessions policy web").out ==
        "Cleared 2499 of 2500 sessions; the others had ended by themselves.\n");
  CHECK(office.asked().policy == "web");
  CHECK(has(office.type("clear sessions zone trust --json").out, "\"matched\":2500"));
}

TEST_CASE("show policies has every rule, and hits has the busiest first") {
  Office office;
  CHECK(office.type("show policies").out == policies_text(test::policy_fixture(), {}));
  const Outcome hits = office.type("show policies hits");
  CHECK(hits.out == policy_hits_text(test::policy_fixture(), {}));
  const auto json = boost::json::parse(office.type("show policies --json").out);
  CHECK(json.at("policies").as_array().size() == 4);
  CHECK(json.at("next").is_null());
}

TEST_CASE("policy test says what decides") {
  Office office;
  const std::string test = "policy test --from internet --to trust --source 198.18.0.1 --destination 192.0.2.1 ";
  const Outcome decided = office.type(test + "--protocol tcp --destination-port 443");
  CHECK(decided.code == 0);
  CHECK(has(decided.out, "permit: rule 2 'web' decides"));
  CHECK(has(decided.out, "from another zone"));
  CHECK(has(office.type(test + "--protocol tcp --destination-port 443 --source-port 99 --all --json").out,
            "\"position\":2"));
  office.service.run([&] {
    CHECK(office.desk.asked_test.source_port == 99);
    CHECK(office.desk.asked_test.limit == 16384);
  });
  const Outcome missing = office.type("policy test --from internet --to trust");
  CHECK(missing.code == 2);
  CHECK(has(missing.err, "is required"));
  CHECK(has(office.type(test + "--protocol tcp").err, "\"destination_port\" must be there"));
  CHECK(has(office.type(test + "--protocol tcp now").err, "'now' is not understood after 'policy test'"));
  CHECK(has(office.type("policy").err, "'policy' wants more"));
}

TEST_CASE("show nat rules, pools and mappings are what the daemon says, as text and as JSON") {
  Office office;
  CHECK(office.type("show nat rules").out == nat_rules_text(test::nat_rules_fixture(), {}));
  CHECK(office.type("show nat pools").out == nat_pools_text(test::nat_pools_fixture(), {}));
  const Outcome mappings = office.type("show nat mappings");
  CHECK(mappings.code == 0);
  CHECK(mappings.out ==
        nat_mappings_text(test::nat_mappings_fixture().mappings, {}) + "2 shown of 5 mappings and permits\n");
  CHECK(office.type("show nat rules --json").out == to_json(test::nat_rules_fixture()).text + "\n");
  CHECK(office.type("show nat pools --json").out == to_json(test::nat_pools_fixture()).text + "\n");
  CHECK(office.type("show nat mappings --json").out == to_json(test::nat_mappings_fixture()).text + "\n");
}

TEST_CASE("filters of mappings say who has them, and clear nat mappings wants one, or --all") {
  Office office;
  CHECK(office
            .type("show nat mappings inside 198.18.0.2 external 198.18.1.0/24 protocol udp family ipv4 port 5060 "
                  "external-port 40512")
            .code == 0);
  const SessionQuery asked = office.asked();
  CHECK(to_text(*asked.source) == "198.18.0.2/32");
  CHECK(to_text(*asked.external) == "198.18.1.0/24");
  CHECK(asked.protocol == 17);
  CHECK(asked.ipv6 == false);
  CHECK(asked.inside_port == 5060);
  CHECK(asked.external_port == 40512);
  const Outcome none = office.type("clear nat mappings");
  CHECK(none.code == 1);
  CHECK(has(none.err, "give a filter, or --all"));
  CHECK(office.type("clear nat mappings --all").out == "Cleared 2500 sessions.\n");
  CHECK(office.asked().mapped);
  CHECK(office.type("clear nat mappings inside 198.18.0.2").out ==
        "Cleared 2499 of 2500 sessions; the others had ended by themselves.\n");
  CHECK(office.asked().mapped);
  CHECK(has(office.type("clear nat mappings --all --json").out, "\"cleared\":"));
}

TEST_CASE("the shell shortens and explains the words of sessions, also behind a value") {
  Office office;
  const std::string shell = "--socket " + office.service.path;
  CHECK(has(culvert(shell, "sh sess so 198.18.0.0/24 prot tcp sum\n").out, "3 sessions"));
  CHECK(office.asked().protocol == 6);
  const Outcome help = culvert(shell, "show sessions source 198.18.0.1 ?\n");
  CHECK(has(help.out, "protocol"));
  CHECK(has(help.out, "summary"));
  CHECK(has(culvert(shell, "show sessions top destinations ?\n").out, "bytes"));
  CHECK(has(culvert(shell, "show s\n").err, "it may be system, sessions"));
}

}  // namespace
}  // namespace culvert
