// SPDX-License-Identifier: Apache-2.0
#include "control/status_board.h"

#include <chrono>
#include <fmt/format.h>
#include <utility>

#include "config/values.h"
#include "status/buffers.h"
#include "xsk/bind_mode.h"

namespace culvert {
namespace {

std::string_view state_of(const InterfaceSnapshot& interface) {
  if (!interface.present) return "gone";
  return interface.up ? "up" : "down";
}

}  // namespace

std::uint64_t unix_time_ms() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

StatusBoard::StatusBoard(std::string version, std::size_t event_history) : events_(event_history) {
  sources_.version = std::move(version);
  sources_.started_ns = monotonic_ns();
  sources_.registry = &registry_;
  sources_.events = &events_;
  sources_.errors = &errors_;
  registry_.add(ResourceKind::kEventHistory, "culvertd", &events_.gauge());
}

void StatusBoard::event(EventKind kind, std::string text) {
  events_.produce(kind, monotonic_ns(), unix_time_ms(), std::move(text));
}

void StatusBoard::error(const Error& error) {
  errors_.record(error, unix_time_ms());
  event(EventKind::kError, error.to_string());
}

void StatusBoard::enter_workers(const WorkerGroup& workers) {
  for (WorkerIndex index = 0; index < workers.size(); ++index) {
    const WorkerCells& cells = workers.worker(index).cells();
    sources_.workers.push_back(&cells);
    const std::string scope = fmt::format("worker {}", index);
    registry_.add(ResourceKind::kFrames, scope, &cells.frames);
    registry_.add(ResourceKind::kRequestQueue, scope, &workers.requests_gauge(index));
    registry_.add(ResourceKind::kCommandQueue, scope, &cells.command_queue);
    registry_.add(ResourceKind::kPuntQueue, scope, &cells.punt_queue);
    registry_.add(ResourceKind::kPendingNeighbors, scope, &cells.pipeline.pending);
    if (const SessionSlot* sessions = workers.sessions(index)) enter_sessions(scope, *sessions, cells);
    if (workers.size() == 1) continue;
    registry_.add(ResourceKind::kHandoffRing, scope, &cells.handoff_in);
    registry_.add(ResourceKind::kHandoffFrames, scope, &cells.pipeline.way_home);
  }
  if (const MeterMemory* meters = workers.meters()) {
    registry_.add(ResourceKind::kSources, "culvertd", &meters->sources_gauge());
    registry_.add(ResourceKind::kScans, "culvertd", &meters->scans_gauge());
  }
  stuck_.resize(workers.size());
}

void StatusBoard::enter_sessions(const std::string& scope, const SessionSlot& sessions, const WorkerCells& cells) {
  sources_.sessions.push_back(&sessions.cells());
  registry_.add(ResourceKind::kSessions, scope, &sessions.cells().sessions);
  registry_.add(ResourceKind::kHalfOpenSessions, scope, &sessions.cells().half_open);
  registry_.add(ResourceKind::kFragments, scope, &cells.pipeline.fragments);
  if (sessions.nat().tables().most != 0) registry_.add(ResourceKind::kNatMappings, scope, &sessions.nat().mappings());
}

void StatusBoard::enter_firewall(FirewallCommands& firewall) {
  if (!firewall.policy_status().has_value()) return;
  sources_.policy = [&firewall] { return firewall.policy_status(); };
  sources_.nat = [&firewall] { return firewall.nat_status(); };
  registry_.add(ResourceKind::kPolicyRules, "culvertd", &firewall.rules_gauge());
  registry_.add(ResourceKind::kSessionWork, "culvertd", &firewall.work().gauge());
}

void StatusBoard::enter_tables(RouteMemory& routes, const KernelMirror& mirror) {
  // The model's limits: the tables hold as many prefixes and the neighbours' host routes, so those come first.
  registry_.add(ResourceKind::kIpv4Routes, "culvertd", &mirror.gauges().ipv4_routes);
  registry_.add(ResourceKind::kIpv6Routes, "culvertd", &mirror.gauges().ipv6_routes);
  registry_.add(ResourceKind::kIpv4LpmGroups, "culvertd", &routes.ipv4().group_gauge());
  registry_.add(ResourceKind::kIpv6LpmGroups, "culvertd", &routes.ipv6().unit_gauge());
  registry_.add(ResourceKind::kNextHops, "culvertd", &routes.next_hops().entry_gauge());
  registry_.add(ResourceKind::kMultipathGroups, "culvertd", &routes.next_hops().group_gauge());
  registry_.add(ResourceKind::kNeighbors, "culvertd", &mirror.gauges().neighbors);
  registry_.add(ResourceKind::kManagedNeighbors, "culvertd", &mirror.requests().gauge());
  const MirrorGauges& gauges = mirror.gauges();
  const std::pair<const char*, const Cell*> counters[] = {
      {"netlink_overruns", &gauges.overruns},
      {"netlink_malformed", &gauges.malformed},
      {"netlink_resyncs", &gauges.resyncs},
      {"next_hops_full", &gauges.next_hops_full},
      {"routes_other_table", &gauges.routes_other_table},
      {"routes_type_of_service", &gauges.routes_type_of_service},
      {"routes_from_source", &gauges.routes_from_source},
  };
  for (const auto& [name, cell] : counters) sources_.pressure.push_back({name, "culvertd", cell});
}

void StatusBoard::enter_server(const ControlServer& server) {
  registry_.add(ResourceKind::kControlConnections, "culvertd", &server.clients());
  registry_.add(ResourceKind::kWatcherBacklog, "culvertd", &server.backlog());
  sources_.pressure.push_back({"control_bad_requests", "culvertd", &server.bad_requests()});
  sources_.pressure.push_back({"control_slow_clients", "culvertd", &server.slow_clients()});
}

void StatusBoard::enter_redirect(const RedirectState& redirect) {
  const auto resources = redirect.resources();
  registry_.add(ResourceKind::kLocalAddresses, "IPv4", &resources[RedirectState::kLocalV4].gauge);
  registry_.add(ResourceKind::kLocalAddresses, "IPv6", &resources[RedirectState::kLocalV6].gauge);
  registry_.add(ResourceKind::kDenyList, "IPv4", &resources[RedirectState::kDenyV4].gauge);
  registry_.add(ResourceKind::kDenyList, "IPv6", &resources[RedirectState::kDenyV6].gauge);
  registry_.add(ResourceKind::kFailsafePorts, "culvertd", &resources[RedirectState::kFailsafe].gauge);
}

void StatusBoard::enter_interfaces(const Interfaces& interfaces) {
  interface_gauge_.max.set(kMaxInterfaces);
  interface_gauge_.observe(interfaces.all().size());
  registry_.add(ResourceKind::kInterfaces, "culvertd", &interface_gauge_);
}

void StatusBoard::clear_peaks() noexcept {
  events_.clear_peak();
  interface_gauge_.clear_peak();
  configuration_.clear_peaks();
}

void StatusBoard::follow_links(const Interfaces& interfaces, const KernelMirror& mirror) {
  for (const Interfaces::Interface& interface : interfaces.all()) {
    const InterfaceSnapshot facts = mirror.interface(interface.number);
    const std::string_view state = state_of(facts);
    // One that is missing from the start has not gone: that it cannot be opened is said elsewhere.
    KnownLink& known = known_links_.try_emplace(interface.name).first->second;
    if (facts.present) {
      const std::uint32_t before = std::exchange(known.mtu, facts.mtu);
      if (before != 0 && before != facts.mtu) {
        event(EventKind::kKernelTables,
              fmt::format("{}: its MTU changed from {} to {}", interface.name, before, facts.mtu));
      }
    }
    if (known.state == state) continue;
    known.state = state;
    if (state == "up") {
      event(EventKind::kInterfaceUp, interface.name + " has carrier");
    } else if (state == "down") {
      event(EventKind::kInterfaceDown, interface.name + " has no carrier or was set down");
    } else {
      event(EventKind::kInterfaceGone, interface.name + " was deleted");
    }
  }
}

void StatusBoard::show_interfaces(const Interfaces& interfaces, const KernelMirror& mirror) {
  for (const std::string& scope : lane_scopes_) registry_.remove(scope);
  lane_scopes_.clear();
  sources_.lanes.clear();
  sources_.interfaces.clear();
  for (const Interfaces::Interface& interface : interfaces.all()) {
    const InterfaceSnapshot facts = mirror.interface(interface.number);
    sources_.interfaces.push_back(
        {interface.name, interface.number, facts.ifindex, std::string(state_of(facts)), facts.mtu, to_text(facts.mac)});
    for (const Interfaces::Lane& lane : interface.lanes) enter_lane(interface, lane);
    if (interface.open()) continue;
    LaneSource& missing = sources_.lanes.emplace_back();
    missing.interface = interface.name;
    missing.number = interface.number;
    missing.why_not_better = interface.trouble;
    const std::string scope = interface.name + "/0";
    registry_.add_unknown(ResourceKind::kReceiveRing, scope, interface.trouble);
    lane_scopes_.push_back(scope);
  }
}

void StatusBoard::enter_lane(const Interfaces::Interface& interface, const Interfaces::Lane& lane) {
  const LaneCells& cells = lane.lane->cells();
  const XskLaneReport& report = lane.lane->report();
  LaneSource source;
  source.interface = interface.name;
  source.number = interface.number;
  source.queue = lane.queue;
  source.worker = lane.worker;
  source.cells = &cells;
  source.mode_asked = wanted_mode_text(report.asked);
  source.mode_got = lane_mode_text(report.got);
  source.wakeup = fmt::format("need_wakeup, {} packets a send", report.send.packets_per_send);
  if (std::string why = why_not_better(interface, lane); !why.empty()) source.why_not_better = std::move(why);
  sources_.lanes.push_back(source);
  const std::string scope = fmt::format("{}/{}", interface.name, lane.queue);
  registry_.add(ResourceKind::kReceiveRing, scope, &cells.rx_ring, &cells.state);
  registry_.add(ResourceKind::kFillRing, scope, &cells.fill_ring, &cells.state);
  registry_.add(ResourceKind::kTransmitRing, scope, &cells.tx_ring, &cells.state);
  registry_.add(ResourceKind::kCompletionRing, scope, &cells.completion_ring, &cells.state);
  lane_scopes_.push_back(scope);
}

StatusSnapshot StatusBoard::collect() {
  return collector_.collect(sources_, monotonic_ns(), unix_time_ms());
}

void StatusBoard::watch() {
  const StatusSnapshot status = collect();
  for (std::size_t i = 0; i < status.workers.size() && i < stuck_.size(); ++i) {
    const bool stuck = status.workers[i].state == "stuck";
    if (stuck == stuck_[i]) continue;
    stuck_[i] = stuck;
    event(stuck ? EventKind::kWorkerStuck : EventKind::kWorkerRecovered,
          fmt::format("worker {} {}", i, stuck ? "has not ended a turn for two seconds" : "turns again"));
  }
  for (const BufferAggregate& resource : buffer_report(status).resources) watch_resource(resource);
}

void StatusBoard::watch_resource(const BufferAggregate& resource) {
  if (!resource.status.has_value()) return;
  std::string& known = resource_state_.try_emplace(resource.resource, "OK").first->second;
  if (known == *resource.status) return;
  known = *resource.status;
  const EventKind kind = known == "OK"        ? EventKind::kResourceOk
                         : known == "WARNING" ? EventKind::kResourceWarning
                                              : EventKind::kResourceCritical;
  event(kind, fmt::format("{} is {}: {:.1f} % of {}", resource.resource, known,
                          resource.worst_usage_percent.value_or(0), resource.worst_scope.value_or(resource.scope)));
}

}  // namespace culvert
