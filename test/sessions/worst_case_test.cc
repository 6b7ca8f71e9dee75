// SPDX-License-Identifier: Apache-2.0
// How much memory a single operation may touch, counted in lines and not timed: over many random operations at loads
// that the table is not meant for, and with keys that a sender counts up.
#include <cstdio>
#include <random>

#include "test/sessions/way.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint32_t kBuckets = 2048;
constexpr std::uint32_t kMostLines = 20;

}  // namespace

TEMPLATE_TEST_CASE("no operation touches more than 20 lines, up to a load of 0.85", "", FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  const HashKey key = HashKey::from_seed(seed);
  FlowMemory<TestType> memory(kBuckets);
  FlowTable<TestType> table(memory.bytes());
  Way<TestType> way(kBuckets);
  const std::uint64_t most = kBuckets * kFlowsPerBucket * 85 / 100;
  std::uint32_t longest = 0, worst_find = 0, worst_miss = 0, worst_change = 0, refused = 0;
  constexpr std::uint64_t kOperations = 5'000'000;
  for (std::uint64_t operation = 0; operation < kOperations; ++operation) {
    const std::uint64_t number = random() % (2 * most);
    const TestType tuple = tuple_of<TestType>(number);
    const std::uint64_t hash = hash_of(key, tuple);
    const FlowSlot known = table.find(tuple, hash);
    const std::uint32_t lines = way.lines_to(memory, hash, known);
    longest = std::max(longest, way.buckets());
    (known != kNoFlow ? worst_find : worst_miss) = std::max(known != kNoFlow ? worst_find : worst_miss, lines);
    if (known != kNoFlow && operation % 2 == 0) {
      // The same lines: the tags that counted it, its tag, its entry.
      worst_change = std::max(worst_change, lines);
      table.release(known, hash);
    } else if (known == kNoFlow && table.size() < most) {
      const FlowSlot slot = table.reserve(hash);
      // Tables are made for three quarters; at this load one in some ten million finds its buckets full.
      if (slot == kNoFlow) {
        ++refused;
        continue;
      }
      table.entry(slot).key = tuple;
      // Those of making sure that it isn't there, and those of its place.
      const std::uint32_t to_place = way.lines_to(memory, hash, slot);
      longest = std::max(longest, way.buckets());
      worst_change = std::max(worst_change, std::max(lines, to_place) + 1);
    }
  }
  std::printf("seed %llu: %u of %u flows; longest way %u buckets; lines: find %u, miss %u, change %u\n",
              static_cast<unsigned long long>(seed), table.size(), kBuckets * kFlowsPerBucket, longest, worst_find,
              worst_miss, worst_change);
  CHECK(table.size() > most * 9 / 10);
  CHECK(refused <= 3);
  CHECK(worst_find <= kMostLines);
  CHECK(worst_miss <= kMostLines);
  CHECK(worst_change <= kMostLines);
}

TEMPLATE_TEST_CASE("keys that a sender counts up fill buckets as random ones do", "", FiveTuple4, FiveTuple6) {
  const HashKey key = HashKey::from_seed(seed_of_run());
  constexpr std::uint64_t kKeys = 1'000'000;
  /// How many buckets hold 0..31 flows, after a million keys.
  const auto fill = [&](auto tuple_at) {
    FlowMemory<TestType> memory(FlowTable<TestType>::buckets_for(kKeys));
    FlowTable<TestType> table(memory.bytes());
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      const TestType tuple = tuple_at(i);
      const FlowSlot slot = table.reserve(hash_of(key, tuple));
      REQUIRE(slot != kNoFlow);
      table.entry(slot).key = tuple;
    }
    std::array<double, 32> counts{};
    for (std::uint32_t bucket = 0; bucket < memory.buckets(); ++bucket) {
      const auto& tags = memory.tags(bucket).tag;
      counts[kFlowsPerBucket - static_cast<std::size_t>(std::count(tags.begin(), tags.end(), 0))] += 1;
    }
    return counts;
  };
  std::mt19937_64 random(1);
  const auto chance = fill([&](std::uint64_t) {
    TestType tuple{};
    for (std::size_t byte = 0; byte < sizeof(tuple); byte += 8)
      store(std::as_writable_bytes(std::span(&tuple, 1)).data() + byte, random());
    return tuple;
  });
  const auto compare = [&](const auto& counts) {
    // As two samples of one distribution: chi-squared over some twenty fills of a bucket.
    double chi_squared = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double sum = counts[i] + chance[i];
      if (sum > 20) chi_squared += (counts[i] - chance[i]) * (counts[i] - chance[i]) / sum;
    }
    CHECK(chi_squared < 90);
  };
  // Sequential addresses, and ports above them.
  compare(fill([](std::uint64_t i) { return tuple_of<TestType>(i); }));
  // One /24 (or /120) with all ports.
  compare(fill([](std::uint64_t i) {
    TestType tuple = tuple_of<TestType>(i & 255);
    tuple.source_port = Be16(static_cast<std::uint16_t>(i >> 8));
    return tuple;
  }));
  // One host, all pairs of ports.
  compare(fill([](std::uint64_t i) {
    TestType tuple = tuple_of<TestType>(1);
    tuple.source_port = Be16(static_cast<std::uint16_t>(i >> 4));
    tuple.destination_port = Be16(static_cast<std::uint16_t>(i & 15));
    return tuple;
  }));
}
