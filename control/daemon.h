// SPDX-License-Identifier: Apache-2.0
// culvertd itself: everything in the order in which it is built, and the loop that keeps it going.
//
//   configuration -> plan -> XDP's shared state, tun -> region, routing tables -> workers -> kernel mirror ->
//   control socket, agent's socket -> (first dump read: routes are there before the first packet) -> interfaces
//
// What can fail comes before the interfaces: with fail: closed they drop every packet when culvertd ends.
//
// The loop (one thread, Boost.Asio) waits for netlink, neighbour requests of workers, clients, signals, and timers:
// every 10 ms what is quick (neighbour requests, epochs, the log of sessions), every 100 ms what looks after things
// (lanes, trials), every second the status for the agent.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "agent/launcher.h"
#include "control/configurations.h"
#include "control/firewall.h"
#include "control/firewall_commands.h"
#include "control/interfaces.h"
#include "control/nat/translations.h"
#include "control/netlink/kernel_mirror.h"
#include "control/plan.h"
#include "control/route_memory.h"
#include "control/server/handlers.h"
#include "control/server/server.h"
#include "control/session_log_reader.h"
#include "control/status_board.h"
#include "control/succession.h"
#include "control/worker_group.h"

namespace culvert {

class Daemon final : private MirrorListener, private InterfacesListener {
 public:
  /// Builds everything and opens the interfaces that exist, or takes them over from the culvertd at the other end of
  /// `predecessor`. Throws SetupError: nothing is left behind then.
  Daemon(CheckResult checked, std::string version, std::optional<HandoverSocket> predecessor = {});

  /// Until SIGTERM or SIGINT, or until a successor has everything. SIGHUP applies the configuration file anew. Throws
  /// SetupError when a successor failed half-way.
  void run();

 private:
  // What the kernel and the interfaces tell.
  void on_interfaces_changed() override;
  void on_local_address(const IpAddress& address, bool present) override;
  void on_neighbor_failed(InterfaceIndex interface, const IpAddress& address) override;
  void on_event(const std::string& text) override;
  void on_interface_open(const std::string& name, const std::string& how) override;
  void on_interface_closed(const std::string& name, const std::string& why) override;
  void on_interface_failed(const std::string& name, const Error& error) override;

  void on_configuration(EventKind kind, const std::string& text);

  void synchronise();
  /// Workers run, clients are heard.
  void begin();
  void wait_for_netlink();
  void wait_for_requests();
  void wait_for_signals();
  void every_10_ms();
  void every_100_ms();
  void every_second();
  /// Its socket; it is started when everything else has been.
  void open_agent();
  void read_netlink();
  void answer_requests();
  void follow_tables();
  void look_after_interfaces();
  /// Ends what fail: closed left on interfaces that are no longer ours.
  void end_leftovers();
  // Policy and snapshots (daemon_policy.cc).
  void publish_snapshot();
  Result<void> use(const Config& config);
  Firewall started_firewall() const;
  std::uint64_t rule_hits(std::uint16_t counter) const;
  /// Sessions are judged anew. False: the policy stays as it is, which is reported.
  bool renew_policy();
  void follow_schedules();
  void tell_of_sessions();
  void enter_session_logs();
  void read_session_logs();
  Result<void> set_local_address(const IpAddress& address, bool present);
  struct Published;
  // NAT (daemon_nat.cc).
  std::optional<Translations> started_translations() const;
  Translations::Facts nat_facts() const;
  /// Some worker may have ports of the address in this slot.
  bool may_have_ports(std::size_t slot) const;
  /// Sessions with an address that is no more are to be judged anew.
  void follow_lost_addresses();
  void translate(Published& next);
  void follow_host_ports();
  AddressUse use_of(const IpAddress& address) const;
  /// Of a slot, all workers together.
  NatPortUse port_use(std::size_t slot, PortKind kind) const;
  Result<NatPools> nat_pools(const TablePage& page) const;
  /// Brings the rows of NAT in the registry up to date.
  void observe_nat();
  /// Tells XDP which addresses of the host are wanted by whom.
  Result<void> claim_addresses();
  std::map<InterfaceIndex, LinkFacts> link_facts() const;
  Result<boost::json::object> apply(const ConfigText& config, std::uint64_t confirm_within_ns);
  /// SIGHUP: the file that culvertd was started with, as `config apply` would.
  void reload_file();
  ServerHooks hooks();

  // Restarts without a gap (daemon_restart.cc).
  static std::string own_program();
  static std::unique_ptr<Predecessor> meet(std::optional<HandoverSocket> socket);
  Region left_region() const;
  PuntDevice left_tun() const;
  bool same_memory() const;
  WorkerGroupConfig workers_config();
  void use_left_sessions(WorkerGroupConfig& config) const;
  std::uint16_t policy_generation_before() const;
  std::uint64_t route_generation_before() const;
  /// Returns how it went, for people.
  std::string take_over();
  /// Starts a successor, which reads the configuration file anew; replies when it is ready, and then makes place for
  /// it.
  void restart(const Reply& reply);
  void successor_speaks();
  void successor_failed(const std::string& why);
  /// Why a successor that is ready must not take over; empty: it can.
  std::string why_not_now();
  void make_place();
  Offer offer();
  /// To the journal; say(): to the events as well. A line that cannot be written (a full disk, a reader that is gone)
  /// is lost, and no more than that: what forwards must not end with its log.
  static void log(const std::string& text);
  void say(const std::string& text, EventKind kind);
  void report(const Error& error);

  std::vector<int> allowed_cpus_;  ///< of the process, before workers got some for themselves
  std::string program_;            ///< where it lies: a successor may be another version
  std::unique_ptr<Predecessor> predecessor_;
  boost::asio::io_context io_;
  /// From the beginning: what comes during the start is done after it, which is no longer away than kSynchroniseWithin.
  boost::asio::signal_set signals_;
  std::uint64_t table_generation_ = 0;
  bool told_of_addresses_ = false;
  bool links_changed_ = true;
  std::optional<WorkerGroup::Moment> missed_;  ///< when a worker may not have got the snapshot
  StatusBoard board_;
  Configurations configurations_;
  Plan plan_;
  RedirectState redirect_;
  PuntDevice punt_;
  Region region_;
  RouteMemory routes_;
  /// A snapshot with the policy and the translation that it points into.
  struct Published {
    Snapshot snapshot;
    std::shared_ptr<const Firewall::Policy> policy;
    std::shared_ptr<const Translation> translation;  ///< null without NAT
  };
  Firewall firewall_;
  std::unique_ptr<Published> published_;
  std::vector<std::unique_ptr<Published>> unanswered_;   ///< until every worker has taken a newer one
  std::unique_ptr<FirewallCommands> firewall_commands_;  ///< workers may read what it has handed over
  WorkerGroup workers_;
  std::optional<Translations> translations_;  ///< with `nat`
  bool judge_again_ = false;  ///< sessions have addresses that are no more, and no policy has judged them
  Gauge external_addresses_;
  std::size_t without_place_ = 0;  ///< external addresses, the last time
  struct NatPortsRow {
    Gauge gauge;
    std::uint64_t refused = 0;  ///< by the addresses that there were, the last time
  };
  std::map<std::string, NatPortsRow> nat_ports_;  ///< by pool and protocol, as in the registry
  std::vector<std::unique_ptr<SessionLogReader>> session_logs_;
  Interfaces interfaces_;
  KernelMirror mirror_;  ///< tells of news while it is made, so what the callbacks use comes before it
  ControlServer server_;
  std::unique_ptr<ControlHandlers> handlers_;
  PublicationWriter publication_;
  std::unique_ptr<AgentLauncher> agent_;
  std::unique_ptr<Successor> successor_;
  boost::json::object failed_successor_;  ///< ServerHooks::failed_successor
  std::optional<Error> failed_;
  boost::asio::posix::stream_descriptor netlink_, requests_;
  boost::asio::steady_timer fast_timer_, slow_timer_, second_timer_;
};

}  // namespace culvert
