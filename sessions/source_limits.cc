// SPDX-License-Identifier: Apache-2.0
#include "sessions/source_limits.h"

#include <algorithm>

namespace culvert {
namespace {

constexpr std::uint64_t kBurst = MeterRate::kBurstNs;

bool too_fast(const MeterDate& date, MeterRate rate, Now now) noexcept {
  return rate.interval_ns != 0 && date.ahead(now) + rate.interval_ns > kBurst;
}

}  // namespace

SourceVerdict SourceLimits::begin(MeterId source, std::uint8_t zone, const ZoneLimits& limits, Now now) noexcept {
  MeterDate& zone_date = zones_[zone % kMeteredZones].date;
  if (too_fast(zone_date, limits.zone_rate, now)) return SourceVerdict::kZoneRate;
  const MeterRate share{limits.zone_rate.interval_ns * kShares};
  const bool crowded = share.interval_ns != 0 && zone_date.ahead(now) > kBurst / 2;
  // What an event costs its source: in a crowd the share is what it gets, otherwise what it may have.
  const bool own = limits.source_rate.interval_ns != 0;
  MeterRate rate = own ? limits.source_rate : share;
  if (crowded) rate.interval_ns = std::max(rate.interval_ns, share.interval_ns);

  AddressMeters::Place* place = meters_.place(source, now);
  if (place == nullptr) {
    zone_date.take(limits.zone_rate, now);
    return SourceVerdict::kUnknown;
  }
  if (own && too_fast(place->date, limits.source_rate, now)) return SourceVerdict::kRate;
  // As many as its share of a burst, whatever each of them costs.
  if (crowded && place->date.ahead(now) > kBurst / kShares * rate.interval_ns / share.interval_ns) {
    return SourceVerdict::kZoneRate;
  }
  if (!meters_.add_session(*place, source, limits.sessions_per_source)) {
    // Or another worker has just given the place to somebody else.
    const bool full =
        AddressMeters::sessions_of(place->who.load(std::memory_order_relaxed)) >= limits.sessions_per_source;
    return limits.sessions_per_source != 0 && full ? SourceVerdict::kSessions : SourceVerdict::kUnknown;
  }
  place->date.take(rate, now);
  zone_date.take(limits.zone_rate, now);
  return SourceVerdict::kCounted;
}

bool SourceLimits::go_on(MeterId source, Now now) noexcept {
  AddressMeters::Place* place = meters_.place(source, now);
  return place != nullptr && meters_.add_session(*place, source, 0);
}

}  // namespace culvert
