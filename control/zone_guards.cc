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
  const auto add = [&screens](bool on, Screen which) {
    if (on) screens.on |= mask_of(which);
  };
  add(screen.land, Screen::kLand);
  add(screen.winnuke, Screen::kWinnuke);
  add(screen.syn_fin, Screen::kSynFin);
  add(screen.no_flags, Screen::kNoFlags);
  add(screen.fin_no_ack, Screen::kFinNoAck);
  add(screen.source_route, Screen::kSourceRoute);
  add(screen.tiny_fragment, Screen::kTinyFragment);
  add(screen.icmp_flood.has_value(), Screen::kIcmpFlood);
  add(screen.udp_flood.has_value(), Screen::kUdpFlood);
  add(screen.syn_flood.has_value(), Screen::kSynFlood);
  add(screen.port_scan.has_value(), Screen::kPortScan);
  add(screen.address_sweep.has_value(), Screen::kAddressSweep);
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
