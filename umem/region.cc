// SPDX-License-Identifier: Apache-2.0
#include "umem/region.h"

#include <string>

#include "base/result.h"

namespace culvert {
namespace {

/// UMEM counts frames in 32 bits and the kernel keeps 128 bytes for each one and lane; a million is 2 GB of packets.
constexpr std::uint32_t kMaxFrames = 1U << 20;

std::uint32_t checked_frames(const RegionConfig& config) {
  if (config.frame_size != kSmallFrame && config.frame_size != kLargeFrame) {
    throw SetupError(Error{"frames of " + std::to_string(config.frame_size) + " bytes are not possible", 0,
                           "set system.frame_size: 2048 or 4096"});
  }
  if (config.workers == 0 || config.workers > kMaxWorkers) {
    throw SetupError(Error{"a region for " + std::to_string(config.workers) + " workers", 0,
                           "use 1 to " + std::to_string(kMaxWorkers) + " workers"});
  }
  if (config.frames == 0 || config.frames > kMaxFrames) {
    throw SetupError(Error{"a region of " + std::to_string(config.frames) + " frames", 0,
                           "use 1 to " + std::to_string(kMaxFrames) + " frames"});
  }
  const std::uint32_t per_worker = (config.frames + config.workers - 1U) / config.workers;
  return per_worker * config.workers;
}

}  // namespace

Region::Region(const RegionConfig& config)
    : memory_(Mapping::anonymous(std::size_t{checked_frames(config)} * config.frame_size, config.huge_pages,
                                 "packet frames")),
      view_{memory_.data(), std::uint64_t{checked_frames(config)} * config.frame_size, config.frame_size},
      homes_{view_.bytes / config.workers, config.workers} {
  if constexpr (kChecks) {
    ledger_memory_ = Mapping::anonymous(view_.frames(), HugePages::kNever, "the frame ledger");
  }
}

}  // namespace culvert
