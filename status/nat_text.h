// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "status/nat.h"
#include "status/text.h"

namespace culvert {

/// `show nat pools`: one line an address.
std::string nat_pools_text(const NatPools& pools, const TextOptions& options);

}  // namespace culvert
