// SPDX-License-Identifier: Apache-2.0
// The pipeline: what happens to a burst, in order. Read this first.
//
//   parse     bytes -> packet fields, or a drop                       packet/parse
//   screen    what nobody means well with                             screen_stage     with a policy
//   fragments wait until their datagram is whole                     datagram_queue   with a policy
//   owner     packets of other workers' sessions go to them             session_owner    with a policy, workers > 1
//   session   whose packet it is, and where its session leads         session_stage    with a policy
//   route     destination -> next-hop index                           route_stage      without one
//   forward   next hop -> TTL, MACs, verdict                          forward_stage
//   hold      kHold: waits for its neighbour, or is to be fragmented  hold_stage
//   answer    some drops become an ICMP error to the sender           answer_stage
//             or, of SYNs, our SYN-ACK                                  syn_proxy        with a policy
//
// Every packet leaves with a verdict. A stage reads what earlier stages wrote and writes only its own fields; no stage
// calls another; only this file knows the order. Example, a packet for an on-link host nobody has talked to yet:
//
//   198.18.0.2 -> 198.18.1.9   route: 198.18.1.0/24 is a glean entry of wan0; forward: kHold
//                              hold: kept, control is asked for 198.18.1.9 on wan0
//   (the kernel resolves it; control stores 198.18.1.9/32 and raises the generation)
//   tick, take_made            the packet is routed again, to the /32 now, and leaves
//
// It knows no threads and no system calls: time, tables and cells are arguments, frames come from the worker's pool.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "packet/burst.h"
#include "packet/parse.h"
#include "pipeline/answer_stage.h"
#include "pipeline/context.h"
#include "pipeline/datagram_queue.h"
#include "pipeline/fragment_stage.h"
#include "pipeline/hold_stage.h"
#include "pipeline/neighbor_request.h"
#include "pipeline/pending_queue.h"
#include "pipeline/session_owner.h"
#include "pipeline/session_stage.h"
#include "pipeline/syn_proxy.h"
#include "umem/pool.h"

namespace culvert {

/// What a pipeline is built on; everything outlives it and belongs to its worker or to control.
struct PipelineParts {
  RouteTables routes;
  const Snapshot* snapshot = nullptr;
  HashKey multipath_key;
  FramePool* pool = nullptr;
  std::byte* region = nullptr;  ///< address of frame 0
  PipelineCells* cells = nullptr;
  NeighborRequestQueue* requests = nullptr;
  std::span<PendingQueue::Entry> pending;  ///< room for packets that wait
  // When some snapshot may be stateful.
  SessionShard* sessions = nullptr;
  SharedMeters* meters = nullptr;  ///< of all workers
  std::span<Cell> rule_hits;
  std::span<DatagramQueue::Entry> fragments;  ///< room for fragments that wait for others
  HashKey fragment_key;
  HashKey owner_key;  ///< of all workers the same, as owner_hash is
  OwnerHash owner_hash = OwnerHash::kKeyed;
  SipKey syn_cookie_key;
  SynOffer syn_offer;
  NatBindings* nat = nullptr;  ///< when some snapshot may translate addresses
  HashKey port_key;            ///< of this worker
  WorkerIndex self = 0;
  WorkerIndex workers = 1;
};

class Pipeline {
 public:
  explicit Pipeline(const PipelineParts& parts) noexcept;

  /// The configuration from the next burst on.
  void use(const Snapshot& snapshot) noexcept {
    snapshot_ = &snapshot;
    if (snapshot.stateful.has_value()) translator_.use(snapshot.stateful->external_addresses);
  }

  /// Every packet of the burst gets a verdict. Packets with kHold have been taken: their frames are the pipeline's.
  /// `partial_checksums`: the burst's lane may carry packets with unfinished checksums. To be followed by take_made()
  /// until that returns false.
  void process(Burst& burst, bool partial_checksums, Now now) noexcept;

  /// The same for packets whose sessions are this worker's, and that worker `from` received and parsed.
  void process_handed_in(Burst& burst, WorkerIndex from, Now now) noexcept;

  /// Appends packets that the pipeline made or held and that can go now, with their verdicts: fragments, and packets
  /// whose neighbour has answered or timed out. False when there was nothing (more) to add this turn.
  bool take_made(Burst& burst, Now now) noexcept;

  /// Once a turn: arms a retry of what waits when the tables have changed, or when it is time to look for timeouts.
  void tick(Now now) noexcept { hold_.tick(now); }

  /// At the end of a turn: sessions whose time has come end, few when packets came, many when not. True when there was
  /// something to do.
  bool expire(Now now, bool idle) noexcept;

  /// Ends the sessions that are still what a reader saw.
  void end_sessions(std::span<const SessionHandle> sessions) noexcept;
  /// The peaks of the sessions' gauges begin anew.
  void clear_peaks() noexcept;

  /// Takes every packet that is held, to be dropped by the caller (worker_stopping).
  bool take_held(Burst& burst) noexcept;

  /// Frames that the pipeline holds now.
  std::uint32_t held() const noexcept {
    return hold_.size() + fragments_.size() + datagrams_.size() + syn_proxy_.size();
  }

 private:
  bool stateful() const noexcept { return snapshot_->stateful.has_value() && sessions_.has_value(); }
  Context context(Now now) const noexcept { return {*snapshot_, routes_, multipath_key_, *cells_, now}; }
  void settle(Packet& packet, const Context& context) noexcept;
  /// Turns a dropped packet into an answer to its sender, to be routed; false: it stays dropped.
  bool answer(Packet& packet, const Context& context) noexcept;
  /// What the SYN proxy owes servers.
  bool take_owed(Burst& burst, const Context& context) noexcept;
  void settle_all(Burst& burst, const Context& context) noexcept;
  /// Fragments leave the burst for the queue.
  void keep_parts(Burst& burst, const Context& context) noexcept;
  bool take_datagrams(Burst& burst, const Context& context) noexcept;
  /// A fragment of a whole datagram that another worker put together: the first one asks the session, the others
  /// follow.
  void follow_datagram(Packet& packet, WorkerIndex from, const Context& context) noexcept;

  RouteTables routes_;
  const Snapshot* snapshot_;
  HashKey multipath_key_;
  PipelineCells* cells_;
  SynProxy syn_proxy_;
  Translator translator_;
  std::optional<SessionStage> sessions_;
  SessionOwners owners_;
  std::array<DatagramDecision, kMaxWorkers> decided_{};  ///< by who handed the datagram over, the last one
  HoldStage hold_;
  FragmentStage fragments_;
  DatagramQueue datagrams_;
  AnswerStage answers_;
};

}  // namespace culvert
