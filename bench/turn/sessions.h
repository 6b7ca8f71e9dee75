// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/support/bench.h"
#include "bench/support/dpdk_routes.h"

namespace culvert::bench {

/// Packets of sessions that there are (P2, P5), and of new ones (P8). `fib` as in Reference, or null.
void measure_sessions(const RteFib4* fib, const Options& options, Report& report);

}  // namespace culvert::bench
