// SPDX-License-Identifier: Apache-2.0
#include "config/screens.h"

namespace culvert {

bool is_on(const ScreenConfig& screens, Screen which) noexcept {
  switch (which) {
    case Screen::kLand:
      return screens.land;
    case Screen::kWinnuke:
      return screens.winnuke;
    case Screen::kSynFin:
      return screens.syn_fin;
    case Screen::kNoFlags:
      return screens.no_flags;
    case Screen::kFinNoAck:
      return screens.fin_no_ack;
    case Screen::kSourceRoute:
      return screens.source_route;
    case Screen::kTinyFragment:
      return screens.tiny_fragment;
    case Screen::kIcmpFlood:
      return screens.icmp_flood.has_value();
    case Screen::kUdpFlood:
      return screens.udp_flood.has_value();
    case Screen::kSynFlood:
      return screens.syn_flood.has_value();
    case Screen::kPortScan:
      return screens.port_scan.has_value();
    case Screen::kAddressSweep:
      return screens.address_sweep.has_value();
    case Screen::kCount:
      break;
  }
  return false;
}

}  // namespace culvert
