// SPDX-License-Identifier: Apache-2.0
#include "umem/region.h"

#include <string>
#include <utility>

namespace culvert {
namespace {

std::uint32_t checked_frames(const RegionConfig& config) {
  check_region(config).value();
  const std::uint32_t per_worker = (config.frames + config.workers - 1U) / config.workers;
  return per_worker * config.workers;
}

std::uint64_t bytes_of(const RegionConfig& config) {
  return std::uint64_t{checked_frames(config)} * config.frame_size;
}

}  // namespace

Result<void> check_region(const RegionConfig& config) {
  if (config.frame_size != kSmallFrame && config.frame_size != kLargeFrame) {
    return Error{"frames of " + std::to_string(config.frame_size) + " bytes are not possible", 0,
                 "set system.frame_size: 2048 or 4096"};
  }
  if (config.workers == 0 || config.workers > kMaxWorkers) {
    return Error{"a region for " + std::to_string(config.workers) + " workers", 0,
                 "use 1 to " + std::to_string(kMaxWorkers) + " workers"};
  }
  if (config.frames == 0 || config.frames > kMaxFrames) {
    return Error{"a region of " + std::to_string(config.frames) + " frames", 0,
                 "set system.frames: auto, or 1 to " + std::to_string(kMaxFrames) + " frames"};
  }
  return {};
}

Region::Region(const RegionConfig& config)
    : Region(config, Mapping::shareable(bytes_of(config), config.huge_pages, "packet frames")) {}

Region::Region(const RegionConfig& config, Mapping memory)
    : memory_(std::move(memory)),
      view_{memory_.data(), bytes_of(config), config.frame_size},
      homes_{view_.bytes / config.workers, config.workers} {
  if (memory_.size() < view_.bytes) throw SetupError(Error{"a region that is smaller than its frames", 0, ""});
  if constexpr (kChecks) {
    ledger_memory_ = Mapping::anonymous(view_.frames(), HugePages::kNever, "the frame ledger");
  }
}

}  // namespace culvert
