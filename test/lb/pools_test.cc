// SPDX-License-Identifier: Apache-2.0
#include "lb/pools.h"

#include <array>

#include "lb/pool_builder.h"
#include "test/lb/lb_models.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// Backends from `first` to before `end`.
std::vector<PoolBackend> part_of(std::size_t first, std::size_t end) {
  const auto all = some_backends(end);
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()};
}

}  // namespace

TEST_CASE("the first pool with a backend that takes flows is active") {
  const BuiltPool one(part_of(0, 3), 251), two(part_of(3, 6), 251), empty({}, 251);
  const std::array<LbPool, 3> pools{empty.pool(), one.pool(), two.pool()};
  std::vector<BackendShare> shares(6, kWholeShare);
  const auto chosen_from = [&](BackendNumber first, BackendNumber end) {
    const FrontendChoice choice({pools, shares});
    std::uint64_t random = 3;
    for (int i = 0; i < 100; ++i) {
      const auto chosen = choice.choose(splitmix64(random));
      if (!chosen.has_value() || chosen->number < first || chosen->number >= end) return false;
    }
    return true;
  };
  CHECK(FrontendChoice({pools, shares}).active_pool() == 1);
  CHECK(chosen_from(0, 3));
  shares[0] = shares[2] = 0;
  shares[1] = 1;
  CHECK(FrontendChoice({pools, shares}).active_pool() == 1);
  CHECK(chosen_from(1, 2));
  shares[1] = 0;
  CHECK(FrontendChoice({pools, shares}).active_pool() == 2);
  CHECK(chosen_from(3, 6));
  shares.assign(6, 0);
  CHECK(FrontendChoice({pools, shares}).active_pool() == kNoPool);
  CHECK(!FrontendChoice({pools, shares}).choose(1).has_value());
  CHECK(!FrontendChoice().choose(1).has_value());
  CHECK(FrontendChoice().active_pool() == kNoPool);
}

TEST_CASE("a frontend tells what the configuration before would have chosen, if it is still configured") {
  // Backend 1 is gone, 2 and 3 have other numbers now, and there is a new one. 0 was down.
  const BuiltPool before(part_of(0, 4), 251);
  auto backends = part_of(0, 5);
  const std::array<BackendNumber, 4> numbers{0, kNoBackend, 7, 6};
  backends[2].number = 7;
  backends[3].number = 6;
  backends[4].number = 1;
  backends.erase(backends.begin() + 1);
  const BuiltPool now(backends, 251);
  const std::array<LbPool, 1> pools_before{before.pool()}, pools{now.pool()};
  const std::vector<BackendShare> shares_before{0, kWholeShare, kWholeShare, kWholeShare};
  const std::vector<BackendShare> shares{kWholeShare, kWholeShare, 0, 0, 0, 0, 0, kWholeShare};
  const FrontendChoice choice({pools, shares}, {pools_before, shares_before}, numbers);
  CHECK(choice.has_before());
  std::array<int, 8> found{};
  int none = 0;
  std::uint64_t random = 4;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t hash = splitmix64(random);
    const auto chosen = choose_backend(before.pool(), hash, shares_before).value();
    const auto told = choice.chosen_before(hash);
    REQUIRE(told.has_value() == (chosen.number != 1));
    none += told.has_value() ? 0 : 1;
    if (!told.has_value()) continue;
    REQUIRE(*told == numbers[chosen.number]);
    ++found[*told];
    REQUIRE(choice.choose(hash)->number != 6);
  }
  CHECK(none > 250);
  CHECK(found[0] == 0);
  CHECK(found[6] > 250);  // its health now is the caller's concern
  CHECK(found[7] > 250);
}

TEST_CASE("without a configuration before there is nothing to tell") {
  const BuiltPool built(part_of(0, 3), 251);
  const std::array<LbPool, 1> pools{built.pool()};
  const std::vector<BackendShare> shares(3, kWholeShare), nobody(3, 0);
  const std::array<BackendNumber, 3> numbers{0, 1, 2};
  CHECK(!FrontendChoice({pools, shares}).has_before());
  CHECK(!FrontendChoice({pools, shares}).chosen_before(5).has_value());
  const FrontendChoice all_were_down({pools, shares}, {pools, nobody}, numbers);
  CHECK(!all_were_down.has_before());
  CHECK(!all_were_down.chosen_before(5).has_value());
  CHECK(all_were_down.choose(5).has_value());
}
