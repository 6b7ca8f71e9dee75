// SPDX-License-Identifier: Apache-2.0
// One worker's sessions: both families, what they count together, and who may come in when it is full.
//
//   - `sessions` at most, IPv4 and IPv6 together; of them `half_open` TCP sessions whose handshake is not done, so that
//     a flood of SYNs leaves room for everybody else.
//   - A new session that finds no room looks at a few neighbours of its bucket: the idlest that is not established (a
//     handshake that is not done, a connection that is over, a datagram that nobody answered) makes way. When there is
//     none it looks at as many of the other family; when there is none either the new one is refused. An established
//     session never suffers.
//   - Its neighbours are as random as a keyed hash, so who floods can't choose whom to push out.
//
// Only the worker calls it. culvertd reads the memory (session_reader.h) and the cells.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/cell.h"
#include "sessions/nat_bindings.h"
#include "sessions/session_log.h"
#include "sessions/session_table.h"
#include "sessions/source_limits.h"

namespace culvert {

struct SessionLimits {
  std::uint32_t sessions = 0;
  std::uint32_t half_open = 0;
};

/// What one shard counts. created = now + closed (of every kind).
struct alignas(kCacheLine) SessionCells {
  Gauge sessions;   ///< failures: new sessions refused because it was full
  Gauge half_open;  ///< failures: refused because there were too many half-open ones
  Cell created;
  Cell expired;        ///< closed because nothing passed for as long as its timeout says
  Cell evicted;        ///< closed to make room for another
  Cell cleared;        ///< closed by the operator, or because the policy has changed
  Cell renewed;        ///< closed because a new connection came with the same addresses and ports
  Cell refused_reply;  ///< new sessions refused because another has the key of their replies
  Cell refused_place;  ///< new sessions refused because every bucket they may live in was full
  Cell looked_at;      ///< by expiry
  Cell recovered;      ///< taken over from an earlier run
  Cell torn;           ///< flows of an earlier run that were not whole
  Cell log_records;    ///< of sessions whose rules say `log`
  Cell log_lost;       ///< of them: control had not taken enough of those before
};

/// A session as a reader saw it; it may have ended since, and its slot be another's.
struct SessionHandle {
  FlowSlot slot = kNoFlow;  ///< of the original direction
  std::uint32_t sequence = 0;
  bool ipv6 = false;
};

enum class SessionAdmission : std::uint8_t { kAdmitted, kTableFull, kHalfOpenFull, kReplyTaken, kNoPlace };

class SessionShard {
 public:
  using Memory = SessionTables;

  /// `memory`: each table with room for limits.sessions. `sources`: whose sessions are counted, with those of all
  /// workers. `nat`: where sessions with kFlowHoldsPort have what they hold from. Both outlive it.
  SessionShard(const Memory& memory, const SessionLimits& limits, const HashKey& key, SessionCells& cells, Now now,
               SourceLimits* sources = nullptr, NatBindings* nat = nullptr) noexcept;

  template <typename Tuple>
  SessionTable<Tuple>& table() noexcept {
    if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
      return ipv4_;
    } else {
      return ipv6_;
    }
  }
  std::uint32_t size() const noexcept { return ipv4_.size() + ipv6_.size(); }
  std::uint32_t half_open() const noexcept { return half_open_; }
  /// Seven of eight places of half-open sessions are taken.
  bool half_open_nearly_full() const noexcept { return half_open_ >= limits_.half_open - limits_.half_open / 8; }
  SessionLog& log() noexcept { return log_; }
  /// Grows with each session that begins or ends: slots that were found before may mean nothing any more.
  std::uint64_t changes() const noexcept { return changes_; }

  template <typename Tuple>
  struct Admitted {
    FlowSlot slot = kNoFlow;
    SessionAdmission admission = SessionAdmission::kAdmitted;
  };
  /// A new session, when there is room or can be made; its original's key is not in the table.
  template <typename Tuple>
  Admitted<Tuple> admit(const SessionStart<Tuple>& start, const SessionTimeouts& timeouts, Now now) noexcept;

  template <typename Tuple>
  void end(FlowSlot slot, SessionEnd why) noexcept;

  /// Ends those that are still what the reader saw, as cleared; how many.
  std::uint32_t clear(std::span<const SessionHandle> sessions) noexcept;

  /// A TCP session that was half-open (or not) may have changed: keeps the count and the wheel right. `slot`: of either
  /// direction, `was_half_open`: is_half_open() before. Tracking makes none half-open that was not.
  template <typename Tuple>
  void tcp_changed(FlowSlot slot, bool was_half_open, const SessionTimeouts& timeouts) noexcept;
  template <typename Tuple>
  bool is_half_open(FlowSlot slot) noexcept;

  /// Looks at up to `most` sessions whose time has come. How many it looked at.
  std::uint32_t expire(Now now, const SessionTimeouts& timeouts, std::uint32_t most) noexcept;
  bool expiry_due(Now now) const noexcept { return ipv4_.expiry_due(now) || ipv6_.expiry_due(now); }

  /// What it knows besides its memory, for a successor that has the same.
  struct State {
    SessionTable<FiveTuple4>::State ipv4;
    SessionTable<FiveTuple6>::State ipv6;
    std::uint32_t half_open = 0;
  };
  State state() const noexcept { return {ipv4_.state(), ipv6_.state(), half_open_}; }

  // The external addresses of now are known before either of the following: the latest ExternalPorts::use() said them,
  // those of interfaces too, and none of their ports is taken; there are no mappings. Afterwards every session with
  // kFlowHoldsPort has its port, alone or with those of its mapping. One that can't have it has ended as
  // kPolicyChanged: its address is nobody's any more, its port is out of the range, the host's, or another session's
  // (of a file that was torn), or there is no room for its mapping. One that is translated without a port goes on until
  // its next packet, about which the configuration of now is asked.

  /// Goes on with what another process has left, in this state. The sources of sessions are counted by the same meters.
  /// Its work does not depend on how many sessions there are, unless some are translated: `state` says how many, and
  /// then the memory of their family is walked once, whether there is NAT now or not (half a million that
  /// hold a port each: 35 ms on 4 KB pages; with a mapping each: 85). Only the walk knows which ports those are.
  void go_on(const State& state, Now now) noexcept;

  /// Takes over what the memory holds from an earlier run.
  void recover(const SessionTimeouts& timeouts, Now now) noexcept;

  /// Once a turn: what readers see.
  void publish() noexcept {
    cells_.sessions.observe(size());
    cells_.half_open.observe(half_open_);
    if (nat_ != nullptr) nat_->publish();
  }
  void clear_peaks() noexcept {
    cells_.sessions.clear_peak();
    cells_.half_open.clear_peak();
    if (nat_ != nullptr) nat_->clear_peaks();
  }

 private:
  template <typename Tuple>
  bool make_room(std::uint64_t hash, bool half_open_only) noexcept;
  /// In its own family's table, or else in the other's: a flood of one family must not keep the other out.
  template <typename Tuple>
  bool make_room_anywhere(std::uint64_t hash, bool half_open_only) noexcept;
  template <typename Tuple>
  void forget(FlowSlot original, SessionEnd why) noexcept;
  template <typename Tuple>
  void log_end(FlowSlot original, SessionEnd why) noexcept;
  template <typename Tuple>
  void give_back(FlowSlot original) noexcept;
  // Of an earlier run.
  void taken_over() noexcept;
  /// Sessions that are walked side by side, so that what one pass over them reads is fetched by the one before.
  static constexpr std::size_t kSideBySide = 32;
  /// Translated sessions get what they held again, or end.
  template <typename Tuple>
  void translate_again() noexcept;
  template <typename Tuple>
  void translate_again(std::span<const FlowSlot> replies) noexcept;
  template <typename Tuple>
  void fetch_mappings(std::span<const FlowSlot> replies) noexcept;
  template <typename Tuple>
  bool take_again(FlowSlot reply) noexcept;
  template <typename Tuple>
  void remember(FlowSlot original, Now now) noexcept;
  template <typename Tuple>
  bool clear_one(const SessionHandle& handle) noexcept;

  SessionTable<FiveTuple4> ipv4_;
  SessionTable<FiveTuple6> ipv6_;
  SessionLimits limits_;
  SessionCells& cells_;
  SourceLimits* sources_;
  NatBindings* nat_;
  std::uint32_t half_open_ = 0;
  std::uint64_t changes_ = 0;
  Now now_;  ///< of the latest turn, for the log
  SessionLog log_;
};

/// Whether a session may have to make way for another: its handshake is not done, it is over, or nobody has answered.
bool may_make_way(const FlowHead& original, const FlowHead& reply) noexcept;
/// Whether it is a TCP session whose handshake is not done.
bool handshake_open(const FlowHead& original, const FlowHead& reply) noexcept;

}  // namespace culvert
