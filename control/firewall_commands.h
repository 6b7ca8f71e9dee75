// SPDX-License-Identifier: Apache-2.0
// What people ask about sessions and the policy. Everything is read from the tables that workers write, and from the
// policy that control compiled; only to end sessions a worker is told something. Tables are gone through in parts of
// some milliseconds, with the rest of control's work in between (LongWork).
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "control/configurations.h"
#include "control/firewall.h"
#include "control/interfaces.h"
#include "control/long_work.h"
#include "control/nat/translation.h"
#include "control/policy_rows.h"
#include "control/server/firewall_handlers.h"
#include "control/session_clear.h"
#include "control/session_rows.h"
#include "control/worker_group.h"

namespace culvert {

/// Outlives the workers, which may read what it has handed over, and the io_context's last run; the others outlive
/// their last question.
class FirewallCommands {
 public:
  /// `translation`: what workers have now; null without NAT.
  FirewallCommands(boost::asio::io_context& io, WorkerGroup& workers, const Firewall& firewall,
                   const Configurations& configurations, const Interfaces& interfaces,
                   std::function<const Translation*()> translation);

  FirewallHooks hooks();

  /// For the status; nothing without a policy.
  std::optional<PolicyStatus> policy_status();
  /// The same; nothing without NAT.
  std::optional<NatStatus> nat_status() const;
  /// ResourceKind::kPolicyRules, as policy_status() found it last.
  const Gauge& rules_gauge() const noexcept { return rules_gauge_; }
  const LongWork& work() const noexcept { return work_; }
  void clear_peaks() noexcept;
  /// What zones, interfaces and rules are called now.
  SessionNames names() const;

 private:
  Result<PolicyTest> test(const PolicyTestQuery& query) const;
  Result<SessionPage> page(const SessionPageQuery& query) const;
  Result<NatMappingPage> mappings(const SessionPageQuery& query) const;
  void clear(const SessionQuery& query, const Reply& reply);
  Result<std::uint64_t> end_sessions(WorkerIndex worker, std::span<const SessionHandle> sessions);
  /// Gives every session that fits to `collector`, then replies with `answer` of it.
  template <typename Collector, typename Answer>
  void collect(const SessionQuery& query, std::shared_ptr<Collector> collector, const Reply& reply, Answer answer);

  SessionClock clock() const;
  std::vector<const SessionShard::Memory*> tables() const;
  std::uint64_t sessions() const;
  /// Hits of a rule of the policy that runs, or of its default.
  std::uint64_t hits(RuleIndex rule) const;
  /// Of the running configuration; null without NAT.
  const NatConfig* nat_config() const;
  /// Of NAT's rule with a counter of this name.
  std::uint64_t nat_hits(const std::string& name) const;
  std::uint64_t hits(const RuleCounter& counter) const;

  WorkerGroup& workers_;
  const Firewall& firewall_;
  const Configurations& configurations_;
  const Interfaces& interfaces_;
  std::function<const Translation*()> translation_;
  LongWork work_;
  OwedHandles owed_;
  Gauge rules_gauge_;
};

}  // namespace culvert
