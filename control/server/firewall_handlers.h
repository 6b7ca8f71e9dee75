// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "control/server/server.h"
#include "control/server/session_query.h"
#include "status/nat.h"
#include "status/policies.h"
#include "status/sessions.h"

namespace culvert {

struct TablePage;

/// What the commands about sessions and the policy need. Each says itself that there is no policy.
struct FirewallHooks {
  /// Looks at a bounded part of the tables; `next` says where the look after it begins.
  std::function<Result<SessionPage>(const SessionPageQuery&)> sessions;
  // These go through all tables, with pauses, and reply then.
  std::function<void(const SessionQuery&, Reply)> session_summary;
  std::function<void(const SessionTopQuery&, Reply)> session_top;
  std::function<void(const SessionQuery&, Reply)> clear_sessions;
  std::function<Result<PolicyPage>(const TablePage&)> policies;
  std::function<Result<PolicyTest>(const PolicyTestQuery&)> policy_test;
  std::function<Result<NatPools>(const TablePage&)> nat_pools;
  std::function<Result<NatRulePage>(const TablePage&)> nat_rules;
  /// As `sessions`, of mappings; SessionQuery::mapped.
  std::function<Result<NatMappingPage>(const SessionPageQuery&)> nat_mappings;
};

/// Adds show_sessions, show_sessions_summary, show_sessions_top, clear_sessions, show_policies, policy_test,
/// show_nat_rules, show_nat_pools, show_nat_mappings and clear_nat_mappings. `hooks` outlives the server's last answer.
void add_firewall_commands(ControlServer& server, const FirewallHooks& hooks);

}  // namespace culvert
