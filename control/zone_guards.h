// SPDX-License-Identifier: Apache-2.0
// From what a person says of a zone's screens and limits to what workers do.
#pragma once

#include "config/config.h"
#include "pipeline/stateful.h"

namespace culvert {

ZoneScreens zone_screens(const ScreenConfig& screen);
ZoneLimits zone_limits(const ZoneLimitsConfig& limits) noexcept;

/// Those of each zone, by its number.
struct ZoneGuards {
  std::array<ZoneScreens, kMaxZones> screens{};
  std::array<ZoneLimits, kMaxZones> limits{};
};

}  // namespace culvert
