// SPDX-License-Identifier: Apache-2.0
// The one table of keys. Everything that a person may write has a row here with its type, bounds, default (the member's
// in config.h), one sentence, the reason of the default, and whether a running culvertd takes a change.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace culvert {

/// The whole schema; built once.
const Section<Config>& schema();

/// Its rows, parents before children: "system", "system.workers", ...
const std::vector<KeyInfo>& schema_keys();

/// Every value of a configuration with its path, in the schema's order.
std::vector<KeyValue> key_values(const Config& config);

}  // namespace culvert
