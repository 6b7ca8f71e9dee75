// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/node.h"
#include "config/rule.h"

namespace culvert {

/// Whether values that are each within bounds make sense together. Reports at the place of the value to change; `root`
/// is the text that the configuration was read from.
void check_together(const Config& config, const YamlNode& root, const Place& place);

}  // namespace culvert
