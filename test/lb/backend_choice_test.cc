// SPDX-License-Identifier: Apache-2.0
// Choices of many flows, before and after a share changes; CULVERT_SEED repeats a run.
#include "lb/backend_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lb/pool_builder.h"
#include "lb/rendezvous.h"
#include "test/lb/lb_models.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

using Shares = std::vector<BackendShare>;

/// The backends of so many flows, by number.
std::vector<BackendNumber> choices(const LbPool& pool, const Shares& shares, std::size_t flows, std::uint64_t random) {
  std::vector<BackendNumber> chosen;
  for (std::size_t i = 0; i < flows; ++i) {
    const auto choice = choose_backend(pool, splitmix64(random), shares);
    chosen.push_back(choice.has_value() ? choice->number : kNoBackend);
  }
  return chosen;
}

std::vector<PoolBackend> weighted_backends(std::size_t count, std::uint64_t& random) {
  auto backends = some_backends(count, kMostWeight, random);
  for (PoolBackend& backend : backends) backend.weight = static_cast<std::uint8_t>(20 + splitmix64(random) % 81);
  return backends;
}

/// What the flows of each backend are of what its weight and share entitle it to, less 1, at worst.
double worst_error(const std::vector<PoolBackend>& backends, const Shares& shares,
                   const std::vector<BackendNumber>& chosen) {
  std::vector<double> count(backends.size());
  for (const BackendNumber number : chosen) ++count.at(number);
  const auto weight = [&](const PoolBackend& backend) { return double{1} * backend.weight * shares[backend.number]; };
  double sum = 0, worst = 0;
  for (const PoolBackend& backend : backends) sum += weight(backend);
  for (const PoolBackend& backend : backends) {
    const double part = static_cast<double>(chosen.size()) * weight(backend) / sum;
    if (part > 0) worst = std::max(worst, std::abs(count[backend.number] / part - 1));
    if (part == 0) CHECK(count[backend.number] == 0);
  }
  return worst;
}

}  // namespace

TEST_CASE("a flow goes to its slot's backend as long as that takes it") {
  const BuiltPool built(some_backends(10));
  const Shares shares(10, kWholeShare);
  std::uint64_t random = 7;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t hash = splitmix64(random);
    const auto chosen = choose_backend(built.pool(), hash, shares);
    const std::uint32_t slot = built.pool().table.slot_of(hash);
    REQUIRE(chosen == ChosenBackend{slot, built.pool().backends[built.pool().table.place_at(slot)].number, 0});
  }
}

TEST_CASE("a backend that goes down moves its own flows only, and the same ones return") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  for (const std::size_t count : {10U, 100U, 1000U}) {
    const BuiltPool built(weighted_backends(count, random), count == 10 ? 251 : kMaglevSlots);
    Shares shares(count, kWholeShare);
    constexpr std::size_t kFlows = 20'000;
    auto before = choices(built.pool(), shares, kFlows, seed);
    // One after the other, until every second one is down.
    std::vector<std::pair<std::size_t, std::vector<BackendNumber>>> past;
    for (int step = 0; step < 12; ++step) {
      const std::size_t down = splitmix64(random) % count;
      if (shares[down] == 0) continue;
      past.emplace_back(down, before);
      shares[down] = 0;
      const auto after = choices(built.pool(), shares, kFlows, seed);
      std::size_t moved = 0, collateral = 0;
      for (std::size_t i = 0; i < kFlows; ++i) {
        moved += before[i] == down ? 1U : 0U;
        collateral += before[i] != down && before[i] != after[i] ? 1U : 0U;
        REQUIRE(after[i] != down);
      }
      REQUIRE(collateral == 0);
      if (count == 10) REQUIRE(moved > 0);
      before = after;
      if (count == 10 && past.size() == 9) break;
    }
    for (; !past.empty(); past.pop_back()) {
      shares[past.back().first] = kWholeShare;
      REQUIRE(choices(built.pool(), shares, kFlows, seed) == past.back().second);
    }
  }
}

TEST_CASE("any change of one share moves flows from or to its backend only") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  // From nearly nobody, so that rendezvous decides, to nearly everybody.
  for (const std::uint64_t usable_in_100 : {1U, 10U, 50U, 95U}) {
    constexpr std::size_t kCount = 60, kFlows = 2'000;
    const BuiltPool built(weighted_backends(kCount, random), 8191);
    const auto any_share = [&] {
      if (splitmix64(random) % 100 >= usable_in_100) return BackendShare{0};
      return splitmix64(random) % 2 == 0 ? kWholeShare : static_cast<BackendShare>(splitmix64(random) % kWholeShare);
    };
    Shares shares(kCount);
    std::generate(shares.begin(), shares.end(), any_share);
    auto before = choices(built.pool(), shares, kFlows, seed);
    for (int step = 0; step < 60; ++step) {
      const auto changed = static_cast<BackendNumber>(splitmix64(random) % kCount);
      const BackendShare share_before = shares[changed];
      shares[changed] = any_share();
      const auto after = choices(built.pool(), shares, kFlows, seed);
      for (std::size_t i = 0; i < kFlows; ++i) {
        if (before[i] == after[i]) continue;
        REQUIRE((shares[changed] > share_before ? after[i] : before[i]) == changed);
      }
      before = after;
    }
  }
}

TEST_CASE("flows of those that are down spread over the others by weight") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  for (const std::size_t count : {10U, 100U}) {
    const auto backends = weighted_backends(count, random);
    const BuiltPool built(backends);
    Shares shares(count, kWholeShare);
    for (std::size_t down = 0; down < count / 5; ++down) shares[splitmix64(random) % count] = 0;
    const double error = worst_error(backends, shares, choices(built.pool(), shares, count * 20'000, seed));
    CAPTURE(count, error);
    CHECK(error <
          0.07);  // each has 6000 flows and more, give or take 80, and a part of the table that is right to 0.5 %
  }
  for (const std::size_t down : {1U, 50U, 500U}) {
    const auto backends = some_backends(1000);
    const BuiltPool built(backends);
    Shares shares(1000, kWholeShare);
    std::fill_n(shares.begin(), down, 0);
    const double error = worst_error(backends, shares, choices(built.pool(), shares, 2'000'000, seed));
    CAPTURE(down, error);
    CHECK(error < 0.15);  // each has 2000 flows and more, give or take 45; the largest of 1000 errors is 3.5 times that
  }
}

TEST_CASE("the last few of a thousand have all flows, by weight, and one more takes from each") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  auto backends = some_backends(1000);
  backends[500].weight = 25;
  backends[900].weight = 75;
  const BuiltPool built(backends);
  Shares shares(1000, 0);
  constexpr std::size_t kFlows = 20'000;
  shares[900] = 1;
  const auto one = choices(built.pool(), shares, kFlows, seed);
  CHECK(std::count(one.begin(), one.end(), 900) == kFlows);
  shares[900] = kWholeShare;
  shares[500] = kWholeShare;
  const auto two = choices(built.pool(), shares, kFlows, seed);
  const double light = static_cast<double>(std::count(two.begin(), two.end(), 500)) / kFlows;
  CHECK(std::abs(light - 0.25) < 0.015);
  CHECK(static_cast<double>(std::count(two.begin(), two.end(), 900)) / kFlows + light == Approx(1));
  shares[900] = 3 * kWholeShare;  // there is no more than the whole
  CHECK(choices(built.pool(), shares, kFlows, seed) == two);
}

TEST_CASE("by rendezvous each wins as often as it weighs") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  const auto backends = weighted_backends(100, random);
  Shares shares(100, kWholeShare);
  for (std::size_t i = 0; i < 100; i += 3) shares[i] = kWholeShare / 2;
  const auto winners = [&](const std::vector<PoolBackend>& from, int flows) {
    std::vector<BackendNumber> won;
    for (int i = 0; i < flows; ++i) won.push_back(from[rendezvous(from, splitmix64(random), shares)].number);
    return won;
  };
  const double error = worst_error(backends, shares, winners(backends, 200'000));
  CAPTURE(error);
  CHECK(error < 0.3);  // the lightest win 350 times, give or take 19
  // Of many the winner's number is among the least that there are.
  const auto many = some_backends(400, kMostWeight, seed);
  shares.assign(400, kWholeShare);
  const double error_of_many = worst_error(many, shares, winners(many, 100'000));
  CAPTURE(error_of_many);
  CHECK(error_of_many < 0.4);  // each wins 250 times, give or take 16
}

TEST_CASE("a slow start takes its share of its flows, and each step keeps those of the one before") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  const BuiltPool built(some_backends(10, kMostWeight, seed));
  Shares shares(10, kWholeShare);
  constexpr std::size_t kFlows = 100'000;
  const auto whole = choices(built.pool(), shares, kFlows, seed);
  const auto all = std::count(whole.begin(), whole.end(), 4);
  shares[4] = 0;
  auto before = choices(built.pool(), shares, kFlows, seed);
  for (const BackendShare share : {1U, 655U, 6554U, 16384U, 32768U, 65535U, kWholeShare}) {
    shares[4] = share;
    const auto after = choices(built.pool(), shares, kFlows, seed);
    for (std::size_t i = 0; i < kFlows; ++i) REQUIRE((before[i] == after[i] || after[i] == 4));
    const auto taken = static_cast<double>(std::count(after.begin(), after.end(), 4)) / static_cast<double>(all);
    CAPTURE(share, taken);
    CHECK(std::abs(taken - share / 65536.0) < 0.03);
    before = after;
  }
  CHECK(before == whole);
}

TEST_CASE("nodes that name their backends in another order choose alike") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  constexpr std::size_t kCount = 100;
  const auto backends = weighted_backends(kCount, random);
  auto other = backends;
  for (std::size_t i = kCount; i > 1; --i) std::swap(other[i - 1], other[splitmix64(random) % i]);
  for (std::size_t i = 0; i < kCount; ++i) other[i].number = static_cast<BackendNumber>(i);
  const BuiltPool one(backends, 8191), two(other, 8191);
  for (const std::uint64_t usable_in_100 : {3U, 60U, 100U}) {
    Shares shares(kCount), others(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      const bool usable = splitmix64(random) % 100 < usable_in_100;
      shares[i] = usable ? static_cast<BackendShare>(1 + splitmix64(random) % (2 * kWholeShare)) : 0;
    }
    for (const PoolBackend& backend : other) {
      const auto same = [&](const PoolBackend& mine) { return mine.name == backend.name; };
      others[backend.number] = shares[std::find_if(backends.begin(), backends.end(), same)->number];
    }
    for (int i = 0; i < 5'000; ++i) {
      const std::uint64_t hash = splitmix64(random);
      const auto mine = choose_backend(one.pool(), hash, shares), theirs = choose_backend(two.pool(), hash, others);
      REQUIRE(mine.has_value() == theirs.has_value());
      if (!mine.has_value()) continue;
      REQUIRE(backends[mine->number].name == other[theirs->number].name);
      REQUIRE(mine->draws == theirs->draws);
    }
  }
}

TEST_CASE("where nobody takes flows there is no choice") {
  auto backends = some_backends(3);
  backends[1].weight = 0;
  const BuiltPool built(backends), weightless(some_backends(3, 0)), none({});
  const Shares nobody(3, 0), only_weightless{0, kWholeShare, 0}, all(3, kWholeShare);
  for (const std::uint64_t hash : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{12345} << 40}) {
    CHECK(!choose_backend(built.pool(), hash, nobody).has_value());
    CHECK(!choose_backend(built.pool(), hash, only_weightless).has_value());
    CHECK(!choose_backend(weightless.pool(), hash, all).has_value());
    CHECK(!choose_backend(none.pool(), hash, all).has_value());
    CHECK(!choose_backend(LbPool{}, hash, {}).has_value());
    CHECK(choose_backend(built.pool(), hash, all).has_value());
  }
  CHECK(is_usable(built.pool(), all));
  CHECK(!is_usable(built.pool(), nobody));
  CHECK(!is_usable(built.pool(), only_weightless));
  CHECK(!is_usable(LbPool{}, all));
}
