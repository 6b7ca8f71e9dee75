// SPDX-License-Identifier: Apache-2.0
#include "config/schedule_rule.h"

namespace culvert {

ValueRule<Weekdays> weekdays_rule() {
  constexpr std::size_t kMost = 7;
  const std::string accepts = "a list of 1 to 7 of mon, tue, wed, thu, fri, sat, sun and ranges as mon-fri";
  const auto read = [accepts](const YamlNode& node, const Place& place, Weekdays& target) {
    unsigned bits = 0;
    const auto read_day = [&](const YamlNode& item, const Place& here) {
      const std::string* text = scalar_text(item, here, accepts);
      if (text == nullptr) return;
      const Result<Weekdays> days = parse_weekdays(*text);
      if (!days) return here.error(item, days.error().what, days.error().hint);
      bits |= days->bits;
    };
    if (read_items(node, place, accepts, kMost, read_day)) target.bits = static_cast<std::uint8_t>(bits);
  };
  return {accepts, read, [](const Weekdays& days) { return fmt::format("[{}]", to_text(days)); }};
}

ValueRule<DayHours> hours_rule() {
  return scalar_rule<DayHours>("hours of local time, as 08:00-18:00", parse_hours,
                               [](const DayHours& hours) { return to_text(hours); });
}

ValueRule<std::optional<DateRange>> dates_rule() {
  return word_or<DateRange>("any", scalar_rule<DateRange>("a day or two, as 2026-12-24/2027-01-02", parse_dates,
                                                          [](const DateRange& dates) { return to_text(dates); }));
}

}  // namespace culvert
