// SPDX-License-Identifier: Apache-2.0
// Policy rules that keep the kernel from forwarding what was punted, IPv4 and IPv6:
//
//   0:  from all iif culvert0 lookup local  proto 199
//   0:  from all iif culvert0 blackhole     proto 199
//
// So a punted packet reaches an address of this host or nothing. Priority 0 is looked at first: no rule of somebody
// else, whatever its priority, can route the packet, even where the local table's own rule was moved down (as VRFs
// want it). The kernel keeps rules of one priority in the order in which they were added (net/core/fib_rules.c,
// fib_newrule). Rules survive the tun and the process; so they carry a protocol number of ours to be found by.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace culvert {

/// FRA_PROTOCOL of our rules. RTPROT_* numbers are assigned by use; nobody uses 199 (iproute2, etc/iproute2/rt_protos).
inline constexpr std::uint8_t kRuleProtocol = 199;

/// Adds the rules for this tun, which need not exist yet. IPv6 ones only where the kernel has IPv6.
Result<void> add_punt_rules(const std::string& tun);

/// Removes our rules for this tun, those of a dead process included; returns how many.
Result<unsigned> remove_punt_rules(const std::string& tun);

/// Removes our rules for any tun that does not exist (any more); returns how many.
Result<unsigned> remove_dead_punt_rules();

}  // namespace culvert
