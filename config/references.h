// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/node.h"
#include "config/rule.h"

namespace culvert {

/// Whether every name in a configuration is somebody's: zones of interfaces and rules, sets, services, schedules and
/// pools of rules, sets in sets. Also that no set is part of itself, that rules have different names, that what names
/// stand for is bounded, and that address translation has a policy. `config` may be read in part only: a value that was
/// refused names nobody.
void check_references(const Config& config, const YamlNode& root, const Place& place);

}  // namespace culvert
