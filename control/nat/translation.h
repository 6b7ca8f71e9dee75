// SPDX-License-Identifier: Apache-2.0
// NAT as a snapshot has it: the configuration's rules (nat_rules.h) with the addresses that there are now. Immutable;
// another one is made whenever rules, addresses of interfaces or ports of the host change.
//
//   NatRules + addresses of interfaces + ports of the host --wanted()--> addresses with ranges
//   --ExternalSlots--> slots --Translation--> what the snapshot points into
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "control/nat/external_slots.h"
#include "control/nat/host_ports.h"
#include "control/nat/nat_rules.h"
#include "nat/external_addresses.h"
#include "nat/source_nat.h"

namespace culvert {

/// What the rules need. `local`: the host's own addresses, whose pools leave out what the host listens on.
/// `interface_ports`: of addresses of interfaces.
/// An address gives no port that `destinations` forwards.
std::vector<ExternalSlots::Wanted> wanted_addresses(const NatRules& rules, std::span<const NatInterface> interfaces,
                                                    std::span<const IpAddress> local, std::span<const BoundPort> bound,
                                                    PoolRange interface_ports, const DestinationRules& destinations);

class Translation {
 public:
  /// `slots`: what was wanted has found its place there. `pairing_key`: of all workers, and of who comes after us.
  Translation(std::shared_ptr<const NatRules> rules, const ExternalSlots& slots,
              std::span<const NatInterface> interfaces, const HashKey& pairing_key);
  Translation(const Translation&) = delete;
  Translation& operator=(const Translation&) = delete;

  const NatRules& rules() const noexcept { return *rules_; }
  const SourceNat& source_nat() const noexcept { return source_nat_; }
  const ExternalAddresses& addresses() const noexcept { return addresses_; }
  const DestinationRules& destinations() const noexcept { return destinations_; }
  std::span<const ExternalAddress> slots() const noexcept { return by_slot_; }

 private:
  void add_slots(const ExternalSlots& slots, std::span<const NatInterface> interfaces);
  void add_pool(const std::vector<IpAddress>& addresses, bool ipv6, bool keep_port, const ExternalSlots& slots);

  std::shared_ptr<const NatRules> rules_;
  DestinationRules destinations_;
  std::vector<std::vector<HostPort>> excluded_;  ///< by slot
  std::vector<ExternalAddress> by_slot_;
  std::vector<std::uint16_t> places_;
  ExternalAddresses addresses_;
  std::vector<std::vector<std::uint16_t>> pool_slots_;
  std::vector<NatPool> pools_;  ///< those of the rules, then those of interfaces
  SourceNat source_nat_;
};

}  // namespace culvert
