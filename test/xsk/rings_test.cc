// SPDX-License-Identifier: Apache-2.0
#include "xsk/rings.h"

#include <deque>
#include <random>
#include <vector>

#include "test/support/catch.h"
#include "xsk/held_frames.h"

using namespace culvert;

namespace {

/// A ring's memory without a kernel; the test plays its part.
struct Shared {
  explicit Shared(std::uint32_t size, std::uint32_t start = 0) : producer(start), consumer(start), entries(size) {}
  RingMemory<std::uint64_t> memory() { return {&producer, &consumer, &flags, entries}; }
  std::uint64_t& at(std::uint32_t index) { return entries[index % entries.size()]; }

  std::uint32_t producer, consumer, flags = 0;
  std::vector<std::uint64_t> entries;
};

}  // namespace

TEST_CASE("a batch publishes exactly what was pushed, however much room it had") {
  Shared shared(8);
  ProducerRing ring(shared.memory());
  {
    auto batch = ring.batch(5);
    CHECK(batch.room() == 5);
    batch.push(11);
    batch.push(12);
    CHECK(shared.producer == 0);
  }
  CHECK(shared.producer == 2);
  CHECK(shared.at(0) == 11);
  CHECK(shared.at(1) == 12);
  { const auto unused = ring.batch(3); }
  CHECK(shared.producer == 2);
  CHECK(ring.waiting() == 2);
  shared.consumer = 1;
  CHECK(ring.waiting() == 1);
  CHECK(ring.batch(100).room() == 7);
}

TEST_CASE("a full ring has no room until the kernel consumes") {
  Shared shared(4);
  ProducerRing ring(shared.memory());
  {
    auto batch = ring.batch(9);
    while (batch.has_room()) batch.push(1);
  }
  CHECK(shared.producer == 4);
  CHECK(ring.batch(1).room() == 0);
  shared.consumer = 3;
  CHECK(ring.batch(9).room() == 3);
}

TEST_CASE("a consumer releases exactly what it was shown") {
  Shared shared(4);
  ConsumerRing ring(shared.memory());
  CHECK(ring.batch(4).size() == 0);
  shared.at(0) = 7;
  shared.at(1) = 8;
  shared.at(2) = 9;
  shared.producer = 3;
  {
    const auto batch = ring.batch(2);
    REQUIRE(batch.size() == 2);
    CHECK(batch[0] == 7);
    CHECK(batch[1] == 8);
    CHECK(shared.consumer == 0);
  }
  CHECK(shared.consumer == 2);
  CHECK(ring.waiting() == 1);
}

TEST_CASE("indices that cannot be are not believed") {
  Shared shared(4);
  ProducerRing producer(shared.memory());
  ConsumerRing consumer(shared.memory());
  shared.consumer = 3;
  CHECK(producer.waiting() == 0);
  CHECK(producer.batch(9).room() == 4);
  shared.producer = 1000;
  CHECK(consumer.waiting() == 0);
  CHECK(consumer.batch(9).size() == 0);
}

TEST_CASE("rings work across the wrap of their 32-bit indices, in any rhythm") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Shared up(16, 0xffffff00U), down(16, 0xfffffff8U);
  ProducerRing producer(up.memory());
  ConsumerRing consumer(down.memory());
  std::uint64_t next_in = 0, next_out = 0, expected = 0;
  for (int step = 0; step < 20'000; ++step) {
    {
      auto batch = producer.batch(static_cast<std::uint32_t>(random() % 20));
      for (auto n = random() % 5; n > 0 && batch.has_room(); --n) batch.push(next_in++);
    }
    REQUIRE(up.producer - up.consumer <= 16);
    // The kernel moves some from one ring to the other.
    for (auto n = random() % 8; n > 0 && up.consumer != up.producer && down.producer - down.consumer < 16; --n) {
      REQUIRE(up.at(up.consumer) == next_out);
      down.at(down.producer) = up.at(up.consumer);
      ++next_out, ++up.consumer, ++down.producer;
    }
    const auto batch = consumer.batch(static_cast<std::uint32_t>(random() % 20));
    for (std::uint32_t i = 0; i < batch.size(); ++i) REQUIRE(batch[i] == expected++);
  }
  CHECK(expected > 10'000);
}

TEST_CASE("the wakeup flag is read from the ring") {
  Shared shared(4);
  const ProducerRing ring(shared.memory());
  CHECK_FALSE(ring.needs_wakeup());
  shared.flags = XDP_RING_NEED_WAKEUP;
  CHECK(ring.needs_wakeup());
}

TEST_CASE("a frame is taken back once, from any address inside it, and never from outside the region") {
  std::vector<std::uint64_t> words(HeldFrames::words_for(130));
  REQUIRE(words.size() == 3);
  HeldFrames held(words, 2048, 130 * 2048);
  held.add(0);
  held.add(64 * 2048 + 256);
  held.add(129 * 2048);
  CHECK(held.count() == 3);
  CHECK(held.remove(64 * 2048 + 2047));
  CHECK_FALSE(held.remove(64 * 2048));
  CHECK_FALSE(held.remove(63 * 2048));
  CHECK_FALSE(held.remove(130 * 2048));
  CHECK_FALSE(held.remove(~std::uint64_t{0}));
  CHECK_FALSE(held.remove(std::uint64_t{1} << 48));
  CHECK(held.count() == 2);
  std::vector<FrameAddress> rest;
  held.remove_all([&](FrameAddress frame) { rest.push_back(frame); });
  CHECK(rest == std::vector<FrameAddress>{0, 129 * 2048});
  CHECK(held.count() == 0);
}
