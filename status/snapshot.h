// SPDX-License-Identifier: Apache-2.0
// The status of the whole program at one moment, as plain data. There is one such structure and every output is made
// from it: the CLI's text, --json, the control socket, /metrics and the agent's /status.json.
//
//   cells, registry --collect()--> StatusSnapshot --to_json()--> control socket --from_json()--> CLI --> text
//                                        |                  '--> publication --> agent --> /metrics, /status.json
//
// The members' names are the JSON's names (docs/json.md says what each means). They are a contract: adding is allowed,
// renaming is not. An optional without a value is JSON's null and the text's "-": unknown is not zero. Sums count since
// start; rates are over the last interval of a second or two. Units stand last in the name.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace culvert {

using OptionalCount = std::optional<std::uint64_t>;
using OptionalRate = std::optional<double>;

struct NamedCount {
  std::string name;
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(NamedCount, (), (name, value))

struct ResourceStatus {
  std::string resource;
  std::string scope;
  OptionalCount max, used, peak, failures;
  std::optional<std::string> unknown;  ///< why a value is not known
  bool full_is_normal = false;
};
BOOST_DESCRIBE_STRUCT(ResourceStatus, (), (resource, scope, max, used, peak, failures, unknown, full_is_normal))

struct LaneStatus {
  std::string interface;
  std::uint32_t queue = 0;
  std::uint32_t worker = 0;
  std::string state;                          ///< up, link_down, gone
  std::string mode_asked, mode_got;           ///< auto; native/zero-copy, native/copy, generic, memory
  std::optional<std::string> why_not_better;  ///< the reason that a better mode was refused, and what to try
  std::string wakeup;                         ///< how the kernel is told to send
  std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0, tx_wakeups = 0;
  OptionalRate rx_packets_per_second, tx_packets_per_second, rx_bits_per_second, tx_bits_per_second;
  OptionalRate mean_burst;  ///< packets a non-empty receive
};
BOOST_DESCRIBE_STRUCT(LaneStatus, (),
                      (interface, queue, worker, state, mode_asked, mode_got, why_not_better, wakeup, rx_packets,
                       rx_bytes, tx_packets, tx_bytes, tx_wakeups, rx_packets_per_second, tx_packets_per_second,
                       rx_bits_per_second, tx_bits_per_second, mean_burst))

struct WorkerStatus {
  std::uint32_t worker = 0;
  std::uint64_t cpu = 0, thread_id = 0;
  std::string state;  ///< starting, running, sleeping, stopped, stuck
  OptionalCount stuck_for_ms, beat_age_ms;
  std::uint64_t snapshot_generation = 0;
  std::uint64_t turns = 0, longest_turn_ns = 0, wakeups = 0, commands = 0;
  OptionalRate turns_per_second, busy_percent, sleep_percent, packets_per_second;
  std::uint64_t received = 0, handed_in = 0, generated = 0;
  std::uint64_t forwarded = 0, dropped = 0, punted = 0, handed_out = 0, held = 0;
  OptionalRate mean_burst;
  std::uint64_t partial_checksums_completed = 0, icmp_errors_sent = 0, icmp_errors_suppressed = 0, fragmented = 0;
  std::uint64_t route_lookups = 0;
};
BOOST_DESCRIBE_STRUCT(WorkerStatus, (),
                      (worker, cpu, thread_id, state, stuck_for_ms, beat_age_ms, snapshot_generation, turns,
                       longest_turn_ns, wakeups, commands, turns_per_second, busy_percent, sleep_percent,
                       packets_per_second, received, handed_in, generated, forwarded, dropped, punted, handed_out, held,
                       mean_burst, partial_checksums_completed, icmp_errors_sent, icmp_errors_suppressed, fragmented,
                       route_lookups))

/// One worker's frames, read as one consistent copy.
struct WorkerFrames {
  std::uint32_t worker = 0;
  std::uint64_t home = 0;
  std::vector<NamedCount> holders;
};
BOOST_DESCRIBE_STRUCT(WorkerFrames, (), (worker, home, holders))

/// Where all frames are. `home` = the sum of `holders` + `in_flight`, always: a frame that crossed while the workers
/// were read one after the other is in two holders' lines and makes in_flight smaller by one, or the other way round.
struct FrameStatus {
  OptionalCount home;
  std::vector<NamedCount> holders;
  std::optional<std::int64_t> in_flight;    ///< between workers, pushed and not yet popped
  std::optional<std::int64_t> unaccounted;  ///< home - holders - in_flight: anything but 0 is a defect
  std::optional<std::string> unknown;
  std::vector<WorkerFrames> workers;
};
BOOST_DESCRIBE_STRUCT(FrameStatus, (), (home, holders, in_flight, unaccounted, unknown, workers))

struct DropStatus {
  std::string interface;  ///< where the packet came in; "none" when it was made here
  std::string reason;
  std::uint64_t packets = 0;
};
BOOST_DESCRIBE_STRUCT(DropStatus, (), (interface, reason, packets))

/// What a screen found that only raises an alarm; the packets went on.
struct AlarmStatus {
  std::string screen;
  std::uint64_t packets = 0;
};
BOOST_DESCRIBE_STRUCT(AlarmStatus, (), (screen, packets))

/// A count that should stay still: where the kernel or a ring lost something or had to wait.
struct PressureStatus {
  std::string counter;
  std::string scope;
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(PressureStatus, (), (counter, scope, value))

struct InterfaceStatus {
  std::string interface;
  std::uint32_t number = 0, ifindex = 0;
  std::string state;  ///< up, down, gone
  std::uint32_t mtu_bytes = 0;
  std::string mac;
  std::string mode;  ///< of its lanes; "mixed" when they differ
  std::uint32_t lanes = 0;
  std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0, dropped = 0;
  OptionalRate rx_packets_per_second, tx_packets_per_second, rx_bits_per_second, tx_bits_per_second;
};
BOOST_DESCRIBE_STRUCT(InterfaceStatus, (),
                      (interface, number, ifindex, state, mtu_bytes, mac, mode, lanes, rx_packets, rx_bytes, tx_packets,
                       tx_bytes, dropped, rx_packets_per_second, tx_packets_per_second, rx_bits_per_second,
                       tx_bits_per_second))

/// What the XDP program did.
struct XdpActionStatus {
  std::string interface;  ///< "all" when counted together
  std::string action;
  std::string verdict;  ///< redirect, pass, drop
  std::uint64_t packets = 0;
};
BOOST_DESCRIBE_STRUCT(XdpActionStatus, (), (interface, action, verdict, packets))

struct EventStatus {
  std::uint64_t produced = 0, delivered = 0, lost = 0, next_sequence = 0;
};
BOOST_DESCRIBE_STRUCT(EventStatus, (), (produced, delivered, lost, next_sequence))

struct ErrorStatus {
  std::uint64_t time_unix_ms = 0;
  std::string what;
  std::uint64_t count = 0;  ///< errors since start
};
BOOST_DESCRIBE_STRUCT(ErrorStatus, (), (time_unix_ms, what, count))

struct AgentStatus {
  std::string state;  ///< running, waiting (to be started again), stopped
  std::uint64_t pid = 0, starts = 0;
  std::optional<std::string> last_exit;
};
BOOST_DESCRIBE_STRUCT(AgentStatus, (), (state, pid, starts, last_exit))

struct ProcessStatus {
  std::uint64_t pid = 0;
  OptionalCount resident_bytes, cpu_time_ms;
};
BOOST_DESCRIBE_STRUCT(ProcessStatus, (), (pid, resident_bytes, cpu_time_ms))

/// One worker's sessions and what it has decided about new ones. created = sessions + expired + evicted + cleared +
/// renewed.
struct WorkerSessions {
  std::uint32_t worker = 0;
  std::uint64_t sessions = 0, half_open = 0;
  std::uint64_t created = 0, expired = 0, evicted = 0, cleared = 0, renewed = 0;
  std::uint64_t refused_full = 0, refused_half_open = 0, refused_reply = 0, refused_place = 0;
  std::uint64_t recovered = 0, torn = 0;
  std::uint64_t log_records = 0, log_lost = 0;  ///< lost: of them
  std::uint64_t looked_at = 0;                  ///< by expiry
  std::uint64_t policy_evaluations = 0, tcp_resets_sent = 0;
  std::uint64_t syn_cookies_sent = 0, syn_cookies_accepted = 0;
};
BOOST_DESCRIBE_STRUCT(WorkerSessions, (),
                      (worker, sessions, half_open, created, expired, evicted, cleared, renewed, refused_full,
                       refused_half_open, refused_reply, refused_place, recovered, torn, log_records, log_lost,
                       looked_at, policy_evaluations, tcp_resets_sent, syn_cookies_sent, syn_cookies_accepted))

/// Sessions, as the tables themselves count them; absent while the configuration keeps no state.
struct SessionStatus {
  OptionalCount ipv4, ipv6;  ///< null while workers count both families together
  std::uint64_t total = 0, half_open = 0;
  std::vector<WorkerSessions> workers;
};
BOOST_DESCRIBE_STRUCT(SessionStatus, (), (ipv4, ipv6, total, half_open, workers))

struct RuleHits {
  std::string rule;
  std::uint64_t hits = 0;
};
BOOST_DESCRIBE_STRUCT(RuleHits, (), (rule, hits))

/// The policy that runs; absent for a router.
struct PolicyStatus {
  std::uint64_t rules = 0;
  std::uint64_t default_hits = 0;
  std::vector<RuleHits> hits;  ///< of the first kMostRuleHits rules; `show policies` tells all
};
BOOST_DESCRIBE_STRUCT(PolicyStatus, (), (rules, default_hits, hits))
/// The status goes out every second, and Prometheus keeps each label's value for as long as it keeps anything.
inline constexpr std::size_t kMostRuleHits = 1000;

struct NatRuleHits {
  std::string kind;  ///< destination, static or source: each has names of its own
  std::string rule;
  std::uint64_t hits = 0;
};
BOOST_DESCRIBE_STRUCT(NatRuleHits, (), (kind, rule, hits))

/// NAT as it runs; absent without it.
struct NatStatus {
  std::uint64_t rules = 0;
  std::vector<NatRuleHits> hits;  ///< of the first kMostRuleHits rules as they are asked; `show nat rules` tells all
};
BOOST_DESCRIBE_STRUCT(NatStatus, (), (rules, hits))

struct StatusSnapshot {
  std::string version;
  std::uint64_t time_unix_ms = 0, uptime_ms = 0;
  OptionalCount interval_ms;  ///< what the rates are over
  std::string fail_mode;      ///< open, closed
  OptionalCount configuration_generation;
  std::uint64_t snapshot_generation = 0;
  OptionalCount heartbeat_age_ms;  ///< of the worker whose beat is the oldest
  std::optional<ErrorStatus> last_error;
  ProcessStatus process;
  std::optional<AgentStatus> agent;
  std::vector<InterfaceStatus> interfaces;
  std::vector<LaneStatus> lanes;
  std::vector<WorkerStatus> workers;
  FrameStatus frames;
  std::optional<SessionStatus> sessions;
  std::optional<PolicyStatus> policy;
  std::optional<NatStatus> nat;
  std::vector<ResourceStatus> resources;
  std::vector<PressureStatus> pressure;
  std::vector<DropStatus> drops;
  std::vector<AlarmStatus> screen_alarms;
  std::vector<XdpActionStatus> xdp_actions;
  EventStatus events;
};
BOOST_DESCRIBE_STRUCT(StatusSnapshot, (),
                      (version, time_unix_ms, uptime_ms, interval_ms, fail_mode, configuration_generation,
                       snapshot_generation, heartbeat_age_ms, last_error, process, agent, interfaces, lanes, workers,
                       frames, sessions, policy, nat, resources, pressure, drops, screen_alarms, xdp_actions, events))

}  // namespace culvert
