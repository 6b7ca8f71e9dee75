// SPDX-License-Identifier: Apache-2.0
// Ports against a set; CULVERT_SEED repeats a run.
#include "nat/port_pool.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "base/hash.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// A worker's share of a pool, with its memory.
struct Share {
  explicit Share(WorkerIndex self = 0, WorkerIndex workers = 1, PoolRange range = {})
      : memory(PortPool::words_for(workers), ~std::uint64_t{0}), pool(memory, self, workers) {
    pool.use(range);
  }

  /// All that it has left.
  std::set<std::uint16_t> take_all(PortWish wish = {}) {
    std::set<std::uint16_t> ports;
    while (const auto port = pool.take(wish, splitmix64(random))) REQUIRE(ports.insert(*port).second);
    return ports;
  }

  std::vector<std::uint64_t> memory;
  PortPool pool;
  std::uint64_t random = 1;
};

bool is_odd(std::uint16_t port) {
  return port % 2 != 0;
}

}  // namespace

TEST_CASE("every port of the range is given once, to one worker, which its number tells") {
  for (const WorkerIndex workers : std::array<WorkerIndex, 7>{1, 2, 3, 7, 16, 64, 256}) {
    CAPTURE(workers);
    const PoolRange range{1000, 65000};
    std::set<std::uint16_t> all;
    for (WorkerIndex self = 0; self < workers; ++self) {
      Share share(self, workers, range);
      const std::uint32_t size = share.pool.size();
      const auto ports = share.take_all();
      CHECK(ports.size() == size);
      CHECK(share.pool.used() == size);
      for (const std::uint16_t port : ports) {
        REQUIRE(owner_of_port(port, workers) == self);
        REQUIRE(all.insert(port).second);
      }
    }
    CHECK(all.size() == 64001);
    CHECK(*all.begin() == 1000);
    CHECK(*all.rbegin() == 65000);
  }
}

TEST_CASE("a range within one block, of one port, and of all") {
  CHECK(Share(0, 1, {2000, 2003}).take_all() == std::set<std::uint16_t>{2000, 2001, 2002, 2003});
  CHECK(Share(0, 1, {65535, 65535}).take_all() == std::set<std::uint16_t>{65535});
  CHECK(Share(0, 1, {0, 0}).take_all() == std::set<std::uint16_t>{0});
  CHECK(Share(0, 1, {0, 65535}).take_all().size() == 65536);
  CHECK(Share(1, 2, {0, 63}).take_all().empty());  // they are the other worker's
}

TEST_CASE("wishes are kept to the last port, and none that was not wished for is given") {
  Share share(0, 1, {1, 65535});
  const auto odd_system = share.take_all({PortParity::kOdd, PortClass::kSystem});
  CHECK(odd_system.size() == 512);
  for (const std::uint16_t port : odd_system) REQUIRE((is_odd(port) && port < 1024));
  const auto even_user = share.take_all({PortParity::kEven, PortClass::kUser});
  CHECK(even_user.size() == 32256);
  for (const std::uint16_t port : even_user) REQUIRE((!is_odd(port) && port >= 1024));
  CHECK(share.take_all({PortParity::kEven, PortClass::kAny}).size() == 511);
  CHECK(share.take_all({PortParity::kAny, PortClass::kSystem}).empty());
  CHECK(share.take_all().size() == 32256);
  CHECK(share.pool.used() == 65535);
}

TEST_CASE("a wish like the inside port") {
  CHECK(PortWish::like(53).parity == PortParity::kOdd);
  CHECK(PortWish::like(1023).port_class == PortClass::kSystem);
  CHECK(PortWish::like(1024).port_class == PortClass::kUser);
  CHECK(PortWish::like(5060).parity == PortParity::kEven);
}

TEST_CASE("a port that is excluded is not given; who has it keeps it, and nobody gets it twice") {
  Share share(0, 1, {2000, 2001});
  share.pool.exclude(2000);
  CHECK(share.pool.size() == 1);
  CHECK(!share.pool.take_exactly(2000));
  CHECK(share.pool.take({}, 0) == 2001);
  share.pool.exclude(2001);  // it is taken
  CHECK(share.pool.size() == 1);
  CHECK(share.pool.taken(2001));
  share.pool.include(2001);
  CHECK(!share.pool.take({}, 0).has_value());
  share.pool.exclude(2001);
  share.pool.give_back(2001);
  CHECK(share.pool.size() == 0);
  CHECK(share.pool.used() == 0);
  CHECK(!share.pool.take({}, 0).has_value());
  share.pool.include(2000);
  share.pool.include(2000);
  CHECK(share.pool.size() == 1);
  CHECK(share.pool.take({}, 0) == 2000);
}

TEST_CASE("another range: who has a port of the one before keeps it, and it is not given again") {
  Share share(0, 1, {2000, 2003});
  CHECK(share.pool.take_exactly(2001));
  CHECK(share.pool.take_exactly(2002));
  share.pool.use({2002, 2005});
  CHECK(share.pool.size() == 5);
  CHECK(share.pool.used() == 2);
  CHECK(share.take_all() == std::set<std::uint16_t>{2003, 2004, 2005});
  share.pool.give_back(2001);
  CHECK(share.pool.size() == 4);
  share.pool.use(kNoPorts);
  CHECK(share.pool.size() == 4);
  share.pool.use({2002, 2005});
  share.pool.give_back(2002);
  CHECK(share.take_all() == std::set<std::uint16_t>{2002});
}

TEST_CASE("ports outside of the range, and of other workers, are never ours") {
  Share share(1, 2, {1024, 2047});
  share.pool.exclude(1024);  // worker 0's
  CHECK(share.pool.size() == 512);
  CHECK(!share.pool.take_exactly(1024));
  CHECK(!share.pool.take_exactly(2048 + 64));
  CHECK(share.pool.take_exactly(1024 + 64));
  CHECK(!share.pool.take_exactly(1024 + 64));
  CHECK(!share.pool.taken(1024));
}

TEST_CASE("where a port is taken cannot be told from the ones before") {
  Share share;
  std::set<std::uint16_t> blocks;
  std::set<unsigned> places;
  for (int i = 0; i < 1000; ++i) {
    const std::uint16_t port = share.pool.take({}, splitmix64(share.random)).value();
    blocks.insert(port / kPortBlock);
    places.insert(port % kPortBlock);
  }
  CHECK(blocks.size() > 500);  // of 1008; 630 are expected
  CHECK(places.size() == 64);
}

TEST_CASE("wherever a range lies, each part of it is as likely as the others") {
  constexpr unsigned kParts = 8;
  for (const PoolRange range : {PoolRange{1024, 32767}, PoolRange{33792, 65535}, PoolRange{40960, 49151}}) {
    for (const PortWish wish : {PortWish{}, PortWish::like(5060), PortWish::like(5061)}) {
      Share share;
      share.pool.use(range);
      std::array<int, kParts> taken{};
      for (int i = 0; i < 4000; ++i) {
        const std::uint16_t port = share.pool.take(wish, splitmix64(share.random)).value();
        ++taken[(port - range.first) * kParts / (range.last - range.first + 1U)];
        share.pool.give_back(port);
      }
      for (const int count : taken) CHECK((count > 400 && count < 600));  // 500 are expected, give or take 21
    }
  }
}

TEST_CASE("random taking and giving back agrees with a set") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  for (const WorkerIndex workers : std::array<WorkerIndex, 2>{1, 3}) {
    Share share(static_cast<WorkerIndex>(workers - 1), workers, {500, 9000});
    std::set<std::uint16_t> free = Share(static_cast<WorkerIndex>(workers - 1), workers, {500, 9000}).take_all();
    std::vector<std::uint16_t> taken;
    const std::size_t all = free.size();
    for (int step = 0; step < 200'000; ++step) {
      // Full most of the time, now and then empty.
      const bool take = step % 20'000 < 15'000 ? splitmix64(random) % 100 < 55 : splitmix64(random) % 100 < 20;
      if (take) {
        const PortWish wish{static_cast<PortParity>(splitmix64(random) % 3),
                            static_cast<PortClass>(splitmix64(random) % 3)};
        const auto fits = [wish](std::uint16_t port) {
          const bool parity = wish.parity == PortParity::kAny || is_odd(port) == (wish.parity == PortParity::kOdd);
          return parity && (wish.port_class == PortClass::kAny ||
                            (port < kFirstUserPort) == (wish.port_class == PortClass::kSystem));
        };
        const auto port = share.pool.take(wish, splitmix64(random));
        if (port.has_value()) {
          REQUIRE(fits(*port));
          REQUIRE(free.erase(*port) == 1);
          taken.push_back(*port);
        } else {
          REQUIRE(std::none_of(free.begin(), free.end(), fits));
        }
      } else if (!taken.empty()) {
        std::swap(taken[splitmix64(random) % taken.size()], taken.back());
        share.pool.give_back(taken.back());
        free.insert(taken.back());
        taken.pop_back();
      }
      REQUIRE(share.pool.used() == all - free.size());
    }
  }
}
