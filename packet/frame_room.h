// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace culvert {

/// The bytes of one frame that a packet in it may use: it may be moved and may grow within [begin, end).
struct FrameRoom {
  std::byte* begin = nullptr;
  std::byte* end = nullptr;
};

}  // namespace culvert
