// SPDX-License-Identifier: Apache-2.0
// How many frames a worker needs, and how many each lane may hold. Two rules:
//
//   - Every holder of frames has a bound, and the bounds of all holders together fit into the home frames of one
//     worker. So no queue can starve another: a stuck tx, a full punt queue and silent neighbours together still leave
//     each lane its frames for receiving ("rx first").
//   - A worker's frames leave it by hand-off only: to the worker that owns an interface on which it has no lane to send
//     (one owner an interface), there into one tx ring or back home; they are not handed on, punted or held there. So
//     for each interface a worker needs what its own lanes hold, or one lane elsewhere, whichever is more; and no more
//     hand-off rings than there are interfaces can hold its frames, however many workers there are.
//   - Unless sessions are shared out: then a frame goes to the worker whose session it is, and from there wherever that
//     one's own go. So the queues and tx rings of all workers may hold those of one.
//
// Example: 2 workers with 2 lanes each, fill 4096, rx 2048, tx 2048: 2 x 6144 for receiving, 2 x 2048 for sending,
// queues a few thousand: some 20,000 frames a worker, 80 MB for both with frames of 2048 bytes.
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
  std::uint32_t interfaces = 2;
  std::uint32_t lanes_per_worker = 2;  ///< of the worker that has most; one at least for each interface
  RingSizes rings{};
  std::uint32_t handoff_ring = 0;  ///< capacity of one ring; each worker has one from every other
  std::uint32_t punt_queue = 0;    ///< capacity of one worker's queue
  std::uint32_t pending = 0;       ///< packets that one worker lets wait for neighbours
  bool sessions = false;           ///< a packet goes to the worker that has its session
  std::uint32_t fragments = 0;     ///< those that one worker lets wait for the rest of their datagrams
};

/// A full ring of tx in each direction hides no more than this; less makes bursts of the sender losses.
inline constexpr std::uint32_t kMinReceiveQuota = 4 * kBurstSize;
inline constexpr std::uint32_t kMinTransmitQuota = 2 * kBurstSize;

/// Frames of one worker that queues and bursts may hold: everything but lanes.
constexpr std::uint32_t frames_in_queues(const FrameDemand& demand) noexcept {
  const std::uint32_t bursts = 2 * kBurstSize * demand.workers;
  const std::uint32_t rings =
      demand.sessions ? demand.workers * (demand.workers - 1) : std::min(demand.workers - 1, demand.interfaces);
  const std::uint32_t handoff = demand.handoff_ring * rings;
  // On the way home: what each other worker freed in a turn and sends off at its end. The rings home need nothing of
  // their own: what is in them has left a place in a hand-off or tx ring that only its own worker can fill again, and
  // that worker's turn takes all of them up before it hands out others. What comes back while that turn runs waits for
  // the next one; so much are its lanes short of, and so long.
  const std::uint32_t strangers = demand.workers > 1 ? kBurstSize * demand.workers : 0;
  const std::uint32_t queues = demand.punt_queue + demand.pending + demand.fragments;
  return bursts + handoff + strangers + queues * (demand.sessions ? demand.workers : 1);
}

/// Lanes that may send frames of one worker.
constexpr std::uint32_t sending_lanes(const FrameDemand& demand) noexcept {
  return demand.lanes_per_worker * (demand.sessions ? demand.workers : 1);
}

/// The quota of a lane whose rings may be filled to the brim.
constexpr LaneQuota full_quota(const RingSizes& rings) noexcept {
  return {rings.fill + rings.rx, std::min(rings.tx, rings.completion)};
}

/// Home frames that each worker needs with this quota.
constexpr std::uint32_t frames_needed(const FrameDemand& demand, const LaneQuota& quota) noexcept {
  return demand.lanes_per_worker * quota.receive + sending_lanes(demand) * quota.transmit + frames_in_queues(demand);
}

/// Home frames that each worker needs so that no ring and no queue is ever short of frames; the region's size when the
/// configuration names none.
constexpr std::uint32_t frames_needed(const FrameDemand& demand) noexcept {
  return frames_needed(demand, full_quota(demand.rings));
}

/// The least that a lane works with; all of it when its rings are smaller.
constexpr LaneQuota least_quota(const RingSizes& rings) noexcept {
  const LaneQuota full = full_quota(rings);
  return {std::min(full.receive, kMinReceiveQuota), std::min(full.transmit, kMinTransmitQuota)};
}

/// The smallest number of home frames that works at all.
constexpr std::uint32_t frames_minimum(const FrameDemand& demand) noexcept {
  return frames_needed(demand, least_quota(demand.rings));
}

/// What each lane may hold when a worker has `home_frames`: all that the rings take if it fits, else receiving and
/// sending shrink in proportion, never below the minimum. With fewer than frames_minimum() the result does not fit:
/// refuse such a configuration.
constexpr LaneQuota fit_quota(const FrameDemand& demand, std::uint32_t home_frames) noexcept {
  const LaneQuota full = full_quota(demand.rings);
  const LaneQuota least = least_quota(demand.rings);
  if (frames_needed(demand) <= home_frames) return full;
  const std::uint32_t queues = frames_in_queues(demand);
  const std::uint64_t for_lanes = home_frames > queues ? home_frames - queues : 0;
  const std::uint64_t receiving = std::max(demand.lanes_per_worker, 1U);
  const std::uint64_t sending = std::max(sending_lanes(demand), 1U);
  const std::uint64_t wanted = receiving * full.receive + sending * full.transmit;
  const auto share = [&](std::uint32_t frames) { return static_cast<std::uint32_t>(frames * for_lanes / wanted); };
  LaneQuota quota{share(full.receive), share(full.transmit)};
  // Raising one to its minimum is paid by the other.
  if (quota.transmit < least.transmit) {
    const std::uint64_t taken = std::min(for_lanes, sending * least.transmit);
    quota.receive = static_cast<std::uint32_t>((for_lanes - taken) / receiving);
  } else if (quota.receive < least.receive) {
    const std::uint64_t taken = std::min(for_lanes, receiving * least.receive);
    quota.transmit = static_cast<std::uint32_t>((for_lanes - taken) / sending);
  }
  return {std::max(quota.receive, least.receive), std::max(quota.transmit, least.transmit)};
}

/// What each lane may hold when `lanes` of one interface and worker share what was planned for `planned` of them, never
/// below the minimum.
constexpr LaneQuota shared_quota(const RingSizes& rings, const LaneQuota& quota, std::uint32_t planned,
                                 std::uint32_t lanes) noexcept {
  if (lanes <= planned) return quota;
  const LaneQuota least = least_quota(rings);
  const auto share = [&](std::uint32_t frames) { return frames * planned / lanes; };
  return {std::max(share(quota.receive), least.receive), std::max(share(quota.transmit), least.transmit)};
}

/// How many lanes can share what was planned for `planned` of them: with more, each had less than the minimum.
constexpr std::uint32_t most_sharing_lanes(const RingSizes& rings, const LaneQuota& quota,
                                           std::uint32_t planned) noexcept {
  const LaneQuota least = least_quota(rings);
  return std::max(planned, std::min(quota.receive * planned / std::max(least.receive, 1U),
                                    quota.transmit * planned / std::max(least.transmit, 1U)));
}

}  // namespace culvert
