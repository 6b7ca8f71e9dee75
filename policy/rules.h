// SPDX-License-Identifier: Apache-2.0
// The policy as people mean it: an ordered list of rules between zones. Control fills it from the configuration,
// rule_compiler.h makes the table from it that workers match with. First match wins; what no rule matches is denied.
//
//   zones      1 trust, 2 internet
//   prefixes   0: 198.18.0.0/24      1: 192.0.2.0/24 2001:db8:9::/48      2: 100,000 prefixes of a list
//   rules      0: from trust to internet, any addresses, tcp 80 443          permit
//              1: from internet to trust, sources in 2, any                  deny
//              2: from internet to trust, destinations in 1, icmp 8/0        permit
//              -: everything else                                            denied by default
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packet/prefix.h"
#include "policy/policy_key.h"

namespace culvert {

/// Position of a rule in its list; stable within one RuleSet.
using RuleIndex = std::uint16_t;
inline constexpr std::size_t kMaxRules = 16384;
/// Stands for the default: no rule matched. Not a position.
inline constexpr RuleIndex kDefaultRule = 0xffff;
/// Stands for a rule of an earlier policy, of a session that the policy of now would not let in. Not a position.
inline constexpr RuleIndex kEarlierRule = 0xfffe;
/// Stands for a mapping of NAT (sessions/nat_mappings.h): somebody outside has spoken first, and no rule was asked. Not
/// a position.
inline constexpr RuleIndex kMappingRule = 0xfffd;

enum class RuleAction : std::uint8_t {
  kDeny,    ///< dropped silently
  kReject,  ///< dropped; TCP is answered with RST, everything else with ICMP administratively prohibited
  kPermit,
};

/// Prefixes of both families that rules refer to together: an address set, or what a rule names itself. In any order,
/// overlaps and duplicates allowed. Empty matches nothing.
struct PrefixSet {
  std::vector<Prefix4> ipv4;
  std::vector<Prefix6> ipv6;
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0xffff;  ///< included

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// One line of a service. ICMP and ICMPv6 (protocols 1 and 58): type and code in `destination`, as in PolicyKey: type 8
/// of any code is {8 << 8, 8 << 8 | 255}; `source` must be whole.
struct ServiceMatch {
  bool any_protocol = false;  ///< then the other fields are not looked at
  std::uint8_t protocol = 0;
  PortRange source;
  PortRange destination;

  friend bool operator==(const ServiceMatch&, const ServiceMatch&) = default;
};

/// Bit z: zone z.
using ZoneMask = std::uint64_t;
inline constexpr ZoneMask kAllZones = ~ZoneMask{0};

struct Rule {
  std::string name = {};  ///< for people: counters, explanations
  bool enabled = true;    ///< false: keeps its position and matches nothing (disabled, or outside its schedule)
  ZoneMask from = kAllZones;
  ZoneMask to = kAllZones;
  /// Positions in RuleSet::prefixes; the address must be in one of them. Empty: any address.
  std::vector<std::uint32_t> sources = {};
  std::vector<std::uint32_t> destinations = {};
  std::vector<ServiceMatch> services = {};  ///< one must match; empty: any
  RuleAction action = RuleAction::kDeny;
  bool log_open = false;
  bool log_close = false;
};

struct RuleSet {
  std::vector<PrefixSet> prefixes;
  std::vector<Rule> rules;  ///< at most kMaxRules
  RuleAction default_action = RuleAction::kDeny;
  bool log_default = false;
};

}  // namespace culvert
