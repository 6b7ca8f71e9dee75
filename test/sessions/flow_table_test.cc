// SPDX-License-Identifier: Apache-2.0
// Boundaries of the table of flows. Hashes are made up, so that buckets and tags are those that a test wants.
#include "sessions/flow_table.h"

#include <random>
#include <set>
#include <unordered_map>

#include "test/sessions/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

template <typename Tuple>
struct Flows {
  explicit Flows(std::size_t buckets) : memory(buckets), table(memory.bytes()) {}

  FlowSlot insert(std::uint64_t number, std::uint64_t hash) {
    const FlowSlot slot = table.reserve(hash);
    if (slot != kNoFlow) table.entry(slot).key = tuple_of<Tuple>(number);
    return slot;
  }
  FlowSlot find(std::uint64_t number, std::uint64_t hash) const { return table.find(tuple_of<Tuple>(number), hash); }
  /// Makes a bucket full, of flows whose numbers begin at `number`.
  void fill(std::uint32_t bucket, std::uint64_t number) {
    for (std::uint16_t tag = 1; std::count(memory.tags(bucket).tag.begin(), memory.tags(bucket).tag.end(), 0) != 0;
         ++tag) {
      REQUIRE(insert(number, hash_at(bucket, table.buckets(), tag)) / 32 == bucket);
      filled.push_back({number++, hash_at(bucket, table.buckets(), tag)});
    }
  }
  void empty() {
    for (const auto& [number, hash] : filled) table.release(find(number, hash), hash);
    filled.clear();
  }
  /// What a bucket has counted for tags of one kind (tag % 4).
  unsigned passed(std::uint32_t bucket, unsigned kind) { return (memory.tags(bucket).passed >> (4 * kind)) & 15U; }

  struct Flow {
    std::uint64_t number;
    std::uint64_t hash;
  };
  FlowMemory<Tuple> memory;
  FlowTable<Tuple> table;
  std::vector<Flow> filled;
};

}  // namespace

TEMPLATE_TEST_CASE("each slot has a place of its own in its bucket, and tags of neighbours lie in different sets", "",
                   FiveTuple4, FiveTuple6) {
  constexpr std::size_t kSetsOfCache = 64;
  std::set<std::size_t> sets;
  for (std::uint32_t bucket = 0; bucket < 64; ++bucket) {
    std::set<std::size_t> places;
    for (FlowSlot slot = bucket * 32; slot < (bucket + 1) * 32; ++slot) {
      CHECK(place_of(slot) / 32 == bucket);
      places.insert(place_of(slot));
    }
    CHECK(places.size() == 32);
    sets.insert(FlowTable<TestType>::line_of_tags(bucket) % kSetsOfCache);
  }
  CHECK(sets.size() >= 32);
}

TEMPLATE_TEST_CASE("an empty table has no flow", "", FiveTuple4, FiveTuple6) {
  Flows<TestType> flows(9);
  for (std::uint16_t bucket = 0; bucket < 9; ++bucket) CHECK(flows.find(1, hash_at(bucket, 9, bucket)) == kNoFlow);
  for (FlowSlot slot = 0; slot < flows.table.slots(); ++slot) CHECK_FALSE(flows.table.used(slot));
  CHECK(flows.table.size() == 0);
  CHECK(flows.table.count_tags() == 0);
  CHECK(flows.table.slots() == 9 * 32);
}

TEMPLATE_TEST_CASE("as many flows as a table is said to hold fill three quarters of it", "", FiveTuple4, FiveTuple6) {
  using Table = FlowTable<TestType>;
  CHECK(Table::buckets_for(0) == kFlowProbes);
  for (const std::size_t flows : {1'000U, 1'000'000U, 10'000'000U}) {
    const std::size_t places = Table::buckets_for(flows) * kFlowsPerBucket;
    CHECK(flows * 4 <= places * 3);
    CHECK(flows * 4 > (places - kFlowsPerBucket) * 3);
    CHECK(Table::bytes_for(flows) == Table::buckets_for(flows) * Table::kBucketBytes);
  }
}

TEMPLATE_TEST_CASE("a bucket takes 31 flows, further ones live elsewhere and are counted until they go", "", FiveTuple4,
                   FiveTuple6) {
  Flows<TestType> flows(4096);
  flows.fill(5, 1000);
  CHECK(flows.table.size() == 31);
  CHECK(flows.filled.size() == 31);
  CHECK(flows.memory.tags(5).passed == 0);

  // Fourteen with tags of the kind 2, and one of the kind 3.
  std::vector<FlowSlot> slots;
  const auto hash = [](std::uint16_t i) { return hash_at(5, 4096, static_cast<std::uint16_t>(400 + 4 * i + 2), i); };
  for (std::uint16_t i = 0; i < 14; ++i) {
    slots.push_back(flows.insert(i, hash(i)));
    CHECK(slots.back() / 32 != 5);
    CHECK(flows.passed(5, 2) == i + 1U);
  }
  const std::uint64_t other = hash_at(5, 4096, 403);
  const FlowSlot other_slot = flows.insert(99, other);
  CHECK(flows.passed(5, 3) == 1);
  CHECK(flows.passed(5, 0) + flows.passed(5, 1) == 0);
  for (std::uint16_t i = 0; i < 14; ++i) CHECK(flows.find(i, hash(i)) == slots[i]);
  CHECK(flows.find(99, other) == other_slot);

  // The bucket's own go: those that had to go on are still found, and new ones live here again.
  flows.empty();
  for (std::uint16_t i = 0; i < 14; ++i) CHECK(flows.find(i, hash(i)) == slots[i]);
  const FlowSlot here = flows.insert(50, hash(0));
  CHECK(here / 32 == 5);
  CHECK(flows.passed(5, 2) == 14);
  flows.table.release(here, hash(0));

  for (std::uint16_t i = 0; i < 14; ++i) {
    flows.table.release(slots[i], hash(i));
    CHECK(flows.passed(5, 2) == 13U - i);
    CHECK(flows.find(i, hash(i)) == kNoFlow);
  }
  flows.table.release(other_slot, other);
  CHECK(flows.table.size() == 0);
  CHECK(flows.memory.is_free());
}

TEMPLATE_TEST_CASE("a counter that was full once says that some went on for ever, and nothing gets lost", "",
                   FiveTuple4, FiveTuple6) {
  Flows<TestType> flows(4096);
  flows.fill(7, 1000);
  std::vector<FlowSlot> slots;
  const auto hash = [](std::uint16_t i) { return hash_at(7, 4096, static_cast<std::uint16_t>(401 + 4 * i), i); };
  for (std::uint16_t i = 0; i < 20; ++i) slots.push_back(flows.insert(i, hash(i)));
  CHECK(flows.passed(7, 1) == 15);
  for (std::uint16_t i = 0; i < 18; ++i) flows.table.release(slots[i], hash(i));
  CHECK(flows.passed(7, 1) == 15);
  CHECK(flows.find(17, hash(17)) == kNoFlow);
  CHECK(flows.find(18, hash(18)) == slots[18]);
  CHECK(flows.find(19, hash(19)) == slots[19]);
}

TEMPLATE_TEST_CASE("a flow may live in eight buckets and is refused when they are full", "", FiveTuple4, FiveTuple6) {
  Flows<TestType> flows(4096);
  const std::uint64_t hash = hash_at(3, 4096, 77, 9);
  std::vector<FlowSlot> slots;
  for (std::uint64_t number = 0;; ++number) {
    const FlowSlot slot = flows.insert(number, hash);
    if (slot == kNoFlow) break;
    slots.push_back(slot);
    flows.fill(slot / 32, 1000 * (number + 1));
    for (std::size_t i = 0; i < slots.size(); ++i) REQUIRE(flows.find(i, hash) == slots[i]);
  }
  CHECK(slots.size() == kFlowProbes);  // of 4096 buckets, no two of its way are the same

  // Being refused changes nothing.
  const FlowMemory<TestType> before = flows.memory;
  const std::uint32_t size = flows.table.size();
  CHECK(flows.insert(99, hash) == kNoFlow);
  CHECK(flows.memory == before);
  CHECK(flows.table.size() == size);

  // A place in the last of them is enough.
  const FlowSlot last = slots.back();
  flows.table.release(last, hash);
  CHECK(flows.insert(99, hash) == last);
  CHECK(flows.find(99, hash) == last);
  CHECK(flows.find(7, hash) == kNoFlow);
  flows.table.release(last, hash);
  slots.pop_back();
  for (const FlowSlot slot : slots) flows.table.release(slot, hash);
  flows.empty();
  CHECK(flows.memory.is_free());
}

TEMPLATE_TEST_CASE("every place of the smallest table can be taken, and given back", "", FiveTuple4, FiveTuple6) {
  Flows<TestType> flows(kFlowProbes);
  std::mt19937_64 random(1);
  std::unordered_map<std::uint64_t, std::uint64_t> hashes;
  for (std::uint64_t number = 0; flows.table.size() < kFlowProbes * kFlowsPerBucket && number < 10'000; ++number) {
    const std::uint64_t hash = random();
    if (flows.insert(number, hash) != kNoFlow) hashes[number] = hash;
  }
  CHECK(flows.table.size() == kFlowProbes * kFlowsPerBucket);
  CHECK(flows.table.count_tags() == kFlowProbes * kFlowsPerBucket);
  for (int i = 0; i < 100; ++i) CHECK(flows.insert(99'999, random()) == kNoFlow);
  for (const auto& [number, hash] : hashes) {
    const FlowSlot slot = flows.find(number, hash);
    REQUIRE(flows.table.used(slot));
    CHECK(flows.table.entry(slot).key == tuple_of<TestType>(number));
    flows.table.release(slot, hash);
    CHECK_FALSE(flows.table.used(slot));
  }
  CHECK(flows.table.count_tags() == 0);
}

TEMPLATE_TEST_CASE("a hash whose tag would be 0 has another, that a hash may have by itself", "", FiveTuple4,
                   FiveTuple6) {
  Flows<TestType> flows(16);
  const std::uint64_t zero = hash_at(4, 16, 0);
  const std::uint64_t other = hash_at(4, 16, 0x8000);
  const FlowSlot first = flows.insert(1, zero);
  CHECK(flows.table.used(first));
  CHECK(flows.find(1, zero) == first);
  CHECK(flows.find(2, other) == kNoFlow);
  const FlowSlot second = flows.insert(2, other);
  CHECK(flows.find(1, zero) == first);
  CHECK(flows.find(2, other) == second);
  CHECK(flows.table.size() == 2);
  flows.table.release(first, zero);
  CHECK(flows.find(1, zero) == kNoFlow);
  CHECK(flows.find(2, other) == second);
  // Also where it has to go on: both kinds of it are the same.
  flows.fill(4, 1000);
  const FlowSlot elsewhere = flows.insert(1, zero);
  CHECK(elsewhere / 32 != 4);
  CHECK(flows.find(1, zero) == elsewhere);
  flows.table.release(elsewhere, zero);
  flows.table.release(second, other);
  flows.empty();
  CHECK(flows.memory.is_free());
}

TEMPLATE_TEST_CASE("many keys are found as one by one, whatever their number", "", FiveTuple4, FiveTuple6) {
  std::mt19937_64 random(3);
  Flows<TestType> flows(16);
  struct Key {
    TestType key;
    std::uint64_t hash;
  };
  // Four tags and a table that is nearly full: wrong tags, flows elsewhere, and keys that are not there with both.
  std::vector<Key> known;
  std::size_t elsewhere = 0;
  for (std::uint64_t number = 0; number < 600; ++number) {
    const auto bucket = static_cast<std::uint32_t>(random() % 16);
    const auto tag = static_cast<std::uint16_t>(random() % 4);
    const std::uint64_t hash = hash_at(bucket, 16, tag, static_cast<std::uint16_t>(random()));
    if (number < 460) {
      const FlowSlot slot = flows.insert(number, hash);
      elsewhere += slot != kNoFlow && slot / 32 != bucket;
    }
    known.push_back({tuple_of<TestType>(number), hash});
  }
  REQUIRE(elsewhere > 20);
  std::size_t hits = 0;
  for (std::size_t count = 0; count <= kMostFlowsAtOnce; ++count) {
    std::vector<TestType> keys;
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < count; ++i) {
      const Key& key = known[random() % known.size()];
      keys.push_back(key.key);
      hashes.push_back(key.hash);
    }
    std::vector<FlowSlot> slots(count, 12345);
    flows.table.find(keys, hashes, slots);
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(slots[i] == flows.table.find(keys[i], hashes[i]));
      if (slots[i] == kNoFlow) continue;
      ++hits;
      REQUIRE(flows.table.entry(slots[i]).key == keys[i]);
    }
  }
  CHECK(hits > 3000);
}

TEMPLATE_TEST_CASE("flows stay at their slots while others come and go", "", FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const HashKey key = HashKey::from_seed(seed);
  Flows<TestType> flows(32);
  std::unordered_map<std::uint64_t, FlowSlot> live;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t number = random() % 1100;
    const std::uint64_t hash = hash_of(key, tuple_of<TestType>(number));
    const auto known = live.find(number);
    REQUIRE(flows.find(number, hash) == (known != live.end() ? known->second : kNoFlow));
    if (known != live.end()) {
      REQUIRE(flows.table.entry(known->second).head.bytes == number);
      flows.table.release(known->second, hash);
      live.erase(known);
    } else if (const FlowSlot slot = flows.insert(number, hash); slot != kNoFlow) {
      flows.table.entry(slot).head.bytes = number;
      live[number] = slot;
    }
  }
  CHECK(flows.table.size() == live.size());
  CHECK(flows.table.count_tags() == live.size());
}

TEMPLATE_TEST_CASE("tags that were forgotten can be restored from the entries, in any order", "", FiveTuple4,
                   FiveTuple6) {
  std::mt19937_64 random(5);
  Flows<TestType> flows(16);
  std::vector<std::pair<FlowSlot, std::uint64_t>> live;
  for (std::uint64_t number = 0; number < 470; ++number) {
    const std::uint64_t hash = random();
    const FlowSlot slot = flows.insert(number, hash);
    if (slot != kNoFlow) live.emplace_back(slot, hash);
  }
  REQUIRE(live.size() > 460);
  flows.table.forget_tags();
  CHECK(flows.table.size() == 0);
  CHECK(flows.memory.is_free());
  std::shuffle(live.begin(), live.end(), random);
  std::size_t refused = 0;
  for (const auto& [slot, hash] : live) {
    CHECK(flows.table.find(flows.table.entry(slot).key, hash) == kNoFlow);
    REQUIRE(flows.table.restore(slot, hash));
    CHECK_FALSE(flows.table.restore(slot & ~31U, hash));  // a line of tags
    for (std::uint32_t bucket = 0; bucket < 16; ++bucket) {
      // A bucket that is not on its way.
      if (flows.table.used(bucket * 32 + 1)) continue;
      if (flows.table.restore(bucket * 32 + 1, hash)) {
        flows.table.release(bucket * 32 + 1, hash);
      } else {
        ++refused;
      }
    }
  }
  CHECK(refused > 100);
  CHECK(flows.table.size() == live.size());
  CHECK(flows.table.count_tags() == live.size());
  for (const auto& [slot, hash] : live) CHECK(flows.table.find(flows.table.entry(slot).key, hash) == slot);
  for (const auto& [slot, hash] : live) flows.table.release(slot, hash);
  CHECK(flows.memory.is_free());
}
