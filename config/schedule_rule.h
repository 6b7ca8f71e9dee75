// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "config/rule.h"
#include "config/schedule.h"

namespace culvert {

/// One day or range of days, or a list of them: mon-fri, [mon-wed, sat].
ValueRule<Weekdays> weekdays_rule();
ValueRule<DayHours> hours_rule();
/// "any", or a day or two.
ValueRule<std::optional<DateRange>> dates_rule();

}  // namespace culvert
