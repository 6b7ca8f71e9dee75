// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/support/bench.h"
#include "bench/support/dpdk_routes.h"

namespace culvert::bench {

/// Packets of sessions with source NAT (P3), and of new ones. `fib` as in Reference, or null.
void measure_translated(const RteFib4* fib, const Options& options, Report& report);

}  // namespace culvert::bench
