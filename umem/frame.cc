// SPDX-License-Identifier: Apache-2.0
#include "umem/frame.h"

#include <array>

namespace culvert {
namespace {

constexpr std::array<std::string_view, kFrameHolders> kNames{"pool",    "strangers", "receive", "transmit",
                                                             "pending", "punt",      "handoff"};
static_assert(!kNames.back().empty(), "one name for each holder, in enum order");

}  // namespace

std::string_view frame_holder_name(FrameHolder holder) noexcept {
  const auto index = static_cast<std::size_t>(holder);
  return index < kFrameHolders ? kNames[index] : "in hand";
}

}  // namespace culvert
