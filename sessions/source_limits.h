// SPDX-License-Identifier: Apache-2.0
// How many sessions a source may have and begin, and how many a zone: what is over is refused.
//
//   zone internet: 200 sessions a source, 50 new ones a second a source, 10,000 new ones a second together
//
// A source that keeps to its own limits must not suffer from others: once half of a zone's burst is used up, each
// source gets an eighth of the zone's rate at most, so that one that floods leaves seven to the rest. (Sources that are
// made up can't be told apart: then only the zone's rate helps, and SYN cookies.)
#pragma once

#include <array>

#include "sessions/address_meters.h"

namespace culvert {

inline constexpr std::size_t kMeteredZones = 64;

/// Limits of sessions that begin in a zone; 0 is no limit.
struct ZoneLimits {
  std::uint32_t sessions_per_source = 0;
  MeterRate source_rate;
  MeterRate zone_rate;

  bool any() const noexcept {
    return sessions_per_source != 0 || source_rate.interval_ns != 0 || zone_rate.interval_ns != 0;
  }
};

enum class SourceVerdict : std::uint8_t {
  kCounted,   ///< may begin, and is one of its source's sessions until remove_session()
  kUnknown,   ///< may begin, but the source has no place: it is not counted
  kSessions,  ///< the source has too many
  kRate,      ///< the source is too fast
  kZoneRate,  ///< the zone is too fast, and the source has had its share
};

class SourceLimits {
 public:
  SourceLimits(std::span<AddressMeters::Bucket> buckets, const HashKey& key) noexcept : meters_(buckets, key) {}

  /// A source's share of a zone that is half full.
  static constexpr std::uint64_t kShares = 8;

  /// May a session of this source begin in `zone`? `limits.any()`.
  SourceVerdict begin(MeterId source, std::uint8_t zone, const ZoneLimits& limits, Now now) noexcept;
  /// One that was counted is over.
  void end(MeterId source) noexcept { meters_.remove_session(source); }
  /// One that was counted in an earlier run goes on. False: no place for its source.
  bool go_on(MeterId source, Now now) noexcept;

  AddressMeters& meters() noexcept { return meters_; }
  const AddressMeters& meters() const noexcept { return meters_; }

 private:
  struct alignas(kCacheLine) ZoneDate {
    MeterDate date;
  };

  AddressMeters meters_;
  std::array<ZoneDate, kMeteredZones> zones_;
};

}  // namespace culvert
