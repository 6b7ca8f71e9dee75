// SPDX-License-Identifier: Apache-2.0
// Screens: what is refused whatever the policy says, because nobody means well who sends it. Each is on or off for the
// zone where packets come in, or only raises an alarm: counts, and lets the packet go on.
//
// Some attacks of the old lists need no screen, since nothing of the kind ever passes: fragments beyond 65535 bytes
// (ping of death: fragment_bad), overlapping ones (teardrop: fragment_overlap), lengths and header checksums that are
// wrong (parse), sources that are not routed back (reverse_path of the interface).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "packet/verdict.h"

namespace culvert {

/// In the order of their drop reasons.
enum class Screen : std::uint8_t {
  kLand,
  kWinnuke,
  kSynFin,
  kNoFlags,
  kFinNoAck,
  kSourceRoute,
  kTinyFragment,
  kIcmpFlood,
  kUdpFlood,
  kSynFlood,
  kPortScan,
  kAddressSweep,
  kCount,
};

inline constexpr std::size_t kScreens = static_cast<std::size_t>(Screen::kCount);

constexpr DropReason reason_of(Screen screen) noexcept {
  return static_cast<DropReason>(static_cast<std::size_t>(DropReason::kScreenLand) + static_cast<std::size_t>(screen));
}
static_assert(reason_of(Screen::kAddressSweep) == DropReason::kScreenAddressSweep);

/// A set of screens.
using ScreenMask = std::uint16_t;
constexpr ScreenMask mask_of(Screen screen) noexcept {
  return static_cast<ScreenMask>(1U << static_cast<unsigned>(screen));
}

}  // namespace culvert
