// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/support/bench.h"

namespace culvert::bench {

/// What it costs to look at sessions that go on (S9).
void measure_expiry(const Options& options, Report& report);

}  // namespace culvert::bench
