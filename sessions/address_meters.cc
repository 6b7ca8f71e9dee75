// SPDX-License-Identifier: Apache-2.0
#include "sessions/address_meters.h"

namespace culvert {
namespace {

/// Times that a count is tried while others change the same place: each try fails only because another succeeded.
constexpr int kTries = 64;

/// Never 0, so that a place that was used never looks as if it was not.
constexpr std::uint64_t tag_of(MeterId id) noexcept {
  return (id | 1) << 32;
}
constexpr std::uint64_t tag_in(std::uint64_t who) noexcept {
  return who >> 32 << 32;
}

}  // namespace

MeterId AddressMeters::id(MeterKind kind, const Ipv4Address& address) const noexcept {
  return hash16(key_, address.value.wire(), static_cast<std::uint64_t>(kind));
}

MeterId AddressMeters::id(MeterKind kind, const Ipv6Address& address) const noexcept {
  // Bit 8 tells the families apart.
  const MeterId first = hash16(key_, address.high(), static_cast<std::uint64_t>(kind) | 0x100);
  return kind == MeterKind::kSource ? first : pair(first, address.low());
}

std::array<AddressMeters::Bucket*, 2> AddressMeters::buckets_of(MeterId id) noexcept {
  const auto count = static_cast<std::uint32_t>(buckets_.size());
  // The tag is the low half: neither bucket is named by it alone.
  const std::uint64_t other = id * 0x9e3779b97f4a7c15ULL;
  return {&buckets_[fast_range(id, count)], &buckets_[fast_range(other, count)]};
}

AddressMeters::Place* AddressMeters::find(MeterId id) noexcept {
  for (Bucket* bucket : buckets_of(id)) {
    for (Place& place : bucket->places) {
      if (tag_in(place.who.load(std::memory_order_relaxed)) == tag_of(id)) return &place;
    }
  }
  return nullptr;
}

std::uint32_t AddressMeters::places_left(const Bucket& bucket, Now now) noexcept {
  std::uint32_t left = 0;
  for (const Place& place : bucket.places) left += in_use(place, now) ? 0U : 1U;
  return left;
}

AddressMeters::Place* AddressMeters::place(MeterId id, Now now) noexcept {
  if (buckets_.empty()) return nullptr;
  if (Place* place = find(id)) return place;
  const std::array<Bucket*, 2> buckets = buckets_of(id);
  Bucket* emptier = places_left(*buckets[1], now) > places_left(*buckets[0], now) ? buckets[1] : buckets[0];
  for (Place& place : emptier->places) {
    if (in_use(place, now)) continue;
    std::uint64_t who = place.who.load(std::memory_order_relaxed);
    if (sessions_of(who) != 0) continue;
    if (place.who.compare_exchange_strong(who, tag_of(id), std::memory_order_relaxed)) return &place;
  }
  return nullptr;
}

bool AddressMeters::add_session(Place& place, MeterId id, std::uint32_t most) noexcept {
  std::uint64_t who = place.who.load(std::memory_order_relaxed);
  for (int i = 0; i < kTries; ++i) {
    if (tag_in(who) != tag_of(id)) return false;
    if (most != 0 && sessions_of(who) >= most) return false;
    if (place.who.compare_exchange_weak(who, who + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void AddressMeters::remove_session(MeterId id) noexcept {
  if (buckets_.empty()) return;
  // Two places have one tag only when two workers made them at the same moment; the counts are right together.
  for (Bucket* bucket : buckets_of(id)) {
    for (Place& place : bucket->places) {
      std::uint64_t who = place.who.load(std::memory_order_relaxed);
      for (int i = 0; i < kTries && tag_in(who) == tag_of(id) && sessions_of(who) != 0; ++i) {
        if (place.who.compare_exchange_weak(who, who - 1, std::memory_order_relaxed)) return;
      }
    }
  }
}

bool AddressMeters::pass(MeterId id, MeterRate rate, Now now) noexcept {
  if (rate.interval_ns == 0) return true;
  Place* place = this->place(id, now);
  if (place == nullptr) return true;
  if (place->date.ahead(now) + rate.interval_ns > MeterRate::kBurstNs) return false;
  place->date.take(rate, now);
  return true;
}

}  // namespace culvert
