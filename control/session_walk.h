// SPDX-License-Identifier: Apache-2.0
// Through the sessions of every worker, a bounded part at a time: worker by worker, IPv4 before IPv6, slot by slot. A
// session never moves, so one that lives through the whole walk is seen exactly once, whatever comes and goes; and
// nobody waits for the walk (session_reader.h).
//
//   SessionWalk walk(tables);
//   while (!walk.ended()) {
//     walk.go_on(kSlotsAtOnce, [&](WorkerIndex worker, const auto& session) { ...; return true; });
//     // whatever else control has to do
//   }
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sessions/session_reader.h"
#include "sessions/session_shard.h"
#include "umem/frame.h"

namespace culvert {

/// Slots that control looks at before it turns to something else: some milliseconds when all are sessions.
inline constexpr std::size_t kSlotsAtOnce = 32'768;

class SessionWalk {
 public:
  /// What workers' tables lie in; the memory outlives the walk.
  explicit SessionWalk(const std::vector<const SessionShard::Memory*>& workers);

  /// Where it stands, as text for a client: "0.4.1318", worker, family and slot.
  std::string place() const;
  /// Stands where an earlier walk of the same tables did; an error when `place` is none of theirs.
  Result<void> stand_at(const std::string& place);
  bool ended() const noexcept { return worker_ >= tables_.size(); }

  /// Looks at up to `slots` slots and calls visit(worker, session) for the sessions there, until it returns false: the
  /// walk then goes on behind that session.
  template <typename Visit>
  void go_on(std::size_t slots, Visit&& visit) {
    while (slots > 0 && !ended()) {
      const Tables& tables = tables_[worker_];
      const bool through = ipv6_ ? visit_table(tables.ipv6, slots, visit) : visit_table(tables.ipv4, slots, visit);
      if (!through) return;
    }
  }

 private:
  struct Tables {
    SessionReader<FiveTuple4> ipv4;
    SessionReader<FiveTuple6> ipv6;
    std::size_t slots_of(bool is_ipv6) const noexcept { return is_ipv6 ? ipv6.slots() : ipv4.slots(); }
  };

  /// False when `visit` wants no more, or no slots are left.
  template <typename Tuple, typename Visit>
  bool visit_table(const SessionReader<Tuple>& reader, std::size_t& slots, Visit& visit) {
    for (; slots > 0 && slot_ < reader.slots(); --slots) {
      const auto session = reader.read(slot_++);
      if (session.has_value() && !visit(worker_, *session)) {
        skip_ends();
        return false;
      }
    }
    return skip_ends();
  }
  /// Stands on a slot that there is, or at the end. False when it stood on one already.
  bool skip_ends() noexcept;

  std::vector<Tables> tables_;
  WorkerIndex worker_ = 0;
  bool ipv6_ = false;
  FlowSlot slot_ = 0;
};

}  // namespace culvert
