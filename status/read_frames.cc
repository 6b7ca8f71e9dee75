// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sched.h>

#include "base/time.h"
#include "status/read_cells.h"

namespace culvert {
namespace {

/// A worker needs well under a microsecond to write its lines, so a few tries do, unless the kernel took its CPU away
/// in the middle: then some of ours go to it.
constexpr int kTriesBeforeYield = 20;
constexpr Now kPatienceNs = 2 * kNanosecondsPerMillisecond;

bool try_read(const FrameBudgetCells& cells, FrameBudgetCopy& copy) {
  const std::uint32_t before = cells.sequence.load(std::memory_order_acquire);
  if ((before & 1) != 0) return false;
  copy.home = cells.home.read();
  copy.handed_out = cells.handed_out.read();
  copy.handed_in = cells.handed_in.read();
  for (std::size_t i = 0; i < kFrameHolders; ++i) copy.holders[i] = cells.holders[i].read();
  std::atomic_thread_fence(std::memory_order_acquire);
  return cells.sequence.load(std::memory_order_relaxed) == before;
}

}  // namespace

std::optional<FrameBudgetCopy> read_frame_budget(const FrameBudgetCells& cells) {
  return read_frame_budget(cells, monotonic_ns() + kPatienceNs);
}

std::optional<FrameBudgetCopy> read_frame_budget(const FrameBudgetCells& cells, Now end) {
  FrameBudgetCopy copy;
  for (int i = 0; i < kTriesBeforeYield; ++i) {
    if (try_read(cells, copy)) return copy;
  }
  do {
    ::sched_yield();
    if (try_read(cells, copy)) return copy;
  } while (monotonic_ns() < end);
  return std::nullopt;
}

FrameStatus read_frames(const StatusSources& sources) {
  FrameStatus frames;
  std::int64_t home = 0, held = 0, in_flight = 0;
  std::array<std::uint64_t, kFrameHolders> sums{};
  const Now end = monotonic_ns() + kPatienceNs;  // for all of them together
  for (std::size_t worker = 0; worker < sources.workers.size(); ++worker) {
    const auto copy = read_frame_budget(sources.workers[worker]->budget, end);
    if (!copy) {
      frames.unknown = fmt::format("worker {} stopped in the middle of writing its frame lines", worker);
      continue;
    }
    WorkerFrames& lines = frames.workers.emplace_back();
    lines.worker = static_cast<std::uint32_t>(worker);
    lines.home = copy->home;
    home += static_cast<std::int64_t>(copy->home);
    in_flight += static_cast<std::int64_t>(copy->handed_out) - static_cast<std::int64_t>(copy->handed_in);
    for (std::size_t i = 0; i < kFrameHolders; ++i) {
      // What is in hand-off rings is `in_flight`: a sender cannot know when the other side took it.
      if (static_cast<FrameHolder>(i) == FrameHolder::kHandoff) continue;
      lines.holders.push_back({std::string(frame_holder_name(static_cast<FrameHolder>(i))), copy->holders[i]});
      sums[i] += copy->holders[i];
      held += static_cast<std::int64_t>(copy->holders[i]);
    }
  }
  if (frames.unknown) return frames;
  frames.home = static_cast<std::uint64_t>(home);
  frames.in_flight = in_flight;
  frames.unaccounted = home - held - in_flight;
  for (std::size_t i = 0; i < kFrameHolders; ++i) {
    if (static_cast<FrameHolder>(i) == FrameHolder::kHandoff) continue;
    frames.holders.push_back({std::string(frame_holder_name(static_cast<FrameHolder>(i))), sums[i]});
  }
  return frames;
}

}  // namespace culvert
