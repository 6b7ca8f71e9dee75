// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "status/snapshot.h"

namespace culvert {

struct PrometheusOptions {
  /// More lines than this are left out and counted in culvert_metrics_series_left_out.
  std::size_t max_series = 20'000;
  /// Drop reasons that never happened have a line with 0 too, so that a rate can begin.
  bool zero_drops = true;
};

/// The Prometheus text format 0.0.4. What is unknown has no line.
std::string prometheus_text(const StatusSnapshot& status, const PrometheusOptions& options = {});

}  // namespace culvert
