// SPDX-License-Identifier: Apache-2.0
// Readers look up without locks while the writer flaps routes. For each watched address there are prefixes that stay
// and prefixes that flap, and the next hop of a prefix says whose it is, so a reader knows which answers may come: that
// of a flapping prefix that covers the address and is longer than the longest that stays, or that one. Slots are reused
// as in earnest: after every reader has finished a turn that it began after the announcement.
#include <array>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "test/routes/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// What makes a run tell something.
constexpr std::size_t kEnoughLookups = 10'000;
constexpr std::size_t kEnoughEpochs = 10;
constexpr std::size_t kReaders = 2;

/// The latest epoch that a reader has seen at the beginning of a turn that it has finished.
class Acknowledgements {
 public:
  void announce(Epoch epoch) { announced_.store(epoch, std::memory_order_release); }
  Epoch seen() const { return announced_.load(std::memory_order_acquire); }
  void finished(std::size_t reader, Epoch seen) { done_[reader].store(seen, std::memory_order_release); }
  Epoch acknowledged() const {
    return std::min(done_[0].load(std::memory_order_acquire), done_[1].load(std::memory_order_acquire));
  }

 private:
  std::atomic<Epoch> announced_{0};
  std::array<std::atomic<Epoch>, kReaders> done_{};
};

/// A short IPv4 prefix is 65,536 slots; sanitizers make each slot twenty times as dear.
template <typename Family>
constexpr std::size_t kFlaps = (std::is_same_v<Family, V4> ? 20'000 : 100'000) / (kChecks ? 20 : 1);

template <typename Family>
class Flapping {
 public:
  Flapping() : tables_(limits()) {
    std::mt19937_64 random(11);
    for (std::size_t i = 0; i < 24; ++i) {
      const auto home = Family::random(random);
      for (const unsigned quarter : {1U, 2U, 3U}) add(home, quarter * Family::kBits / 4, random() % 3 == 0);
      for (int k = 0; k < 10; ++k) {
        const auto near = Family::flip(home, static_cast<unsigned>(random() % Family::kBits));
        add(near, Family::kBits / 4 + static_cast<unsigned>(random() % (Family::kBits * 3 / 4 + 1)), random() % 3 == 0);
        addresses_.push_back(near);
      }
      addresses_.push_back(home);
    }
    add(addresses_[0], 0, false);
    for (const auto& address : addresses_) allowed_.push_back(allowed_answers(address));
  }

  void write(std::size_t flaps) {
    std::mt19937_64 random(12);
    std::vector<std::size_t> flapping;
    for (std::size_t i = 0; i < prefixes_.size(); ++i)
      if (!prefixes_[i].stays) flapping.push_back(i);
    // On, past `flaps`, until the readers have met the changes: on a busy machine they may not run for a while.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (std::size_t flap = 0; flap < flaps || (!met() && std::chrono::steady_clock::now() < end); ++flap) {
      const Route& route = prefixes_[flapping[random() % flapping.size()]];
      if (tables_.writer.find(route.prefix) && random() % 4 != 0) {
        tables_.remove(route.prefix);
      } else {
        // Twice the next hops: a replacement changes the answer to another one that is allowed.
        const auto next_hop = static_cast<NextHopIndex>(route.next_hop + random() % 2 * kSecond);
        if (!tables_.insert(route.prefix, next_hop)) ++refused_;
      }
      if (flap % 8 == 0 || nearly_full()) acknowledgements_.announce(tables_.epochs.announce());
      // Tight memory, so that what is retired is used again as soon as the readers allow.
      do {
        reclaimed_epochs_ = acknowledgements_.acknowledged();
        tables_.writer.reclaim(reclaimed_epochs_);
      } while (nearly_full() && (std::this_thread::yield(), true));
    }
    stop_.store(true, std::memory_order_release);
  }

  void read(std::size_t reader) {
    std::vector<NextHopIndex> results(addresses_.size());
    while (!stop_.load(std::memory_order_acquire)) {
      const Epoch seen = acknowledgements_.seen();
      Family::lookup(tables_.table, addresses_, results);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < addresses_.size(); ++i) {
        wrong += allowed_[i].count(results[i] % kSecond) == 0;
        wrong += allowed_[i].count(tables_.lookup(addresses_[i]) % kSecond) == 0;
      }
      wrong_ += wrong;
      lookups_ += 2 * addresses_.size();
      acknowledgements_.finished(reader, seen);
    }
    acknowledgements_.finished(reader, ~Epoch{0});
  }

  std::size_t wrong() const { return wrong_; }
  std::size_t lookups() const { return lookups_; }
  std::size_t refused() const { return refused_; }
  std::size_t reclaimed_epochs() const { return reclaimed_epochs_; }

 private:
  static constexpr NextHopIndex kSecond = 16384;

  struct Route {
    typename Family::Prefix prefix;
    NextHopIndex next_hop;
    bool stays;
  };

  bool met() const { return lookups_ > kEnoughLookups && reclaimed_epochs_ > kEnoughEpochs; }
  bool nearly_full() const {
    const Gauge& gauge = memory_gauge(tables_.writer);
    return gauge.used.read() * 4 > gauge.max.read() * 3;
  }

  static typename Family::Limits limits() {
    typename Family::Limits limits;
    if constexpr (std::is_same_v<Family, V4>) {
      limits.groups = 200;
    } else {
      limits.units = 1500;
    }
    return limits;
  }

  void add(const typename Family::Address& address, unsigned length, bool stays) {
    const auto prefix = Family::prefix(address, length);
    for (const Route& route : prefixes_)
      if (route.prefix == prefix) return;
    const auto next_hop = static_cast<NextHopIndex>(prefixes_.size() + 1);
    prefixes_.push_back({prefix, next_hop, stays});
    if (stays) REQUIRE(tables_.insert(prefix, next_hop));
  }

  std::set<unsigned> allowed_answers(const typename Family::Address& address) const {
    int longest = -1;
    NextHopIndex answer = kNoRouteIndex;
    for (const Route& route : prefixes_) {
      if (!route.stays || !route.prefix.contains(address) || route.prefix.length <= longest) continue;
      longest = route.prefix.length;
      answer = route.next_hop;
    }
    std::set<unsigned> allowed = {answer};
    for (const Route& route : prefixes_)
      if (!route.stays && route.prefix.contains(address) && route.prefix.length > longest)
        allowed.insert(route.next_hop);
    return allowed;
  }

  Tables<Family> tables_;
  std::vector<Route> prefixes_;
  std::vector<typename Family::Address> addresses_;
  std::vector<std::set<unsigned>> allowed_;
  Acknowledgements acknowledgements_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> wrong_{0};
  std::atomic<std::size_t> lookups_{0};
  std::size_t refused_ = 0;
  std::size_t reclaimed_epochs_ = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("readers never see an answer that no state of the table had", "", V4, V6) {
  Flapping<TestType> flapping;
  {
    std::vector<std::jthread> readers;
    for (std::size_t reader = 0; reader < kReaders; ++reader)
      readers.emplace_back([&flapping, reader] { flapping.read(reader); });
    flapping.write(kFlaps<TestType>);
  }
  CHECK(flapping.wrong() == 0);
  CHECK(flapping.lookups() > kEnoughLookups);
  CHECK(flapping.refused() == 0);
  CHECK(flapping.reclaimed_epochs() > kEnoughEpochs);  // slots were reused under the readers
  std::printf("%zu lookups, reclaimed up to epoch %zu\n", flapping.lookups(), flapping.reclaimed_epochs());
}
