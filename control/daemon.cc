// SPDX-License-Identifier: Apache-2.0
#include "control/daemon.h"

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <utility>

#include "base/cpu.h"
#include "control/settings.h"
#include "kernel_redirect/pins.h"
#include "status/json.h"
#include "xsk/device.h"

namespace culvert {
namespace {

using std::chrono::milliseconds;

/// A status of 32 interfaces with 64 lanes each is half of it.
constexpr std::size_t kPublishedBytes = std::size_t{4} << 20;

constexpr Now kSynchroniseWithin = 60 * kNanosecondsPerSecond;

std::int64_t unix_time_s() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

Plan plan_for(const Config& config) {
  std::map<std::string, std::uint32_t> queues;
  for (const auto& [name, interface] : config.interfaces) {
    const auto counts = queue_counts(name);
    queues[name] = counts.has_value() ? counts->lanes() : 0;
  }
  Plan plan = make_plan(config, queues).value();
  // From here on control, punter and agent leave the workers' CPUs alone, where there are others: a worker that shares
  // its CPU with them loses packets while a status is written.
  keep_this_thread_off(plan.cpus);
  return plan;
}

WorkerGroupConfig worker_config(const Config& config, const Plan& plan, RouteMemory& routes, const Firewall& firewall,
                                const Snapshot& snapshot) {
  WorkerGroupConfig group;
  group.cpus = plan.cpus;
  group.pending_packets = config.system.limits.pending_packets;
  group.sleep_max_ns = config.system.idle.sleep_max_ns;
  group.routes = routes.tables();
  group.snapshot = &snapshot;
  group.multipath_key = HashKey::random();
  group.sessions = plan.sessions;
  if (group.sessions.has_value()) {
    group.sessions->owner = firewall.session_owner(config, static_cast<std::uint32_t>(plan.cpus.size()));
    group.sessions->timeouts = Firewall::timeouts(config);
  }
  return group;
}

std::vector<unsigned long long*> beats_of(RedirectState& redirect, std::size_t workers) {
  std::vector<unsigned long long*> beats;
  for (std::size_t i = 0; i < workers; ++i) beats.push_back(redirect.beat(static_cast<std::uint32_t>(i)).word());
  return beats;
}

MirrorSettings mirror_settings(const Config& config) {
  MirrorSettings settings;
  settings.interfaces = interface_numbers(config);
  settings.limits.ipv4_routes = config.system.limits.routes_ipv4;
  settings.limits.ipv6_routes = config.system.limits.routes_ipv6;
  settings.limits.neighbors = config.system.limits.neighbors;
  settings.managed_neighbors = config.system.limits.neighbors;
  return settings;
}

/// A successor listens when nobody else does any more.
ControlServerOptions server_options(const Config& config, bool successor) {
  ControlServerOptions options;
  options.path = config.system.control_socket;
  options.listen = !successor;
  return options;
}

}  // namespace

Daemon::Daemon(CheckResult checked, std::string version, std::optional<HandoverSocket> predecessor)
    : allowed_cpus_(allowed_cpus()),
      program_(own_program()),
      predecessor_(meet(std::move(predecessor))),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      board_(std::move(version), checked.config->events.queue),
      configurations_(
          std::move(checked), [this](const Config& config) { return use(config); },
          [this](EventKind kind, const std::string& text) { on_configuration(kind, text); }),
      plan_(plan_for(configurations_.running())),
      redirect_(static_cast<std::uint32_t>(plan_.cpus.size()), fail_mode(configurations_.running())),
      punt_(left_tun()),
      region_(left_region()),
      routes_(configurations_.running().system.limits, configurations_.running().system.huge_pages,
              route_generation_before()),
      firewall_(started_firewall()),
      published_(std::make_unique<Published>(
          Published{snapshot_of(configurations_.running(), 1, firewall_), firewall_.policy(), nullptr})),
      workers_(workers_config(), region_, punt_, beats_of(redirect_, plan_.cpus.size())),
      translations_(started_translations()),
      interfaces_(configurations_.running(), plan_, region_, workers_, redirect_, *this),
      mirror_(routes_.sink(), mirror_settings(configurations_.running()), *this),
      server_(io_, server_options(configurations_.running(), predecessor_ != nullptr)),
      publication_(kPublishedBytes),
      netlink_(io_, ::fcntl(mirror_.descriptor(), F_DUPFD_CLOEXEC, 3)),
      requests_(io_, ::fcntl(workers_.requests_descriptor(), F_DUPFD_CLOEXEC, 3)),
      fast_timer_(io_),
      slow_timer_(io_),
      second_timer_(io_) {
  apply_to_redirect(configurations_.running(), redirect_).value();
  board_.events().set_rate(configurations_.running().events.rate_limit_per_second);
  board_.set_fail_mode(fail_mode(configurations_.running()) == FailMode::kClosed ? "closed" : "open");
  board_.observe_configuration(configurations_.running());
  board_.enter_workers(workers_);
  enter_session_logs();
  board_.enter_tables(routes_, mirror_);
  board_.enter_redirect(redirect_);
  board_.enter_interfaces(interfaces_);
  board_.enter_server(server_);
  board_.sources().xdp_actions = [this] { return interfaces_.xdp_actions(); };
  const std::string how = fmt::format("{}; fail: {}", fmt::join(plan_.notes, "; "),
                                      fail_mode(configurations_.running()) == FailMode::kClosed
                                          ? "closed (when culvertd stops, packets stop)"
                                          : "open (when culvertd stops, the kernel forwards)");
  const SessionSlot* sessions = workers_.sessions(0);
  const std::string memory = fmt::format(
      "packet memory on {}{}, routing tables on {}{}", page_kind_text(region_.pages()),
      region_.memory().fd() ? "" : " (private: a restart makes lanes anew)", page_kind_text(routes_.pages()),
      sessions == nullptr ? "" : fmt::format(", sessions on {}", page_kind_text(sessions->pages())));
  log(how);
  log(memory);
  // A successor's agent waits until its predecessor's is gone.
  if (predecessor_ == nullptr) open_agent();
  handlers_ = std::make_unique<ControlHandlers>(io_, server_, hooks());
  synchronise();
  begin();
  // Nothing that can fail comes after this: with fail: closed what is attached now stays when culvertd ends.
  do {
    look_after_interfaces();
  } while (interfaces_.opening());
  configurations_.keep(unix_time_s());
  end_leftovers();
  if (agent_ != nullptr) agent_->start();
  board_.event(EventKind::kStarted, fmt::format("{}; {}", how, memory));
}

WorkerGroupConfig Daemon::workers_config() {
  WorkerGroupConfig config = worker_config(configurations_.running(), plan_, routes_, firewall_, published_->snapshot);
  use_left_sessions(config);
  return config;
}

void Daemon::run() {
  wait_for_signals();
  wait_for_netlink();
  wait_for_requests();
  every_10_ms();
  every_100_ms();
  every_second();
  io_.run();
  if (failed_.has_value()) throw SetupError(*failed_);
}

void Daemon::synchronise() {
  const Now deadline = monotonic_ns() + kSynchroniseWithin;
  while (!mirror_.synchronised()) {
    if (!mirror_.handle_readable()) {
      pollfd wait{mirror_.descriptor(), POLLIN, 0};
      ::poll(&wait, 1, 10);
      mirror_.tick();
    }
    routes_.reclaim(workers_);
    if (monotonic_ns() > deadline) {
      throw SetupError(Error{"the kernel's routing tables could not be read within a minute", 0,
                             "is `ip route show table all` answered?"});
    }
  }
  follow_tables();
}

void Daemon::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal != SIGHUP) {
      read_session_logs();
      board_.event(EventKind::kStopping, "culvertd stops");  // now, while there are watchers to hear it
      return io_.stop();
    }
    reload_file();
    wait_for_signals();
  });
}

void Daemon::wait_for_netlink() {
  netlink_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    read_netlink();
  });
}

void Daemon::read_netlink() {
  const bool more = mirror_.handle_readable();
  follow_tables();
  if (more) {
    boost::asio::post(io_, [this] { read_netlink(); });
  } else {
    wait_for_netlink();
  }
}

void Daemon::wait_for_requests() {
  requests_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error) return;
                         workers_.drain_requests_descriptor();
                         answer_requests();
                         wait_for_requests();
                       });
}

void Daemon::every_10_ms() {
  answer_requests();
  routes_.reclaim(workers_);
  read_session_logs();
  if (links_changed_ || interfaces_.opening()) look_after_interfaces();
  fast_timer_.expires_after(milliseconds(10));
  fast_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) every_10_ms();
  });
}

void Daemon::every_100_ms() {
  mirror_.tick();
  follow_tables();
  workers_.observe_meters();
  if (missed_.has_value() && workers_.passed(*missed_)) {
    missed_.reset();
    links_changed_ = true;  // so the snapshot goes out again
  }
  look_after_interfaces();
  configurations_.expire(monotonic_ns());
  board_.set_configuration_generation(configurations_.generation());
  slow_timer_.expires_after(milliseconds(100));
  slow_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) every_100_ms();
  });
}

void Daemon::every_second() {
  board_.watch();
  follow_schedules();
  follow_host_ports();
  observe_nat();
  if (agent_ != nullptr) publication_.publish(to_json(board_.collect()).text);
  second_timer_.expires_after(std::chrono::seconds(1));
  second_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) every_second();
  });
}

void Daemon::open_agent() {
  const Config& config = configurations_.running();
  if (!config.metrics.enabled) return;
  LauncherOptions options;
  options.address = to_text(config.metrics.listen.address);
  options.port = config.metrics.listen.port;
  options.account = config.system.user;
  agent_ = std::make_unique<AgentLauncher>(io_, options, publication_);
  agent_->listen([this](bool started, const std::string& text) {
    board_.event(started ? EventKind::kAgentStarted : EventKind::kAgentExited, text);
  });
  board_.registry().add(ResourceKind::kPublishedStatus, "culvertd", &publication_.gauge());
  board_.registry().add(ResourceKind::kAgentConnections, "agent", &agent_->cells().connections);
  board_.sources().agent = [this]() -> std::optional<AgentStatus> { return agent_->status(); };
}

void Daemon::answer_requests() {
  NeighborRequest request;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    workers_.observe_requests(worker);
    for (std::size_t i = 0; i < kNeighborRequests && workers_.requests(worker).pop(request); ++i) {
      if (routes_.next_hop_table().view(request.next_hop).kind == NextHopKind::kForward) {
        mirror_.want_next_hop(request.next_hop);
      } else if (request.network == NetworkKind::kIpv4) {
        mirror_.want_neighbor(request.interface, load<Ipv4Address>(request.address.bytes.data()));
      } else {
        mirror_.want_neighbor(request.interface, request.address);
      }
    }
    workers_.observe_requests(worker);
  }
}

void Daemon::follow_tables() {
  if (mirror_.generation() == table_generation_) return;
  table_generation_ = mirror_.generation();
  routes_.changed();
}

std::map<InterfaceIndex, LinkFacts> Daemon::link_facts() const {
  std::map<InterfaceIndex, LinkFacts> facts;
  for (const Interfaces::Interface& interface : interfaces_.all()) {
    const InterfaceSnapshot link = mirror_.interface(interface.number);
    if (!link.present) continue;
    const InterfaceConfig& config = configurations_.running().interfaces.at(interface.name);
    facts[interface.number] = {link.ifindex, link.mtu, stations_of(config, link.mac)};
  }
  return facts;
}

void Daemon::look_after_interfaces() {
  const bool changed = interfaces_.reconcile(link_facts(), monotonic_ns());
  if (!changed && !links_changed_) return;
  links_changed_ = false;
  publish_snapshot();
  board_.show_interfaces(interfaces_, mirror_);
}

void Daemon::end_leftovers() {
  std::vector<std::string> kept;
  // With fail: open the kernel forwards also for those of ours that could not be opened.
  if (fails_closed(configurations_.running())) {
    for (const Interfaces::Interface& interface : interfaces_.all()) kept.push_back(interface.name);
  }
  const DetachReport ended = detach_others(kept);
  for (const std::string& done : ended.done) {
    say(done + " (an earlier culvertd with fail: closed left it, dropping)", EventKind::kLaneClosed);
  }
  for (const std::string& refused : ended.refused) {
    report(Error{refused, 0, "until it is removed the packets of this interface are dropped"});
  }
}

void Daemon::on_local_address(const IpAddress& address, bool present) {
  const auto set = set_local_address(address, present);
  // Thousands of addresses may find no room: they are counted, the first is told.
  if (set.has_error() && !std::exchange(told_of_addresses_, true)) report(set.error());
}

void Daemon::on_neighbor_failed(InterfaceIndex /*interface*/, const IpAddress& /*address*/) {
  routes_.changed();  // waiting packets are looked at, and time out when theirs is up
}

void Daemon::on_interfaces_changed() {
  links_changed_ = true;
  board_.follow_links(interfaces_, mirror_);
}

void Daemon::on_event(const std::string& text) {
  board_.event(EventKind::kKernelTables, text);
}

void Daemon::on_interface_open(const std::string& name, const std::string& how) {
  say(fmt::format("{}: open, {}", name, how), EventKind::kLaneOpened);
}

void Daemon::on_interface_closed(const std::string& name, const std::string& why) {
  say(fmt::format("{}: closed, {}", name, why), EventKind::kLaneClosed);
}

void Daemon::on_interface_failed(const std::string& name, const Error& error) {
  Error named = error;
  named.what = fmt::format("{} cannot be opened: {}", name, error.what);
  report(named);
}

void Daemon::on_configuration(EventKind kind, const std::string& text) {
  if (kind == EventKind::kError) return report(Error{text, 0, ""});
  say(text, kind);
}

void Daemon::log(const std::string& text) {
  std::fputs(("culvertd: " + text + "\n").c_str(), stderr);
}

void Daemon::say(const std::string& text, EventKind kind) {
  log(text);
  board_.event(kind, text);
}

void Daemon::report(const Error& error) {
  log(error.to_string());
  board_.error(error);
}

}  // namespace culvert
