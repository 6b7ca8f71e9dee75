// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "control/nat/translations.h"
#include "status/nat.h"

namespace culvert {

/// Ports of one slot and kind that workers have given out, as they say.
using PortUseOf = std::function<NatPortUse(std::size_t slot, PortKind kind)>;

/// External addresses by page: at most `limit`, those after the one that `after` names. `interfaces`: what they are
/// called. Errors: `after` is no `next` of an earlier page.
Result<NatPools> nat_pools(const Translations& translations, const NatRules& rules,
                           const std::map<IpAddress, std::string>& interfaces, const PortUseOf& use,
                           const std::string& after, std::size_t limit);

}  // namespace culvert
