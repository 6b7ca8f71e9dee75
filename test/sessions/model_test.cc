// SPDX-License-Identifier: Apache-2.0
// Random histories against a map. CULVERT_SEED repeats a run.
#include "test/sessions/history.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

struct Size {
  std::size_t sessions;  ///< that the table is made for
  std::size_t target;    ///< about so many are there
  std::uint64_t steps;
  bool full;  ///< some find no place
};

}  // namespace

TEMPLATE_TEST_CASE("random sessions are found where a map says", "", FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::uint64_t operations = 0;
  // The smallest table, filled and overfilled; one with all but a few places taken; as it is meant; beyond the caches.
  for (const Size size : {Size{1, 70, 150'000, false}, Size{1, 250, 50'000, true}, Size{1000, 1900, 200'000, true},
                          Size{20'000, 25'000, 250'000, false}, Size{200'000, 250'000, 360'000, false}}) {
    SessionMemory<TestType> memory(size.sessions, 2 * size.target);
    SessionTable<TestType> table(memory.view(), HashKey::from_seed(seed + size.target), seconds(1000));
    History<TestType> history(table, seed, 3 * size.target);
    for (std::uint64_t step = 0; step < size.steps; ++step) {
      history.step(size.target);
      if (step % 16 == 0) history.look_up(step / 16 % (kMostFlowsAtOnce + 1));
      if (step % (size.steps / 8) == 0) history.check_everything();
    }
    history.check_everything();
    CHECK(history.replies_taken() > 0);
    CHECK((history.refused() > 0) == size.full);
    operations += history.operations();
    history.erase_all();
  }
  std::printf("%llu operations\n", static_cast<unsigned long long>(operations));
  CHECK(operations >= 5'000'000);  // of each family
}
