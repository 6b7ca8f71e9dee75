// SPDX-License-Identifier: Apache-2.0
// How many frames a worker needs, and how many each lane may hold. Two rules:
//
//   - Every holder of frames has a bound, and the bounds of all holders together fit into the home frames of one
//     worker. So no queue can starve another: a stuck tx, a full punt queue and silent neighbours together still leave
//     each lane its frames for receiving ("rx first").
//   - A worker's frames may end in other workers' queues (hand-off), but not in their fill rings. So transmission,
//     hand-off, punt and pending count for all workers, receiving for its own lanes only.
//
// Example: 2 workers with 2 lanes each, fill 4096, rx 2048, tx 2048: receiving 2 x 6144, sending 4 x 2048, queues a few
// thousand: some 25,000 frames a worker, 100 MB for both with frames of 2048 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "packet/burst.h"

namespace culvert {

/// Entries of a lane's four rings; powers of two. The completion ring is as large as the tx ring: a lane never has more
/// frames out than either holds, so completions always find room.
struct RingSizes {
  std::uint32_t fill = 4096;
  std::uint32_t rx = 2048;
  std::uint32_t tx = 2048;
  std::uint32_t completion = 2048;
};

/// What one lane may hold at most.
struct LaneQuota {
  std::uint32_t receive = 0;   ///< fill ring, kernel and rx ring together
  std::uint32_t transmit = 0;  ///< tx ring, kernel and completion ring together
};

/// The frames' consumers of a configuration.
struct FrameDemand {
  std::uint32_t workers = 1;
  std::uint32_t lanes_per_worker = 2;  ///< of the worker that has most
  std::uint32_t lanes_total = 2;       ///< of all workers
  RingSizes rings{};
  std::uint32_t handoff_ring = 0;  ///< capacity of one ring; each worker has one from every other
  std::uint32_t punt_queue = 0;    ///< capacity of one worker's queue
  std::uint32_t pending = 0;       ///< packets that one worker lets wait for neighbours
};

/// A full ring of tx in each direction hides no more than this; less makes bursts of the sender losses.
inline constexpr std::uint32_t kMinReceiveQuota = 4 * kBurstSize;
inline constexpr std::uint32_t kMinTransmitQuota = 2 * kBurstSize;

/// Frames that a worker's own queues and bursts may hold: everything but lanes.
constexpr std::uint32_t frames_in_queues(const FrameDemand& demand) noexcept {
  const std::uint32_t bursts = 2 * kBurstSize * demand.workers;
  const std::uint32_t handoff = demand.handoff_ring * (demand.workers - 1) * demand.workers;
  // Strangers on the way home sit in the same rings, and one batch a worker waits to be sent.
  const std::uint32_t strangers = demand.workers > 1 ? kBurstSize * demand.workers : 0;
  return bursts + handoff + strangers + (demand.punt_queue + demand.pending) * demand.workers;
}

/// The quota of a lane whose rings may be filled to the brim.
constexpr LaneQuota full_quota(const RingSizes& rings) noexcept {
  return {rings.fill + rings.rx, std::min(rings.tx, rings.completion)};
}

/// Home frames that each worker needs with this quota.
constexpr std::uint32_t frames_needed(const FrameDemand& demand, const LaneQuota& quota) noexcept {
  return demand.lanes_per_worker * quota.receive + demand.lanes_total * quota.transmit + frames_in_queues(demand);
}

/// Home frames that each worker needs so that no ring and no queue is ever short of frames; the region's size when the
/// configuration names none.
constexpr std::uint32_t frames_needed(const FrameDemand& demand) noexcept {
  return frames_needed(demand, full_quota(demand.rings));
}

/// The smallest number of home frames that works at all.
constexpr std::uint32_t frames_minimum(const FrameDemand& demand) noexcept {
  return frames_needed(demand, {kMinReceiveQuota, kMinTransmitQuota});
}

/// What each lane may hold when a worker has `home_frames`: all that the rings take if it fits, else receiving and
/// sending shrink in proportion, never below the minimum. With fewer than frames_minimum() the result does not fit:
/// refuse such a configuration.
constexpr LaneQuota fit_quota(const FrameDemand& demand, std::uint32_t home_frames) noexcept {
  const LaneQuota full = full_quota(demand.rings);
  if (frames_needed(demand) <= home_frames) return full;
  const std::uint32_t queues = frames_in_queues(demand);
  const std::uint64_t for_lanes = home_frames > queues ? home_frames - queues : 0;
  const std::uint64_t wanted =
      std::uint64_t{demand.lanes_per_worker} * full.receive + std::uint64_t{demand.lanes_total} * full.transmit;
  const auto share = [&](std::uint32_t frames) { return static_cast<std::uint32_t>(frames * for_lanes / wanted); };
  LaneQuota quota{share(full.receive), share(full.transmit)};
  // Raising one to its minimum is paid by the other.
  if (quota.transmit < kMinTransmitQuota) {
    quota.transmit = kMinTransmitQuota;
    const std::uint64_t sending = std::uint64_t{demand.lanes_total} * quota.transmit;
    quota.receive = static_cast<std::uint32_t>((for_lanes > sending ? for_lanes - sending : 0) /
                                               std::max(demand.lanes_per_worker, 1U));
  } else if (quota.receive < kMinReceiveQuota) {
    const std::uint64_t receiving = std::uint64_t{demand.lanes_per_worker} * kMinReceiveQuota;
    quota.transmit = static_cast<std::uint32_t>((for_lanes > receiving ? for_lanes - receiving : 0) /
                                                std::max(demand.lanes_total, 1U));
  }
  return {std::max(quota.receive, kMinReceiveQuota), std::max(quota.transmit, kMinTransmitQuota)};
}

}  // namespace culvert
