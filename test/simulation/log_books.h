// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "test/support/catch.h"
#include "test/support/rig.h"

namespace culvert::test {

/// What the log of sessions has said, where every rule and the default are logged: it must be what the cells say.
class LogBooks {
 public:
  /// Takes what the worker has written since the last call.
  void read(Rig& rig) {
    SessionRecord record;
    while (rig.shard().log().take(record)) {
      ++taken_;
      ++(record.kind == SessionRecordKind::kClosed ? ended_[static_cast<std::size_t>(record.why)]
                                                   : begun_[static_cast<std::size_t>(record.kind)]);
    }
    const SessionCells& cells = rig.session_cells();
    REQUIRE(cells.log_records.read() == taken_ + cells.log_lost.read());
    if (cells.log_lost.read() != 0) return;
    REQUIRE(begun(SessionRecordKind::kOpened) == cells.created.read());
    // Of a datagram all fragments are dropped and the first is told. A session's packets may be denied a way that leads
    // elsewhere than where it began: they begin nothing.
    REQUIRE(begun(SessionRecordKind::kRejected) <= rig.drops(DropReason::kPolicyReject));
    REQUIRE(begun(SessionRecordKind::kDenied) <= rig.drops(DropReason::kPolicyDeny));
    REQUIRE(ended(SessionEnd::kExpired) == cells.expired.read());
    REQUIRE(ended(SessionEnd::kEvicted) == cells.evicted.read());
    REQUIRE(ended(SessionEnd::kCleared) + ended(SessionEnd::kPolicyChanged) == cells.cleared.read());
    REQUIRE(ended(SessionEnd::kRenewed) == cells.renewed.read());
  }

  std::uint64_t begun(SessionRecordKind kind) const { return begun_[static_cast<std::size_t>(kind)]; }
  std::uint64_t ended(SessionEnd why) const { return ended_[static_cast<std::size_t>(why)]; }

 private:
  std::uint64_t taken_ = 0;
  std::array<std::uint64_t, 4> begun_{};
  std::array<std::uint64_t, 5> ended_{};
};

}  // namespace culvert::test
