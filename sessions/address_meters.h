// SPDX-License-Identifier: Apache-2.0
// What is counted by address, of all workers together: how many sessions a source has, and how fast something comes.
//
//   bucket, a cache line:  tag | sessions   due      x 4
//                          a3f1 | 17        12.5 s       17 sessions; the next one is due at 12.5 s of the rate's clock
//
// An address has a place in one of two buckets, which a keyed hash names; a place without sessions whose date is over
// is anybody's. The rate is the generic cell rate algorithm (ITU-T I.371 A): each event moves the date on by the rate's
// interval, and a date that lies further ahead than the burst is too fast. So there is no timer and no sweep.
//
// Workers share it, since the sessions of one source belong to all of them. It needs no lock: tag and sessions are one
// word, so a count never goes to an address that has just taken the place. Sessions are exact; a date may miss an event
// when many workers change it at the same moment. A worker asks only for packets that begin something.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/cell.h"
#include "base/hash.h"
#include "base/time.h"
#include "packet/address.h"

namespace culvert {

/// Who, for what: a keyed hash. Two share one by chance only.
using MeterId = std::uint64_t;

/// What an address is counted for; each has its own places.
enum class MeterKind : std::uint8_t { kSource, kDestination, kIcmpTo, kUdpTo };

/// How fast: one every `interval_ns`, and as many at once as fit into a second. 0: as fast as it likes.
struct MeterRate {
  std::uint64_t interval_ns = 0;

  static constexpr std::uint64_t kBurstNs = kNanosecondsPerSecond;
  static constexpr MeterRate per_second(std::uint32_t events) noexcept {
    return {events == 0 ? 0 : kNanosecondsPerSecond / events};
  }
};

/// A date of the rate's clock, of which any number of threads takes events.
class MeterDate {
 public:
  /// How far the date lies ahead of now.
  std::uint64_t ahead(Now now) const noexcept {
    const std::uint64_t due = due_.load(std::memory_order_relaxed);
    return due > now ? due - now : 0;
  }
  /// Moves on by an event; never further ahead than a burst.
  void take(MeterRate rate, Now now) noexcept {
    constexpr int kTries = 8;  // fails only when another thread succeeds
    const std::uint64_t last = now + MeterRate::kBurstNs;
    std::uint64_t due = due_.load(std::memory_order_relaxed);
    for (int i = 0; i < kTries; ++i) {
      const std::uint64_t from = due > now ? due : now;
      const std::uint64_t next = from + rate.interval_ns < last ? from + rate.interval_ns : last;
      if (next <= due || due_.compare_exchange_weak(due, next, std::memory_order_relaxed)) return;
    }
  }

 private:
  std::atomic<std::uint64_t> due_{0};
};

class AddressMeters {
 public:
  struct Place {
    std::atomic<std::uint64_t> who{0};  ///< tag << 32 | sessions; 0: nobody ever
    MeterDate date;
  };
  struct alignas(kCacheLine) Bucket {
    std::array<Place, 4> places;
  };
  static_assert(sizeof(Bucket) == kCacheLine);

  /// Buckets with room for so many addresses that have sessions. Half full then: of two buckets the emptier one is
  /// taken, so hardly one address in a thousand finds both full.
  static constexpr std::uint32_t buckets_for(std::uint32_t sessions) noexcept { return sessions / 2 + 64; }

  /// Memory of zeros; outlives it.
  AddressMeters(std::span<Bucket> buckets, const HashKey& key) noexcept : buckets_(buckets), key_(key) {}

  /// Of an IPv6 source the first 64 bits: a host has all addresses behind them. Of a destination all.
  MeterId id(MeterKind kind, const Ipv4Address& address) const noexcept;
  MeterId id(MeterKind kind, const Ipv6Address& address) const noexcept;

  /// Of two that belong together, in this order.
  MeterId pair(MeterId one, std::uint64_t other) const noexcept { return hash16(key_, one, other); }

  /// The address's place, which is made if it can; null: both buckets are full of others.
  Place* place(MeterId id, Now now) noexcept;

  /// One session more, if it has less than `most` (0: any number). False: not counted. `place` is place(id)'s.
  bool add_session(Place& place, MeterId id, std::uint32_t most) noexcept;
  /// One less of one that was counted.
  void remove_session(MeterId id) noexcept;

  /// An event of this rate; false when it is too fast, and doesn't count then. True for a rate without an interval, and
  /// for an address that has no place.
  bool pass(MeterId id, MeterRate rate, Now now) noexcept;

  std::span<const Bucket> buckets() const noexcept { return buckets_; }
  /// For a successor.
  const HashKey& key() const noexcept { return key_; }
  static constexpr std::uint32_t sessions_of(std::uint64_t who) noexcept { return static_cast<std::uint32_t>(who); }
  /// Whether the place is somebody's now.
  static bool in_use(const Place& place, Now now) noexcept {
    const std::uint64_t who = place.who.load(std::memory_order_relaxed);
    return who != 0 && (sessions_of(who) != 0 || place.date.ahead(now) != 0);
  }

 private:
  std::array<Bucket*, 2> buckets_of(MeterId id) noexcept;
  Place* find(MeterId id) noexcept;
  static std::uint32_t places_left(const Bucket& bucket, Now now) noexcept;

  std::span<Bucket> buckets_;
  HashKey key_;
};

}  // namespace culvert
