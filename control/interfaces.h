// SPDX-License-Identifier: Apache-2.0
// The interfaces of the configuration and their lanes, through everything that happens to links. One interface:
//
//   absent --link appears--> attach XDP, open a lane for each queue, tell the workers, let XDP redirect --> open
//   open   --link deleted, or a lane says gone--> take the lanes from the workers, detach --> absent
//   open   --other queues (ethtool -L; looked at every second)--> closed and opened anew
//   open   --an MTU that fits no frame--> closed; any other changes nothing here, sockets and packets stay
//   a failure on the way: everything undone, the reason kept for the status, tried again every second
//
// Frames were planned at start, for as many lanes as there were queues or as were configured. An interface that has
// more now shares its part among them, down to the least that a lane works with; for queues beyond that there is no
// lane, and how_it_went says so.
//
// The number of an interface (InterfaceIndex) is its place in the configuration and never changes while culvertd runs;
// the kernel's ifindex may.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "control/handover.h"
#include "control/plan.h"
#include "control/worker_group.h"
#include "kernel_redirect/program.h"
#include "status/snapshot.h"
#include "xsk/device.h"
#include "xsk/xsk_lane.h"

namespace culvert {

/// What the kernel says about a link.
struct LinkFacts {
  std::uint32_t ifindex = 0;
  std::uint32_t mtu = 0;
  /// Ethernet addresses whose packets Culvert takes: the link's, and those that the configuration adds.
  std::vector<MacAddress> stations;
};

/// Hears about what happens to interfaces; control's thread.
class InterfacesListener {
 public:
  virtual ~InterfacesListener() = default;
  virtual void on_interface_open(const std::string& name, const std::string& how) = 0;
  virtual void on_interface_closed(const std::string& name, const std::string& why) = 0;
  virtual void on_interface_failed(const std::string& name, const Error& error) = 0;
};

class Interfaces {
 public:
  struct Lane {
    std::uint16_t queue = 0;
    WorkerIndex worker = 0;
    std::unique_ptr<XskLane> lane;
  };
  struct Interface {
    std::string name;
    InterfaceConfig config;
    InterfaceIndex number = 0;
    std::uint32_t ifindex = 0;         ///< 0: not open
    QueueCounts queues{};              ///< what it was opened with
    std::uint32_t lanes_wanted = 0;    ///< the same; they are opened a few at a time
    LaneQuota quota{};                 ///< of each
    std::vector<MacAddress> stations;  ///< as XDP has them
    std::unique_ptr<RedirectProgram> program;
    std::vector<Lane> lanes;
    std::string trouble;         ///< why it is not open
    std::string not_as_planned;  ///< when it has fewer queues than configured, or more than planned: what to type
    Now try_again_at = 0;
    /// What stands in the way may be going: a process before us, a lane of ours. Of a second try that is not so, and
    /// everybody would wait with it, each time.
    bool patient = true;

    std::uint64_t openings = 0;  ///< how often it was opened
    std::uint64_t offered = 0;   ///< which of them a successor was offered

    bool open() const noexcept { return program != nullptr; }
    bool opening() const noexcept { return open() && lanes.size() < lanes_wanted; }
  };

  Interfaces(const Config& config, const Plan& plan, Region& region, WorkerGroup& workers, RedirectState& redirect,
             InterfacesListener& listener);
  Interfaces(const Interfaces&) = delete;
  Interfaces& operator=(const Interfaces&) = delete;
  /// Detaches and closes every interface; with fail: closed the pinned links stay.
  ~Interfaces();

  const std::vector<Interface>& all() const noexcept { return interfaces_; }

  /// Opens what can be, closes what must be: `links` holds the facts of each interface whose link exists. True when
  /// something was opened or closed: the workers need another snapshot.
  bool reconcile(const std::map<InterfaceIndex, LinkFacts>& links, Now now);
  /// What could not be opened is tried in the next reconcile(), not only after a second.
  void try_again();
  /// Lanes are still to be opened, so reconcile() should come again soon: it stops after some 50 ms, so that clients of
  /// control do not wait for all of them.
  bool opening() const noexcept;

  /// What the XDP programs did, by interface; those that could not be asked are left out.
  std::vector<XdpActionStatus> xdp_actions() const;

  /// Closes all, as at the end.
  void close_all();

  // A successor's (control/handover.h); before the workers start.

  /// Loads the programs of the interfaces that can go on as they were left: their links are the same, and they are
  /// configured alike. Returns their names; they are open without lanes until take_over().
  std::vector<std::string> prepare(const Offer& offer, const std::map<InterfaceIndex, LinkFacts>& links);
  /// Gives the workers the lanes of prepared interfaces. Those whose links have changed meanwhile are opened anew,
  /// later. Throws SetupError when what is left is not what was offered.
  void take_over(LeftLanes left);
  /// When workers run: from now on our programs judge the packets of what was taken over.
  void attach();

  // The old culvertd's.

  /// Those whose sockets another process can use. Descriptors are copies.
  std::vector<OfferedInterface> offer();
  /// Of these, the first that is not open any more as it was offered; empty: none.
  std::string changed_since_offer(const std::vector<std::string>& names);
  /// Closes those that a successor does not go on with, and waits until the kernel has given their frames back.
  void close_others(const std::vector<std::string>& kept);
  /// When the workers have left: every lane, as it is.
  std::vector<OfferedLane> leave() const;
  /// Lets go of all without a change of anything: a successor has it, or the process ends.
  void abandon();

 private:
  Interface* find(const std::string& name);
  void take_lane_over(OfferedLane& from, const WorkerGroup::LeftFrames& frames);
  void forget_prepared(const std::string& name, const std::string& why);
  void use_stations(Interface& interface, const LinkFacts& link);
  void open_or_go_on(Interface& interface, const LinkFacts& link, Now until);
  /// Up to its lanes; `left`: as it was left to us. Throws SetupError, as open_lanes() and open_lane() do.
  void open(Interface& interface, const LinkFacts& link, const OfferedInterface* left = nullptr);
  /// Why it is not open; true when it was another reason before.
  bool tell_trouble(Interface& interface, const Error& error);
  bool goes_on(const Interface& interface, const LinkFacts& link, const OfferedInterface& left) const;
  XskLaneConfig lane_config(const Interface& interface, std::uint32_t queue) const;
  /// At least one.
  void open_lanes(Interface& interface, Now until);
  void open_lane(Interface& interface, std::uint32_t queue);
  std::uint32_t lanes_to_open(Interface& interface) const;
  /// Throws SetupError when a worker would own more lanes than it can; those that it is closing count.
  void check_lanes(const Interface& interface, std::uint32_t lanes) const;
  bool queues_changed(const Interface& interface) const;
  void close(Interface& interface, const std::string& why);
  void undo(Interface& interface);
  bool lost(const Interface& interface) const;
  void tell_egress_owners();

  const Plan& plan_;
  Region& region_;
  WorkerGroup& workers_;
  RedirectState& redirect_;
  InterfacesListener& listener_;
  bool outlive_process_;
  std::vector<Interface> interfaces_;
  std::vector<std::string> prepared_;
  Now look_at_queues_at_ = 0;
};

/// What a lane is asked for.
WantedMode wanted_mode(InterfaceMode mode);
/// "2 lanes, native/copy (why not better)", of an open one.
std::string how_it_went(const Interfaces::Interface& interface);
/// Why an open lane's mode is no better: native XDP was refused, and what to type, or else what the socket did not get.
/// Empty when there is nothing better.
std::string why_not_better(const Interfaces::Interface& interface, const Interfaces::Lane& lane);

}  // namespace culvert
