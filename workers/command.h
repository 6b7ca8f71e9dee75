// SPDX-License-Identifier: Apache-2.0
// Control speaks in messages: it never touches what a worker holds. A worker applies commands between turns, in order,
// a few a turn, and acknowledges by number. What a command hands over belongs to the worker until the acknowledgement
// of the command that takes it away.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/spsc.h"
#include "lanes/lane.h"
#include "pipeline/snapshot.h"
#include "sessions/session_shard.h"
#include "umem/frame.h"

namespace culvert {

/// For each interface, which worker sends on it when the asking worker has no lane there; kNoWorker: nobody.
inline constexpr WorkerIndex kNoWorker = 0xffff;
struct EgressOwners {
  std::array<WorkerIndex, kMaxInterfaces> worker{};
};

enum class CommandKind : std::uint8_t {
  kUseSnapshot,      ///< `snapshot`, until the next kUseSnapshot is acknowledged
  kUseEgressOwners,  ///< `owners`, copied: free after the acknowledgement
  kAddLane,          ///< `lane` is the worker's from now on
  kRemoveLane,       ///< the worker closes `lane` and flushes it until its frames are home (Lane, "a lane's end")
  kEndSessions,      ///< `sessions` end, if they are still those; free after the acknowledgement; kMostEndedAtOnce
  kClearPeaks,       ///< peaks of the worker's gauges and its longest turn begin anew
  kRest,             ///< take no more from lanes; what others hand over is still served
  kLeave,            ///< drop what is held, end; lanes stay as they are, for a successor
  kStop,             ///< drop what is held, close every lane, end
};

/// Sessions that one command ends: some hundred microseconds of a turn.
inline constexpr std::size_t kMostEndedAtOnce = 512;

struct Command {
  CommandKind kind = CommandKind::kStop;
  const Snapshot* snapshot = nullptr;
  const EgressOwners* owners = nullptr;
  Lane* lane = nullptr;
  std::span<const SessionHandle> sessions{};
};

inline constexpr std::size_t kCommandQueueCapacity = 128;
inline constexpr std::uint32_t kCommandsPerTurn = 8;
using CommandQueue = SpscRing<Command, kCommandQueueCapacity>;

}  // namespace culvert
