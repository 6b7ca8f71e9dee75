// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "status/nat.h"
#include "status/text.h"

namespace culvert {

/// `show nat rules`: one line a rule.
std::string nat_rules_text(const NatRulePage& page, const TextOptions& options);
/// `show nat pools`: one line an address.
std::string nat_pools_text(const NatPools& pools, const TextOptions& options);
/// `show nat mappings`: one line a mapping.
std::string nat_mappings_text(const std::vector<NatMappingRow>& mappings, const TextOptions& options);

}  // namespace culvert
