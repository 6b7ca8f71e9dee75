// SPDX-License-Identifier: Apache-2.0
// Random histories against a map: after every stretch of inserts, replacements and removals each prefix's first, last
// and neighbouring addresses and random ones must have the model's answer. CULVERT_SEED repeats a run.
#include <chrono>
#include <cstdlib>
#include <vector>

#include "test/routes/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

using Random = std::mt19937_64;

std::uint64_t seed_of_run() {
  if (const char* given = std::getenv("CULVERT_SEED")) return std::strtoull(given, nullptr, 10);
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// Prefixes that meet each other: addresses come from few neighbourhoods, so that they nest, share cells and diverge in
/// every bit.
template <typename Family>
typename Family::Prefix random_prefix(Random& random, const std::vector<typename Family::Address>& homes) {
  auto address = homes[random() % homes.size()];
  const std::size_t flips = random() % 3;
  for (std::size_t i = 0; i < flips; ++i)
    address = Family::flip(address, static_cast<unsigned>(random() % Family::kBits));
  // The longer half of the lengths more often: that is where nodes and groups come and go.
  unsigned length = static_cast<unsigned>(random() % (Family::kBits + 1));
  if (random() % 2 == 0) length = Family::kBits / 2 + length / 2;
  // Few prefixes shorter than /8 of IPv4: each costs a walk over millions of slots.
  if (Family::kBits == 32 && length < 8 && random() % 20 != 0) length += 8;
  return Family::prefix(address, length);
}

template <typename Family>
class History {
 public:
  History(std::uint64_t seed, const typename Family::Limits& limits, std::size_t home_count)
      : random_(seed), tables_(limits) {
    for (std::size_t i = 0; i < home_count; ++i) homes_.push_back(Family::random(random_));
  }

  void step(std::size_t target_size) {
    const auto& prefixes = model_.prefixes();
    // Around the target size: as many go as come.
    if (random_() % (2 * target_size) < prefixes.size()) {
      remove(known_prefix());
    } else if (random_() % 4 == 0 && !prefixes.empty()) {
      insert(known_prefix());
    } else {
      insert(random_prefix<Family>(random_, homes_));
    }
    if (random_() % 16 == 0) tables_.settle();
  }

  void remove_all() {
    while (!model_.prefixes().empty()) remove(known_prefix());
    tables_.settle();
  }

  void check_everything() {
    std::vector<typename Family::Address> addresses;
    for (const auto& [prefix, next_hop] : model_.prefixes()) {
      addresses.push_back(Family::first(prefix));
      addresses.push_back(Family::last(prefix));
      if (prefix.length > 0) {
        addresses.push_back(Family::flip(Family::first(prefix), prefix.length - 1U));
        addresses.push_back(Family::flip(Family::last(prefix), static_cast<unsigned>(random_() % prefix.length)));
      }
      REQUIRE(tables_.writer.find(prefix) == next_hop);
    }
    for (int i = 0; i < 200; ++i) addresses.push_back(Family::random(random_));
    std::vector<NextHopIndex> results(addresses.size());
    Family::lookup(tables_.table, addresses, results);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const NextHopIndex expected = model_.lookup(addresses[i]);
      wrong += results[i] != expected;
      wrong += tables_.lookup(addresses[i]) != expected;
    }
    checks_ += 2 * addresses.size();
    REQUIRE(wrong == 0);
    REQUIRE(tables_.writer.size() == model_.prefixes().size());
    REQUIRE(tables_.writer.prefix_gauge().used.read() == model_.prefixes().size());
  }

  Tables<Family>& tables() { return tables_; }
  std::size_t checks() const { return checks_; }
  std::size_t refused() const { return refused_; }

 private:
  typename Family::Prefix known_prefix() {
    auto known = model_.prefixes().lower_bound(random_prefix<Family>(random_, homes_));
    return (known == model_.prefixes().end() ? model_.prefixes().begin() : known)->first;
  }
  void insert(const typename Family::Prefix& prefix) {
    const auto next_hop = static_cast<NextHopIndex>(1 + random_() % (random_() % 2 == 0 ? 3 : kMaxNextHops - 1));
    const bool known = tables_.writer.find(prefix).has_value();
    if (tables_.insert(prefix, next_hop)) {
      model_.insert(prefix, next_hop);
    } else {
      REQUIRE_FALSE(known);  // a known prefix's next hop can always be changed
      ++refused_;
    }
  }
  void remove(const typename Family::Prefix& prefix) {
    REQUIRE(tables_.remove(prefix));
    REQUIRE(model_.remove(prefix));
  }

  Random random_;
  Tables<Family> tables_;
  Model<Family> model_;
  std::vector<typename Family::Address> homes_;
  std::size_t checks_ = 0;
  std::size_t refused_ = 0;
};

template <typename Family>
constexpr typename Family::Limits kTightLimits{.prefixes = 400};
template <>
constexpr Lpm4Limits kTightLimits<V4>{.prefixes = 400, .groups = 40};
template <>
constexpr Lpm6Limits kTightLimits<V6>{.prefixes = 400, .units = 300};

}  // namespace

TEMPLATE_TEST_CASE("random histories have the model's answers", "", V4, V6) {
  const std::uint64_t seed = seed_of_run();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  INFO("CULVERT_SEED=" << seed);
  std::size_t checks = 0;
  for (const std::size_t homes : {1UL, 4UL, 100UL}) {
    History<TestType> history(seed + homes, {}, homes);
    for (const std::size_t size : {20UL, 400UL, 1000UL}) {
      for (std::size_t stretch = 0; stretch < (kChecks ? 3 : 24); ++stretch) {
        for (std::size_t i = 0; i < size / 2; ++i) history.step(size);
        history.check_everything();
      }
    }
    history.remove_all();
    history.check_everything();
    CHECK(memory_gauge(history.tables().writer).used.read() == 0);
    checks += history.checks();
  }
  CHECK(checks >= (kChecks ? 50'000 : 500'000));  // of each family
}

TEMPLATE_TEST_CASE("a full table refuses, counts, keeps every answer, and takes again what was freed", "", V4, V6) {
  const std::uint64_t seed = seed_of_run();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  INFO("CULVERT_SEED=" << seed);
  History<TestType> history(seed, kTightLimits<TestType>, 60);
  for (std::size_t stretch = 0; stretch < 60; ++stretch) {
    for (std::size_t i = 0; i < 100; ++i) history.step(500);
    history.check_everything();
  }
  const auto& writer = history.tables().writer;
  CHECK(history.refused() > 0);
  CHECK(writer.prefix_gauge().failures.read() + memory_gauge(writer).failures.read() == history.refused());
  CHECK(memory_gauge(writer).failures.read() > 0);
  CHECK(memory_gauge(writer).peak.read() <= memory_gauge(writer).max.read());
  CHECK(writer.prefix_gauge().peak.read() <= kTightLimits<TestType>.prefixes);
  history.remove_all();
  history.check_everything();
  CHECK(memory_gauge(writer).used.read() == 0);
}

TEST_CASE("the prefix limit is exact and the group that is retired comes back after its epoch") {
  Tables<V4> tables({.prefixes = 3, .groups = 1});
  REQUIRE(tables.insert(Prefix4(0x0a000001U, 32), 1));
  CHECK_FALSE(tables.insert(Prefix4(0x0b000001U, 32), 1));
  CHECK(tables.lookup(0x0b000001U) == kNoRouteIndex);
  CHECK(tables.writer.group_gauge().failures.read() == 1);
  REQUIRE(tables.insert(Prefix4(0x0a000002U, 32), 2));  // in the same group
  REQUIRE(tables.insert(Prefix4(0x0b000000U, 8), 3));
  CHECK_FALSE(tables.insert(Prefix4(0x0c000000U, 8), 3));
  CHECK(tables.writer.prefix_gauge().failures.read() == 1);
  REQUIRE(tables.insert(Prefix4(0x0b000000U, 8), 4));  // known: no limit

  REQUIRE(tables.remove(Prefix4(0x0a000001U, 32)));
  REQUIRE(tables.remove(Prefix4(0x0a000002U, 32)));
  CHECK_FALSE(tables.insert(Prefix4(0x0b000001U, 32), 1));  // the group waits for the workers
  CHECK(tables.writer.group_gauge().used.read() == 1);
  const Epoch announced = tables.epochs.announce();
  tables.writer.reclaim(announced - 1);
  CHECK_FALSE(tables.insert(Prefix4(0x0b000001U, 32), 1));
  tables.writer.reclaim(announced);
  CHECK(tables.writer.group_gauge().used.read() == 0);
  REQUIRE(tables.insert(Prefix4(0x0b000001U, 32), 1));
  CHECK(tables.lookup(0x0b000001U) == 1);
  CHECK(tables.lookup(0x0b000002U) == 4);
  CHECK(tables.lookup(0x0a000001U) == kNoRouteIndex);
}

TEST_CASE("changing and removing one of two neighbouring prefixes with the same next hop needs no memory") {
  Tables<V6> tables({.prefixes = 100, .units = 1});
  const Prefix6 left(0x20010db800020000, 0, 47);
  const Prefix6 right(0x20010db800000000, 0, 47);
  REQUIRE(tables.insert(left, 5));
  REQUIRE(tables.insert(right, 5));
  REQUIRE(tables.insert(left, 6));
  CHECK(tables.lookup(left.address()) == 6);
  CHECK(tables.lookup(right.address()) == 5);
  REQUIRE(tables.insert(left, 5));
  REQUIRE(tables.remove(right));
  CHECK(tables.lookup(left.address()) == 5);
  CHECK(tables.lookup(right.address()) == kNoRouteIndex);
  CHECK_FALSE(tables.insert(Prefix6(0x3001000000000000, 0, 48), 5));
  CHECK(tables.writer.unit_gauge().failures.read() == 1);
}
