// SPDX-License-Identifier: Apache-2.0
#include "control/settings.h"

#include <algorithm>

#include "base/bytes.h"
#include "control/firewall.h"

namespace culvert {
namespace {

Ipv4Address ipv4(const ConfigAddress& address) {
  return load<Ipv4Address>(address.bytes.data());
}
Ipv6Address ipv6(const ConfigAddress& address) {
  return Ipv6Address{address.bytes};
}

}  // namespace

std::map<std::string, InterfaceIndex> interface_numbers(const Config& config) {
  std::map<std::string, InterfaceIndex> numbers;
  for (const auto& [name, interface] : config.interfaces) {
    const auto number = static_cast<InterfaceIndex>(numbers.size());
    numbers.emplace(name, number);
  }
  return numbers;
}

DenyList deny_list(const Config& config) {
  DenyList list;
  for (const ConfigPrefix& prefix : config.system.deny) {
    if (prefix.address.is_ipv6) {
      list.v6.push_back({ipv6(prefix.address), prefix.length});
    } else {
      list.v4.push_back({ipv4(prefix.address), prefix.length});
    }
  }
  return list;
}

std::vector<RedirectPort> failsafe_ports(const Config& config) {
  std::vector<RedirectPort> ports;
  for (const ProtocolPort& port : config.system.failsafe_ports) ports.push_back({port.protocol, port.port});
  return ports;
}

FailMode fail_mode(const Config& config) {
  return fails_closed(config) ? FailMode::kClosed : FailMode::kOpen;
}

std::vector<MacAddress> stations_of(const InterfaceConfig& config, const MacAddress& own) {
  std::vector<MacAddress> stations{own};
  for (const MacAddress& further : config.further_stations) {
    if (further != own) stations.push_back(further);
  }
  return stations;
}

PuntOptions punt_options(const Config& config) {
  PuntOptions options;
  options.name = config.system.punt.device;
  options.address = ipv4(config.system.punt.address.address);
  return options;
}

Snapshot snapshot_of(const Config& config, std::uint64_t generation, const Firewall& firewall) {
  Snapshot snapshot;
  snapshot.generation = generation;
  snapshot.icmp_errors_per_second = config.system.limits.icmp_errors_per_second;
  snapshot.idle_spin_ns = config.system.idle.spin_ns;
  snapshot.stateful = firewall.stateful(config);
  return snapshot;
}

Result<void> apply_to_redirect(const Config& config, RedirectState& redirect) {
  redirect.set_fail_mode(fail_mode(config));
  Result<void> outcome = redirect.replace_deny_list(deny_list(config));
  const std::vector<RedirectPort> ports = failsafe_ports(config);
  if (auto replaced = redirect.replace_failsafe_ports(ports); replaced.has_error() && outcome.has_value()) {
    outcome = replaced;
  }
  return outcome;
}

Result<void> apply_to_redirect(const Config& config, const Config& running, RedirectState& redirect) {
  auto applied = apply_to_redirect(config, redirect);
  if (applied.has_error()) (void)apply_to_redirect(running, redirect);  // it fitted before
  return applied;
}

Result<void> tell_local_address(const IpAddress& address, AddressUse use, RedirectState& redirect) {
  return address.is_ipv4() ? redirect.set_local_address(address.ipv4(), use)
                           : redirect.set_local_address(address.ipv6(), use);
}

Result<void> tell_local_addresses(std::span<const IpAddress> addresses,
                                  const std::function<AddressUse(const IpAddress&)>& use_of, RedirectState& redirect) {
  Result<void> outcome;
  for (const IpAddress& address : addresses) {
    auto told = tell_local_address(address, use_of(address), redirect);
    if (told.has_error() && outcome.has_value()) outcome = told;
  }
  return outcome;
}

}  // namespace culvert
