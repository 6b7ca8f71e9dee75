// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/support/bench.h"

namespace culvert::bench {

/// What flows with a structure cost, beside random ones (FLOOD).
void measure_flooding(const Options& options, Report& report);

}  // namespace culvert::bench
