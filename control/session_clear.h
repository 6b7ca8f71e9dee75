// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/result.h"
#include "control/session_rows.h"
#include "control/session_walk.h"
#include "status/sessions.h"

namespace culvert {

/// Has a worker end those of `sessions` that are still what was seen. How many it ended; an error when it does not
/// answer, and then it may still read `sessions`.
using EndSessions = std::function<Result<std::uint64_t>(WorkerIndex worker, std::span<const SessionHandle> sessions)>;

/// What workers that do not answer may still read: of each at most one batch. Outlives the workers.
using OwedHandles = std::map<WorkerIndex, std::vector<SessionHandle>>;

/// Ends the sessions that fit, a batch for one worker at each step.
class SessionClearing {
 public:
  /// `most`: sessions of one batch.
  SessionClearing(const std::vector<const SessionShard::Memory*>& workers, const SessionFilter& filter,
                  std::uint32_t now_s, std::size_t most, EndSessions end, OwedHandles& owed);

  /// True when everything has been looked at.
  Result<bool> step();
  const SessionsCleared& outcome() const noexcept { return outcome_; }

 private:
  /// Has the worker end what was found.
  Result<void> flush();

  SessionWalk walk_;
  SessionFilter filter_;
  std::uint32_t now_s_;
  std::size_t most_;
  EndSessions end_;
  OwedHandles& owed_;
  WorkerIndex worker_ = 0;  ///< whose `handles_` are
  std::vector<SessionHandle> handles_;
  SessionsCleared outcome_;
};

}  // namespace culvert
