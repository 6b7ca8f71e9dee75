// SPDX-License-Identifier: Apache-2.0
#include "control/nat/destination_rules.h"

#include <algorithm>
#include <array>
#include <utility>

namespace culvert {
namespace {

AddressNumber number_of(const IpAddress& address) {
  return address.is_ipv4() ? AddressNumber::of(address.ipv4()) : AddressNumber::of(address.ipv6());
}

constexpr NatRange kNowhere{{0, 1}, {0, 0}};

constexpr std::array kPortProtocols = {std::pair{PortKind::kTcp, std::uint8_t{6}},
                                       std::pair{PortKind::kUdp, std::uint8_t{17}},
                                       std::pair{PortKind::kSctp, std::uint8_t{132}}};

}  // namespace

DestinationRules::DestinationRules(std::span<const ConfiguredDestination> configured,
                                   std::span<const NatInterface> interfaces)
    : configured_(configured), table_(made_of(interfaces)) {}

std::vector<DestinationRule> DestinationRules::made_of(std::span<const NatInterface> interfaces) {
  std::vector<DestinationRule> rules;
  const auto add = [&](const DestinationRule& rule, std::size_t origin) -> DestinationRule& {
    origin_.push_back(origin);
    return rules.emplace_back(rule);
  };
  for (std::size_t i = 0; i < configured_.size(); ++i) {
    const DestinationRule& rule = configured_[i].rule;
    const auto is_in = [&rule](const NatInterface& interface) { return (rule.from >> interface.zone & 1) != 0; };
    if (!configured_[i].interface) {
      const auto home = std::find_if(interfaces.begin(), interfaces.end(), is_in);
      DestinationRule& made = add(rule, i);
      // Who says no zone does not say where outside is.
      if (rule.from != kAnyNatZone && home != interfaces.end()) made.home = home->number;
      continue;
    }
    const std::size_t before = rules.size();
    for (const NatInterface& interface : interfaces) {
      const auto& address = interface.address[rule.ipv6 ? 1 : 0];
      if (!is_in(interface) || !address.has_value()) continue;
      const AddressNumber outside = number_of(*address);
      DestinationRule& made = add(rule, i);
      made.addresses = AddressMap::all_to_one({outside, outside}, rule.addresses.inside().first);
      made.home = interface.number;
    }
    // Without an address nobody comes; what is inside is a target all the same, so that its sessions keep their worker.
    if (rules.size() == before)
      add(rule, i).addresses = AddressMap::all_to_one(kNowhere, rule.addresses.inside().first);
  }
  return rules;
}

bool DestinationRules::has_outside(const IpAddress& address) const noexcept {
  return (address.is_ipv4() ? nat().at_outside(address.ipv4()) : nat().at_outside(address.ipv6())) != nullptr;
}

std::optional<std::vector<HostPort>> DestinationRules::forwarded_ports(const IpAddress& address,
                                                                       PoolRange range) const {
  std::vector<HostPort> ports;
  const auto add_all = [&](PortKind kind, unsigned first, unsigned last) {
    for (unsigned port = std::max<unsigned>(first, range.first); port <= std::min<unsigned>(last, range.last); ++port) {
      ports.push_back({kind, static_cast<std::uint16_t>(port)});
    }
  };
  for (const DestinationRule& rule : nat().rules()) {
    if (rule.ipv6 == address.is_ipv4() || !rule.addresses.outside().holds(number_of(address))) continue;
    if (rule.any_protocol) return std::nullopt;
    if (port_kind(rule.protocol) == PortKind::kIcmp) add_all(PortKind::kIcmp, 0, 0xffff);
    for (const auto& [kind, protocol] : kPortProtocols) {
      if (rule.protocol != protocol) continue;
      add_all(kind, rule.any_port ? 0 : rule.ports.first, rule.any_port ? 0xffff : rule.ports.last);
    }
  }
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

}  // namespace culvert
