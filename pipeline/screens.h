// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "packet/screen.h"
#include "sessions/address_meters.h"

namespace culvert {

/// What is screened of what comes in from a zone.
struct ZoneScreens {
  ScreenMask on = 0;
  ScreenMask alarm = 0;          ///< of those that are on: count, and let the packet go on
  MeterRate icmp_to, udp_to;     ///< packets of no session to one destination
  MeterRate syn;                 ///< TCP connections that begin; more are answered by SYN cookies
  std::uint16_t scan_bits = 0;   ///< more of ScanMeters::bits_of() is a port scan
  std::uint16_t sweep_bits = 0;  ///< the same for destinations
};

}  // namespace culvert
