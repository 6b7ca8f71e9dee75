// SPDX-License-Identifier: Apache-2.0
// Whole workers on memory lanes, with routing tables, a virtual clock and no thread: for packet tables, simulation and
// benchmarks. The test is control, the kernel and the punter.
//
//   Rig rig;                                              two interfaces, one worker, one queue each
//   rig.forward(prefix("198.18.1.0/24"), 1, mac(9));      a route out of interface 1
//   rig.lane(0).inject(packet);  rig.turn();
//   rig.sent(1)[0]                                        what left
//
// With RigConfig::sessions it can be a firewall: interface i is in zone i + 1, and rig.use(rules) is a configuration
// with this policy, which every worker has when it returns.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/mapping.h"
#include "lanes/memory_lane.h"
#include "policy/rule_compiler.h"
#include "routes/lpm4_writer.h"
#include "routes/lpm6_writer.h"
#include "routes/next_hop_allocator.h"
#include "sessions/session_reader.h"
#include "test/support/session_memory.h"
#include "umem/region.h"
#include "workers/worker.h"

namespace culvert {

struct RigConfig {
  WorkerIndex workers = 1;
  InterfaceIndex interfaces = 2;
  std::uint16_t queues = 0;  ///< of each interface; 0: one for each worker
  std::uint32_t frames_per_worker = 4096;
  std::uint32_t pending_packets = 128;
  RingSizes rings{256, 256, 256, 256};
  const PacketList* traffic = nullptr;              ///< replayed on every queue of interface 0
  std::vector<const PacketList*> traffic_by_queue;  ///< or a list for each of its queues
  bool partial_checksums = false;
  std::uint16_t tx_queues = 0xffff;      ///< of each interface; lanes of further queues only receive
  bool capture = true;                   ///< keep what is sent; benchmarks only count
  bool full_table = false;               ///< room for a million prefixes, on huge pages; else for ten thousand
  std::uint32_t sessions = 0;            ///< of each worker; 0: can only be a router
  std::uint32_t half_open = 0;           ///< of them; 0: all may be
  std::uint32_t fragments = 256;         ///< that may wait for others, when there are sessions
  std::uint32_t external_addresses = 0;  ///< slots for addresses of NAT, when there are sessions

  HugePages pages() const noexcept { return full_table ? HugePages::kTry : HugePages::kNever; }
};

class Rig {
 public:
  explicit Rig(const RigConfig& config = {});
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig();

  // Tables.

  /// The interfaces are up, with MTU 1500, MAC 02:00:00:00:01:<number>, 198.18.<number>.1 and 2001:db8:<number>::1.
  Snapshot& snapshot() noexcept { return *snapshot_; }
  /// Routes: "198.18.1.0/24" or "2001:db8:1::/48". Returns the next hop.
  NextHopIndex forward(std::string_view prefix, InterfaceIndex interface, const MacAddress& neighbor,
                       std::uint16_t mtu = 1500);
  NextHopIndex unresolved(std::string_view prefix, InterfaceIndex interface);
  NextHopIndex special(std::string_view prefix, NextHopKind kind, InterfaceIndex interface = kNoInterface);
  NextHopIndex multipath(std::string_view prefix, std::span<const MultipathMember> members);
  void set(std::string_view prefix, NextHopIndex next_hop);
  void remove(std::string_view prefix);
  void resolve(NextHopIndex next_hop, const MacAddress& neighbor);
  /// Frees what removed routes used, once every worker has ended two turns since an earlier call (routes/epoch.h).
  void reclaim();

  // Policy.

  /// A configuration with these rules, and with what `settings` says about everything else; without rules a router. All
  /// workers have it when this returns. Rule i counts in hit counter i, the default behind the last.
  void use(const RuleSet& rules);
  void use_no_policy();
  StatefulSnapshot settings;
  /// By which its workers share sessions out.
  static HashKey owner_key() noexcept { return {}; }
  SessionShard& shard(WorkerIndex worker = 0) noexcept;
  const SessionCells& session_cells(WorkerIndex worker = 0) const noexcept;
  SharedMeters& meters() noexcept { return meters_.meters(); }
  ExternalPorts& external_ports(WorkerIndex worker = 0) noexcept;
  NatBindings& bindings(WorkerIndex worker = 0) noexcept;
  /// What control reads of them.
  std::span<const Gauge> port_gauges(WorkerIndex worker = 0) const noexcept;
  std::uint64_t rule_hits(std::size_t counter, WorkerIndex worker = 0) const noexcept;
  /// What a reader sees of a worker's sessions.
  template <typename Tuple>
  std::vector<SessionView<Tuple>> sessions(WorkerIndex worker = 0) const;

  // Time and packets.

  /// One turn of every worker, `step_ns` later; then the punter's work.
  void turn(std::uint64_t step_ns = 10'000);
  void turns(int count, std::uint64_t step_ns = 10'000);
  /// So many turns of each worker, those of `first` and all behind it before the others'; then the punter's work.
  void uneven_turns(std::span<const std::uint32_t> turns, WorkerIndex first, std::uint64_t step_ns = 10'000);
  Now now() const noexcept { return now_; }

  Worker& worker(WorkerIndex index = 0) noexcept;
  MemoryLane& lane(InterfaceIndex interface, std::uint16_t queue = 0) noexcept;
  /// Takes the lane away from its worker, as when its interface was deleted.
  void remove_lane(InterfaceIndex interface, std::uint16_t queue = 0);
  PacketCapture& sent(InterfaceIndex interface, std::uint16_t queue = 0) noexcept;
  /// IP packets that the punter got.
  const std::vector<std::vector<std::byte>>& punted() const noexcept { return punted_; }
  /// While false the punter takes nothing; what it takes fails when `punts_delivered` is false.
  bool punter_runs = true;
  bool punts_delivered = true;
  /// Neighbours that workers asked for since the last call.
  std::vector<NeighborRequest> take_requests();
  /// The punter's work without a turn: for a test that runs its workers on threads. It keeps no packet.
  void serve_punts();
  Waker& waker(WorkerIndex worker) noexcept { return mesh_.waker(worker); }
  void tell(WorkerIndex worker, const Command& command);

  // The books.

  std::uint64_t drops(DropReason reason) const;
  std::uint64_t drops() const;
  /// Sums over workers.
  std::uint64_t sum(Cell PipelineCells::*cell) const;
  /// received + handed_in + generated - (forwarded + dropped + punted + handed_out + held); packets with the punter
  /// count as held, those in a hand-off ring as handed out. 0 always.
  std::int64_t unaccounted_packets() const;
  /// Home frames - every holder's, all workers and rings together. 0 always.
  std::int64_t unaccounted_frames() const;

 private:
  struct WorkerSlot;
  struct LaneSlot;
  struct Policy;

  void add_lane(InterfaceIndex interface, std::uint16_t queue);
  void serve_punts(WorkerSlot& slot, bool keep);
  void adopt(std::unique_ptr<Policy> policy);
  std::size_t lane_number(InterfaceIndex interface, std::uint16_t queue) const noexcept;

  RigConfig config_;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<Policy> policy_;
  Region region_;
  Mapping ipv4_memory_, ipv6_memory_, next_hop_memory_, group_memory_;
  Lpm4 ipv4_;
  Lpm6 ipv6_;
  NextHopTable next_hops_;
  Lpm4Writer ipv4_writer_;
  Lpm6Writer ipv6_writer_;
  NextHopAllocator allocator_;
  std::atomic<std::uint64_t> generation_{1};
  HandoffMesh mesh_;
  TestMeters meters_;
  Waker punter_;
  EgressOwners owners_;
  std::vector<std::unique_ptr<WorkerSlot>> workers_;
  std::vector<std::unique_ptr<LaneSlot>> lanes_;
  std::vector<std::vector<std::byte>> punted_;
  EpochCounter epochs_;
  Epoch announced_ = 0;
  std::vector<std::uint64_t> turns_at_announcement_;
  Now now_ = kNanosecondsPerSecond;
  std::uint16_t next_gateway_ = 1;
};

/// 02:00:00:00:00:<last>
MacAddress test_mac(std::uint8_t last) noexcept;

}  // namespace culvert
