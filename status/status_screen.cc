// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fmt/format.h>

#include "status/table.h"
#include "status/text.h"

namespace culvert {
namespace {

using Align = Table::Align;

std::string head(const StatusSnapshot& status) {
  std::string text =
      fmt::format("culvertd {}, pid {}, up {}, fail: {}, configuration generation {}, snapshot generation {}\n",
                  status.version, status.process.pid, elapsed_text(status.uptime_ms), status.fail_mode,
                  count_text(status.configuration_generation), status.snapshot_generation);
  text += fmt::format("Heartbeat {}, rates over {}, memory {}, agent {}\n",
                      status.heartbeat_age_ms ? fmt::format("{} ms ago", *status.heartbeat_age_ms) : "-",
                      status.interval_ms ? elapsed_text(*status.interval_ms) : "-",
                      status.process.resident_bytes ? fmt::format("{} MiB", *status.process.resident_bytes >> 20) : "-",
                      status.agent ? status.agent->state : "-");
  if (status.last_error) {
    text += fmt::format("Last error ({} in all), {}: {}\n", status.last_error->count,
                        time_text(status.last_error->time_unix_ms), status.last_error->what);
  } else {
    text += "Last error: none\n";
  }
  return text;
}

/// "12/2048" of a lane's ring, "-" when it is unknown.
std::string occupancy(const StatusSnapshot& status, const std::string& scope, std::string_view ring) {
  for (const ResourceStatus& row : status.resources) {
    if (row.resource == ring && row.scope == scope && row.used && row.max) {
      return fmt::format("{}/{}", *row.used, *row.max);
    }
  }
  return "-";
}

std::string lanes(const StatusSnapshot& status, const TextOptions& options) {
  Table table({{"Lane", Align::kLeft},
               {"Worker"},
               {"State", Align::kLeft},
               {"Asked", Align::kLeft},
               {"Got", Align::kLeft},
               {"Wakeup", Align::kLeft},
               {"rx pkt/s"},
               {"tx pkt/s"},
               {"rx ring"},
               {"tx ring"},
               {"fill"},
               {"completion"}});
  std::string reasons;
  for (const LaneStatus& lane : status.lanes) {
    const std::string scope = fmt::format("{}/{}", lane.interface, lane.queue);
    table.row({scope, fmt::format("{}", lane.worker), lane.state, lane.mode_asked, lane.mode_got, lane.wakeup,
               rate_text(lane.rx_packets_per_second), rate_text(lane.tx_packets_per_second),
               occupancy(status, scope, "rx_ring"), occupancy(status, scope, "tx_ring"),
               occupancy(status, scope, "fill_ring"), occupancy(status, scope, "completion_ring")},
              lane.state == "up" ? Colour::kNone : Colour::kRed);
    if (lane.why_not_better) reasons += fmt::format("  {}: {}\n", scope, *lane.why_not_better);
  }
  return table.text(options.colour) + reasons;
}

std::string frames(const FrameStatus& status) {
  if (status.unknown) return fmt::format("Frames: - ({})\n", *status.unknown);
  std::string text = fmt::format("Frames: {} =", count_text(status.home));
  for (const NamedCount& holder : status.holders) text += fmt::format(" {} {} +", holder.name, holder.value);
  text += fmt::format(" in flight {}", status.in_flight.value_or(0));
  if (status.unaccounted.value_or(0) != 0) text += fmt::format("; UNACCOUNTED {}", *status.unaccounted);
  return text + "\n";
}

std::string kernel(const StatusSnapshot& status) {
  if (status.xdp_actions.empty()) return {};
  std::string text = "XDP:";
  for (const XdpActionStatus& row : status.xdp_actions) {
    if (row.packets == 0) continue;
    text += row.interface == "all" ? fmt::format(" {} {}", row.action, row.packets)
                                   : fmt::format(" {} {} {}", row.interface, row.action, row.packets);
  }
  return text + "\n";
}

std::string sums(const StatusSnapshot& status) {
  std::uint64_t completed = 0, sent = 0, suppressed = 0, fragmented = 0;
  for (const WorkerStatus& worker : status.workers) {
    completed += worker.partial_checksums_completed;
    sent += worker.icmp_errors_sent;
    suppressed += worker.icmp_errors_suppressed;
    fragmented += worker.fragmented;
  }
  std::string text = fmt::format(
      "Checksums completed {}, ICMP errors sent {} (suppressed {}), fragmented {}; events produced {}, delivered {}, "
      "lost {}\n",
      completed, sent, suppressed, fragmented, status.events.produced, status.events.delivered, status.events.lost);
  return text;
}

std::string sessions(const SessionStatus& status, const TextOptions& options) {
  Table table({{"Worker"},
               {"Sessions"},
               {"Half-open"},
               {"Created"},
               {"Expired"},
               {"Evicted"},
               {"Cleared"},
               {"Renewed"},
               {"Refused"},
               {"Policy asked"},
               {"Resets sent"}});
  for (const WorkerSessions& row : status.workers) {
    const std::uint64_t refused = row.refused_full + row.refused_half_open + row.refused_reply + row.refused_place;
    table.row({fmt::format("{}", row.worker), fmt::format("{}", row.sessions), fmt::format("{}", row.half_open),
               fmt::format("{}", row.created), fmt::format("{}", row.expired), fmt::format("{}", row.evicted),
               fmt::format("{}", row.cleared), fmt::format("{}", row.renewed), fmt::format("{}", refused),
               fmt::format("{}", row.policy_evaluations), fmt::format("{}", row.tcp_resets_sent)});
  }
  return "\n" + table.text(options.colour);
}

}  // namespace

std::string status_text(const StatusSnapshot& status, const TextOptions& options) {
  std::string text = head(status);
  text += "\n" + workers_text(status, options);
  text += "\n" + lanes(status, options);
  if (status.sessions) text += sessions(*status.sessions, options);
  text += "\n" + frames(status.frames) + kernel(status) + sums(status);
  const BufferReport report = buffer_report(status);
  text += report.warnings.empty() ? "Resources: OK\n" : fmt::format("Resources: {}\n", report.status);
  for (const BufferWarning& warning : report.warnings) text += fmt::format("  {}: {}\n", warning.status, warning.text);
  return text;
}

}  // namespace culvert
