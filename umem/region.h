// SPDX-License-Identifier: Apache-2.0
// The region: the one piece of memory that is registered as UMEM for every lane, so that a frame received on one
// interface is sent on another without a copy. Frames of 2048 bytes hold an MTU of 1500 with two VLAN tags; 4096 is for
// larger ones. Page size matters: reading the headers of cold frames costs 40 cycles a packet with huge pages and 66
// with 4 KB ones, so the region says which it got.
#pragma once

#include <cstdint>

#include "base/mapping.h"
#include "base/result.h"
#include "umem/frame.h"
#include "umem/ledger.h"
#include "umem/pool.h"
#include "umem/region_view.h"

namespace culvert {

struct RegionConfig {
  std::uint32_t frame_size = kSmallFrame;  ///< 2048 or 4096: what aligned UMEM takes (net/xdp/xdp_umem.c)
  std::uint32_t frames = 0;  ///< at least one a worker, at most kMaxFrames; rounded up to a multiple of `workers`
  WorkerIndex workers = 1;
  HugePages huge_pages = HugePages::kTry;
};

/// What Region would refuse, without reserving anything.
Result<void> check_region(const RegionConfig& config);

/// Owns the memory. Neither moved nor freed while a lane or a pool refers to it.
class Region {
 public:
  /// Throws SetupError when the numbers cannot be or there is no memory.
  explicit Region(const RegionConfig& config);
  /// The memory of an earlier culvertd's region, made with the same numbers: its memory() mapped here. Throws
  /// SetupError when the numbers cannot be, or it is too small for them.
  Region(const RegionConfig& config, Mapping memory);
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  RegionView view() const noexcept { return view_; }
  std::uint32_t frame_size() const noexcept { return view_.frame_size; }
  std::uint32_t frames() const noexcept { return view_.frames(); }
  FrameHomes homes() const noexcept { return homes_; }
  /// Which pages the kernel gave.
  PageKind pages() const noexcept { return memory_.pages(); }
  /// A successor can have it when its fd() is valid.
  const Mapping& memory() const noexcept { return memory_; }

  /// The ledger of test builds; hand it to every pool. Empty in other builds.
  FrameLedger ledger() const noexcept { return {ledger_memory_.bytes().first(ledger_frames()), view_.frame_size}; }

 private:
  std::size_t ledger_frames() const noexcept { return kChecks ? view_.frames() : 0; }

  Mapping memory_;
  RegionView view_;
  FrameHomes homes_;
  Mapping ledger_memory_;
};

}  // namespace culvert
