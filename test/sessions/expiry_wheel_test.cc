// SPDX-License-Identifier: Apache-2.0
#include "sessions/expiry_wheel.h"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "test/sessions/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr FlowDate kTick = FlowDate{1} << ExpiryWheel::kTickShift;
constexpr std::size_t kAll = 1 << 20;

/// A wheel and, as a multimap over the dates, what must come out of it. A record's peer is its slot, negated.
class Wheel {
 public:
  Wheel(std::size_t sessions, FlowDate start)
      : chunks_(ExpiryWheel::chunks_for(sessions)), wheel_(chunks_, start), now_(start) {}

  void add(FlowSlot slot, FlowDate when) {
    places_[slot] = wheel_.add({slot, ~slot}, when);
    expect(slot, when);
  }
  /// It will be looked at then.
  void expect(FlowSlot slot, FlowDate when) {
    // A wheel reaches so far; what is over already is due now.
    const std::int64_t horizon = now() + ExpiryWheel::kHorizon;
    const std::int64_t wanted = now() + static_cast<std::int32_t>(when - now_);
    Due due{std::max(std::min(wanted, horizon), now()), wanted > horizon};
    dues_[slot] = due;
    by_date_.emplace(due.date, slot);
  }
  void remove(FlowSlot slot) {
    const WheelPlace place = places_.at(slot);
    forget(slot);
    const FlowSlot moved = wheel_.remove(place);
    if (moved == kNoFlow) return;
    REQUIRE(moved != slot);
    REQUIRE(places_.count(moved) == 1);
    places_[moved] = place;
  }
  /// Time goes on, and what has come out is what had to. Returns how much it was.
  std::size_t go_on(FlowDate units, std::size_t room = kAll) {
    const std::int64_t before = now();
    passed_ += units;
    now_ += units;
    std::vector<ExpiryWheel::Record> records(std::min(room, places_.size() + 1));
    const bool was_due = wheel_.due(now_);
    std::size_t total = 0;
    while (true) {
      const std::size_t count = wheel_.take(now_, records);
      if (total == 0) REQUIRE((count == 0 || was_due));
      if (count == 0) break;
      total += count;
      for (std::size_t i = 0; i < count; ++i) check(records[i], before);
    }
    REQUIRE_FALSE(wheel_.due(now_));
    // Nothing is left that should have come.
    if (!by_date_.empty()) REQUIRE(by_date_.begin()->first + 2 * kTick > now());
    REQUIRE(wheel_.size() == places_.size());
    return total;
  }
  /// Time goes on, and what comes out comes in blocks. Some of each end, some go on: together where they can.
  std::size_t go_on_in_blocks(FlowDate units, std::uint32_t most, std::mt19937_64& random) {
    const std::int64_t before = now();
    passed_ += units;
    now_ += units;
    std::size_t total = 0;
    while (true) {
      ExpiryWheel::Block block;
      wheel_.take_block(now_, most, block);
      if (block.count == 0) break;
      REQUIRE(block.count <= most);
      total += block.count;
      for (std::uint32_t i = 0; i < block.count; ++i) check(block.records[i], before);
      go_on(block, random);
    }
    REQUIRE_FALSE(wheel_.due(now_));
    if (!by_date_.empty()) REQUIRE(by_date_.begin()->first + 2 * kTick > now());
    REQUIRE(wheel_.size() == places_.size());
    return total;
  }
  /// Time goes on while nobody looks, as it does for a worker that sleeps.
  void sleep(FlowDate units) {
    passed_ += units;
    now_ += units;
    wheel_.wake(now_);
  }
  std::size_t size() const { return places_.size(); }
  /// Counted from the start of the test, so that it doesn't wrap.
  std::int64_t now() const { return passed_; }
  FlowDate date() const { return now_; }
  FlowSlot any(std::mt19937_64& random) const {
    auto place = places_.lower_bound(static_cast<FlowSlot>(random() % 100'000));
    return (place == places_.end() ? places_.begin() : place)->first;
  }
  ExpiryWheel& wheel() { return wheel_; }
  WheelPlace place(FlowSlot slot) const { return places_.at(slot); }

 private:
  struct Due {
    std::int64_t date;
    bool at_horizon;
  };

  /// Within the horizon also from a tick that is behind.
  FlowDate later(std::mt19937_64& random) const { return now_ + 1 + static_cast<FlowDate>(random() % 4000); }

  void go_on(const ExpiryWheel::Block& block, std::mt19937_64& random) {
    const std::uint64_t chance = 1 + random() % 20;
    std::vector<FlowSlot> in_chunk;
    std::vector<bool> leaves;
    for (std::uint32_t i = 0; i < block.count; ++i) {
      in_chunk.push_back(block.records[i].slot);
      leaves.push_back(random() % chance == 0);
    }
    const auto leaving = static_cast<std::uint32_t>(std::count(leaves.begin(), leaves.end(), true));
    const bool together = block.chunk != 0 && block.count - leaving >= ExpiryWheel::kFewestTogether;
    if (!together && block.chunk != 0) wheel_.dissolve(block.chunk);
    for (std::uint32_t i = block.count; i-- > 0;) {
      if (together && !leaves[i]) continue;
      if (together) {
        in_chunk[i] = in_chunk.back();
        in_chunk.pop_back();
        REQUIRE(wheel_.leave(block.chunk, i) == (i < in_chunk.size() ? in_chunk[i] : kNoFlow));
      }
      if (random() % 4 != 0) add(block.records[i].slot, later(random));
    }
    if (!together) return;
    const FlowDate when = later(random);
    wheel_.put_back(block.chunk, when);
    for (std::uint32_t i = 0; i < in_chunk.size(); ++i) {
      places_[in_chunk[i]] = ExpiryWheel::place_in(block.chunk, i);
      expect(in_chunk[i], when);
    }
  }

  void check(const ExpiryWheel::Record& record, std::int64_t before) {
    REQUIRE(record.peer == ~record.slot);
    REQUIRE(dues_.count(record.slot) == 1);
    const Due due = dues_.at(record.slot);
    REQUIRE(now() >= due.date);
    // It was not there at the last look: at most a tick late, two at the horizon.
    REQUIRE(before < due.date + (due.at_horizon ? 2 : 1) * kTick);
    forget(record.slot);
  }
  void forget(FlowSlot slot) {
    auto [first, last] = by_date_.equal_range(dues_.at(slot).date);
    by_date_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == slot; }));
    dues_.erase(slot);
    places_.erase(slot);
  }

  std::vector<ExpiryWheel::Chunk> chunks_;
  ExpiryWheel wheel_;
  FlowDate now_;
  std::int64_t passed_ = 0;
  std::map<FlowSlot, WheelPlace> places_;
  std::map<FlowSlot, Due> dues_;
  std::multimap<std::int64_t, FlowSlot> by_date_;
};

}  // namespace

TEST_CASE("a wheel without records hands out none and is never due") {
  Wheel wheel(10, 1000);
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(wheel.wheel().due(wheel.date()));
    CHECK(wheel.go_on(100) == 0);
  }
}

TEST_CASE("a record comes when its date has come, a tick later at most") {
  for (FlowDate start = 1000; start < 1000 + 2 * kTick; ++start) {
    for (FlowDate ahead = 0; ahead <= 3 * kTick; ++ahead) {
      INFO("start " << start << ", ahead " << ahead);
      Wheel wheel(10, start);
      wheel.go_on(1);
      wheel.add(1, wheel.date() + ahead);
      FlowDate passed = 1;
      while (wheel.go_on(1) == 0) ++passed;
      CHECK(passed >= ahead);
      CHECK(passed <= ahead + kTick);
    }
  }
}

TEST_CASE("what is over already comes out next, and a stall makes nobody wait longer") {
  Wheel wheel(10, 5000);
  wheel.add(1, 4000);
  wheel.add(2, 5000 + 10 * kTick);
  wheel.add(3, 5000 + 100 * kTick);
  CHECK(wheel.go_on(kTick) == 1);
  CHECK(wheel.go_on(200 * kTick) == 2);
}

TEST_CASE("records come out in the order of their ticks, as many at once as there is room for") {
  Wheel wheel(1000, 0);
  std::mt19937_64 random(1);
  std::vector<FlowDate> dates;
  for (FlowSlot slot = 1; slot <= 1000; ++slot) {
    dates.push_back(static_cast<FlowDate>(random() % 3000));
    wheel.add(slot, dates.back());
  }
  std::vector<ExpiryWheel::Record> records(7);
  FlowDate last_tick = 0;
  std::size_t total = 0;
  while (const std::size_t count = wheel.wheel().take(4000, records)) {
    CHECK((count == 7 || total + count == 1000));
    for (std::size_t i = 0; i < count; ++i) {
      const FlowDate tick = (dates[records[i].slot - 1] + kTick - 1) / kTick;
      CHECK(tick >= last_tick);
      last_tick = tick;
    }
    total += count;
  }
  CHECK(total == 1000);
  CHECK(wheel.wheel().size() == 0);
}

TEST_CASE("any record of a list can be removed, and the list's other places stay right") {
  for (FlowSlot records = 1; records <= 46; ++records) {
    for (FlowSlot removed = 1; removed <= records; ++removed) {
      INFO(removed << " of " << records);
      Wheel wheel(100, 0);
      for (FlowSlot slot = 1; slot <= records; ++slot) wheel.add(slot, 100);
      wheel.add(1000, 500);
      wheel.remove(removed);
      REQUIRE(wheel.wheel().size() == records);
      // Every place that is known must still lead to its record.
      for (FlowSlot slot = 1; slot <= records; slot += 5)
        if (slot != removed) wheel.remove(slot);
      const std::size_t left = wheel.size();
      REQUIRE(wheel.go_on(120) == left - 1);
      REQUIRE(wheel.go_on(400) == 1);
    }
  }
}

TEST_CASE("what lies beyond the horizon comes there, however far it is") {
  for (const FlowDate beyond : {ExpiryWheel::kHorizon, ExpiryWheel::kHorizon + 1, ExpiryWheel::kHorizon + 20 * kTick,
                                FlowDate{1'000'000}, flow_date_span(~std::uint64_t{0})}) {
    Wheel wheel(10, 77);
    wheel.add(1, 77 + beyond);
    FlowDate passed = 1;
    while (wheel.go_on(1) == 0) ++passed;
    CHECK(passed >= ExpiryWheel::kHorizon);
    CHECK(passed <= ExpiryWheel::kHorizon + 2 * kTick);
  }
}

TEST_CASE("after a long time without records the next one comes at its date") {
  // Whether somebody looked meanwhile or not.
  for (const bool looked : {true, false}) {
    Wheel wheel(10, 0);
    wheel.add(1, 10);
    CHECK(wheel.go_on(100) == 1);
    if (looked) wheel.go_on(1'000'000);
    if (!looked) wheel.sleep(1'000'000);
    wheel.add(2, wheel.date() + 1000);
    FlowDate passed = 1;
    while (wheel.go_on(1) == 0) ++passed;
    CHECK(passed >= 1000);
    CHECK(passed <= 1000 + kTick);
  }
}

TEST_CASE("whether a record is looked at later than a date is known by its tick") {
  Wheel wheel(10, 0);
  wheel.add(1, 10 * kTick);
  const WheelPlace place = wheel.place(1);
  CHECK(wheel.wheel().later_than(place, 0));
  CHECK(wheel.wheel().later_than(place, 9 * kTick));
  CHECK_FALSE(wheel.wheel().later_than(place, 9 * kTick + 1));
  CHECK_FALSE(wheel.wheel().later_than(place, 10 * kTick));
  CHECK_FALSE(wheel.wheel().later_than(place, 11 * kTick));
  CHECK_FALSE(wheel.wheel().later_than(place, 1'000'000));
}

TEST_CASE("there is room for all sessions, wherever they are") {
  // Every list has a chunk that is all but empty behind full ones.
  constexpr FlowSlot kSessions = 254 * 16;
  Wheel wheel(kSessions, 0);
  FlowSlot slot = 0;
  for (FlowDate tick = 1; tick <= 254; ++tick)
    for (int i = 0; i < 16; ++i) wheel.add(++slot, tick * kTick);
  REQUIRE(slot == kSessions);
  CHECK(wheel.go_on(254 * kTick) == kSessions);
  // And again, all in one list.
  for (FlowSlot again = 1; again <= kSessions; ++again) wheel.add(again, wheel.date() + 100);
  CHECK(wheel.go_on(100 + kTick) == kSessions);
}

TEST_CASE("random histories are those of a sorted list, also where dates wrap") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (const FlowDate start : {0U, 1234567U, 0x7fffffffU - 20'000, ~0U - 20'000}) {
    for (const std::size_t most : {1U, 40U, 3000U}) {
      Wheel wheel(most, start);
      FlowSlot next = 1;
      std::size_t came = 0;
      while (wheel.now() < 40'000) {
        const std::uint64_t what = random() % 100;
        if (what < 60 && wheel.size() < most) {
          const std::uint64_t range = random() % 3 == 0 ? 10'000 : random() % 3 == 0 ? 20 : 1000;
          wheel.add(next++, wheel.date() + static_cast<FlowDate>(random() % range) - 10);
        } else if (what < 75 && wheel.size() != 0) {
          wheel.remove(wheel.any(random));
        } else {
          came +=
              wheel.go_on(static_cast<FlowDate>(random() % 8 == 0 ? random() % 400 : random() % 8), 1 + random() % 40);
        }
      }
      CHECK(came > 0);
      wheel.go_on(ExpiryWheel::kHorizon + 2 * kTick);
      CHECK(wheel.size() == 0);
    }
  }
}

TEST_CASE("a chunk that is all but full comes out as it is, and a block holds no more than it may") {
  for (const std::uint32_t records : {1U, 11U, 12U, 15U}) {
    for (const std::uint32_t most : {5U, 11U, 12U, 15U, 64U}) {
      INFO(records << " records, at most " << most);
      std::vector<ExpiryWheel::Chunk> chunks(ExpiryWheel::chunks_for(100));
      ExpiryWheel wheel(chunks, 0);
      for (FlowSlot slot = 1; slot <= records; ++slot) wheel.add({slot, slot}, 100);
      ExpiryWheel::Block block;
      wheel.take_block(200, most, block);
      CHECK(block.count == std::min(records, most));
      CHECK((block.chunk != 0) == (records >= ExpiryWheel::kFewestTogether && records <= most));
      CHECK(wheel.size() == records - block.count);
    }
  }
}

TEST_CASE("random histories of blocks are those of a sorted list, and there is room for all of them") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (const FlowDate start : {0U, 1234567U, ~0U - 20'000}) {
    for (const std::size_t most : {1U, 40U, 3000U}) {
      Wheel wheel(most, start);
      FlowSlot next = 1;
      std::size_t came = 0;
      while (wheel.now() < 40'000) {
        const std::uint64_t what = random() % 100;
        if (what < 70 && wheel.size() < most) {
          // Many at once, as when a crowd comes.
          const auto when = wheel.date() + static_cast<FlowDate>(random() % (random() % 3 == 0 ? 20 : 3000));
          for (int i = 0; i < 40 && wheel.size() < most; ++i) wheel.add(next++, when);
        } else if (what < 80 && wheel.size() != 0) {
          wheel.remove(wheel.any(random));
        } else {
          came += wheel.go_on_in_blocks(static_cast<FlowDate>(random() % 30), 1 + random() % 64, random);
        }
      }
      CHECK(came > 0);
      wheel.go_on(ExpiryWheel::kHorizon + 2 * kTick);
      CHECK(wheel.size() == 0);
    }
  }
}
