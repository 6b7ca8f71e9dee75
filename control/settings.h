// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "kernel_redirect/punt.h"
#include "kernel_redirect/state.h"
#include "pipeline/snapshot.h"

namespace culvert {

// From the words of the configuration to those of the folders below.

DenyList deny_list(const Config& config);
std::vector<RedirectPort> failsafe_ports(const Config& config);
FailMode fail_mode(const Config& config);
AddressUse local_address_use(const Config& config);
PuntOptions punt_options(const Config& config);

/// A snapshot with everything that comes from the configuration, and no interface yet.
Snapshot snapshot_of(const Config& config, std::uint64_t generation);

/// Gives XDP what a reload may have changed: fail mode, deny list, failsafe ports. All of it is tried; the first error
/// is returned.
Result<void> apply_to_redirect(const Config& config, RedirectState& redirect);

}  // namespace culvert
