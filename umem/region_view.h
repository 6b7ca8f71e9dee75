// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "umem/frame.h"

namespace culvert {

inline constexpr std::uint32_t kSmallFrame = 2048;
inline constexpr std::uint32_t kLargeFrame = 4096;

/// What hot code needs to know of the region: where it is and how it is cut. Plain data, copied freely.
struct RegionView {
  std::byte* base = nullptr;
  std::uint64_t bytes = 0;
  std::uint32_t frame_size = 0;

  std::byte* at(FrameAddress address) const noexcept { return base + address; }
  /// The address of a byte inside the region.
  FrameAddress address_of(const std::byte* pointer) const noexcept { return static_cast<FrameAddress>(pointer - base); }
  bool contains(FrameAddress address, std::uint64_t length) const noexcept {
    return address <= bytes && length <= bytes - address;
  }
  FrameAddress frame_of(FrameAddress address) const noexcept { return frame_start(address, frame_size); }
  std::uint32_t frames() const noexcept { return static_cast<std::uint32_t>(bytes / frame_size); }
};

}  // namespace culvert
