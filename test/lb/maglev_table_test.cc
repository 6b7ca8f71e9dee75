// SPDX-License-Identifier: Apache-2.0
// Tables against the plain algorithm; CULVERT_SEED repeats a run.
#include "lb/maglev_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "test/lb/lb_models.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// A backend with this order of slots.
PoolBackend with_order(std::uint64_t offset, std::uint64_t skip, std::uint64_t size) {
  const auto part = [](std::uint64_t value, std::uint64_t of) { return ((value << 32) + of - 1) / of; };
  return {part(offset, size) << 32 | part(skip - 1, size - 1), 0, 1};
}

std::vector<PoolBackend> random_backends(std::uint64_t& random, std::size_t most) {
  std::vector<PoolBackend> backends = some_backends(1 + splitmix64(random) % most, 0, random);
  const std::uint64_t weights = 1 + splitmix64(random) % kMostWeight;
  for (PoolBackend& backend : backends) backend.weight = static_cast<std::uint8_t>(splitmix64(random) % (weights + 1));
  backends.front().weight = static_cast<std::uint8_t>(weights);
  return backends;
}

std::vector<std::uint32_t> counts(const Slots& slots, std::size_t backends) {
  std::vector<std::uint32_t> count(backends);
  for (const std::uint16_t place : slots) ++count.at(place);
  return count;
}

std::size_t differing(const Slots& a, const Slots& b) {
  std::size_t count = 0;
  for (std::size_t slot = 0; slot < a.size(); ++slot) count += a[slot] != b[slot] ? 1U : 0U;
  return count;
}

}  // namespace

TEST_CASE("sizes are primes") {
  for (const std::uint32_t prime : {3U, 5U, 7U, 251U, 1021U, 4093U, 65537U, 131071U, 655373U}) {
    CHECK(is_maglev_size(prime));
  }
  for (const std::uint32_t other : {0U, 1U, 2U, 4U, 9U, 253U, 65536U, 65539U * 9, 655369U, 655379U, ~0U}) {
    CAPTURE(other);
    CHECK(!is_maglev_size(other));
  }
}

TEST_CASE("the table of the header") {
  const std::vector<PoolBackend> backends{with_order(0, 2, 7), with_order(3, 1, 7), with_order(3, 4, 7)};
  CHECK(SlotOrder::of(backends[2].name, 7).offset == 3);
  CHECK(SlotOrder::of(backends[2].name, 7).skip == 4);
  CHECK(built_maglev(backends, 7) == Slots{0, 2, 0, 1, 2, 1, 0});
}

TEST_CASE("with equal weights it is the paper's table, and with others the plain algorithm's") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  for (const std::uint32_t size : {3U, 5U, 7U, 13U, 127U, 251U, 1021U, 8191U}) {
    CAPTURE(size);
    for (int round = 0; round < 20; ++round) {
      const auto equal = some_backends(1 + splitmix64(random) % 300, kMostWeight, random);
      REQUIRE(built_maglev(equal, size) == plain_maglev(equal, size));
      const auto weighted = random_backends(random, 300);
      REQUIRE(built_maglev(weighted, size) == plain_maglev(weighted, size));
    }
    // Remainders are equal where the sum of weights is a multiple of the size.
    for (int round = 0; round < 300 && size < 20; ++round) {
      const auto few = random_backends(random, 6);
      REQUIRE(built_maglev(few, size) == plain_maglev(few, size));
    }
  }
  for (const std::uint32_t size : {kMaglevSlots, kMostMaglevSlots}) {
    const auto backends = random_backends(random, 1000);
    REQUIRE(built_maglev(backends, size) == plain_maglev(backends, size));
  }
}

TEST_CASE("every backend is within a slot of its exact part") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  for (int round = 0; round < 120; ++round) {
    const std::uint32_t size = round % 4 == 0 ? kMaglevSlots : 251;
    const auto backends = random_backends(random, 1000);
    double sum = 0;
    for (const PoolBackend& backend : backends) sum += backend.weight;
    const auto count = counts(built_maglev(backends, size), backends.size());
    for (std::size_t place = 0; place < backends.size(); ++place) {
      REQUIRE(std::abs(count[place] - backends[place].weight * size / sum) < 1);
    }
  }
}

TEST_CASE("the order in which backends are named does not matter") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  for (int round = 0; round < 20; ++round) {
    auto backends = random_backends(random, 500);
    const auto one = numbers_of(built_maglev(backends, 8191), backends);
    for (std::size_t i = backends.size(); i > 1; --i) std::swap(backends[i - 1], backends[splitmix64(random) % i]);
    REQUIRE(numbers_of(built_maglev(backends, 8191), backends) == one);
  }
}

TEST_CASE("another seed is another table") {
  const Slots one = built_maglev(some_backends(10, 1, 1), kMaglevSlots);
  const Slots two = built_maglev(some_backends(10, 1, 2), kMaglevSlots);
  CHECK(differing(one, two) > kMaglevSlots * 8 / 10);  // nine in ten are expected
}

TEST_CASE("names are of addresses, and IPv4 ones are those of mapped addresses") {
  const SipKey key = SipKey::from_seed(5);
  const Ipv6Address mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18, 0, 1}};
  CHECK(backend_name(key, Ipv4Address{Be32(0xc6120001)}) == backend_name(key, mapped));
  CHECK(backend_name(key, Ipv4Address{Be32(0xc6120002)}) != backend_name(key, mapped));
  CHECK(backend_name(SipKey::from_seed(6), mapped) != backend_name(key, mapped));
}

TEST_CASE("one backend has all slots, without a weight nobody has, and more backends than slots share them") {
  for (const std::uint32_t size : {3U, 251U}) {
    CHECK(built_maglev(some_backends(1), size) == Slots(size, 0));
    CHECK(built_maglev({}, size) == Slots(size, MaglevTable::kNobody));
    CHECK(built_maglev(some_backends(9, 0), size) == Slots(size, MaglevTable::kNobody));
    auto one_of_many = some_backends(9, 0);
    one_of_many[4].weight = 1;
    CHECK(built_maglev(one_of_many, size) == Slots(size, 4));
    const Slots slots = built_maglev(some_backends(1000, 1), size);
    CHECK(std::set<std::uint16_t>(slots.begin(), slots.end()).size() == size);
  }
  CHECK(MaglevTable().place_at(MaglevTable().slot_of(~std::uint64_t{0})) == MaglevTable::kNobody);
}

TEST_CASE("a weight of 99 instead of 100 moves less than 0.2 % of the slots") {
  for (const std::size_t count : {10U, 100U, 1000U}) {
    double moved = 0, most = 0;
    constexpr int kRounds = 10;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      auto backends = some_backends(count, 100, round + 1);
      const Slots before = built_maglev(backends, kMaglevSlots);
      backends[count / 2].weight = 99;
      const double now =
          100.0 * static_cast<double>(differing(before, built_maglev(backends, kMaglevSlots))) / kMaglevSlots;
      moved += now / kRounds;
      most = std::max(most, now);
    }
    std::printf("weight 100 to 99 of one of %zu: %.3f %% of the slots move, at most %.3f %%\n", count, moved, most);
    CHECK(most < 0.2);
  }
}

TEST_CASE("a backend less moves few slots of the others") {
  auto backends = some_backends(10);
  const auto before = numbers_of(built_maglev(backends, kMaglevSlots), backends);
  const PoolBackend gone = backends[3];
  backends.erase(backends.begin() + 3);
  const auto after = numbers_of(built_maglev(backends, kMaglevSlots), backends);
  std::size_t moved = 0;
  for (std::size_t slot = 0; slot < kMaglevSlots; ++slot) {
    moved += before[slot] != gone.number && before[slot] != after[slot] ? 1U : 0U;
  }
  CHECK(moved < kMaglevSlots / 200);  // 0.24 % with the paper's
}
