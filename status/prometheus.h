// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "status/snapshot.h"

namespace culvert {

struct PrometheusOptions {
  /// More lines than this are left out and counted in culvert_metrics_series_left_out.
  std::size_t max_series = 20'000;
  /// Drop reasons that never happened have a line with 0 too, so that a rate can begin.
  bool zero_drops = true;
};

/// Packets that the kernel loses after it took them are taken out of `forwarded` and of the interface's sent ones when
/// it tells. Prometheus takes any counter that becomes smaller for one that began again at 0, and adds its whole value
/// to every rate; so what it sees stands still until the truth has caught up. One for each culvertd.
class SteadyCounters {
 public:
  /// To be called with one status after the other.
  void hold(StatusSnapshot& status);

 private:
  std::map<std::uint32_t, std::uint64_t> forwarded_;  ///< by worker
  std::map<std::string, std::uint64_t> sent_;         ///< by interface
};

/// The Prometheus text format 0.0.4. What is unknown has no line.
std::string prometheus_text(const StatusSnapshot& status, const PrometheusOptions& options = {});

}  // namespace culvert
