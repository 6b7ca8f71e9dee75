// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "config/config.h"
#include "config/rule.h"

namespace culvert {

/// "auto", a count, or a list of CPU numbers, of at most `most` workers.
ValueRule<WorkerChoice> worker_rule(std::size_t most);

}  // namespace culvert
