// SPDX-License-Identifier: Apache-2.0
// Where status comes together: the registry of resources, the event log, the last error, and what a StatusSnapshot is
// collected from. Control enters things here when it makes them, and takes them out before they go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/configuration_rows.h"
#include "control/firewall_commands.h"
#include "control/interfaces.h"
#include "control/netlink/kernel_mirror.h"
#include "control/route_memory.h"
#include "control/server/server.h"
#include "control/worker_group.h"
#include "status/buffers.h"
#include "status/collect.h"
#include "status/events.h"
#include "status/registry.h"

namespace culvert {

class StatusBoard {
 public:
  StatusBoard(std::string version, std::size_t event_history);

  EventLog& events() noexcept { return events_; }
  Registry& registry() noexcept { return registry_; }

  void event(EventKind kind, std::string text);
  /// Remembered as the last error, and an event.
  void error(const Error& error);

  // Once, when it is made.
  void enter_workers(const WorkerGroup& workers);
  void enter_tables(RouteMemory& routes, const KernelMirror& mirror);
  void enter_redirect(const RedirectState& redirect);
  void enter_interfaces(const Interfaces& interfaces);
  void enter_server(const ControlServer& server);
  /// Nothing for a router.
  void enter_firewall(FirewallCommands& firewall);
  void set_fail_mode(std::string mode) { sources_.fail_mode = std::move(mode); }

  /// Events for links that came up, went down or were deleted. To be called at each change.
  void follow_links(const Interfaces& interfaces, const KernelMirror& mirror);
  /// After interfaces were opened or closed, or links changed.
  void show_interfaces(const Interfaces& interfaces, const KernelMirror& mirror);
  void set_configuration_generation(std::uint64_t generation) noexcept {
    sources_.configuration_generation = generation;
  }
  void set_snapshot_generation(std::uint64_t generation) noexcept { sources_.snapshot_generation = generation; }

  /// The one that runs from now on.
  void observe_configuration(const Config& config) { configuration_.observe(config); }

  /// Of what it holds itself.
  void clear_peaks() noexcept;

  StatusSnapshot collect();
  /// Events for workers that got stuck or recovered and resources that crossed a threshold; once a second.
  void watch();

  StatusSources& sources() noexcept { return sources_; }

 private:
  struct KnownLink {
    std::string state = "gone";
    std::uint32_t mtu = 0;  ///< 0: it was never there
  };

  void watch_resource(const BufferAggregate& resource);
  void enter_sessions(const std::string& scope, const SessionSlot& sessions, const WorkerCells& cells);
  void enter_lane(const Interfaces::Interface& interface, const Interfaces::Lane& lane);

  EventLog events_;
  ErrorLog errors_;
  Registry registry_;
  ConfigurationRows configuration_{registry_};
  StatusSources sources_;
  StatusCollector collector_;
  std::vector<std::string> lane_scopes_;
  std::map<std::string, std::string> resource_state_;
  std::map<std::string, KnownLink> known_links_;  ///< as last told
  Gauge interface_gauge_;
  std::vector<bool> stuck_;
};

std::uint64_t unix_time_ms();

}  // namespace culvert
