// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/screens.h"
#include "config/section.h"

namespace culvert {

inline constexpr std::size_t kMostScreens = 64;  ///< one for each zone

Section<ScreenConfig> screen_section();
Section<ZoneLimitsConfig> zone_limits_section();

}  // namespace culvert
