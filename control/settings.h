// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "config/config.h"
#include "control/netlink/ip_prefix.h"
#include "kernel_redirect/punt.h"
#include "kernel_redirect/state.h"
#include "pipeline/snapshot.h"

namespace culvert {

class Firewall;

// From the words of the configuration to those of the folders below.

/// The number of each interface: its place among their names.
std::map<std::string, InterfaceIndex> interface_numbers(const Config& config);
DenyList deny_list(const Config& config);
std::vector<RedirectPort> failsafe_ports(const Config& config);
FailMode fail_mode(const Config& config);
/// The Ethernet addresses whose packets Culvert takes on an interface that has `own`, which comes first; no address
/// twice.
std::vector<MacAddress> stations_of(const InterfaceConfig& config, const MacAddress& own);
PuntOptions punt_options(const Config& config);

/// A snapshot with everything that comes from the configuration and its policy, and no interface yet.
Snapshot snapshot_of(const Config& config, std::uint64_t generation, const Firewall& firewall);

/// Gives XDP what a reload may have changed: fail mode, deny list, failsafe ports. All of it is tried; the first error
/// is returned.
Result<void> apply_to_redirect(const Config& config, RedirectState& redirect);
/// The same for a reload: after an error XDP has what `running` says again.
Result<void> apply_to_redirect(const Config& config, const Config& running, RedirectState& redirect);

/// Tells XDP this host's addresses. All are tried; the first error is returned. What found no room is counted, and
/// redirected and punted as if it were any other: no reason to refuse a configuration.
Result<void> tell_local_addresses(std::span<const IpAddress> addresses,
                                  const std::function<AddressUse(const IpAddress&)>& use_of, RedirectState& redirect);
Result<void> tell_local_address(const IpAddress& address, AddressUse use, RedirectState& redirect);

}  // namespace culvert
