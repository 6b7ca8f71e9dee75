// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/support/bench.h"

namespace culvert::bench {

/// New sessions with many rules and large sets beside few rules (P9).
void measure_rules(const Options& options, Report& report);

}  // namespace culvert::bench
