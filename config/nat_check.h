// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/node.h"
#include "config/rule.h"

namespace culvert {

/// Whether pools and rules go together: each address in one place, no more of them than have ports, and in each pool
/// one of every family that its rules are for. What is right and probably not meant is a warning: pools that no rule
/// uses, rules that translate between all zones.
void check_translation(const Config& config, const YamlNode& root, const Place& place);

/// The same of rules that change the destination, with every name that they use there: spans fit each other, ports are
/// as many, and nobody's address is somebody else's.
void check_destination_nat(const Config& config, const YamlNode& nat_node, const Place& place);

/// Rules that can never match, as check_shadows() finds those of the policy.
void check_nat_shadows(const Config& config, const YamlNode& root, const Place& place);

}  // namespace culvert
