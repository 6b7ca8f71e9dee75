// SPDX-License-Identifier: Apache-2.0
// Destination and static NAT as a snapshot has them: the configuration's rules (nat_rules.h) with the addresses that
// interfaces have now, and where rules' addresses are.
//
//   rule   from internet, interface, tcp/8080 -> 198.18.0.10:80       wan0 has 198.18.1.1, wan1 has 198.18.2.1
//   made   198.18.1.1 tcp 8080 -> 198.18.0.10:80   198.18.2.1 tcp 8080 -> 198.18.0.10:80
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/netlink/ip_prefix.h"
#include "nat/destination_table.h"

namespace culvert {

/// An interface, and the address by which it may translate, of each family (0: IPv4); link-local ones are none.
struct NatInterface {
  InterfaceIndex number = kNoInterface;
  std::uint8_t zone = 0;
  std::array<std::optional<IpAddress>, 2> address{};

  friend bool operator==(const NatInterface&, const NatInterface&) = default;
};

/// One that is configured.
struct ConfiguredDestination {
  DestinationRule rule;    ///< of an `interface` its addresses are only inside
  bool interface = false;  ///< it is for the addresses of interfaces in its zones
  std::string name;
};

class DestinationRules {
 public:
  /// In order, static ones last; `configured` outlives this.
  DestinationRules(std::span<const ConfiguredDestination> configured, std::span<const NatInterface> interfaces);
  DestinationRules(const DestinationRules&) = delete;
  DestinationRules& operator=(const DestinationRules&) = delete;

  const DestinationNat& nat() const noexcept { return table_.nat(); }
  bool has_outside(const IpAddress& address) const noexcept;
  /// What it was made of.
  const ConfiguredDestination& configured(const DestinationRule& rule) const noexcept {
    return configured_[origin_[static_cast<std::size_t>(&rule - nat().rules().data())]];
  }

  /// What an address that sessions leave with must not give, sorted: the ports that rules forward. Nothing: any port.
  std::optional<std::vector<HostPort>> forwarded_ports(const IpAddress& address, PoolRange range) const;

 private:
  std::vector<DestinationRule> made_of(std::span<const NatInterface> interfaces);

  std::span<const ConfiguredDestination> configured_;
  std::vector<std::size_t> origin_;  ///< by rule, in configured_
  DestinationTable table_;
};

}  // namespace culvert
