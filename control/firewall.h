// SPDX-License-Identifier: Apache-2.0
// The policy that runs: numbers for zones and rules' counters, and the compiled rules, which workers have by snapshot.
//
//   configuration --policy_rules--> RuleSet --compile_rules--> CompiledRules --stateful()--> snapshot --> workers
//
// A changed configuration is compiled whole before anything is changed (prepare), so that what can't be compiled leaves
// everything as it is; then it takes the place of the one before (commit). Rules keep their counters by their names,
// and zones their numbers, as long as they are there.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "control/nat/nat_rules.h"
#include "control/policy_rules.h"
#include "control/rule_counters.h"
#include "control/rule_names.h"
#include "control/zone_guards.h"
#include "pipeline/stateful.h"
#include "policy/rule_compiler.h"
#include "sessions/session_file.h"

namespace culvert {

class Firewall {
 public:
  /// A policy at work: what a snapshot points into, and what explains it to people. Immutable.
  struct Policy {
    Policy(PolicyRules policy_rules, CompiledRules compiled_rules)
        : rules(std::move(policy_rules)), compiled(std::move(compiled_rules)) {}

    PolicyRules rules;
    CompiledRules compiled;
    ZoneNumbers zones;
    RuleCounters rule_counters;
    std::vector<std::uint16_t> counters;  ///< by rule, the same
    RuleCounters nat_counters;            ///< by what nat_counter_name() calls NAT's rules
    std::uint16_t generation = 0;
    std::array<Zone, kMaxInterfaces> interface_zone{};
    std::array<ReversePathCheck, kMaxInterfaces> reverse_path{};
    ZoneGuards guards;
    std::shared_ptr<const NatRules> nat;  ///< null: none
  };

  /// `before`: the generation of a policy whose sessions go on; numbers begin some way behind it.
  explicit Firewall(std::uint16_t before = 0) noexcept : before_(before) {}

  /// A configuration's policy as it will be; null without a `policy` section. Errors: it can't be compiled.
  Result<std::shared_ptr<const Policy>> prepare(const Config& config, std::int64_t unix_time_s,
                                                const CounterHits& hits) const;
  /// From now on this one is the policy.
  void commit(std::shared_ptr<const Policy> policy);

  /// Null for a router.
  const std::shared_ptr<const Policy>& policy() const noexcept { return policy_; }
  /// Of the policy and of those before it.
  const RuleNames& rule_names() const noexcept { return rule_names_; }
  /// What the workers' snapshot says; `policy()` must live as long as it.
  std::optional<StatefulSnapshot> stateful(const Config& config) const;
  /// What the numbers in sessions mean, and how long they live: for those that outlive the process. There is a policy.
  SessionOwner session_owner(const Config& config, std::uint32_t workers) const;
  static SessionTimeouts timeouts(const Config& config);
  /// A schedule begins or ends, or has since the rules were made: prepare() and commit() are due.
  bool due(std::int64_t unix_time_s) const noexcept;

  /// Counter 0 is the default's, what no rule matched.
  static constexpr std::uint16_t kDefaultCounter = 0;

 private:
  std::uint16_t next_generation() const noexcept;
  void number_counters(Policy& policy, NatRules* nat, const CounterHits& hits) const;

  std::uint16_t before_;
  std::shared_ptr<const Policy> policy_;
  RuleNames rule_names_;
};

}  // namespace culvert
