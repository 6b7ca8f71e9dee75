// SPDX-License-Identifier: Apache-2.0
// How many flows move that need not, beside others: prints the figures, and holds ours to what it promises. A slot that
// is moved without need has another owner although the one before is still there.
//
//   lb_test '[.long]'   the Maglev paper's protocol in full: 200 runs for each number of failures
#include <cstdio>
#include <functional>
#include <string>

#include "lb/pool_builder.h"
#include "test/lb/lb_models.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

using Algorithm = std::function<Slots(const std::vector<PoolBackend>&, std::uint32_t)>;

double percent(std::size_t part, std::size_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Of a table that is built again without those who are gone: the slots that are moved without need, in per cent.
double rebuilt(const Algorithm& build, const std::vector<PoolBackend>& backends, const std::vector<bool>& gone,
               std::uint32_t size) {
  const auto before = numbers_of(build(backends, size), backends);
  const auto rest = without(backends, gone);
  const auto after = numbers_of(build(rest, size), rest);
  std::size_t moved = 0;
  for (std::size_t slot = 0; slot < size; ++slot) moved += !gone[before[slot]] && before[slot] != after[slot] ? 1U : 0U;
  return percent(moved, size);
}

/// The same of ours, by a flow for each slot.
double chosen_again(const LbPool& pool, const std::vector<bool>& gone) {
  std::vector<BackendShare> all(gone.size(), kWholeShare), rest = all;
  for (std::size_t i = 0; i < gone.size(); ++i) rest[i] = gone[i] ? 0 : kWholeShare;
  std::size_t moved = 0;
  for (std::uint64_t slot = 0; slot < pool.table.size(); ++slot) {
    const std::uint64_t hash = ((slot << 32) / pool.table.size() + 1) << 32 | slot;
    const BackendNumber before = choose_backend(pool, hash, all)->number;
    moved += !gone[before] && choose_backend(pool, hash, rest)->number != before ? 1U : 0U;
  }
  return percent(moved, pool.table.size());
}

std::vector<bool> random_failures(std::size_t backends, std::size_t failures, std::uint64_t& random) {
  std::vector<bool> gone(backends);
  while (failures > 0) {
    const std::size_t place = splitmix64(random) % backends;
    failures -= gone[place] ? 0U : 1U;
    gone[place] = true;
  }
  return gone;
}

/// Slots whose backend has changed when one of ten weighs a little less, in per cent.
double weight_moved(const Algorithm& build, std::uint32_t size) {
  auto backends = some_backends(10);
  const Slots before = build(backends, size);
  backends[5].weight = 99;
  const Slots after = build(backends, size);
  std::size_t moved = 0;
  for (std::size_t slot = 0; slot < size; ++slot) moved += before[slot] != after[slot] ? 1U : 0U;
  return percent(moved, size);
}

/// As the Maglev paper measures it: of 1000 backends some fail at once; the mean of so many runs.
void run_paper(std::uint32_t size, int runs) {
  const std::uint64_t seed = seed_of_run();
  std::uint64_t random = seed;
  std::printf("CULVERT_SEED=%llu: slots moved without need, %u slots, 1000 backends, mean of %d runs\n",
              static_cast<unsigned long long>(seed), size, runs);
  const auto backends = some_backends(1000);
  const BuiltPool built(backends, size);
  for (const std::size_t failures : {1U, 10U, 20U, 50U, 100U}) {
    double paper = 0, ours = 0;
    for (int run = 0; run < runs; ++run) {
      const auto gone = random_failures(backends.size(), failures, random);
      paper += rebuilt(built_maglev, backends, gone, size) / runs;
      ours += chosen_again(built.pool(), gone) / runs;
    }
    std::printf("  %5.1f %% fail: a Maglev table that is built again %.3f %%, ours %.3f %%\n", percent(failures, 1000),
                paper, ours);
    REQUIRE(ours == 0);
  }
}

}  // namespace

TEST_CASE("one of ten backends goes: ours moves nobody else's slots, others do") {
  const auto backends = some_backends(10);
  std::vector<bool> gone(10);
  gone[3] = true;
  const double ours = chosen_again(BuiltPool(backends).pool(), gone);
  std::printf("one of ten goes, slots moved without need:\n  ours, %u slots: %.2f %%\n", kMaglevSlots, ours);
  const auto print = [&](const char* name, const Algorithm& build, std::uint32_t size) {
    const double moved = rebuilt(build, backends, gone, size);
    std::printf("  %s, %u slots: %.2f %%\n", name, size, moved);
    CHECK(moved > 0);
  };
  print("Maglev, built again", built_maglev, kMaglevSlots);
  print("model of VPP's lb", model_of_vpp, 1024);
  print("model of VPP's lb", model_of_vpp, 65536);
  print("model of IPVS mh", model_of_ipvs, 4093);
  CHECK(ours == 0);
}

TEST_CASE("one of ten weighs 99 instead of 100, beside others") {
  const double ours = weight_moved(built_maglev, kMaglevSlots);
  std::printf(
      "one of ten weighs 99 instead of 100, slots that change: ours %.2f %%, VPP's model (65536) %.2f %%, "
      "IPVS's model (4093) %.2f %%\n",
      ours, weight_moved(model_of_vpp, 65536), weight_moved(model_of_ipvs, 4093));
  CHECK(ours < 0.2);
}

TEST_CASE("the Maglev paper's failures, a few runs") {
  run_paper(kMaglevSlots, 3);
}

TEST_CASE("the Maglev paper's failures in full", "[.long]") {
  run_paper(kMaglevSlots, 200);
  run_paper(kMostMaglevSlots, 200);
}
