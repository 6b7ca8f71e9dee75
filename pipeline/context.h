// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/hash.h"
#include "base/time.h"
#include "pipeline/cells.h"
#include "pipeline/snapshot.h"
#include "routes/lpm4.h"
#include "routes/lpm6.h"
#include "routes/next_hop.h"

namespace culvert {

/// The tables that control writes in place and workers read. `generation` grows with each change that may resolve a
/// packet that waits.
struct RouteTables {
  const Lpm4* ipv4 = nullptr;
  const Lpm6* ipv6 = nullptr;
  const NextHopTable* next_hops = nullptr;
  const std::atomic<std::uint64_t>* generation = nullptr;
};

/// What every stage gets: the configuration, the tables, the counters and the time; never a clock, a thread or a
/// socket.
struct Context {
  const Snapshot& snapshot;
  const RouteTables& routes;
  const HashKey& multipath_key;
  PipelineCells& cells;
  Now now;
};

}  // namespace culvert
