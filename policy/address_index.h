// SPDX-License-Identifier: Apache-2.0
// What the rules know about an address. All the ends of all prefixes that rules name cut the addresses into ranges;
// within one range every address means the same to every rule: its place. The place is found in two steps, each of a
// cache line or two:
//
//   rank of the address      how many ranges begin at or below it, less one
//   places[rank]             the longest prefix that rules name themselves, and the combination of address sets
//
// Example: a rule names 198.18.0.0/15 (prefix 1) and 198.18.7.0/24 (prefix 2); a list of thousands (set 0) holds
// 198.18.7.128/25. The ranges begin at 0.0.0.0, 198.18.0.0, 198.18.7.0, 198.18.7.128, 198.18.8.0 and 198.20.0.0;
// 198.18.7.200 has rank 3: {prefix 2, the combination of set 0 alone}.
//
// Memory: 16 KB and 10 to 14 bytes a range (IPv4), 28 bytes a range (IPv6). A prefix makes at most two ranges.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/bytes.h"
#include "base/prefetch.h"
#include "policy/policy_key.h"

namespace culvert {

struct AddressPlace {
  /// Number of the longest prefix, in the order of their first addresses, outer ones first: those inside prefix n have
  /// the numbers that follow n. 0: none.
  std::uint32_t prefix = 0;
  std::uint32_t sets = 0;  ///< number of a combination of sets (set_combinations.h); 0: none

  friend bool operator==(const AddressPlace&, const AddressPlace&) = default;
};

/// IPv4: addresses with the same upper half are a bucket. A bit for each bucket says whether ranges begin in it,
/// counting the bits below says where they stand; up to 16 are compared at once, of more the right 16 are searched
/// first.
class AddressIndex4 {
 public:
  static constexpr std::uint32_t kBuckets = 65536;
  static constexpr std::uint32_t kAtOnce = 16;

  /// 64 buckets.
  struct Buckets {
    std::uint64_t occupied = 0;  ///< bit i: ranges begin in bucket i
    std::uint64_t before = 0;    ///< occupied buckets before these
  };
  struct Arrays {
    std::span<const Buckets> buckets;       ///< kBuckets / 64
    std::span<const std::uint32_t> begins;  ///< first range of each occupied bucket, and the number of ranges
    std::span<const std::uint16_t> lows;    ///< lower halves of the ranges' beginnings, and kAtOnce more that are read
    std::span<const AddressPlace> places;   ///< of the ranges; the first range begins at 0
  };

  explicit AddressIndex4(const Arrays& arrays) noexcept : arrays_(arrays) {}

  /// Where the ranges of an address's bucket stand.
  struct Span {
    std::uint32_t begin;
    std::uint32_t count;
  };

  std::uint32_t rank(const PolicyKey::Address& address) const noexcept {
    return rank_within(bucket_of(address), address);
  }

  // The two halves of rank(), for bursts.

  Span bucket_of(const PolicyKey::Address& address) const noexcept {
    const auto value = static_cast<std::uint32_t>(address.low);
    const Buckets& buckets = arrays_.buckets[value >> 22];
    const std::uint32_t bit = value >> 16 & 63;
    const std::uint64_t below = buckets.occupied & ((std::uint64_t{1} << bit) - 1);
    const std::size_t bucket = buckets.before + static_cast<unsigned>(std::popcount(below));
    const std::uint32_t begin = arrays_.begins[bucket];
    return {begin, arrays_.begins[bucket + (buckets.occupied >> bit & 1)] - begin};
  }
  void prefetch_bucket(const Span& span) const noexcept { prefetch(&arrays_.lows[span.begin]); }

  std::uint32_t rank_within(Span span, const PolicyKey::Address& address) const noexcept {
    const auto low = static_cast<std::uint16_t>(address.low);
    while (span.count > kAtOnce) [[unlikely]] {
        const std::uint32_t half = span.count / 2;
        const bool upper = arrays_.lows[span.begin + half] <= low;
        span = {span.begin + (upper ? half : 0), upper ? span.count - half : half};
      }
    return span.begin + not_above(&arrays_.lows[span.begin], span.count, low) - 1;
  }

  void prefetch_place(std::uint32_t rank) const noexcept { prefetch(&arrays_.places[rank]); }
  const AddressPlace& place(std::uint32_t rank) const noexcept { return arrays_.places[rank]; }

 private:
  /// How many of the first `count` values, which ascend, are not above `low`.
  static std::uint32_t not_above(const std::uint16_t* values, std::uint32_t count, std::uint16_t low) noexcept {
#ifdef __AVX2__
    const __m256i wanted = _mm256_set1_epi16(static_cast<std::int16_t>(low));
    const __m256i is_not_above = _mm256_cmpeq_epi16(_mm256_max_epu16(load<__m256i>(values), wanted), wanted);
    const auto two_bits_each = static_cast<std::uint32_t>(_mm256_movemask_epi8(is_not_above));
    return static_cast<std::uint32_t>(std::popcount(two_bits_each & ((std::uint64_t{1} << (2 * count)) - 1))) / 2;
#else
    std::uint32_t found = 0;
    for (std::uint32_t i = 0; i < count; ++i) found += values[i] <= low ? 1 : 0;
    return found;
#endif
  }

  Arrays arrays_;
};

/// IPv6: a search tree of 16 keys a node over the upper halves at which ranges begin, without pointers: node n of a
/// level has the keys [16 n, 16 n + 16), and key k of it leads to node 16 n + k one level below. Ranges that begin at
/// the same upper half (prefixes longer than /64) stand side by side, the first of them at lower half 0.
class AddressIndex6 {
 public:
  static constexpr std::uint32_t kFanOut = 16;
  static constexpr std::size_t kMaxLevels = 8;

  /// Of one level; keys beyond `size` up to the next multiple of kFanOut are the highest value.
  struct Level {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Arrays {
    std::span<const std::uint64_t> keys;     ///< level after level
    std::array<Level, kMaxLevels> levels{};  ///< the root first; the last has every upper half, and 0 first
    std::size_t level_count = 0;             ///< at least one
    std::span<const std::uint32_t> firsts;   ///< first range of each upper half, and the number of ranges
    std::span<const std::uint64_t> lows;     ///< lower halves of the ranges' beginnings
    std::span<const AddressPlace> places;    ///< of the ranges
  };

  explicit AddressIndex6(const Arrays& arrays) noexcept : arrays_(arrays) {}

  std::uint32_t rank(const PolicyKey::Address& address) const noexcept {
    std::uint32_t at = 0;
    for (std::size_t level = 0; level < arrays_.level_count; ++level) at = step(level, at, address.high);
    return rank_of(at, address);
  }

  /// One level of the search: from a node to the number of its last key that is not above `high`.
  std::uint32_t step(std::size_t level, std::uint32_t node, std::uint64_t high) const noexcept {
    const Level& keys_of = arrays_.levels[level];
    const std::uint32_t first = node * kFanOut;
    const std::uint64_t* keys = &arrays_.keys[keys_of.begin + first];
    return std::min(first + not_above(keys, high), keys_of.size) - 1;
  }
  void prefetch_node(std::size_t level, std::uint32_t node) const noexcept {
    const std::uint64_t* keys = &arrays_.keys[arrays_.levels[level].begin + std::size_t{node} * kFanOut];
    prefetch(keys);
    prefetch(keys + kFanOut / 2);
  }
  std::size_t level_count() const noexcept { return arrays_.level_count; }

  /// The rank below one upper half: number `at` of the last level.
  std::uint32_t rank_of(std::uint32_t at, const PolicyKey::Address& address) const noexcept {
    std::uint32_t begin = arrays_.firsts[at];
    std::uint32_t end = arrays_.firsts[at + 1];
    if (arrays_.keys[arrays_.levels[arrays_.level_count - 1].begin + at] != address.high) return end - 1;
    while (end - begin > 1) {
      const std::uint32_t middle = begin + (end - begin) / 2;
      (arrays_.lows[middle] <= address.low ? begin : end) = middle;
    }
    return begin;
  }

  void prefetch_place(std::uint32_t rank) const noexcept { prefetch(&arrays_.places[rank]); }
  const AddressPlace& place(std::uint32_t rank) const noexcept { return arrays_.places[rank]; }

 private:
  /// How many keys of a node are not above `high`.
  static std::uint32_t not_above(const std::uint64_t* keys, std::uint64_t high) noexcept {
    std::uint32_t found = 0;
#ifdef __AVX2__
    // There are only signed comparisons: all values change by half of their range.
    const __m256i half = _mm256_set1_epi64x(std::numeric_limits<long long>::min());
    const __m256i wanted = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<long long>(high)), half);
    for (std::size_t i = 0; i < kFanOut; i += 4) {
      const __m256i is_above = _mm256_cmpgt_epi64(_mm256_xor_si256(load<__m256i>(keys + i), half), wanted);
      found |= static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(is_above))) << i;
    }
    return kFanOut - static_cast<std::uint32_t>(std::popcount(found));
#else
    for (std::size_t i = 0; i < kFanOut; ++i) found += keys[i] <= high ? 1 : 0;
    return found;
#endif
  }

  Arrays arrays_;
};

}  // namespace culvert
