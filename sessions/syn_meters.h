// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>

#include "sessions/address_meters.h"
#include "sessions/source_limits.h"

namespace culvert {

/// How fast TCP connections begin in each zone, of all workers together: whether SYN cookies are made, and looked for.
class SynMeters {
 public:
  /// ACKs of cookies come until so long after the last one was made: as long as a cookie is good.
  static constexpr Now kMemoryNs = 141 * kNanosecondsPerSecond;

  /// A SYN that would begin a session. True: there are too many, and this one gets a cookie. `no_room`: for sessions
  /// whose handshake is not done, whatever the rate.
  bool flooded(std::uint8_t zone, MeterRate rate, bool no_room, Now now) noexcept {
    constexpr Now kStep = kNanosecondsPerSecond;  // not every SYN writes what all workers read
    Zone& its = zones_[zone % kMeteredZones];
    if (!no_room && its.date.ahead(now) + rate.interval_ns <= MeterRate::kBurstNs) {
      its.date.take(rate, now);
      return false;
    }
    const Now until = now + kMemoryNs;
    if (its.until.load(std::memory_order_relaxed) + kStep < until) its.until.store(until, std::memory_order_relaxed);
    return true;
  }
  /// Whether an ACK without a session may be that of a cookie.
  bool lately(std::uint8_t zone, Now now) const noexcept {
    return zones_[zone % kMeteredZones].until.load(std::memory_order_relaxed) > now;
  }

  /// Until when lately() is true, for a successor.
  Now until(std::uint8_t zone) const noexcept {
    return zones_[zone % kMeteredZones].until.load(std::memory_order_relaxed);
  }
  void go_on(std::uint8_t zone, Now until) noexcept {
    zones_[zone % kMeteredZones].until.store(until, std::memory_order_relaxed);
  }

 private:
  struct alignas(kCacheLine) Zone {
    MeterDate date;
    std::atomic<Now> until{0};
  };
  std::array<Zone, kMeteredZones> zones_;
};

}  // namespace culvert
