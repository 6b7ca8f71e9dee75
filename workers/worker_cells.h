// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>

#include "base/cell.h"
#include "pipeline/cells.h"
#include "umem/frame.h"

namespace culvert {

enum class WorkerState : std::uint8_t { kStarting, kRunning, kSleeping, kStopped };

/// Where a worker's frames are, published as one: readers retry while the sequence is odd or has changed.
struct alignas(kCacheLine) FrameBudgetCells {
  std::atomic<std::uint32_t> sequence{0};
  Cell home;                                ///< frames that are at home here
  std::array<Cell, kFrameHolders> holders;  ///< frames in this worker's custody, by holder
  Cell handed_out, handed_in;  ///< published with the rest: frames pushed to and popped from hand-off rings, ever
};

/// Everything one worker tells about itself. One writer: the worker.
struct alignas(kCacheLine) WorkerCells {
  Cell state;      ///< WorkerState
  Cell cpu;        ///< the CPU it is pinned to
  Cell thread_id;  ///< kernel's tid
  Cell beat_ns;    ///< CLOCK_MONOTONIC of the last turn
  Cell turns, busy_turns;
  Cell busy_ns;          ///< time in turns that moved something
  Cell sleep_ns;         ///< time asleep
  Cell wakeups;          ///< returns from sleep
  Cell longest_turn_ns;  ///< since start or clear
  Cell snapshot_generation;
  Cell commands;
  Cell closing_lanes;                           ///< taken away, and still waiting for frames: control keeps them
  Gauge handoff_in, punt_queue, command_queue;  ///< rings that this worker consumes or fills
  Gauge frames;                                 ///< home frames: used = not in the pool
  FrameBudgetCells budget;
  PipelineCells pipeline;
};

}  // namespace culvert
