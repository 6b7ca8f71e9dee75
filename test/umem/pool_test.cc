// SPDX-License-Identifier: Apache-2.0
#include "umem/pool.h"

#include <random>
#include <set>
#include <vector>

#include "test/simulation/environment.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr std::uint32_t kSize = 2048;

/// Worker `self` of `workers`, with eight home frames each.
struct Fixture {
  static constexpr std::uint32_t kHome = 8;
  explicit Fixture(WorkerIndex self = 0, WorkerIndex workers = 1)
      : storage(kHome),
        strangers(std::size_t{kHome} * workers),
        pool(self, FrameHomes{kHome * kSize, workers}, kSize, storage, strangers) {}

  std::vector<FrameAddress> storage, strangers;
  FramePool pool;
};

}  // namespace

TEST_CASE("a pool begins with every home frame and nobody else's") {
  Fixture f(1, 2);
  CHECK(f.pool.available() == 8);
  CHECK(f.pool.capacity() == 8);
  std::vector<FrameAddress> taken(20);
  REQUIRE(f.pool.take(taken) == 8);
  const std::set<FrameAddress> seen(taken.begin(), taken.begin() + 8);
  CHECK(seen.size() == 8);
  CHECK(*seen.begin() == 8 * kSize);
  CHECK(*seen.rbegin() == 15 * kSize);
  CHECK(f.pool.available() == 0);
  FrameAddress one = 0;
  CHECK_FALSE(f.pool.take(one));
}

TEST_CASE("the frame freed last is taken first, and any address inside frees the whole frame") {
  Fixture f;
  FrameAddress a = 0, b = 0, c = 0;
  REQUIRE((f.pool.take(a) && f.pool.take(b)));
  f.pool.give(a + 256);
  f.pool.give(b + kSize - 1);
  REQUIRE(f.pool.take(c));
  CHECK(c == b);
  REQUIRE(f.pool.take(c));
  CHECK(c == a);
}

TEST_CASE("a stranger's frame is kept aside until it is removed") {
  Fixture f(0, 3);
  FrameAddress home = 0;
  REQUIRE(f.pool.take(home));
  f.pool.give(9 * kSize + 300);
  f.pool.give(home);
  f.pool.give(23 * kSize);
  f.pool.give(8 * kSize);
  CHECK(f.pool.available() == 8);
  REQUIRE(f.pool.strangers().size() == 3);
  CHECK(f.pool.strangers()[0] == 9 * kSize);
  CHECK(f.pool.home_of(f.pool.strangers()[0]) == 1);
  CHECK(f.pool.home_of(f.pool.strangers()[1]) == 2);
  f.pool.remove_stranger(0);
  REQUIRE(f.pool.strangers().size() == 2);
  CHECK(f.pool.strangers()[0] == 8 * kSize);
  CHECK(f.pool.strangers()[1] == 23 * kSize);
}

TEST_CASE("whatever is taken and given, every frame is in one place") {
  const std::uint64_t seed = test::seed_from_environment();
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  Fixture f;
  std::vector<FrameAddress> out;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      std::vector<FrameAddress> some(random() % 5);
      some.resize(f.pool.take(some));
      out.insert(out.end(), some.begin(), some.end());
    } else if (!out.empty()) {
      std::swap(out[random() % out.size()], out.back());
      f.pool.give(out.back() + random() % kSize);
      out.pop_back();
    }
    REQUIRE(f.pool.available() + out.size() == 8);
    REQUIRE(std::set<FrameAddress>(out.begin(), out.end()).size() == out.size());
  }
}

TEST_CASE("frames that lanes of an earlier process hold are in no pool until they are given back") {
  Fixture fixture(1, 2);  // frames 8 to 15 of 16 are its own
  const std::vector<std::uint64_t> held = {1U << 3 | 1U << 9 | 1U << 15};
  fixture.pool.leave_out(held);
  CHECK(fixture.pool.available() == Fixture::kHome - 2);
  std::set<FrameAddress> free;
  for (FrameAddress frame = 0; fixture.pool.take(frame);) free.insert(frame / kSize);
  CHECK(free == std::set<FrameAddress>{8, 10, 11, 12, 13, 14});
  fixture.pool.give(FrameAddress{9} * kSize);
  CHECK(fixture.pool.available() == 1);
}

TEST_CASE("every holder has a name") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kFrameHolders; ++i) names.insert(frame_holder_name(static_cast<FrameHolder>(i)));
  CHECK(names.size() == kFrameHolders);
  CHECK(names.count("") == 0);
}
