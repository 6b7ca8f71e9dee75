// SPDX-License-Identifier: Apache-2.0
// Frames for receiving, over a fill ring whose kernel side the test plays.
#include "xsk/refill.h"

#include <vector>

#include "test/support/catch.h"
#include "umem/region.h"

using namespace culvert;

namespace {

constexpr std::uint32_t kFrames = 256;

struct Filling {
  std::uint32_t producer = 0, consumer = 0, flags = 0;
  std::vector<std::uint64_t> entries = std::vector<std::uint64_t>(128);
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(HeldFrames::words_for(kFrames));
  Region region{{.frames = kFrames, .huge_pages = HugePages::kNever}};
  std::vector<FrameAddress> storage = std::vector<FrameAddress>(kFrames);
  FramePool pool{0, region.homes(), kSmallFrame, storage, {}, region.ledger()};
  HeldFrames held{words, kSmallFrame, std::uint64_t{kFrames} * kSmallFrame};
  ProducerRing<std::uint64_t> ring{RingMemory<std::uint64_t>{&producer, &consumer, &flags, entries}};
  std::vector<std::uint32_t> seen_by_driver;  ///< the producer index at each wake-up

  bool refill() {
    return culvert::refill({ring, held, pool, 100}, [this] { seen_by_driver.push_back(producer); });
  }
  /// The driver takes `count` frames and gives them to nobody.
  void consume(std::uint32_t count) {
    for (; count > 0; --count, ++consumer) {
      const FrameAddress frame = entries[consumer % entries.size()];
      REQUIRE(held.remove(frame));
      pool.ledger().leave(frame, FrameHolder::kReceive);
      pool.give(frame);
    }
  }
};

}  // namespace

TEST_CASE("a driver that ran dry is woken when it can see the frames, not before") {
  Filling f;
  f.flags = XDP_RING_NEED_WAKEUP;
  CHECK(f.refill());
  CHECK(f.held.count() == 100);
  CHECK(f.seen_by_driver == std::vector<std::uint32_t>{100});
}

TEST_CASE("a driver that asks when the ring needs no more frames is woken at the next turn") {
  Filling f;
  CHECK(f.refill());
  f.consume(kRefillBatch - 1);
  CHECK(f.refill());
  CHECK(f.producer == 100);
  CHECK(f.seen_by_driver.empty());
  f.flags = XDP_RING_NEED_WAKEUP;
  CHECK(f.refill());
  CHECK(f.producer == 100);
  CHECK(f.seen_by_driver == std::vector<std::uint32_t>{100});
}

TEST_CASE("nobody is woken for an empty ring, and a pool that is short says so") {
  Filling f;
  std::vector<FrameAddress> all(kFrames);
  REQUIRE(f.pool.take(all) == kFrames);
  f.flags = XDP_RING_NEED_WAKEUP;
  CHECK_FALSE(f.refill());
  CHECK(f.seen_by_driver.empty());
  for (const FrameAddress frame : std::span(all).first(40)) f.pool.give(frame);
  CHECK_FALSE(f.refill());
  CHECK(f.held.count() == 40);
  CHECK(f.seen_by_driver == std::vector<std::uint32_t>{40});
}
