// SPDX-License-Identifier: Apache-2.0
// From cells to a StatusSnapshot. Collecting reads cells and nothing else: no ring is touched, no lock taken, no table
// walked, no worker asked. So it costs the packet path nothing and answers the same when a worker is stuck.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "lanes/lane.h"
#include "sessions/session_shard.h"
#include "status/error_log.h"
#include "status/events.h"
#include "status/registry.h"
#include "status/snapshot.h"
#include "workers/worker_cells.h"

namespace culvert {

struct LaneSource {
  std::string interface;
  InterfaceIndex number = kNoInterface;
  std::uint16_t queue = 0;
  WorkerIndex worker = 0;
  const LaneCells* cells = nullptr;  ///< null: there should be a lane and there is none (state "gone")
  std::string mode_asked, mode_got, wakeup;
  std::optional<std::string> why_not_better;
};

struct InterfaceSource {
  std::string name;
  InterfaceIndex number = kNoInterface;
  std::uint32_t ifindex = 0;
  std::string state;  ///< up, down, gone
  std::uint32_t mtu_bytes = 0;
  std::string mac;
};

/// A count of control's own that belongs under "pressure": full queues and refused things that have no gauge.
struct PressureSource {
  std::string counter, scope;
  const Cell* cell = nullptr;
};

/// What there is to read. Control fills it and changes it when lanes come and go; whatever it points to lives as long.
struct StatusSources {
  std::string version;
  Now started_ns = 0;
  std::string fail_mode;
  std::uint64_t snapshot_generation = 0;
  OptionalCount configuration_generation;     ///< of the history of configurations
  std::vector<const WorkerCells*> workers;    ///< by number
  std::vector<const SessionCells*> sessions;  ///< by worker; empty while no session is kept
  std::vector<LaneSource> lanes;
  std::vector<InterfaceSource> interfaces;
  std::vector<PressureSource> pressure;
  const Registry* registry = nullptr;
  const EventLog* events = nullptr;
  const ErrorLog* errors = nullptr;
  std::function<std::vector<XdpActionStatus>()> xdp_actions;  ///< reads the XDP program's per-CPU counters
  std::function<std::optional<PolicyStatus>()> policy;        ///< nothing for a router
  std::function<std::optional<NatStatus>()> nat;              ///< nothing without NAT
  std::function<std::optional<AgentStatus>()> agent;
};

/// A worker whose last turn ended longer ago than this is stuck.
inline constexpr std::uint64_t kStuckAfterNs = 2 * kNanosecondsPerSecond;

/// Remembers the sums of a second ago, so that rates are over one to two seconds however often it is asked. Belongs to
/// the control thread; give it at least one call a second.
class StatusCollector {
 public:
  StatusSnapshot collect(const StatusSources& sources, Now now, std::uint64_t time_unix_ms);

 private:
  struct Sums {
    Now time = 0;
    std::vector<InterfaceStatus> interfaces;
    std::vector<LaneStatus> lanes;
    std::vector<WorkerStatus> workers;
    std::vector<std::uint64_t> busy_ns, sleep_ns;
  };
  static void add_rates(StatusSnapshot& status, const Sums& now, const Sums& base);
  const Sums* base_for(Now now) const;
  void remember(Sums sums);

  std::optional<Sums> older_, newer_;
};

/// One worker's frame lines as one consistent copy; empty when the worker was in the middle of writing them for two
/// milliseconds.
struct FrameBudgetCopy {
  std::uint64_t home = 0, handed_out = 0, handed_in = 0;
  std::array<std::uint64_t, kFrameHolders> holders{};
};
std::optional<FrameBudgetCopy> read_frame_budget(const FrameBudgetCells& cells);
/// The same, giving up at the monotonic time `end` (after some tries in any case): a patience for several workers.
std::optional<FrameBudgetCopy> read_frame_budget(const FrameBudgetCells& cells, Now end);

}  // namespace culvert
