// SPDX-License-Identifier: Apache-2.0
// Sessions and the policy in every output.
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "status/collect.h"
#include "status/firewall_text.h"
#include "status/json.h"
#include "status/prometheus.h"
#include "test/status/firewall_fixture.h"
#include "test/status/outputs.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::every_member_is_documented;
using test::file_text;
using test::has;
using test::line_with;

TEST_CASE("session cells are read worker by worker; without any there are no sessions in the status") {
  const auto worker = std::make_unique<WorkerCells>();
  SessionCells cells;
  StatusSources sources;
  sources.workers = {worker.get()};
  StatusCollector collector;
  CHECK_FALSE(collector.collect(sources, kNanosecondsPerSecond, 1).sessions.has_value());
  CHECK_FALSE(collector.collect(sources, kNanosecondsPerSecond, 1).policy.has_value());
  cells.sessions.observe(12);
  cells.sessions.failures.add(3);
  cells.half_open.observe(4);
  cells.half_open.failures.add(5);
  cells.created.add(100);
  cells.torn.add(6);
  cells.log_records.add(9);
  cells.log_lost.add(2);
  worker->pipeline.policy_evaluations.add(101);
  worker->pipeline.tcp_resets_sent.add(7);
  worker->pipeline.syn_cookies_sent.add(9);
  worker->pipeline.syn_cookies_accepted.add(8);
  sources.sessions = {&cells};
  sources.policy = [] { return std::optional<PolicyStatus>(PolicyStatus{1, 9, {{"out", 8}}}); };
  const StatusSnapshot status = collector.collect(sources, kNanosecondsPerSecond, 1);
  REQUIRE(status.sessions.has_value());
  CHECK(status.sessions->total == 12);
  CHECK(status.sessions->half_open == 4);
  REQUIRE(status.sessions->workers.size() == 1);
  const WorkerSessions& row = status.sessions->workers[0];
  CHECK(row.refused_full == 3);
  CHECK(row.refused_half_open == 5);
  CHECK(row.created == 100);
  CHECK(row.torn == 6);
  CHECK(row.log_records == 9);
  CHECK(row.log_lost == 2);
  CHECK(row.policy_evaluations == 101);
  CHECK(row.tcp_resets_sent == 7);
  CHECK(row.syn_cookies_sent == 9);
  CHECK(row.syn_cookies_accepted == 8);
  CHECK(status.policy->default_hits == 9);
}

TEST_CASE("metrics have sessions by worker and hits by rule; a router has none of them") {
  const std::string text = prometheus_text(test::firewall_fixture());
  CHECK(has(text, "culvert_sessions_created_total{worker=\"0\"} 5000\n"));
  CHECK(has(text, "culvert_sessions_closed_total{worker=\"0\",why=\"expired\"} 4000\n"));
  CHECK(has(text, "culvert_sessions_closed_total{worker=\"0\",why=\"renewed\"} 10\n"));
  CHECK(has(text, "culvert_sessions_closed_total{worker=\"1\",why=\"evicted\"} 0\n"));
  CHECK(has(text, "culvert_sessions_refused_total{worker=\"0\",why=\"place\"} 4\n"));
  CHECK(has(text, "culvert_sessions_recovered_total{worker=\"0\"} 600\n"));
  CHECK(has(text, "culvert_sessions_torn_total{worker=\"0\"} 5\n"));
  CHECK(has(text, "culvert_sessions_looked_at_total{worker=\"0\"} 70000\n"));
  CHECK(has(text, "culvert_session_log_records_total{worker=\"0\"} 80000\n"));
  CHECK(has(text, "culvert_session_log_lost_total{worker=\"0\"} 8\n"));
  CHECK(has(text, "culvert_policy_evaluations_total{worker=\"0\"} 6000\n"));
  CHECK(has(text, "culvert_tcp_resets_sent_total{worker=\"0\"} 7\n"));
  CHECK(has(text, "culvert_resource_used{resource=\"sessions\",scope=\"worker 0\"} 900\n"));
  CHECK(has(text, "culvert_rule_hits_total{rule=\"out\"} 5000\n"));
  CHECK(has(text, "culvert_rule_hits_total{rule=\"quo\\\"ted\"} 0\n"));
  CHECK(has(text, "culvert_policy_default_hits_total 55\n"));
  CHECK(has(text, "culvert_policy_rules 2\n"));
  CHECK(has(text, "culvert_sessions_by_state{worker=\"0\",state=\"half_open\"} 30\n"));
  CHECK(has(text, "culvert_sessions_by_state{worker=\"0\",state=\"other\"} 870\n"));
  CHECK(has(text, "culvert_sessions_by_state{worker=\"1\",state=\"half_open\"} 0\n"));
  CHECK(has(text, "culvert_sessions_by_state{worker=\"1\",state=\"other\"} 100\n"));
  CHECK_FALSE(has(text, "culvert_sessions{"));  // the families are not known apart
  StatusSnapshot known = test::firewall_fixture();
  known.sessions->ipv4 = 800;
  known.sessions->ipv6 = 200;
  CHECK(has(prometheus_text(known), "culvert_sessions{family=\"ipv6\"} 200\n"));
  PrometheusOptions options;
  options.zero_drops = false;  // every reason has a line else
  const std::string router = prometheus_text(test::fixture(), options);
  for (const char* name : {"session", "rule_hits", "policy", "tcp_resets"}) {
    INFO(name);
    CHECK_FALSE(has(router, name));
  }
}

TEST_CASE("sessions by state are never more than there are, whatever the worker writes between two reads") {
  StatusSnapshot status = test::firewall_fixture();
  status.sessions->workers[0].half_open = 901;
  const std::string text = prometheus_text(status);
  CHECK(has(text, "culvert_sessions_by_state{worker=\"0\",state=\"half_open\"} 900\n"));
  CHECK(has(text, "culvert_sessions_by_state{worker=\"0\",state=\"other\"} 0\n"));
}

TEST_CASE("promtool finds nothing to say about a firewall's metrics") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    WARN("promtool is not installed: its check was not made");
    return;
  }
  FILE* promtool = ::popen("promtool check metrics 2>&1 1>&2", "w");
  REQUIRE(promtool != nullptr);
  std::fputs(prometheus_text(test::firewall_fixture()).c_str(), promtool);
  CHECK(::pclose(promtool) == 0);
}

TEST_CASE("a firewall's status comes back from JSON as it was, and its screens say how many sessions there are") {
  const StatusSnapshot status = test::firewall_fixture();
  const auto back = status_from_json(boost::json::parse(to_json(status).text));
  REQUIRE(back.has_value());
  CHECK(to_json(*back).text == to_json(status).text);
  CHECK(has(buffers_text(buffer_report(status), {}), "Active sessions: 1000\n"));
  CHECK(has(line_with(status_text(status, {}), "5000"), "4000"));
  CHECK(has(status_text(status, {}), "Policy asked"));
  CHECK_FALSE(has(status_text(test::fixture(), {}), "Policy asked"));
  StatusSnapshot known = status;
  known.sessions->ipv4 = 800;
  known.sessions->ipv6 = 200;
  CHECK(has(buffers_text(buffer_report(known), {}), "Active sessions: 800 IPv4, 200 IPv6, 1000 total\n"));
}

TEST_CASE("a session is one line of text, and comes back from JSON as it was") {
  SessionRow echo = test::session_fixture();
  echo.protocol = "icmp";
  echo.source_port.reset();
  echo.destination_port.reset();
  echo.icmp_id = 7;
  echo.rule.reset();
  SessionPage page{{test::session_fixture(), echo}, 1000, "0.4.77"};
  const auto back = sessions_from_json(boost::json::parse(to_json(page).text));
  REQUIRE(back.has_value());
  CHECK(to_json(*back).text == to_json(page).text);
  CHECK(sessions_text(back->sessions, {}) == sessions_text(page.sessions, {}));
  const std::string text = sessions_text(page.sessions, {});
  const std::string line = line_with(text, "tcp");
  CHECK(has(line, "198.18.0.1:1024"));
  CHECK(has(line, "[2001:db8::1]:443"));
  CHECK(has(line, "trust > internet"));
  CHECK(has(line, "lan0 > wan0"));
  CHECK(has(line, "1:02:05"));
  CHECK(has(line, "78901"));
  CHECK(has(line_with(text, "icmp id 7"), " - "));
  CHECK(sessions_from_json(boost::json::parse(R"({"sessions":[{"bytes":"many"}]})")).error().what ==
        "sessions: the value of 'sessions[].bytes' has the wrong type");
}

TEST_CASE("summary and ranking say their figures, and how much was left out") {
  const SessionSummary summary{3,
                               2,
                               1,
                               {{"tcp", "established", 2, 30, 4000}, {"udp", "replied", 1, 2, 200}},
                               {{"trust", "internet", 3, 32, 4200}}};
  const std::string text = session_summary_text(summary, {});
  CHECK(has(text, "3 sessions: 2 IPv4, 1 IPv6\n"));
  CHECK(has(line_with(text, "established"), "4000"));
  CHECK(has(line_with(text, "internet"), "4200"));
  CHECK(session_summary_text({}, {}) == "0 sessions: 0 IPv4, 0 IPv6\n");
  SessionTop top{"sources", "bytes", {{"198.18.0.1", 5, 60, 7000}}, 9, 50, 0};
  CHECK(has(session_top_text(top, {}), "1 of 9 sources by bytes; 50 sessions\n"));
  CHECK_FALSE(has(session_top_text(top, {}), "Not counted"));
  top.sessions_left_out = 8;
  CHECK(has(session_top_text(top, {}), "Not counted: 8 sessions of further sources"));
  const auto back = session_top_from_json(boost::json::parse(to_json(top).text));
  CHECK(session_top_text(*back, {}) == session_top_text(top, {}));
  CHECK(to_json(*session_summary_from_json(boost::json::parse(to_json(summary).text))).text == to_json(summary).text);
}

TEST_CASE("policies are told in their order, with what is unused, off or out of its hours, and the default") {
  const PolicyPage page = test::policy_fixture();
  const std::string text = policies_text(page, {});
  CHECK(has(line_with(text, " out "), "trust"));
  CHECK(has(line_with(text, " out "), "close"));
  CHECK_FALSE(has(line_with(text, " out "), "unused"));
  CHECK(has(line_with(text, " web "), "servers, 192.0.2.9/32"));
  CHECK(has(line_with(text, " web "), "unused"));
  CHECK(has(line_with(text, " night "), "outside evening"));
  CHECK(has(line_with(text, " off "), "disabled"));
  CHECK(has(text, "Default: deny, logged, 55 hits\n"));
  CHECK(policies_text({}, {}).find("Default: ") == 0);
  const std::string hits = policy_hits_text(page, {});
  CHECK(hits.find("out") < hits.find("web"));
  CHECK(has(hits, "3 of 4 rules have decided nothing yet\n"));
  CHECK(to_json(*policies_from_json(boost::json::parse(to_json(page).text))).text == to_json(page).text);
}

TEST_CASE("a test of the policy says what decides and why the others do not") {
  PolicyTest test;
  test.from_zone = "internet";
  test.to_zone = "trust";
  test.protocol = "tcp";
  test.source = "2001:db8::9";
  test.source_port = 49152;
  test.destination = "2001:db8::1";
  test.destination_port = 443;
  test.action = "permit";
  test.position = 7;
  test.rule = "web";
  test.log_open = true;
  test.passed_total = 6;
  test.passed = {{2, "bad", "source"}, {5, "night", "disabled"}};
  const std::string text = policy_test_text(test, {});
  CHECK(has(text, "tcp [2001:db8::9]:49152 -> [2001:db8::1]:443, from internet to trust\n"));
  CHECK(has(text, "permit: rule 7 'web' decides; logged open\n"));
  CHECK(has(text, "2 of the 6 rules before it, those that came closest (--all for all):\n"));
  CHECK(has(line_with(text, "bad"), "another source"));
  CHECK(has(line_with(text, "night"), "disabled, or outside its schedule"));
  CHECK(to_json(*policy_test_from_json(boost::json::parse(to_json(test).text))).text == to_json(test).text);
  test.passed_total = 2;
  CHECK(has(policy_test_text(test, {}), "The rules before it, and what does not fit:\n"));
  test.action = "deny";
  test.position.reset();
  test.rule.reset();
  CHECK(has(policy_test_text(test, {}), "deny: no rule matches, the default decides"));
}

TEST_CASE("docs/json.md names every field about sessions and policies") {
  const std::string document = file_text("docs/json.md");
  every_member_is_documented<SessionStatus>(document);
  every_member_is_documented<WorkerSessions>(document);
  every_member_is_documented<PolicyStatus>(document);
  every_member_is_documented<RuleHits>(document);
  every_member_is_documented<SessionRow>(document);
  every_member_is_documented<SessionPage>(document);
  every_member_is_documented<SessionSummary>(document);
  every_member_is_documented<SessionStateCount>(document);
  every_member_is_documented<SessionZoneCount>(document);
  every_member_is_documented<SessionTop>(document);
  every_member_is_documented<SessionTopRow>(document);
  every_member_is_documented<SessionsCleared>(document);
  every_member_is_documented<PolicyRow>(document);
  every_member_is_documented<PolicyPage>(document);
  every_member_is_documented<PolicyTest>(document);
  every_member_is_documented<PolicyPassed>(document);
}

}  // namespace
}  // namespace culvert
