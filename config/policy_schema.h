// SPDX-License-Identifier: Apache-2.0
// The firewall's part of the table of keys (schema.h).
#pragma once

#include "config/policy.h"
#include "config/section.h"

namespace culvert {

inline constexpr std::size_t kMostZones = kMaxZones - 1;  ///< kNoZone is the rest
inline constexpr std::size_t kMostInRule = 1024;          ///< addresses or services of its own; longer lists are sets

Section<ZoneConfig> zone_section();
Section<PolicyConfig> policy_section();
Section<SessionsConfig> sessions_section();
ValueRule<ReversePath> reverse_path_rule();

}  // namespace culvert
