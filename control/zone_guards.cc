// SPDX-License-Identifier: Apache-2.0
#include "control/zone_guards.h"

namespace culvert {
namespace {

MeterRate rate_of(const std::optional<std::uint32_t>& per_second) noexcept {
  return MeterRate::per_second(per_second.value_or(0));
}

}  // namespace

ZoneScreens zone_screens(const ScreenConfig& screen) {
  ZoneScreens screens;
  for (std::size_t i = 0; i < kScreens; ++i) {
    const auto which = static_cast<Screen>(i);
    if (is_on(screen, which)) screens.on |= mask_of(which);
  }
  for (const Screen which : screen.alarm_only) screens.alarm |= mask_of(which);
  screens.icmp_to = rate_of(screen.icmp_flood);
  screens.udp_to = rate_of(screen.udp_flood);
  screens.syn = rate_of(screen.syn_flood);
  screens.scan_bits = static_cast<std::uint16_t>(ScanMeters::bits_of(screen.port_scan.value_or(0)));
  screens.sweep_bits = static_cast<std::uint16_t>(ScanMeters::bits_of(screen.address_sweep.value_or(0)));
  return screens;
}

ZoneLimits zone_limits(const ZoneLimitsConfig& limits) noexcept {
  return {limits.sessions_per_source.value_or(0), rate_of(limits.new_sessions_per_source),
          rate_of(limits.new_sessions)};
}

}  // namespace culvert
