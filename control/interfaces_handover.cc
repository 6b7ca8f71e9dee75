// SPDX-License-Identifier: Apache-2.0
// Interfaces that go from one culvertd to the next as they are: sockets bound, packets in their rings.
#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <thread>
#include <utility>

#include "control/interfaces.h"

namespace culvert {
namespace {

/// A zero-copy driver's quarantine (xsk/xsk_lane.cc), and some.
constexpr Now kFramesHomeWithin = 1500 * kNanosecondsPerMillisecond;

}  // namespace

Interfaces::Interface* Interfaces::find(const std::string& name) {
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                  [&name](const Interface& interface) { return interface.name == name; });
  return found == interfaces_.end() ? nullptr : &*found;
}

bool Interfaces::goes_on(const Interface& interface, const LinkFacts& link, const OfferedInterface& left) const {
  const auto queues = queue_counts(interface.name);
  if (queues.has_error()) return false;
  const std::uint32_t wanted = std::min(queues->lanes(), interface.config.queues.value_or(queues->lanes()));
  return left.ifindex == link.ifindex && left.lanes == wanted &&
         left.mode == wanted_mode_text(wanted_mode(interface.config.mode));
}

std::vector<std::string> Interfaces::prepare(const Offer& offer, const std::map<InterfaceIndex, LinkFacts>& links) {
  for (const OfferedInterface& left : offer.interfaces) {
    Interface* const interface = find(left.name);
    const auto link = interface == nullptr ? links.end() : links.find(interface->number);
    if (link == links.end() || !goes_on(*interface, link->second, left)) continue;
    try {
      open(*interface, link->second, &left);
      prepared_.push_back(left.name);
    } catch (const SetupError& error) {
      // It is opened anew, then; the old one closes it.
      undo(*interface);
      listener_.on_interface_failed(interface->name, error.error());
    }
  }
  return prepared_;
}

void Interfaces::forget_prepared(const std::string& name, const std::string& why) {
  Interface& interface = *find(name);
  undo(interface);
  interface.patient = true;
  listener_.on_interface_failed(name, {why, 0, "it is opened anew"});
}

void Interfaces::take_over(LeftLanes left) {
  std::erase_if(prepared_, [this](const std::string& name) {
    const Interface& interface = *find(name);
    const auto queues = queue_counts(name);
    if (::if_nametoindex(name.c_str()) == interface.ifindex && queues.has_value() &&
        queues->lanes() == interface.queues.lanes()) {
      return false;
    }
    forget_prepared(name, "its link changed while it was taken over");
    return true;
  });
  // Lanes of others close with their descriptors, and their frames are free.
  std::erase_if(left.lanes, [this](const OfferedLane& lane) {
    return std::find(prepared_.begin(), prepared_.end(), lane.interface) == prepared_.end();
  });
  std::sort(left.lanes.begin(), left.lanes.end(),
            [](const OfferedLane& a, const OfferedLane& b) { return a.queue < b.queue; });
  std::vector<WorkerGroup::LeftFrames> frames;
  for (const OfferedLane& lane : left.lanes) {
    frames.push_back({static_cast<WorkerIndex>(lane.worker), lane.left.receiving, lane.left.transmitting});
  }
  workers_.leave_out(frames);
  for (std::size_t i = 0; i < left.lanes.size(); ++i) take_lane_over(left.lanes[i], frames[i]);
  for (const std::string& name : prepared_) {
    if (find(name)->opening()) throw SetupError(Error{name + ": fewer lanes were left than offered", 0, ""});
  }
  if (!prepared_.empty()) tell_egress_owners();
}

void Interfaces::take_lane_over(OfferedLane& from, const WorkerGroup::LeftFrames& frames) {
  Interface& interface = *find(from.interface);
  if (from.queue != interface.lanes.size() || from.worker != from.queue % workers_.size()) {
    throw SetupError(Error{from.interface + ": its lanes were not left as they were offered", 0, ""});
  }
  LeftLane left{std::move(from.left.socket), from.left.got, from.left.why_not_better, from.left.receiving,
                from.left.transmitting};
  Lane lane;
  lane.queue = static_cast<std::uint16_t>(from.queue);
  lane.worker = frames.worker;
  lane.lane = std::make_unique<XskLane>(lane_config(interface, from.queue), region_.view(), workers_.pool(lane.worker),
                                        std::move(left));
  workers_.take_lane_over(frames, *lane.lane);
  interface.program->set_socket(from.queue, lane.lane->socket_fd()).value();
  interface.lanes.push_back(std::move(lane));
}

void Interfaces::attach() {
  for (const std::string& name : std::exchange(prepared_, {})) {
    Interface& interface = *find(name);
    try {
      interface.program->take_over();
    } catch (const SetupError& error) {
      forget_prepared(name, error.what());
      continue;
    }
    interface.trouble.clear();
    listener_.on_interface_open(interface.name, how_it_went(interface) + "; taken over");
  }
}

std::vector<OfferedInterface> Interfaces::offer() {
  std::vector<OfferedInterface> offered;
  for (Interface& interface : interfaces_) {
    if (!interface.open() || interface.opening() || !interface.lanes.front().lane->can_be_left()) continue;
    Fd link(::fcntl(interface.program->link_fd(), F_DUPFD_CLOEXEC, 3));
    if (!link) continue;
    interface.offered = interface.openings;
    offered.push_back({interface.name, interface.ifindex, interface.lanes_wanted,
                       std::string(wanted_mode_text(wanted_mode(interface.config.mode))),
                       interface.program->report().mode, std::move(link)});
  }
  return offered;
}

std::string Interfaces::changed_since_offer(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const Interface* const interface = find(name);
    if (interface == nullptr || !interface->open() || interface->opening() || lost(*interface) ||
        interface->openings != interface->offered) {
      return name;
    }
  }
  return {};
}

void Interfaces::close_others(const std::vector<std::string>& kept) {
  bool closed = false;
  for (Interface& interface : interfaces_) {
    if (!interface.open() || std::find(kept.begin(), kept.end(), interface.name) != kept.end()) continue;
    close(interface, "a successor opens it anew");
    closed = true;
  }
  if (closed) tell_egress_owners();
  const Now deadline = monotonic_ns() + kFramesHomeWithin;
  const auto waiting = [this] {
    workers_.free_removed_lanes();
    for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
      if (workers_.removed_lanes(worker) > 0) return true;
    }
    return false;
  };
  while (waiting() && monotonic_ns() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

std::vector<OfferedLane> Interfaces::leave() const {
  std::vector<OfferedLane> lanes;
  for (const Interface& interface : interfaces_) {
    for (const Lane& lane : interface.lanes) {
      lanes.push_back({interface.name, lane.queue, lane.worker, lane.lane->leave()});
    }
  }
  return lanes;
}

void Interfaces::abandon() {
  for (Interface& interface : interfaces_) {
    interface.lanes.clear();
    interface.program.reset();
  }
}

}  // namespace culvert
