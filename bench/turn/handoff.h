// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bench/support/bench.h"

namespace culvert::bench {

/// Packets whose sessions are another worker's (P7), with threads on the first two of the CPUs. To be called last: it
/// pins the calling thread.
void measure_handoff(const std::vector<int>& cpus, const Options& options, Report& report);

}  // namespace culvert::bench
