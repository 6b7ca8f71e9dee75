// SPDX-License-Identifier: Apache-2.0
// Screens: what is refused whatever the policy says, because nobody means well who sends it. Each is on or off for the
// zone where packets come in, or only raises an alarm: counts, and lets the packet go on.
//
// Some attacks of the old lists need no screen, since nothing of the kind ever passes: fragments beyond 65535 bytes
// (ping of death: fragment_bad), overlapping ones (teardrop: fragment_overlap), lengths and header checksums that are
// wrong (parse), sources that are not routed back (reverse_path of the interface).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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

/// "land", "icmp_flood", ...: what the configuration and the counters call it.
inline std::string_view name_of(Screen screen) noexcept {
  constexpr std::string_view kPrefix = "screen_";
  return drop_reason_text(reason_of(screen)).name.substr(kPrefix.size());
}

/// A set of screens.
using ScreenMask = std::uint16_t;
constexpr ScreenMask mask_of(Screen screen) noexcept {
  return static_cast<ScreenMask>(1U << static_cast<unsigned>(screen));
}

/// Those that look at nothing but the packet.
inline constexpr ScreenMask kPacketScreens = mask_of(Screen::kIcmpFlood) - 1;
/// Those that count packets of no session.
inline constexpr ScreenMask kCountingScreens = mask_of(Screen::kIcmpFlood) | mask_of(Screen::kUdpFlood) |
                                               mask_of(Screen::kPortScan) | mask_of(Screen::kAddressSweep);

}  // namespace culvert
