// SPDX-License-Identifier: Apache-2.0
#include "control/interfaces.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "control/settings.h"

namespace culvert {
namespace {

constexpr Now kTryAgainAfter = kNanosecondsPerSecond;
/// netlink does not tell of `ethtool -L` reliably; asking costs three short system calls an interface.
constexpr Now kLookAtQueuesEvery = kNanosecondsPerSecond;
/// A lane takes the kernel milliseconds, more with more frames (it takes note of each page); clients wait for as long.
constexpr Now kOpenLanesFor = 50 * kNanosecondsPerMillisecond;

AttachWish attach_wish(InterfaceMode mode) {
  switch (mode) {
    case InterfaceMode::kZeroCopy:
    case InterfaceMode::kCopy:
      return AttachWish::kNative;
    case InterfaceMode::kGeneric:
      return AttachWish::kGeneric;
    case InterfaceMode::kAutomatic:
      break;
  }
  return AttachWish::kAuto;
}

std::string queues_text(std::uint32_t queues) {
  return fmt::format("{} {}", queues, queues == 1 ? "queue" : "queues");
}

}  // namespace

WantedMode wanted_mode(InterfaceMode mode) {
  switch (mode) {
    case InterfaceMode::kZeroCopy:
      return WantedMode::kZeroCopy;
    case InterfaceMode::kCopy:
      return WantedMode::kCopy;
    case InterfaceMode::kGeneric:
      return WantedMode::kGeneric;
    case InterfaceMode::kAutomatic:
      break;
  }
  return WantedMode::kAuto;
}

std::string how_it_went(const Interfaces::Interface& interface) {
  const Interfaces::Lane& first = interface.lanes.front();
  std::string text = fmt::format("{} {}, {}", interface.lanes.size(), interface.lanes.size() == 1 ? "lane" : "lanes",
                                 lane_mode_text(first.lane->report().got));
  if (const std::string why = why_not_better(interface, first); !why.empty()) text += " (" + why + ")";
  if (!interface.not_as_planned.empty()) text += "; " + interface.not_as_planned;
  return text;
}

std::string why_not_better(const Interfaces::Interface& interface, const Interfaces::Lane& lane) {
  const AttachReport& attach = interface.program->report();
  if (attach.reason.empty()) return lane.lane->report().why_not_better;
  return attach.hint.empty() ? attach.reason : attach.reason + "; " + attach.hint;
}

Interfaces::Interfaces(const Config& config, const Plan& plan, Region& region, WorkerGroup& workers,
                       RedirectState& redirect, InterfacesListener& listener)
    : plan_(plan),
      region_(region),
      workers_(workers),
      redirect_(redirect),
      listener_(listener),
      outlive_process_(fails_closed(config)) {
  for (const auto& [name, number] : interface_numbers(config)) {
    Interface interface;
    interface.name = name;
    interface.number = number;
    interface.config = config.interfaces.at(name);
    interfaces_.push_back(std::move(interface));
  }
}

Interfaces::~Interfaces() {
  close_all();
}

void Interfaces::close_all() {
  for (Interface& interface : interfaces_) {
    if (interface.open()) close(interface, "culvertd is stopping");
  }
}

bool Interfaces::reconcile(const std::map<InterfaceIndex, LinkFacts>& links, Now now) {
  workers_.free_removed_lanes();
  const bool look_at_queues = now >= look_at_queues_at_;
  if (look_at_queues) look_at_queues_at_ = now + kLookAtQueuesEvery;
  bool changed = false;
  for (Interface& interface : interfaces_) {
    const auto link = links.find(interface.number);
    const bool there = link != links.end();
    const Result<void> fits =
        there ? check_mtu(interface.name, link->second.mtu, plan_.region.frame_size) : Result<void>();
    if (interface.open()) {
      if (!there) {
        close(interface, "the interface was deleted");
      } else if (link->second.ifindex != interface.ifindex) {
        close(interface, "the interface was deleted and made anew");
      } else if (fits.has_error()) {
        close(interface, fits.error().what);
      } else if (lost(interface)) {
        close(interface, "a socket of it died");
      } else if (look_at_queues && queues_changed(interface)) {
        close(interface,
              fmt::format("its queues changed from {} rx and {} tx", interface.queues.rx, interface.queues.tx));
      }
      if (!interface.open()) {
        interface.try_again_at = now;
        changed = true;
      } else if (link->second.stations != interface.stations) {
        use_stations(interface, link->second);
      }
    }
    if (!there && interface.trouble.empty()) {
      interface.trouble = "the interface does not exist";
      listener_.on_interface_failed(interface.name, {interface.trouble, 0, "is it in another namespace? `ip link`"});
      changed = true;
    }
    if (fits.has_error()) {
      // By what the kernel has told of the link, as above: by what it has become meanwhile it might be opened, and
      // closed again, for as long as nobody listens to the kernel.
      changed |= tell_trouble(interface, fits.error());
      continue;
    }
    if (interface.opening() || (!interface.open() && there && now >= interface.try_again_at)) {
      const bool first = !interface.open();
      open_or_go_on(interface, link->second, now + kOpenLanesFor);
      if (!interface.open()) interface.try_again_at = now + kTryAgainAfter;
      // Its first lane sends; those between the first few and the last change nothing for others.
      changed |= first || !interface.opening();
    }
  }
  if (changed) tell_egress_owners();
  return changed;
}

void Interfaces::try_again() {
  for (Interface& interface : interfaces_) interface.try_again_at = 0;
}

bool Interfaces::lost(const Interface& interface) const {
  for (const Lane& lane : interface.lanes) {
    if (lane.lane->cells().state.read() == static_cast<std::uint64_t>(LaneState::kGone)) return true;
  }
  return false;
}

bool Interfaces::queues_changed(const Interface& interface) const {
  const auto now = queue_counts(interface.name);
  const auto taken = [&](std::uint32_t queues) { return std::min(queues, interface.config.queues.value_or(queues)); };
  return now.has_value() &&
         (taken(now->rx) != taken(interface.queues.rx) || taken(now->tx) != taken(interface.queues.tx));
}

void Interfaces::use_stations(Interface& interface, const LinkFacts& link) {
  interface.stations = link.stations;
  if (auto used = interface.program->set_stations(link.stations); used.has_error()) {
    listener_.on_interface_failed(interface.name, used.error());
  }
}

bool Interfaces::opening() const noexcept {
  return std::any_of(interfaces_.begin(), interfaces_.end(),
                     [](const Interface& interface) { return interface.opening(); });
}

void Interfaces::open_or_go_on(Interface& interface, const LinkFacts& link, Now until) {
  try {
    if (!interface.open()) open(interface, link);
    open_lanes(interface, until);
    if (interface.opening()) return;
    interface.trouble.clear();
    listener_.on_interface_open(interface.name, how_it_went(interface));
  } catch (const SetupError& error) {
    undo(interface);
    interface.patient = false;
    tell_trouble(interface, error.error());
  }
}

bool Interfaces::tell_trouble(Interface& interface, const Error& error) {
  const std::string text = error.to_string();
  // Said once, not every second.
  if (std::exchange(interface.trouble, text) == text) return false;
  listener_.on_interface_failed(interface.name, error);
  return true;
}

void Interfaces::open(Interface& interface, const LinkFacts& link, const OfferedInterface* left) {
  ++interface.openings;
  interface.ifindex = link.ifindex;
  interface.queues = queue_counts(interface.name).value();
  // Before XDP is attached, which interrupts the traffic of some drivers.
  interface.lanes_wanted = lanes_to_open(interface);
  check_lanes(interface, interface.lanes_wanted);
  const std::uint32_t planned = lanes_of_worker(0, plan_.lanes.at(interface.name), workers_.size());
  const std::uint32_t most = lanes_of_worker(0, interface.lanes_wanted, workers_.size());
  interface.quota = shared_quota(plan_.rings, plan_.quota, planned, most);
  RedirectOptions options;
  options.interface = interface.name;
  options.mode = attach_wish(interface.config.mode);
  options.stations = interface.stations = link.stations;
  options.outlive_process = outlive_process_;
  options.patient = interface.patient;
  if (left != nullptr) {
    options.left_link = left->link.get();
    options.left_mode = left->attach;
  }
  interface.program = std::make_unique<RedirectProgram>(redirect_, options);
}

void Interfaces::open_lanes(Interface& interface, Now until) {
  do {
    open_lane(interface, static_cast<std::uint32_t>(interface.lanes.size()));
  } while (interface.opening() && monotonic_ns() < until);
}

std::uint32_t Interfaces::lanes_to_open(Interface& interface) const {
  const QueueCounts& there = interface.queues;
  interface.not_as_planned.clear();
  if (const auto wanted = interface.config.queues; wanted.has_value()) {
    if (there.lanes() < *wanted) {
      interface.not_as_planned = fmt::format("{} queues are configured and it has {}; type: {}", *wanted, there.lanes(),
                                             queue_command(interface.name, there, *wanted));
    }
    return std::min(there.lanes(), *wanted);
  }
  if (there.lanes() > kRedirectMaxQueues) {
    throw SetupError(Error{
        fmt::format("{} has {} rx queues, more than the {} that XDP can redirect from", interface.name, there.lanes(),
                    std::uint32_t{kRedirectMaxQueues}),
        0,
        fmt::format("type: {}, or set queues: {} (packets of the others follow system.fail)",
                    queue_command(interface.name, there, kRedirectMaxQueues), std::uint32_t{kRedirectMaxQueues})});
  }
  const std::uint32_t planned = plan_.lanes.at(interface.name);
  const std::uint32_t workers = workers_.size();
  // What is planned for a worker is for all of them: an interface of one queue has a lane's share with each worker.
  const std::uint32_t part = lanes_of_worker(0, planned, workers);
  if (lanes_of_worker(0, there.lanes(), workers) <= part) return there.lanes();
  const std::uint32_t lanes = std::min(there.lanes(), most_sharing_lanes(plan_.rings, plan_.quota, part) * workers);
  // The kernel refuses to take queues away that have a socket, so ethtool is no help.
  interface.not_as_planned =
      fmt::format("frames are planned for {} and it has {}; {}; restart culvertd to plan anew",
                  queues_text(part * workers), there.lanes(),
                  lanes < there.lanes() ? fmt::format("{} lanes share them and the other queues have none", lanes)
                                        : std::string("its lanes share them"));
  return lanes;
}

void Interfaces::check_lanes(const Interface& interface, std::uint32_t lanes) const {
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    std::size_t owned = workers_.removed_lanes(worker);
    for (const Interface& other : interfaces_) {
      if (other.open()) owned += lanes_of_worker(worker, other.lanes_wanted, workers_.size());
    }
    const std::size_t more = lanes_of_worker(worker, lanes, workers_.size());
    if (owned + more <= kMaxLanesPerWorker) continue;
    const std::size_t room = kMaxLanesPerWorker - std::min(kMaxLanesPerWorker, owned);
    const auto fits = static_cast<std::uint32_t>(room * workers_.size());
    const std::string fewer =
        room == 0 ? "" : "type: " + queue_command(interface.name, interface.queues, fits) + ", or ";
    throw SetupError(Error{fmt::format("{} has {}, {} of them for worker {}, which has {} lanes and serves {} at most",
                                       interface.name, queues_text(lanes), more, worker, owned, kMaxLanesPerWorker),
                           0, fewer + "set more system.workers and restart culvertd"});
  }
}

XskLaneConfig Interfaces::lane_config(const Interface& interface, std::uint32_t queue) const {
  XskLaneConfig config;
  config.name = interface.name;
  config.ifindex = interface.ifindex;
  config.interface = interface.number;
  config.queue = queue;
  config.rings = plan_.rings;
  config.quota = interface.quota;
  config.mode = wanted_mode(interface.config.mode);
  config.generic_attach = interface.program->report().mode == AttachMode::kGeneric;
  config.patient = interface.patient;
  return config;
}

void Interfaces::open_lane(Interface& interface, std::uint32_t queue) {
  Lane lane;
  lane.queue = static_cast<std::uint16_t>(queue);
  lane.worker = static_cast<WorkerIndex>(queue % workers_.size());
  lane.lane = std::make_unique<XskLane>(lane_config(interface, queue), region_.view(), workers_.pool(lane.worker));
  Command command;
  command.kind = CommandKind::kAddLane;
  command.lane = lane.lane.get();
  const int socket = lane.lane->socket_fd();
  interface.lanes.push_back(std::move(lane));
  workers_.tell(interface.lanes.back().worker, command).value();
  // Only now: the worker has given the kernel frames to receive into.
  interface.program->set_socket(queue, socket).value();
}

std::vector<XdpActionStatus> Interfaces::xdp_actions() const {
  static constexpr std::string_view kVerdicts[] = {"redirect", "pass", "drop"};
  std::vector<XdpActionStatus> actions;
  for (const Interface& interface : interfaces_) {
    if (!interface.open()) continue;
    const auto counters = interface.program->counters();
    if (counters.has_error()) continue;
    for (std::size_t i = 0; i < counters->size(); ++i) {
      const RedirectActionLine& line = redirect_action_line(static_cast<RedirectAction>(i));
      actions.push_back({interface.name, std::string(line.name),
                         std::string(kVerdicts[static_cast<std::size_t>(line.verdict)]), (*counters)[i]});
    }
  }
  return actions;
}

void Interfaces::close(Interface& interface, const std::string& why) {
  undo(interface);
  interface.trouble = why;
  interface.patient = true;
  listener_.on_interface_closed(interface.name, why);
}

void Interfaces::undo(Interface& interface) {
  // First XDP, so that nothing is redirected to a socket that nobody serves.
  for (const Lane& lane : interface.lanes) {
    if (interface.program != nullptr) (void)interface.program->clear_socket(lane.queue);
  }
  for (Lane& lane : interface.lanes) workers_.remove_lane(lane.worker, std::move(lane.lane));
  workers_.free_removed_lanes();
  interface.lanes.clear();
  interface.program.reset();
  interface.ifindex = 0;
}

void Interfaces::tell_egress_owners() {
  auto owners = std::make_unique<EgressOwners>();
  owners->worker.fill(kNoWorker);
  for (const Interface& interface : interfaces_) {
    const auto sends = std::find_if(interface.lanes.begin(), interface.lanes.end(),
                                    [](const Lane& lane) { return lane.lane->transmits(); });
    if (sends != interface.lanes.end()) owners->worker[interface.number] = sends->worker;
  }
  Command command;
  command.kind = CommandKind::kUseEgressOwners;
  command.owners = owners.get();
  // Workers copy it: after the acknowledgement nobody looks at it.
  if (workers_.tell_all(command).has_error()) (void)owners.release();
}

}  // namespace culvert
