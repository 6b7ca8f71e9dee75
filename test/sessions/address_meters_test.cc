// SPDX-License-Identifier: Apache-2.0
#include "sessions/address_meters.h"

#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr Now kSecond = kNanosecondsPerSecond;

Ipv4Address host(std::uint32_t number) {
  return {Be32(0xc6120000 + number)};
}

struct Meters {
  explicit Meters(std::uint32_t sessions)
      : buckets(AddressMeters::buckets_for(sessions)), meters(buckets, HashKey::from_seed(1)) {}

  std::vector<AddressMeters::Bucket> buckets;
  AddressMeters meters;
};

}  // namespace

TEST_CASE("sessions of random sources are counted as a map counts them") {
  constexpr std::uint32_t kSources = 3000;
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Meters some(kSources);
  AddressMeters& meters = some.meters;
  std::map<std::uint32_t, std::uint32_t> model;
  std::set<std::uint32_t> unplaced;
  for (int i = 0; i < 300'000; ++i) {
    const auto number = static_cast<std::uint32_t>(random() % kSources);
    const MeterId id = meters.id(MeterKind::kSource, host(number));
    if (unplaced.contains(number)) continue;
    if (random() % 2 == 0) {
      AddressMeters::Place* place = meters.place(id, kSecond);
      if (place == nullptr) {
        REQUIRE(model[number] == 0);
        unplaced.insert(number);
        continue;
      }
      const bool added = meters.add_session(*place, id, 20);
      REQUIRE(added == (model[number] < 20));
      if (added) ++model[number];
    } else if (model[number] > 0) {
      meters.remove_session(id);
      --model[number];
    }
  }
  CHECK(unplaced.size() <= 6);  // two in a thousand
  for (const auto& [number, sessions] : model) {
    if (unplaced.contains(number)) continue;
    const AddressMeters::Place* place = meters.place(meters.id(MeterKind::kSource, host(number)), 2 * kSecond);
    REQUIRE(place != nullptr);
    REQUIRE(AddressMeters::sessions_of(place->who.load()) == sessions);
  }
}

TEST_CASE("a table that is full of others says so, and takes the new one when one of them is gone") {
  std::vector<AddressMeters::Bucket> one(1);
  AddressMeters meters(one, HashKey::from_seed(1));
  std::vector<MeterId> ids;
  for (std::uint32_t i = 0; i < 5; ++i) ids.push_back(meters.id(MeterKind::kSource, host(i)));
  for (std::uint32_t i = 0; i < 4; ++i) REQUIRE(meters.add_session(*meters.place(ids[i], kSecond), ids[i], 0));
  CHECK(meters.place(ids[4], kSecond) == nullptr);
  CHECK(meters.pass(ids[4], MeterRate::per_second(1), kSecond));
  meters.remove_session(ids[2]);
  AddressMeters::Place* place = meters.place(ids[4], kSecond);
  REQUIRE(place != nullptr);
  CHECK(AddressMeters::sessions_of(place->who.load()) == 0);
  // An end that nobody counted changes nobody else's number.
  meters.remove_session(ids[2]);
  CHECK(AddressMeters::sessions_of(meters.place(ids[0], kSecond)->who.load()) == 1);
}

TEST_CASE("a rate lets a second's worth through at once, then its rate, for any rate") {
  Meters some(100);
  std::uint32_t number = 0;
  for (const std::uint32_t per_second : {1U, 2U, 7U, 100U, 5000U, 1'000'000U}) {
    const MeterRate rate = MeterRate::per_second(per_second);
    const MeterId id = some.meters.id(MeterKind::kUdpTo, host(++number));
    const std::uint64_t offered = std::uint64_t{per_second} * 40;
    std::uint64_t passed = 0;
    for (std::uint64_t i = 0; i < offered; ++i) {
      passed += some.meters.pass(id, rate, 5 * kSecond + i * (10 * kSecond) / offered) ? 1U : 0U;
    }
    INFO(per_second);
    CHECK(passed >= std::uint64_t{per_second} * 10);
    CHECK(passed <= std::uint64_t{per_second} * 11 + per_second / 100 + 1);
  }
  CHECK(some.meters.pass(1, MeterRate{}, 0));
}

TEST_CASE("threads that count together lose no session") {
  Meters some(1000);
  constexpr std::uint32_t kSources = 16;
  constexpr int kRounds = 50'000;
  const auto work = [&](std::uint32_t thread) {
    std::mt19937 random(thread);
    for (int i = 0; i < kRounds; ++i) {
      const MeterId id = some.meters.id(MeterKind::kSource, host(random() % kSources));
      AddressMeters::Place* place = some.meters.place(id, kSecond);
      // A place may be taken by another source between the two; then the session is not counted.
      if (place == nullptr || !some.meters.add_session(*place, id, 0)) continue;
      if (i % 100 != 0) some.meters.remove_session(id);
    }
  };
  std::thread other(work, 1U);
  work(2U);
  other.join();
  std::uint64_t left = 0;
  for (const AddressMeters::Bucket& bucket : some.buckets) {
    for (const AddressMeters::Place& place : bucket.places) left += AddressMeters::sessions_of(place.who.load());
  }
  CHECK(left <= 2 * kRounds / 100);
  CHECK(left >= 2 * kRounds / 100 - 10);
}
