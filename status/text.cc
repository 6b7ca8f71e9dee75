// SPDX-License-Identifier: Apache-2.0
#include "status/text.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "packet/verdict.h"
#include "status/table.h"

namespace culvert {
namespace {

using Align = Table::Align;

Colour colour_of(const std::optional<std::string>& status) {
  if (status == buffer_state_text(BufferState::kCritical)) return Colour::kRed;
  if (status == buffer_state_text(BufferState::kWarning)) return Colour::kYellow;
  return status ? Colour::kNone : Colour::kDim;
}

std::string percent_cell(const OptionalRate& percent) {
  return percent ? percent_text(percent) + "%" : "-";
}

/// "CRITICAL (wan0/1 97.7%)": the worst member is named unless the row is that member.
std::string aggregate_status(const BufferAggregate& row) {
  if (!row.status) return fmt::format("- ({})", row.unknown.value_or("unknown"));
  if (row.members == 1 || *row.status == buffer_state_text(BufferState::kOk)) return *row.status;
  return fmt::format("{} ({} {}%)", *row.status, row.worst_scope.value_or("-"), percent_text(row.worst_usage_percent));
}

Table buffers_table() {
  return Table({{"Resource", Align::kLeft},
                {"Scope", Align::kLeft},
                {"Max"},
                {"Used"},
                {"Peak"},
                {"Usage%"},
                {"Failures"},
                {"Status", Align::kLeft}});
}

std::string sessions_line(const std::optional<SessionStatus>& sessions) {
  if (!sessions) return "Active sessions: - (this configuration keeps no sessions)\n";
  if (!sessions->ipv4 || !sessions->ipv6) return fmt::format("Active sessions: {}\n", sessions->total);
  return fmt::format("Active sessions: {} IPv4, {} IPv6, {} total\n", *sessions->ipv4, *sessions->ipv6,
                     sessions->total);
}

std::string reason_sentence(const std::string& name) {
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const DropReasonText& text = drop_reason_text(static_cast<DropReason>(i));
    if (text.name == name) return std::string(text.sentence);
  }
  return {};
}

}  // namespace

std::string buffers_text(const BufferReport& report, const TextOptions& options) {
  Table table = buffers_table();
  if (options.detail) {
    for (const BufferRow& row : report.detail) {
      table.row({row.resource, row.scope, count_text(row.max), count_text(row.used), count_text(row.peak),
                 percent_cell(row.usage_percent), count_text(row.failures),
                 row.status ? *row.status : fmt::format("- ({})", row.unknown.value_or("unknown"))},
                colour_of(row.status));
    }
  } else {
    for (const BufferAggregate& row : report.resources) {
      table.row({row.resource, row.scope, count_text(row.max), count_text(row.used), count_text(row.peak),
                 percent_cell(row.usage_percent), count_text(row.failures), aggregate_status(row)},
                colour_of(row.status));
    }
  }
  std::string text = table.text(options.colour);
  if (options.detail && !report.frames.empty()) {
    text += "\nFrames by holder:";
    for (const NamedCount& holder : report.frames) text += fmt::format(" {} {}", holder.name, holder.value);
    text += "\n";
  }
  if (!report.warnings.empty()) {
    text += fmt::format("\n{} warning{}:\n", report.warnings.size(), report.warnings.size() == 1 ? "" : "s");
    for (const BufferWarning& warning : report.warnings)
      text += fmt::format("  {}: {}\n", warning.status, warning.text);
  }
  if (!report.pressure.empty()) {
    Table counters({{"Pressure counter", Align::kLeft}, {"Scope", Align::kLeft}, {"Count"}});
    for (const PressureStatus& row : report.pressure)
      counters.row({row.counter, row.scope, fmt::format("{}", row.value)});
    text += "\n" + counters.text(options.colour);
  }
  return text + "\n" + sessions_line(report.sessions);
}

std::string check_text(const BufferReport& report) {
  if (report.warnings.empty()) return "OK: no resource is 80 % full\n";
  std::string text;
  for (const BufferWarning& warning : report.warnings) text += fmt::format("{}: {}\n", warning.status, warning.text);
  return text;
}

std::string interfaces_text(const StatusSnapshot& status, const TextOptions& options) {
  Table table({{"Interface", Align::kLeft},
               {"State", Align::kLeft},
               {"Mode", Align::kLeft},
               {"Lanes"},
               {"MTU"},
               {"MAC", Align::kLeft},
               {"rx packets"},
               {"rx pkt/s"},
               {"rx bit/s"},
               {"tx packets"},
               {"tx pkt/s"},
               {"tx bit/s"},
               {"Dropped"}});
  for (const InterfaceStatus& row : status.interfaces) {
    table.row({row.interface, row.state, row.mode, fmt::format("{}", row.lanes), fmt::format("{}", row.mtu_bytes),
               row.mac, fmt::format("{}", row.rx_packets), rate_text(row.rx_packets_per_second),
               rate_text(row.rx_bits_per_second), fmt::format("{}", row.tx_packets),
               rate_text(row.tx_packets_per_second), rate_text(row.tx_bits_per_second), fmt::format("{}", row.dropped)},
              row.state == "up" ? Colour::kNone : Colour::kRed);
  }
  return table.text(options.colour);
}

std::string workers_text(const StatusSnapshot& status, const TextOptions& options) {
  Table table({{"Worker"},
               {"CPU"},
               {"State", Align::kLeft},
               {"Turns/s"},
               {"Busy%"},
               {"Longest turn"},
               {"Packets/s"},
               {"In"},
               {"Forwarded"},
               {"Dropped"},
               {"Punted"},
               {"Handed off"},
               {"Held"},
               {"Burst"}});
  for (const WorkerStatus& row : status.workers) {
    const std::string state =
        row.stuck_for_ms ? fmt::format("stuck for {}", elapsed_text(*row.stuck_for_ms)) : row.state;
    table.row({fmt::format("{}", row.worker), fmt::format("{}", row.cpu), state, rate_text(row.turns_per_second),
               percent_text(row.busy_percent), nanoseconds_text(row.longest_turn_ns), rate_text(row.packets_per_second),
               fmt::format("{}", row.received + row.handed_in), fmt::format("{}", row.forwarded),
               fmt::format("{}", row.dropped), fmt::format("{}", row.punted), fmt::format("{}", row.handed_out),
               fmt::format("{}", row.held), rate_text(row.mean_burst)},
              row.stuck_for_ms ? Colour::kRed : Colour::kNone);
  }
  return table.text(options.colour);
}

namespace {

std::string alarms_text(const StatusSnapshot& status, const TextOptions& options) {
  if (status.screen_alarms.empty()) return "";
  Table table({{"Screen", Align::kLeft}, {"Packets"}});
  for (const AlarmStatus& row : status.screen_alarms) table.row({row.screen, fmt::format("{}", row.packets)});
  return "\nAlarms of screens that let packets go on:\n" + table.text(options.colour);
}

}  // namespace

std::string drops_text(const StatusSnapshot& status, const TextOptions& options) {
  if (status.drops.empty()) return "Nothing was dropped.\n" + alarms_text(status, options);
  if (options.detail) {
    Table table({{"Interface", Align::kLeft}, {"Reason", Align::kLeft}, {"Packets"}, {"What it means", Align::kLeft}});
    for (const DropStatus& row : status.drops) {
      table.row({row.interface, row.reason, fmt::format("{}", row.packets), reason_sentence(row.reason)});
    }
    return table.text(options.colour) + alarms_text(status, options);
  }
  std::map<std::string, std::uint64_t> sums;
  for (const DropStatus& row : status.drops) sums[row.reason] += row.packets;
  std::vector<std::pair<std::string, std::uint64_t>> sorted(sums.begin(), sums.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  Table table({{"Reason", Align::kLeft}, {"Packets"}, {"What it means", Align::kLeft}});
  for (const auto& [reason, packets] : sorted) {
    table.row({reason, fmt::format("{}", packets), reason_sentence(reason)});
  }
  return table.text(options.colour) + alarms_text(status, options);
}

std::string counters_text(const StatusSnapshot* before, const StatusSnapshot& now, const TextOptions& options) {
  std::string text = time_text(now.time_unix_ms) + "\n" + interfaces_text(now, options) + workers_text(now, options);
  const std::uint64_t elapsed_ms =
      before != nullptr && now.time_unix_ms > before->time_unix_ms ? now.time_unix_ms - before->time_unix_ms : 0;
  const auto growth = [elapsed_ms](std::uint64_t value, std::uint64_t old) -> OptionalRate {
    if (elapsed_ms == 0 || value < old) return std::nullopt;
    return static_cast<double>(value - old) * 1000.0 / static_cast<double>(elapsed_ms);
  };
  const StatusSnapshot nothing;
  const StatusSnapshot& old = before != nullptr ? *before : nothing;
  Table table({{"Dropped or lost", Align::kLeft}, {"Scope", Align::kLeft}, {"Count"}, {"Each second"}});
  for (const DropStatus& row : now.drops) {
    std::uint64_t was = 0;
    for (const DropStatus& other : old.drops) {
      if (other.interface == row.interface && other.reason == row.reason) was = other.packets;
    }
    table.row({row.reason, row.interface, fmt::format("{}", row.packets), rate_text(growth(row.packets, was))});
  }
  for (const PressureStatus& row : now.pressure) {
    if (row.value == 0) continue;
    std::uint64_t was = 0;
    for (const PressureStatus& other : old.pressure) {
      if (other.scope == row.scope && other.counter == row.counter) was = other.value;
    }
    table.row({row.counter, row.scope, fmt::format("{}", row.value), rate_text(growth(row.value, was))});
  }
  return text + table.text(options.colour) + "\n";
}

std::string event_line(const Event& event) {
  std::string line =
      fmt::format("{} #{} {}: {}", time_text(event.time_unix_ms), event.sequence, event.kind, event.text);
  // The text of a session says its fields, but for what was lost.
  const bool told = event.kind.starts_with("session_");
  for (const auto& [name, value] : event.fields) {
    if (!told || name.find("lost") != std::string::npos) line += fmt::format(" {}={}", name, value);
  }
  return line + "\n";
}

}  // namespace culvert
