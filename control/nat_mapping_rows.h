// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "control/server/session_query.h"
#include "control/session_walk.h"
#include "status/nat.h"

namespace culvert {

/// The mappings that fit, of a bounded part of the workers' tables of them, as session_page() does it; `now_s`: seconds
/// of CLOCK_MONOTONIC. `total` is left to the caller.
Result<NatMappingPage> nat_mapping_page(const std::vector<const SessionTables*>& workers, const SessionPageQuery& query,
                                        std::uint32_t now_s);

}  // namespace culvert
