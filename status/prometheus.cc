// SPDX-License-Identifier: Apache-2.0
#include "status/prometheus.h"

#include <algorithm>
#include <fmt/format.h>
#include <initializer_list>
#include <utility>

#include "packet/verdict.h"

namespace culvert {
namespace {

struct Label {
  std::string_view name;
  std::string_view value;
};

/// https://prometheus.io/docs/instrumenting/exposition_formats/: backslash, quote and newline are escaped in values.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text;
}

class Writer {
 public:
  explicit Writer(std::size_t max_series) : left_(max_series) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    header_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void series(std::initializer_list<Label> labels, const OptionalCount& value) {
    if (value) line(labels, fmt::format("{}", *value));
  }
  void series(std::initializer_list<Label> labels, const OptionalRate& value) {
    if (value) line(labels, fmt::format("{}", *value));
  }
  std::string finish() {
    const std::size_t left_out = left_out_;
    left_ = 1;
    family("culvert_metrics_series_left_out", "gauge", "Lines that the bound on the number of series left out.");
    series({}, OptionalCount(left_out));
    return std::move(text_);
  }

 private:
  void line(std::initializer_list<Label> labels, const std::string& value) {
    if (left_ == 0) {
      ++left_out_;
      return;
    }
    --left_;
    text_ += std::exchange(header_, {});
    text_ += name_;
    char separator = '{';
    for (const Label& label : labels) {
      text_ += fmt::format("{}{}=\"{}\"", separator, label.name, escaped(label.value));
      separator = ',';
    }
    if (labels.size() > 0) text_ += '}';
    text_ += ' ' + value + '\n';
  }

  std::string text_, name_, header_;
  std::size_t left_, left_out_ = 0;
};

OptionalRate ratio(const OptionalRate& percent) {
  if (!percent) return std::nullopt;
  return *percent / 100.0;
}

OptionalRate seconds_of_ms(const OptionalCount& milliseconds) {
  if (!milliseconds) return std::nullopt;
  return static_cast<double>(*milliseconds) / 1000.0;
}

void general(Writer& out, const StatusSnapshot& status) {
  out.family("culvert_info", "gauge", "Version and fail mode of the running culvertd.");
  out.series({{"version", status.version}, {"fail_mode", status.fail_mode}}, OptionalCount(1));
  out.family("culvert_uptime_seconds", "gauge", "Time since culvertd started.");
  out.series({}, seconds_of_ms(status.uptime_ms));
  out.family("culvert_status_time_seconds", "gauge", "When these figures were collected, as Unix time.");
  out.series({}, OptionalRate(static_cast<double>(status.time_unix_ms) / 1000.0));
  out.family("culvert_configuration_generation", "gauge", "Generation of the configuration in use, as in its history.");
  out.series({}, status.configuration_generation);
  out.family("culvert_heartbeat_age_seconds", "gauge", "Age of the oldest worker's heartbeat: XDP needs all of them.");
  out.series({}, seconds_of_ms(status.heartbeat_age_ms));
  out.family("culvert_errors_total", "counter", "Things that failed after start.");
  out.series({}, OptionalCount(status.last_error ? status.last_error->count : 0));
  out.family("culvert_resident_memory_bytes", "gauge", "Resident memory of culvertd.");
  out.series({}, status.process.resident_bytes);
  out.family("culvert_cpu_seconds_total", "counter", "CPU time that culvertd has used.");
  out.series({}, seconds_of_ms(status.process.cpu_time_ms));
  out.family("culvert_events_produced_total", "counter", "Events produced: delivered + lost.");
  out.series({}, OptionalCount(status.events.produced));
  out.family("culvert_events_delivered_total", "counter", "Events that went into the history and to watchers.");
  out.series({}, OptionalCount(status.events.delivered));
  out.family("culvert_events_lost_total", "counter", "Events that the rate limit of their kind took away.");
  out.series({}, OptionalCount(status.events.lost));
  out.family("culvert_agent_starts_total", "counter", "How often the agent process was started.");
  if (status.agent) out.series({}, OptionalCount(status.agent->starts));
}

void resources(Writer& out, const StatusSnapshot& status) {
  const auto family = [&](const char* name, const char* type, const char* help, OptionalCount ResourceStatus::*member) {
    out.family(name, type, help);
    for (const ResourceStatus& row : status.resources) {
      out.series({{"resource", row.resource}, {"scope", row.scope}}, row.*member);
    }
  };
  family("culvert_resource_max", "gauge", "How much the resource can hold.", &ResourceStatus::max);
  family("culvert_resource_used", "gauge", "How much of the resource is used.", &ResourceStatus::used);
  family("culvert_resource_peak", "gauge", "The most that was used since start or clear.", &ResourceStatus::peak);
  family("culvert_resource_failures_total", "counter", "How often the resource was full.", &ResourceStatus::failures);
  out.family("culvert_frames", "gauge", "Packet frames by holder.");
  for (const NamedCount& holder : status.frames.holders)
    out.series({{"holder", holder.name}}, OptionalCount(holder.value));
  out.family("culvert_pressure_total", "counter", "Losses and waits in the kernel and in rings; should stay still.");
  for (const PressureStatus& row : status.pressure) {
    out.series({{"counter", row.counter}, {"scope", row.scope}}, OptionalCount(row.value));
  }
}

std::uint64_t drops_of(const StatusSnapshot& status, std::string_view interface, std::string_view reason) {
  for (const DropStatus& row : status.drops) {
    if (row.interface == interface && row.reason == reason) return row.packets;
  }
  return 0;
}

void drops(Writer& out, const StatusSnapshot& status, bool zero_drops) {
  out.family("culvert_drops_total", "counter", "Dropped packets by reason and by the interface where they came in.");
  if (!zero_drops) {
    for (const DropStatus& row : status.drops) {
      out.series({{"reason", row.reason}, {"interface", row.interface}}, OptionalCount(row.packets));
    }
    return;
  }
  const auto interface_drops = [&](const std::string& interface) {
    for (std::size_t reason = 1; reason < kDropReasons; ++reason) {
      const std::string_view name = drop_reason_text(static_cast<DropReason>(reason)).name;
      out.series({{"reason", name}, {"interface", interface}}, OptionalCount(drops_of(status, interface, name)));
    }
  };
  for (const InterfaceStatus& row : status.interfaces) interface_drops(row.interface);
  interface_drops("none");
}

void screen_alarms(Writer& out, const StatusSnapshot& status) {
  if (!status.sessions.has_value()) return;
  out.family("culvert_screen_alarms_total", "counter", "Packets that a screen found and that went on: alarm_only.");
  for (const AlarmStatus& row : status.screen_alarms) out.series({{"screen", row.screen}}, OptionalCount(row.packets));
}

void interfaces(Writer& out, const StatusSnapshot& status) {
  out.family("culvert_interface_up", "gauge", "1 when the interface is up.");
  for (const InterfaceStatus& row : status.interfaces) {
    out.series({{"interface", row.interface}}, OptionalCount(row.state == "up" ? 1 : 0));
  }
  out.family("culvert_interface_packets_total", "counter", "Packets by interface and direction.");
  for (const InterfaceStatus& row : status.interfaces) {
    out.series({{"interface", row.interface}, {"direction", "rx"}}, OptionalCount(row.rx_packets));
    out.series({{"interface", row.interface}, {"direction", "tx"}}, OptionalCount(row.tx_packets));
  }
  out.family("culvert_interface_bytes_total", "counter", "Bytes by interface and direction.");
  for (const InterfaceStatus& row : status.interfaces) {
    out.series({{"interface", row.interface}, {"direction", "rx"}}, OptionalCount(row.rx_bytes));
    out.series({{"interface", row.interface}, {"direction", "tx"}}, OptionalCount(row.tx_bytes));
  }
  out.family("culvert_lane_up", "gauge", "1 when the lane is up; its mode is a label.");
  for (const LaneStatus& row : status.lanes) {
    out.series({{"interface", row.interface}, {"queue", std::to_string(row.queue)}, {"mode", row.mode_got}},
               OptionalCount(row.state == "up" ? 1 : 0));
  }
  out.family("culvert_xdp_packets_total", "counter", "Packets that the XDP program saw, by what it did.");
  for (const XdpActionStatus& row : status.xdp_actions) {
    out.series({{"interface", row.interface}, {"action", row.action}, {"verdict", row.verdict}},
               OptionalCount(row.packets));
  }
}

void workers(Writer& out, const StatusSnapshot& status) {
  const auto family = [&](const char* name, const char* type, const char* help, auto value) {
    out.family(name, type, help);
    for (const WorkerStatus& row : status.workers) out.series({{"worker", std::to_string(row.worker)}}, value(row));
  };
  family("culvert_worker_busy_ratio", "gauge", "Part of the last interval in turns that moved something.",
         [](const WorkerStatus& row) { return ratio(row.busy_percent); });
  family("culvert_worker_longest_turn_seconds", "gauge", "The longest turn since start or clear.",
         [](const WorkerStatus& row) { return OptionalRate(static_cast<double>(row.longest_turn_ns) / 1e9); });
  family("culvert_worker_stuck", "gauge", "1 when the worker has not finished a turn for two seconds.",
         [](const WorkerStatus& row) { return OptionalCount(row.stuck_for_ms ? 1 : 0); });
  family("culvert_worker_turns_total", "counter", "Turns of the worker's loop.",
         [](const WorkerStatus& row) { return OptionalCount(row.turns); });
  out.family("culvert_worker_packets_total", "counter",
             "Packets by what became of them: received + handed_in + generated = the other ones + those held.");
  for (const WorkerStatus& row : status.workers) {
    const std::string worker = std::to_string(row.worker);
    const std::pair<const char*, std::uint64_t> kinds[] = {{"received", row.received},    {"handed_in", row.handed_in},
                                                           {"generated", row.generated},  {"forwarded", row.forwarded},
                                                           {"dropped", row.dropped},      {"punted", row.punted},
                                                           {"handed_out", row.handed_out}};
    for (const auto& [kind, value] : kinds) out.series({{"worker", worker}, {"kind", kind}}, OptionalCount(value));
  }
  family("culvert_worker_held_packets", "gauge", "Packets that wait for a neighbour.",
         [](const WorkerStatus& row) { return OptionalCount(row.held); });
  family("culvert_worker_completed_checksums_total", "counter", "Partial checksums finished in software.",
         [](const WorkerStatus& row) { return OptionalCount(row.partial_checksums_completed); });
  family("culvert_worker_icmp_errors_total", "counter", "ICMP errors sent.",
         [](const WorkerStatus& row) { return OptionalCount(row.icmp_errors_sent); });
}

/// Nothing for a router.
void sessions(Writer& out, const StatusSnapshot& status) {
  if (!status.sessions) return;
  out.family("culvert_sessions", "gauge", "Active sessions.");
  out.series({{"family", "ipv4"}}, status.sessions->ipv4);
  out.series({{"family", "ipv6"}}, status.sessions->ipv6);
  out.family("culvert_sessions_by_state", "gauge",
             "Active sessions by worker: half_open are TCP whose handshake is not done, other all the rest.");
  for (const WorkerSessions& row : status.sessions->workers) {
    // The worker may have written one of them since the other was read.
    const std::uint64_t half_open = std::min(row.half_open, row.sessions);
    const std::string worker = std::to_string(row.worker);
    out.series({{"worker", worker}, {"state", "half_open"}}, OptionalCount(half_open));
    out.series({{"worker", worker}, {"state", "other"}}, OptionalCount(row.sessions - half_open));
  }
  const auto each = [&](const char* name, const char* help, const char* label,
                        std::initializer_list<std::pair<const char*, std::uint64_t WorkerSessions::*>> kinds) {
    out.family(name, "counter", help);
    for (const WorkerSessions& row : status.sessions->workers) {
      for (const auto& [kind, member] : kinds) {
        out.series({{"worker", std::to_string(row.worker)}, {label, kind}}, OptionalCount(row.*member));
      }
    }
  };
  const auto family = [&](const char* name, const char* help, std::uint64_t WorkerSessions::*member) {
    out.family(name, "counter", help);
    for (const WorkerSessions& row : status.sessions->workers) {
      out.series({{"worker", std::to_string(row.worker)}}, OptionalCount(row.*member));
    }
  };
  family("culvert_sessions_created_total", "Sessions that began.", &WorkerSessions::created);
  each("culvert_sessions_closed_total", "Sessions that ended, by why.", "why",
       {{"expired", &WorkerSessions::expired},
        {"evicted", &WorkerSessions::evicted},
        {"cleared", &WorkerSessions::cleared},
        {"renewed", &WorkerSessions::renewed}});
  each("culvert_sessions_refused_total", "New sessions that were refused, by why.", "why",
       {{"full", &WorkerSessions::refused_full},
        {"half_open", &WorkerSessions::refused_half_open},
        {"reply", &WorkerSessions::refused_reply},
        {"place", &WorkerSessions::refused_place}});
  family("culvert_sessions_recovered_total", "Sessions taken over from an earlier run.", &WorkerSessions::recovered);
  family("culvert_sessions_torn_total", "Flows of an earlier run that were not whole.", &WorkerSessions::torn);
  family("culvert_sessions_looked_at_total", "Sessions that expiry looked at.", &WorkerSessions::looked_at);
  family("culvert_session_log_records_total", "Records of sessions whose rules say log.", &WorkerSessions::log_records);
  family("culvert_session_log_lost_total", "Of them, those that found no room on the way to control.",
         &WorkerSessions::log_lost);
  family("culvert_policy_evaluations_total", "Packets that the policy was asked about.",
         &WorkerSessions::policy_evaluations);
  family("culvert_tcp_resets_sent_total", "Resets that answered what a rule rejects.",
         &WorkerSessions::tcp_resets_sent);
  family("culvert_syn_cookies_sent_total", "SYNs of a flood that were answered by a cookie.",
         &WorkerSessions::syn_cookies_sent);
  family("culvert_syn_cookies_accepted_total", "SYN cookies that were acknowledged, and became sessions.",
         &WorkerSessions::syn_cookies_accepted);
}

void rules(Writer& out, const StatusSnapshot& status) {
  if (!status.policy) return;
  out.family("culvert_policy_rules", "gauge", "Rules of the policy.");
  out.series({}, OptionalCount(status.policy->rules));
  out.family("culvert_policy_default_hits_total", "counter", "Packets that no rule matched: the default decided.");
  out.series({}, OptionalCount(status.policy->default_hits));
  out.family("culvert_rule_hits_total", "counter",
             "Packets that a rule of the policy decided: the first of a session.");
  for (const RuleHits& row : status.policy->hits) out.series({{"rule", row.rule}}, OptionalCount(row.hits));
}

void nat_rules(Writer& out, const StatusSnapshot& status) {
  if (!status.nat) return;
  out.family("culvert_nat_rule_hits_total", "counter", "Sessions that a rule of NAT decided about when they began.");
  for (const NatRuleHits& row : status.nat->hits) {
    out.series({{"kind", row.kind}, {"rule", row.rule}}, OptionalCount(row.hits));
  }
}

}  // namespace

void SteadyCounters::hold(StatusSnapshot& status) {
  const auto steady = [](std::uint64_t& highest, std::uint64_t& value) { highest = value = std::max(highest, value); };
  for (WorkerStatus& worker : status.workers) steady(forwarded_[worker.worker], worker.forwarded);
  for (InterfaceStatus& interface : status.interfaces) steady(sent_[interface.interface], interface.tx_packets);
}

std::string prometheus_text(const StatusSnapshot& status, const PrometheusOptions& options) {
  Writer out(options.max_series);
  general(out, status);
  resources(out, status);
  interfaces(out, status);
  workers(out, status);
  sessions(out, status);
  drops(out, status, options.zero_drops);
  screen_alarms(out, status);
  rules(out, status);
  nat_rules(out, status);
  return out.finish();
}

}  // namespace culvert
