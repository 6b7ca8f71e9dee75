// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/mapping.h"
#include "config/config.h"
#include "control/netlink/table_sink.h"
#include "control/worker_group.h"
#include "pipeline/context.h"
#include "routes/lpm4_writer.h"
#include "routes/lpm6_writer.h"
#include "routes/next_hop_allocator.h"

namespace culvert {

/// The routing tables' memory, the tables that workers read, and control's writers. Sized once from the limits; page
/// size decides what a lookup in a full table costs.
class RouteMemory {
 public:
  /// `before`: the generation of tables of which sessions may still have next hops; numbers begin behind it.
  RouteMemory(const LimitsConfig& limits, HugePages huge_pages, std::uint64_t before = 0);
  RouteMemory(const RouteMemory&) = delete;
  RouteMemory& operator=(const RouteMemory&) = delete;

  RouteTables tables() const noexcept { return {&ipv4_, &ipv6_, &next_hops_, &generation_}; }

  Lpm4Writer& ipv4() noexcept { return ipv4_writer_; }
  Lpm6Writer& ipv6() noexcept { return ipv6_writer_; }
  NextHopAllocator& next_hops() noexcept { return allocator_; }
  NextHopTable& next_hop_table() noexcept { return next_hops_; }
  /// Where the kernel mirror writes.
  TableSink& sink() noexcept { return sink_; }

  /// Something that a waiting packet may need has changed: workers try those packets again.
  void changed() noexcept { generation_.fetch_add(1, std::memory_order_release); }

  /// Frees what every worker has left behind; called by a timer. Cheap when nothing waits.
  void reclaim(const WorkerGroup& workers);

  void clear_peaks() noexcept;

  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_relaxed); }
  PageKind pages() const noexcept { return ipv4_memory_.pages(); }

 private:
  Mapping ipv4_memory_;
  Mapping ipv6_memory_;
  Mapping next_hop_memory_;
  Mapping group_memory_;
  Lpm4 ipv4_;
  Lpm6 ipv6_;
  NextHopTable next_hops_;
  Lpm4Writer ipv4_writer_;
  Lpm6Writer ipv6_writer_;
  NextHopAllocator allocator_;
  std::atomic<std::uint64_t> generation_;
  TableSink sink_;
  Epoch announced_ = 0;  ///< what the workers have still to acknowledge; 0: nothing
  WorkerGroup::Moment moment_;
};

}  // namespace culvert
