// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "control/server/handlers.h"
#include "status/json.h"
#include "test/status/nat_fixture.h"

namespace culvert::test {

/// What stands behind the commands about sessions and the policy in tests: it remembers what was asked. It has
/// `sessions` sessions, which an empty answer comes before, the policies of the fixture, three a page, and what the
/// fixture of NAT has, each in one page.
struct FirewallDesk {
  std::uint64_t sessions = 2500;
  std::size_t looks = 0;  ///< answers about single sessions
  SessionQuery asked;
  SessionTopQuery asked_top;
  PolicyTestQuery asked_test;

  FirewallHooks hooks() {
    FirewallHooks hooks;
    hooks.sessions = [this](const SessionPageQuery& query) { return page(query); };
    hooks.session_summary = [this](const SessionQuery& query, const Reply& reply) {
      asked = query;
      reply(to_json(SessionSummary{3, 2, 1, {{"tcp", "established", 3, 4, 500}}, {{"trust", "internet", 3, 4, 500}}}));
    };
    hooks.session_top = [this](const SessionTopQuery& query, const Reply& reply) {
      asked_top = query;
      reply(to_json(SessionTop{query.destinations ? "destinations" : "sources",
                               query.by_bytes ? "bytes" : "sessions",
                               {{"198.18.0.1", 5, 60, 7000}},
                               9,
                               50,
                               0}));
    };
    hooks.clear_sessions = [this](const SessionQuery& query, const Reply& reply) {
      asked = query;
      reply(to_json(SessionsCleared{sessions, sessions - (query.is_any() ? 0 : 1)}));
    };
    hooks.policies = [](const TablePage& query) { return policies(query); };
    hooks.nat_rules = [](const TablePage&) { return nat_rules_fixture(); };
    hooks.nat_pools = [](const TablePage&) { return nat_pools_fixture(); };
    hooks.nat_mappings = [this](const SessionPageQuery& query) {
      asked = query.which;
      return nat_mappings_fixture();
    };
    hooks.policy_test = [this](const PolicyTestQuery& query) -> Result<PolicyTest> {
      asked_test = query;
      if (query.from == "moon") return Error{"there is no zone 'moon'", ENOENT, "there are: trust, internet"};
      PolicyTest test;
      test.from_zone = query.from;
      test.to_zone = query.to;
      test.protocol = "tcp";
      test.source = to_text(query.source);
      test.destination = to_text(query.destination);
      test.action = "permit";
      test.position = 2;
      test.rule = "web";
      test.passed_total = 1;
      test.passed = {{1, "out", "from_zone"}};
      return test;
    };
    return hooks;
  }

 private:
  Result<SessionPage> page(const SessionPageQuery& query) {
    asked = query.which;
    ++looks;
    if (query.which.zone == "moon") return Error{"there is no zone 'moon'", ENOENT, "there are: trust, internet"};
    SessionPage page;
    page.total = sessions;
    if (query.after.empty()) {
      page.next = "0";
      return page;
    }
    const std::uint64_t begin = std::strtoull(query.after.c_str(), nullptr, 10);
    const std::uint64_t end = std::min<std::uint64_t>(begin + std::min<std::uint64_t>(query.limit, 300), sessions);
    for (std::uint64_t i = begin; i < end; ++i) {
      page.sessions.push_back(session_fixture());
      page.sessions.back().packets = i;
    }
    if (end < sessions) page.next = std::to_string(end);
    return page;
  }

  static Result<PolicyPage> policies(const TablePage& query) {
    PolicyPage page = policy_fixture();
    const std::size_t begin = query.after.empty() ? 0 : 3;
    page.policies.erase(page.policies.begin(), page.policies.begin() + static_cast<std::ptrdiff_t>(begin));
    if (begin == 0) {
      page.policies.resize(3);
      page.next = "3";
    }
    return page;
  }
};

}  // namespace culvert::test
