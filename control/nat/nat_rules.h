// SPDX-License-Identifier: Apache-2.0
// What a configuration says of NAT, with numbers for its names, before anybody knows which addresses interfaces have:
//
//   pools   {office: {addresses: [198.18.1.16/31, 2001:db8:9::1]}}        pools  0 office, IPv4   1 office, IPv6
//   source  {name: office, from: lan, to: wan, family: both, ...}         rules  0 IPv4, pool 0   1 IPv6, pool 1
//   destination {name: web, service: [tcp/80, tcp/443], ...}              destinations  0 TCP 80   1 TCP 443
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "control/nat/destination_rules.h"
#include "control/netlink/ip_prefix.h"
#include "control/policy_rules.h"
#include "control/rule_counters.h"
#include "nat/port_pool.h"
#include "nat/source_nat.h"

namespace culvert {

struct NatRules {
  /// A configured pool's addresses of one family.
  struct Pool {
    std::string name;
    bool ipv6 = false;
    bool keep_port = false;
    PoolRange range;
    std::vector<IpAddress> addresses;
  };

  NatRules() = default;
  NatRules(const NatRules&) = delete;  // rules point into ranges
  NatRules& operator=(const NatRules&) = delete;

  std::vector<Pool> pools;
  std::vector<SourceRule> rules;   ///< in order, of one family each; SourceRule::pool is a place in `pools`
  std::vector<std::string> names;  ///< by rule, as configured
  std::vector<ConfiguredDestination> destinations;  ///< in order, static ones last
  std::vector<std::string> disabled;                ///< the others' nat_counter_name(): they keep their counts
  std::optional<PoolRange> interface_ports;
  std::deque<std::vector<NatRange>> ranges;  ///< of the rules' sources and destinations

  /// Some rule says `interface`, of whichever kind.
  bool follows_interfaces() const noexcept;

  /// Of all rules, also of those that are disabled, some more than once: nat_counter_name().
  std::vector<std::string> counter_names() const;
  /// Each rule counts in the counter of its name, which is there.
  void use_counters(const RuleCounters& counters);
};

/// As the configuration calls them.
std::string_view nat_mapping_text(NatMapping mapping) noexcept;
std::string_view nat_filtering_text(NatFiltering filtering) noexcept;

enum class NatRuleKind : std::uint8_t { kDestination, kStatic, kSource };
/// "destination", "static" or "source".
std::string_view nat_rule_kind_text(NatRuleKind kind) noexcept;
/// What the counter of a rule is called: rules of different kinds may have one name.
std::string nat_counter_name(NatRuleKind kind, const std::string& rule);

/// Null without `nat`. The configuration was checked.
std::shared_ptr<NatRules> nat_rules(const Config& config, const ZoneNumbers& zones);

}  // namespace culvert
