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
#include <vector>

#include "config/config.h"
#include "control/nat/destination_rules.h"
#include "control/netlink/ip_prefix.h"
#include "control/policy_rules.h"
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
  std::optional<PoolRange> interface_ports;
  std::deque<std::vector<NatRange>> ranges;  ///< of the rules' sources and destinations

  /// Some rule says `interface`, of whichever kind.
  bool follows_interfaces() const noexcept;
};

/// Null without `nat`. The configuration was checked.
std::shared_ptr<const NatRules> nat_rules(const Config& config, const ZoneNumbers& zones);

}  // namespace culvert
