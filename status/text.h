// SPDX-License-Identifier: Apache-2.0
// The CLI's screens, made from the same structures as every other output.
#pragma once

#include <string>
#include <vector>

#include "status/buffers.h"
#include "status/events.h"
#include "status/snapshot.h"

namespace culvert {

struct TextOptions {
  bool colour = false;  ///< escape sequences; only for a terminal
  bool detail = false;  ///< one row a worker, lane or pool
};

/// `show system buffers`
std::string buffers_text(const BufferReport& report, const TextOptions& options);
/// `show system buffers --check`: one line a warning, or one line that says that there is none.
std::string check_text(const BufferReport& report);
/// `show system userspace status`: one screen.
std::string status_text(const StatusSnapshot& status, const TextOptions& options);
/// `show interfaces`
std::string interfaces_text(const StatusSnapshot& status, const TextOptions& options);
/// `show workers`
std::string workers_text(const StatusSnapshot& status, const TextOptions& options);
/// `show drops`: by reason with its sentence, or (detail) by interface and reason.
std::string drops_text(const StatusSnapshot& status, const TextOptions& options);
/// `watch counters`: interfaces and workers with their rates, and how fast drops and pressure counters grew since
/// `before` (null: the first screen, where that is not known).
std::string counters_text(const StatusSnapshot* before, const StatusSnapshot& now, const TextOptions& options);
/// `show events`, `watch events`: one line each.
std::string event_line(const Event& event);

}  // namespace culvert
