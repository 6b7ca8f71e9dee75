// SPDX-License-Identifier: Apache-2.0
#include "control/interfaces.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "xsk/device.h"

namespace culvert {
namespace {

constexpr Now kTryAgainAfter = kNanosecondsPerSecond;

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
  if (!interface.too_few_queues.empty()) text += "; " + interface.too_few_queues;
  return text;
}

}  // namespace

std::string why_not_better(const Interfaces::Interface& interface, const Interfaces::Lane& lane) {
  const AttachReport& attach = interface.program->report();
  if (attach.reason.empty()) return lane.lane->report().why_not_better;
  return attach.hint.empty() ? attach.reason : attach.reason + "; " + attach.hint;
}

std::map<std::string, InterfaceIndex> Interfaces::numbers(const Config& config) {
  std::map<std::string, InterfaceIndex> numbers;
  for (const auto& [name, interface] : config.interfaces) {
    const auto number = static_cast<InterfaceIndex>(numbers.size());
    numbers.emplace(name, number);
  }
  return numbers;
}

Interfaces::Interfaces(const Config& config, const Plan& plan, Region& region, WorkerGroup& workers,
                       RedirectState& redirect, InterfacesListener& listener)
    : plan_(plan),
      region_(region),
      workers_(workers),
      redirect_(redirect),
      listener_(listener),
      outlive_process_(fails_closed(config)) {
  for (const auto& [name, number] : numbers(config)) {
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
  free_buried();
  bool changed = false;
  for (Interface& interface : interfaces_) {
    const auto link = links.find(interface.number);
    const bool there = link != links.end();
    if (interface.open()) {
      if (!there) {
        close(interface, "the interface was deleted");
      } else if (link->second.ifindex != interface.ifindex) {
        close(interface, "the interface was deleted and made anew");
      } else if (link->second.mtu != interface.mtu) {
        close(interface, fmt::format("its MTU changed from {} to {}", interface.mtu, link->second.mtu));
      } else if (lost(interface)) {
        close(interface, "a socket of it died");
      }
      if (!interface.open()) {
        interface.try_again_at = now;
        changed = true;
      }
    }
    if (!there && interface.trouble.empty()) {
      interface.trouble = "the interface does not exist";
      listener_.on_interface_failed(interface.name, {interface.trouble, 0, "is it in another namespace? `ip link`"});
      changed = true;
    }
    if (!interface.open() && there && now >= interface.try_again_at) {
      open(interface, link->second);
      if (!interface.open()) interface.try_again_at = now + kTryAgainAfter;
      changed = true;
    }
  }
  if (changed) tell_egress_owners();
  return changed;
}

void Interfaces::free_buried() {
  std::erase_if(buried_,
                [this](const Lane& lane) { return workers_.worker(lane.worker).cells().closing_lanes.read() == 0; });
}

bool Interfaces::lost(const Interface& interface) const {
  for (const Lane& lane : interface.lanes) {
    if (lane.lane->cells().state.read() == static_cast<std::uint64_t>(LaneState::kGone)) return true;
  }
  return false;
}

void Interfaces::open(Interface& interface, const LinkFacts& link) {
  try {
    RedirectOptions options;
    options.interface = interface.name;
    options.mode = attach_wish(interface.config.mode);
    options.outlive_process = outlive_process_;
    interface.program = std::make_unique<RedirectProgram>(redirect_, options);
    interface.ifindex = link.ifindex;
    interface.mtu = link.mtu;
    open_lanes(interface, link);
    interface.trouble.clear();
    listener_.on_interface_open(interface.name, how_it_went(interface));
  } catch (const SetupError& error) {
    undo(interface);
    // Said once, not every second.
    if (std::exchange(interface.trouble, error.what()) != error.what()) {
      listener_.on_interface_failed(interface.name, error.error());
    }
  }
}

void Interfaces::open_lanes(Interface& interface, const LinkFacts& link) {
  const QueueCounts there = queue_counts(interface.name).value();
  const std::uint32_t wanted =
      interface.config.queues.value_or(std::min<std::uint32_t>(there.lanes(), kRedirectMaxQueues));
  const std::uint32_t queues = std::min(there.lanes(), wanted);
  interface.too_few_queues.clear();
  if (queues < wanted) {
    interface.too_few_queues = fmt::format("{} queues are configured and it has {}; type: {}", wanted, there.lanes(),
                                           queue_command(interface.name, there, wanted));
  }
  for (std::uint32_t queue = 0; queue < queues; ++queue) {
    Lane lane;
    lane.queue = static_cast<std::uint16_t>(queue);
    lane.worker = static_cast<WorkerIndex>(queue % workers_.size());
    XskLaneConfig config;
    config.name = interface.name;
    config.ifindex = link.ifindex;
    config.interface = interface.number;
    config.queue = queue;
    config.rings = plan_.rings;
    config.quota = plan_.quota;
    config.mode = wanted_mode(interface.config.mode);
    config.generic_attach = interface.program->report().mode == AttachMode::kGeneric;
    lane.lane = std::make_unique<XskLane>(config, region_.view(), workers_.pool(lane.worker));
    Command command;
    command.kind = CommandKind::kAddLane;
    command.lane = lane.lane.get();
    const int socket = lane.lane->socket_fd();
    interface.lanes.push_back(std::move(lane));
    workers_.tell(interface.lanes.back().worker, command).value();
    // Only now: the worker has given the kernel frames to receive into.
    interface.program->set_socket(queue, socket).value();
  }
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
  listener_.on_interface_closed(interface.name, why);
}

void Interfaces::undo(Interface& interface) {
  // First XDP, so that nothing is redirected to a socket that nobody serves.
  for (const Lane& lane : interface.lanes) {
    if (interface.program != nullptr) (void)interface.program->clear_socket(lane.queue);
  }
  for (Lane& lane : interface.lanes) {
    Command command;
    command.kind = CommandKind::kRemoveLane;
    command.lane = lane.lane.get();
    // A worker that does not answer may still touch the lane: then it must stay in memory for ever.
    if (workers_.tell(lane.worker, command).has_error()) {
      (void)lane.lane.release();
    } else {
      buried_.push_back(std::move(lane));
    }
  }
  free_buried();
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
