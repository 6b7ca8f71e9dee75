// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/node.h"
#include "config/rule.h"

namespace culvert {

/// What is right and probably not meant: zones that nobody is in, sets that hold nobody, a policy that denies nothing.
void check_firewall(const Config& config, const YamlNode& root, const Place& place);

/// Rules that can never match, because an earlier one matches all that they do. Only what can be seen without looking
/// into sets: the same or more zones; any, or the same addresses and services. Such rules are warnings.
void check_shadows(const Config& config, const YamlNode& root, const Place& place);

}  // namespace culvert
