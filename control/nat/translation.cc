// SPDX-License-Identifier: Apache-2.0
#include "control/nat/translation.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace culvert {
namespace {

/// Whether some rule translates to the interface's own address.
bool lends_its_address(const NatInterface& interface, bool ipv6, const NatRules& rules) {
  return std::any_of(rules.rules.begin(), rules.rules.end(), [&interface, ipv6](const SourceRule& rule) {
    return rule.action == SourceAction::kInterface && rule.ipv6 == ipv6 && (rule.to >> interface.zone & 1) != 0;
  });
}

/// The interface of the lowest number by which sessions of this rule leave; none: it says no zones.
InterfaceIndex way_of(const SourceRule& rule, std::span<const NatInterface> interfaces) {
  if (rule.to == kAnyNatZone) return kNoInterface;
  const auto leads = [&rule](const NatInterface& interface) { return (rule.to >> interface.zone & 1) != 0; };
  const auto found = std::find_if(interfaces.begin(), interfaces.end(), leads);
  return found != interfaces.end() ? found->number : kNoInterface;
}

/// Where packets to external addresses come in: the interface that lends one; of a pool's, where the sessions of the
/// first rule that gives it leave.
std::map<IpAddress, InterfaceIndex> homes_of(const NatRules& rules, std::span<const NatInterface> interfaces) {
  std::map<IpAddress, InterfaceIndex> homes;
  for (const NatInterface& interface : interfaces) {
    for (const auto& address : interface.address) {
      if (address.has_value()) homes.emplace(*address, interface.number);
    }
  }
  for (const SourceRule& rule : rules.rules) {
    const InterfaceIndex way = rule.action == SourceAction::kPool ? way_of(rule, interfaces) : kNoInterface;
    if (way == kNoInterface) continue;
    for (const IpAddress& address : rules.pools[rule.pool].addresses) homes.emplace(address, way);
  }
  return homes;
}

/// The zones for which sessions leave with an address; those of no rule are not there.
std::map<IpAddress, NatZones> outside_of(const NatRules& rules, std::span<const NatInterface> interfaces) {
  std::map<IpAddress, NatZones> zones;
  for (const SourceRule& rule : rules.rules) {
    if (rule.action == SourceAction::kPool) {
      for (const IpAddress& address : rules.pools[rule.pool].addresses) zones[address] |= rule.to;
    }
    if (rule.action != SourceAction::kInterface) continue;
    for (const NatInterface& interface : interfaces) {
      const auto& address = interface.address[rule.ipv6 ? 1 : 0];
      const NatZones zone = NatZones{1} << interface.zone;
      if (address.has_value() && (rule.to & zone) != 0) zones[*address] |= zone;
    }
  }
  return zones;
}

}  // namespace

std::vector<ExternalSlots::Wanted> wanted_addresses(const NatRules& rules, std::span<const NatInterface> interfaces,
                                                    std::span<const IpAddress> local, std::span<const BoundPort> bound,
                                                    PoolRange interface_ports, const DestinationRules& destinations) {
  const std::set<IpAddress> of_host(local.begin(), local.end());
  std::set<IpAddress> seen;
  std::vector<ExternalSlots::Wanted> wanted;
  const auto want = [&](const IpAddress& address, PoolRange range) {
    if (!seen.insert(address).second) return;
    const auto forwarded = destinations.forwarded_ports(address, range);
    if (!forwarded.has_value()) return wanted.push_back({address, kNoPorts, {}});
    const auto nobody = std::span<const BoundPort>();
    const auto own = ports_at(address, range, of_host.contains(address) ? bound : nobody);
    std::vector<HostPort> excluded;
    std::set_union(own.begin(), own.end(), forwarded->begin(), forwarded->end(), std::back_inserter(excluded));
    wanted.push_back({address, range, std::move(excluded)});
  };
  // A pool that names an interface's address says which ports it gives.
  for (const NatRules::Pool& pool : rules.pools) {
    for (const IpAddress& address : pool.addresses) want(address, pool.range);
  }
  for (const NatInterface& interface : interfaces) {
    for (const bool ipv6 : {false, true}) {
      const auto& address = interface.address[ipv6 ? 1 : 0];
      if (address.has_value() && lends_its_address(interface, ipv6, rules)) want(*address, interface_ports);
    }
  }
  return wanted;
}

Translation::Translation(std::shared_ptr<const NatRules> rules, const ExternalSlots& slots,
                         std::span<const NatInterface> interfaces, const HashKey& pairing_key)
    : rules_(std::move(rules)), destinations_(rules_->destinations, interfaces) {
  add_slots(slots, interfaces);
  for (const NatRules::Pool& pool : rules_->pools) add_pool(pool.addresses, pool.ipv6, pool.keep_port, slots);
  for (auto& of_family : source_nat_.interface_pool) of_family.fill(kNoNatPool);
  for (const NatInterface& interface : interfaces) {
    for (const bool ipv6 : {false, true}) {
      const auto& address = interface.address[ipv6 ? 1 : 0];
      if (!address.has_value() || !slots.find(*address).has_value()) continue;
      source_nat_.interface_pool[ipv6 ? 1 : 0][interface.number] = static_cast<NatPoolIndex>(pools_.size());
      add_pool({*address}, ipv6, false, slots);
    }
  }
  for (std::size_t i = 0; i < pools_.size(); ++i) pools_[i].slots = pool_slots_[i];
  source_nat_.rules = rules_->rules;
  source_nat_.pools = pools_;
  source_nat_.pairing_key = pairing_key;
}

void Translation::add_slots(const ExternalSlots& slots, std::span<const NatInterface> interfaces) {
  const std::map<IpAddress, InterfaceIndex> homes = homes_of(*rules_, interfaces);
  const std::map<IpAddress, NatZones> outside = outside_of(*rules_, interfaces);
  excluded_.reserve(slots.all().size());
  for (const ExternalSlots::Slot& slot : slots.all()) {
    excluded_.push_back(slot.excluded);
    const bool free = slot.state == ExternalSlots::State::kFree;
    ExternalAddress made{free ? Ipv6Address{} : slot.address.ipv6(), slot.range, excluded_.back(), slot.version};
    if (const auto home = homes.find(slot.address); !free && home != homes.end()) made.home = home->second;
    if (const auto zones = outside.find(slot.address); !free && zones != outside.end()) made.outside = zones->second;
    by_slot_.push_back(made);
  }
  places_.resize(ExternalAddresses::places_for(by_slot_.size()));
  addresses_ = ExternalAddresses(by_slot_, places_);
}

void Translation::add_pool(const std::vector<IpAddress>& addresses, bool ipv6, bool keep_port,
                           const ExternalSlots& slots) {
  std::vector<std::uint16_t>& of_pool = pool_slots_.emplace_back();
  for (const IpAddress& address : addresses) {
    if (const auto slot = slots.find(address)) of_pool.push_back(static_cast<std::uint16_t>(*slot));
  }
  std::sort(of_pool.begin(), of_pool.end());
  pools_.push_back({{}, ipv6, keep_port});
}

}  // namespace culvert
