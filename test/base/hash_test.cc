// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "test/support/catch.h"

using namespace culvert;

namespace {

using Words = std::array<std::uint64_t, 5>;
using Hash = std::uint64_t (*)(const HashKey&, const Words&);

constexpr std::size_t kKeys = 8192;
constexpr std::size_t kBuckets = 1024;

/// By how many standard deviations chi-squared of the counts is above that of chance.
double excess(const std::vector<unsigned>& counts) {
  const double expected = static_cast<double>(kKeys) / kBuckets;
  double chi_squared = 0;
  for (const unsigned count : counts) chi_squared += (count - expected) * (count - expected) / expected;
  return (chi_squared - (kBuckets - 1)) / std::sqrt(2.0 * (kBuckets - 1));
}

/// Keys as networks and attackers make them: words that count from some bit up, alone and in pairs, from 0.
template <typename Visit>
void for_each_family(std::size_t word_count, Visit visit) {
  for (std::size_t one = 0; one < word_count; ++one) {
    for (unsigned low = 0; low <= 48; low += 8) {
      visit("word " + std::to_string(one) + " counts from bit " + std::to_string(low), [=](std::uint64_t i) {
        Words words{};
        words[one] = i << low;
        return words;
      });
      for (std::size_t two = one + 1; two < word_count; ++two)
        visit("words " + std::to_string(one) + " and " + std::to_string(two) + " from bit " + std::to_string(low),
              [=](std::uint64_t i) {
                Words words{};
                words[one] = (i & 127) << low;
                words[two] = (i >> 7) << low;
                return words;
              });
    }
  }
}

void check_spread(std::size_t word_count, Hash hash) {
  for (const std::uint64_t seed : {1U, 2U}) {
    const HashKey secret = HashKey::from_seed(seed);
    for_each_family(word_count, [&](const std::string& family, auto key) {
      std::vector<unsigned> by_index(kBuckets);
      std::vector<unsigned> by_tag(kBuckets);
      for (std::uint64_t i = 0; i < kKeys; ++i) {
        const std::uint64_t value = hash(secret, key(i));
        ++by_index[fast_range(value, kBuckets)];
        ++by_tag[value % kBuckets];
      }
      INFO(family << ", seed " << seed);
      // Chance reaches 5 in some thousands of tries; a pattern makes hundreds.
      CHECK(excess(by_index) < 8);
      CHECK(excess(by_tag) < 8);
    });
  }
}

}  // namespace

TEST_CASE("the keyed hash depends on the key and on every word of the input") {
  const HashKey one = HashKey::from_seed(1);
  const HashKey two = HashKey::from_seed(2);
  CHECK(hash16(one, 5, 6) == hash16(one, 5, 6));
  CHECK(hash16(one, 5, 6) != hash16(two, 5, 6));
  Words words{1, 2, 3, 4, 5};
  const auto before = hash40(one, words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto changed = words;
    changed[i] ^= 1ULL << 63;
    CHECK(hash40(one, changed) != before);
  }
  CHECK(HashKey::random().word != HashKey::random().word);
}

TEST_CASE("keys that count spread over indices and tags as chance would") {
  SECTION("16 bytes") {
    check_spread(2, [](const HashKey& secret, const Words& words) { return hash16(secret, words[0], words[1]); });
  }
  SECTION("40 bytes") {
    check_spread(5, [](const HashKey& secret, const Words& words) { return hash40(secret, words); });
  }
  SECTION("16 bytes, NH") {
    check_spread(
        2, [](const HashKey& secret, const Words& words) { return hash_detail::nh16(secret, words[0], words[1]); });
  }
  SECTION("40 bytes, NH") {
    check_spread(5, [](const HashKey& secret, const Words& words) { return hash_detail::nh40(secret, words); });
  }
}

TEST_CASE("keys that differ in one byte of each of two blocks don't cancel") {
  // With a single round before the blocks are added they would: both bytes then reach the same column alone.
  const HashKey secret = HashKey::from_seed(3);
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t i = 0; i < 1 << 16; ++i) hashes.push_back(hash40(secret, {i & 255, 0, i >> 8, 0, 0}));
  std::sort(hashes.begin(), hashes.end());
  CHECK(std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end());
}
