// SPDX-License-Identifier: Apache-2.0
// How a culvertd makes place for its successor, and takes the place of its predecessor (control/handover.h).
#include <boost/json/array.hpp>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/cpu.h"
#include "base/service_manager.h"
#include "base/spawn.h"
#include "control/daemon.h"
#include "control/settings.h"

namespace culvert {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// For the start of a successor: routes by the million take seconds. The client that asked waits 30.
constexpr seconds kReadyWithin{28};
/// For what is said at once, but for the lanes that the old one closes first and sessions by the million.
constexpr seconds kAnswerWithin{30};
/// What was answered last leaves the control socket first.
constexpr milliseconds kLastWords{20};

/// More than a predecessor can use up between its offer and its end: sessions must not seem to be judged, or routed, by
/// tables of ours when they were by its.
constexpr std::uint16_t kGenerationsMeanwhile = 1024;
constexpr std::uint64_t kRouteGenerationsMeanwhile = std::uint64_t{1} << 28;

Fd copy_of(int descriptor) {
  return descriptor < 0 ? Fd() : Fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
}

/// "" without.
std::string metrics_address(const Config& config) {
  if (!config.metrics.enabled) return {};
  return fmt::format("{} {}", to_text(config.metrics.listen.address), config.metrics.listen.port);
}

bool same_rings(const RingSizes& a, const RingSizes& b) {
  return a.fill == b.fill && a.rx == b.rx && a.tx == b.tx && a.completion == b.completion;
}

}  // namespace

std::string Daemon::own_program() {
  // Now: once a package has replaced the file, its name is another one in /proc.
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "/proc/self/exe" : path.string();
}

std::unique_ptr<Predecessor> Daemon::meet(std::optional<HandoverSocket> socket) {
  if (!socket.has_value()) return nullptr;
  auto predecessor = std::make_unique<Predecessor>(Predecessor{std::move(*socket), {}});
  predecessor->offer = receive_offer(predecessor->socket, kAnswerWithin);
  return predecessor;
}

bool Daemon::same_memory() const {
  if (predecessor_ == nullptr || !predecessor_->offer.region_memory) return false;
  const Offer& offer = predecessor_->offer;
  return offer.region.frame_size == plan_.region.frame_size && offer.region.frames == plan_.region.frames &&
         offer.region.workers == plan_.region.workers && same_rings(offer.rings, plan_.rings);
}

Region Daemon::left_region() const {
  if (!same_memory()) return Region(plan_.region);
  const Offer& offer = predecessor_->offer;
  return {plan_.region, Mapping::of(copy_of(offer.region_memory.get()), offer.pages)};
}

PuntDevice Daemon::left_tun() const {
  const PuntOptions options = punt_options(configurations_.running());
  if (predecessor_ == nullptr || predecessor_->offer.tun_name != options.name) return PuntDevice(options);
  return {options, copy_of(predecessor_->offer.tun.get())};
}

void Daemon::use_left_sessions(WorkerGroupConfig& config) const {
  if (predecessor_ == nullptr || !config.sessions.has_value()) return;
  const Offer& offer = predecessor_->offer;
  for (const Offer::Sessions& worker : offer.sessions) {
    config.sessions->left.push_back({worker.file.get(), worker.wheel4.get(), worker.wheel6.get(), worker.state.get()});
  }
  config.left_meters = {offer.meter_buckets.get(), offer.meter_lines.get(), offer.meter_key};
}

std::uint16_t Daemon::policy_generation_before() const {
  return predecessor_ == nullptr
             ? std::uint16_t{0}
             : static_cast<std::uint16_t>(predecessor_->offer.policy_generation + kGenerationsMeanwhile);
}

std::uint64_t Daemon::route_generation_before() const {
  return predecessor_ == nullptr ? 0 : predecessor_->offer.route_generation + kRouteGenerationsMeanwhile;
}

void Daemon::begin() {
  // Sessions that are taken over hold ports of addresses, which workers must know.
  publish_snapshot();
  if (predecessor_ == nullptr) {
    workers_.take_sessions_over();
    workers_.start();
    return tell_of_sessions();
  }
  const Config& config = configurations_.running();
  const bool same_socket = config.system.control_socket == predecessor_->offer.control_socket;
  const bool same_metrics = metrics_address(config) == predecessor_->offer.metrics;
  // What can fail does so while the predecessor forwards.
  if (!same_socket) server_.open();
  if (!same_metrics) open_agent();
  const std::string story = take_over();
  try {
    if (same_socket) server_.open();
    if (same_metrics) open_agent();
  } catch (const SetupError& error) {
    report(error.error());  // packets and sessions need neither
  }
  tell_of_sessions();
  say(story, EventKind::kStarted);
}

std::string Daemon::take_over() {
  HandoverSocket& socket = predecessor_->socket;
  Ready ready;
  if (same_memory()) ready.interfaces = interfaces_.prepare(predecessor_->offer, link_facts());
  ready.tun = predecessor_->offer.tun_name == punt_.name();
  send_ready(socket, ready);
  LeftLanes left = receive_lanes(socket, kAnswerWithin);
  punt_.own();
  const std::uint64_t rested_ns = left.rested_ns;
  const std::size_t lanes = left.lanes.size();
  workers_.take_sessions_over();
  interfaces_.take_over(std::move(left));
  publish_snapshot();
  workers_.start();
  while (!workers_.all_turned()) std::this_thread::sleep_for(std::chrono::microseconds(20));
  const double waited_ms = static_cast<double>(monotonic_ns() - rested_ns) / kNanosecondsPerMillisecond;
  interfaces_.attach();
  send_runs(socket);
  std::string story = fmt::format("took over from culvertd {}: {} lanes, whose packets waited {:.1f} ms",
                                  predecessor_->offer.version, lanes, waited_ms);
  predecessor_.reset();
  return story;
}

Offer Daemon::offer() {
  Offer offer;
  offer.version = board_.sources().version;
  offer.region = plan_.region;
  offer.rings = plan_.rings;
  offer.pages = region_.pages();
  offer.region_memory = copy_of(region_.memory().fd().get());
  offer.tun_name = punt_.name();
  offer.tun = copy_of(punt_.descriptor());
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    const SessionSlot* sessions = workers_.sessions(worker);
    const SessionSetup::Left left = sessions == nullptr ? SessionSetup::Left{} : sessions->descriptors();
    offer.sessions.push_back({copy_of(left.file), copy_of(left.wheel4), copy_of(left.wheel6), copy_of(left.state)});
  }
  if (const MeterMemory* meters = workers_.meters()) {
    const LeftMeters left = meters->leave();
    offer.meter_buckets = copy_of(left.buckets);
    offer.meter_lines = copy_of(left.lines);
    offer.meter_key = left.key;
  }
  if (firewall_.policy() != nullptr) offer.policy_generation = firewall_.policy()->generation;
  offer.route_generation = routes_.generation();
  offer.control_socket = configurations_.running().system.control_socket;
  offer.metrics = metrics_address(configurations_.running());
  offer.interfaces = interfaces_.offer();
  return offer;
}

void Daemon::restart(const Reply& reply) {
  if (successor_ != nullptr) {
    return reply(Error{"a successor is being started already", EBUSY, "it is there within a moment, or the log says"});
  }
  if (configurations_.show("candidate", monotonic_ns()).has_value()) {
    return reply(Error{"a configuration is on trial, which would end with this culvertd", EBUSY,
                       "culvert config confirm, or rollback, before"});
  }
  try {
    auto [ours, theirs] = HandoverSocket::pair();
    Spawn successor(ProcessGroup::kOurs);
    constexpr int kSocket = 3;
    const Fd given(::fcntl(theirs.descriptor(), F_DUPFD_CLOEXEC, kSocket + 1));
    successor.give(given, kSocket);
    int pid = 0;
    // It looks for CPUs of its own, among all that we were given.
    let_this_thread_run_on(allowed_cpus_);
    const int error =
        successor.spawn(pid, program_, {"--config", configurations_.file(), "--successor-of", std::to_string(kSocket)});
    keep_this_thread_off(plan_.cpus);
    if (error != 0) return reply(Error{"starting " + program_, error, "nothing has changed"});
    theirs.close();
    successor_ = std::make_unique<Successor>(io_, std::move(ours), pid, reply);
    send_offer(successor_->socket, offer());
  } catch (const SetupError& error) {
    if (successor_ == nullptr) return reply(error.error());
    return successor_failed(error.what());
  }
  using boost::asio::posix::stream_descriptor;
  successor_->readable.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error && successor_ != nullptr) successor_speaks();
  });
  successor_->timer.expires_after(kReadyWithin);
  successor_->timer.async_wait([this](const boost::system::error_code& error) {
    // It may have become ready, or have failed, when this was on its way already.
    if (!error && successor_ != nullptr && successor_->reply) successor_failed("it was not ready in time");
  });
}

void Daemon::successor_failed(const std::string& why) {
  ::kill(successor_->pid, SIGKILL);
  ::waitpid(successor_->pid, nullptr, 0);
  const Reply reply = std::move(successor_->reply);
  const int pid = successor_->pid;
  successor_.reset();
  interfaces_.try_again();  // it may have held what could not be opened meanwhile
  links_changed_ = true;
  const Error error{"the successor did not start: " + why, 0, "nothing has changed; the log says what it said"};
  report(error);
  if (reply) return reply(error);
  failed_successor_ = {{"pid", pid}, {"why", why}};  // whoever asked believes that it takes over
}

void Daemon::successor_speaks() {
  try {
    successor_->ready = receive_ready(successor_->socket, milliseconds(100));
  } catch (const SetupError& error) {
    return successor_failed(error.what());
  }
  if (const std::string why = why_not_now(); !why.empty()) return successor_failed(why);
  boost::json::array kept;
  for (const std::string& name : successor_->ready.interfaces) kept.emplace_back(name);
  board_.event(EventKind::kStopping, fmt::format("a successor takes over, process {}", successor_->pid));
  const Reply reply = std::exchange(successor_->reply, nullptr);
  reply(boost::json::object{{"pid", successor_->pid}, {"interfaces", std::move(kept)}});
  successor_->timer.expires_after(kLastWords);
  successor_->timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) make_place();
  });
}

std::string Daemon::why_not_now() {
  pollfd socket{successor_->socket.descriptor(), POLLIN, 0};
  if (::poll(&socket, 1, 0) != 0) return "it ended when it had been ready";
  if (const std::string name = interfaces_.changed_since_offer(successor_->ready.interfaces); !name.empty()) {
    return name + " was closed or changed meanwhile; try again";
  }
  return workers_.all_turn() ? "" : "a worker is stuck, and would not let go; `culvert show workers`";
}

void Daemon::make_place() {
  if (const std::string why = why_not_now(); !why.empty()) return successor_failed(why);
  interfaces_.close_others(successor_->ready.interfaces);
  read_session_logs();
  server_.close();
  if (agent_ != nullptr) agent_->stop();
  agent_.reset();
  HandoverSocket& socket = successor_->socket;
  const Now rested = monotonic_ns();
  if (const auto left = workers_.leave(); left.has_error()) {
    // Its thread still works with everything that would be destroyed.
    log(fmt::format("a successor failed half-way: {}; start culvertd again", left.error().to_string()));
    ::_exit(1);
  }
  try {
    for (const OfferedLane& lane : interfaces_.leave()) send_lane(socket, lane);
    send_left(socket, rested);
    receive_runs(socket, kAnswerWithin);
    tell_service_manager(fmt::format("MAINPID={}", successor_->pid));
    log(fmt::format("a successor runs, process {}; this one ends", successor_->pid));
  } catch (const SetupError& error) {
    failed_ = Error{fmt::format("a successor failed half-way: {}", error.what()), 0, "start culvertd again"};
  }
  if (successor_->ready.tun) punt_.leave();
  interfaces_.abandon();
  io_.stop();
}

}  // namespace culvert
