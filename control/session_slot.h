// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/mapping.h"
#include "control/nat/nat_memory.h"
#include "pipeline/datagram_queue.h"
#include "pipeline/pipeline.h"
#include "sessions/session_file.h"

namespace culvert {

/// What every worker's sessions are made of.
struct SessionSetup {
  std::uint32_t sessions = 0;  ///< of one worker, at most
  std::uint32_t half_open = 0;
  std::uint32_t fragments = 0;
  std::uint32_t external_addresses = 0;  ///< slots for those of NAT; 0: there is none
  WorkerIndex workers = 1;               ///< how many share out the ports of external addresses: owner.workers
  HugePages huge_pages = HugePages::kTry;
  HashKey key;        ///< of tables that begin empty
  HashKey owner_key;  ///< by which packets find the worker of their session
  OwnerHash owner_hash = OwnerHash::kKeyed;
  /// Where files of sessions are kept, which a successor takes over; empty: sessions end with the process.
  std::string folder;
  SessionOwner owner;        ///< but for the worker's number
  SessionTimeouts timeouts;  ///< when sessions of an earlier run are looked at first
  /// Of a culvertd that leaves its sessions to us, by worker.
  struct Left {
    int file = -1;  ///< whoever opens it again finds it locked
    int wheel4 = -1, wheel6 = -1, state = -1;
  };
  std::vector<Left> left;
  bool meters_taken_over = false;  ///< sources of sessions are counted already
};

/// One worker's sessions with their memory. Stays where it is.
class SessionSlot {
 public:
  /// With a folder: the memory is a file there, and what an earlier run left in it can be taken over, if it is whole
  /// and means the same. Throws SetupError when there is no memory, or another process has the file. `meters` outlives
  /// it.
  SessionSlot(const SessionSetup& setup, WorkerIndex worker, SharedMeters& meters);
  SessionSlot(const SessionSlot&) = delete;
  SessionSlot& operator=(const SessionSlot&) = delete;
  ~SessionSlot();

  /// Nobody else writes the file any more: whether everything is there that its sessions go on with as they are.
  bool is_whole() const noexcept;
  /// Before the worker's first turn, and when nobody else writes the file any more: its sessions go on here, as they
  /// are (is_whole(), and so it is with every other worker), or as far as the file tells.
  void take_over(bool as_they_are);

  /// What the worker's pipeline is built on.
  void give(PipelineParts& parts) noexcept;

  /// Control empties it.
  SessionLog& log() noexcept { return shard_.log(); }
  /// The tables, for readers.
  const SessionShard::Memory& memory() const noexcept { return memory_; }
  const SessionCells& cells() const noexcept { return cells_; }
  std::span<const Cell> rule_hits() const noexcept { return rule_hits_; }
  /// Of this worker's ports: kPortKinds for each external address, in the order of slots. Empty without NAT.
  std::span<const Gauge> port_gauges() const noexcept { return nat_.port_gauges(); }
  /// For readers: without NAT there is nothing in it.
  const NatMemory& nat() const noexcept { return nat_; }
  /// By which packets find the worker of their session: the first worker's is for all.
  const HashKey& owner_key() const noexcept { return owner_key_; }
  /// "kept 1200 sessions of an earlier run", or why not.
  const std::string& story() const noexcept { return story_; }
  PageKind pages() const noexcept { return tables_.pages(); }
  /// For a successor; of the file -1 without one.
  SessionSetup::Left descriptors() const noexcept;
  /// The worker has ended: the rest of what a successor needs.
  void leave() noexcept;

 private:
  /// What memory does not say; in memory of its own, for a successor.
  struct State;

  Mapping open_tables(const SessionSetup& setup);
  static bool can_go_on(const SessionSetup& setup, const SessionSetup::Left& left);
  void go_on(const State& left) noexcept;
  Mapping open_wheel(const SessionSetup& setup, int left);
  bool usable(std::span<const std::byte> memory, const SessionSetup& setup);

  SessionOwner owner_;
  SessionTimeouts timeouts_;
  std::string path_;       ///< of its file
  std::string temporary_;  ///< its name until then, when somebody still has the file
  SessionFileState found_ = SessionFileState::kFresh;
  std::string story_;
  Mapping tables_;
  bool in_use_;  ///< tables and wheels are those of a culvertd that still works with them
  Mapping left_state_, state_, wheel4_, wheel6_, fragments_memory_, hits_memory_;
  SessionShard::Memory memory_;
  std::span<DatagramQueue::Entry> fragments_;
  std::span<Cell> rule_hits_;
  SharedMeters& meters_;
  NatMemory nat_;
  HashKey port_key_;
  SessionCells cells_;
  SessionShard shard_;
  HashKey fragment_key_;
  SipKey syn_cookie_key_;
  HashKey owner_key_;
  OwnerHash owner_hash_;
};

}  // namespace culvert
