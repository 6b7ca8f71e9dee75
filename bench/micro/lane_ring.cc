// SPDX-License-Identifier: Apache-2.0
// What a lane costs without kernel and pipeline: a turn of receive, transmit, flush and refill on a memory lane with
// nothing in between (what benchmarks of the pipeline subtract), and the parts of an AF_XDP lane's turn: ring entries,
// bitmaps of held frames, the pool.
#include <array>
#include <memory>
#include <vector>

#include "bench/support/bench.h"
#include "lanes/memory_lane.h"
#include "lanes/traffic.h"
#include "umem/pool.h"
#include "umem/region.h"
#include "xsk/held_frames.h"
#include "xsk/rings.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kItems = 1U << 16;
constexpr std::size_t kTurnPackets = 1U << 13;

/// One worker's frames, a lane that replays, and a lane that swallows.
struct NullTurn {
  NullTurn(const TrafficConfig& traffic_config, std::uint32_t depth)
      : traffic(make_traffic(traffic_config)),
        region({.frames = 4 * depth}),
        storage(region.frames()),
        pool(0, region.homes(), region.frame_size(), storage, {}, region.ledger()),
        in({.interface = 0, .rings = {depth, depth, 64, 64}, .quota = {depth, 64}, .traffic = &traffic}, region.view(),
           pool),
        out({.interface = 1}, region.view(), pool) {
    in.refill();
  }

  void run() {
    for (std::size_t done = 0; done < kTurnPackets; done += kBurstSize) {
      in.receive(burst);
      for (std::uint32_t i = 0; i < burst.size(); ++i) packets[i] = &burst[i];
      out.transmit(std::span(packets).first(burst.size()));
      burst.clear();
      out.flush(0);
      in.refill();
    }
  }

  PacketList traffic;
  Region region;
  std::vector<FrameAddress> storage;
  FramePool pool;
  MemoryLane in, out;
  Burst burst;
  std::array<Packet*, kBurstSize> packets{};
};

/// A ring's memory without a kernel.
template <typename Entry>
struct Shared {
  RingMemory<Entry> memory() { return {&producer, &consumer, &flags, entries}; }
  alignas(64) std::uint32_t producer = 0;
  alignas(64) std::uint32_t consumer = 0;
  std::uint32_t flags = 0;
  std::vector<Entry> entries = std::vector<Entry>(2048);
};

/// The same memory with a producer's and a consumer's view: what is pushed is popped.
template <typename Entry>
struct Loop {
  void run() {
    for (std::size_t done = 0; done < kItems; done += kBurstSize) {
      {
        auto batch = in.batch(kBurstSize);
        while (batch.has_room()) batch.push(Entry{});
      }
      const auto batch = out.batch(kBurstSize);
      for (std::uint32_t i = 0; i < batch.size(); ++i) keep(batch[i]);
    }
  }
  Shared<Entry> shared;
  ProducerRing<Entry> in{shared.memory()};
  ConsumerRing<Entry> out{shared.memory()};
};

struct Frames {
  static constexpr std::uint32_t kFrames = 16384;
  void bitmap() {
    for (std::size_t i = 0; i < kItems; ++i) held.add(frame_of(i, 1024));
    keep(held);
    for (std::size_t i = 0; i < kItems; ++i) keep(held.remove(frame_of(i, 1024)));
  }
  void take_and_give() {
    std::array<FrameAddress, kBurstSize> frames{};
    for (std::size_t done = 0; done < kItems; done += kBurstSize) {
      pool.take(frames);
      for (const FrameAddress frame : frames) pool.give(frame);
    }
  }
  static FrameAddress frame_of(std::size_t index, std::size_t stride) { return index * stride % (kFrames * 2048U); }

  Region region{{.frames = kFrames}};
  std::vector<FrameAddress> storage = std::vector<FrameAddress>(kFrames);
  FramePool pool{0, region.homes(), 2048, storage, {}, region.ledger()};
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(HeldFrames::words_for(kFrames));
  HeldFrames held{words, 2048, region.view().bytes};
};

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);

  const auto small = std::make_unique<NullTurn>(TrafficConfig{.flows = 65536, .headers_only = true}, 2048);
  const auto deep = std::make_unique<NullTurn>(TrafficConfig{.flows = 65536, .headers_only = true}, 16384);
  const auto imix = std::make_unique<NullTurn>(
      TrafficConfig{.flows = 65536, .sizes = TrafficSizes::kImix, .headers_only = true}, 16384);
  Comparison turn("memory lanes, a turn with an empty pipeline, a packet", kTurnPackets, options);
  turn.add("64 B, rx 2048", [&] { small->run(); });
  turn.add("64 B, rx 16384", [&] { deep->run(); });
  turn.add("IMIX headers, rx 16384", [&] { imix->run(); });
  turn.run();

  const auto words = std::make_unique<Loop<std::uint64_t>>();
  const auto descriptors = std::make_unique<Loop<xdp_desc>>();
  Comparison rings("rings, an entry in and out, no kernel", kItems, options);
  rings.add("fill and completion (8 B)", [&] { words->run(); });
  rings.add("rx and tx (16 B)", [&] { descriptors->run(); });
  rings.run();

  const auto frames = std::make_unique<Frames>();
  Comparison parts("frames, an entry in and out", kItems, options);
  parts.add("held-frames bitmap", [&] { frames->bitmap(); });
  parts.add("pool take and give", [&] { frames->take_and_give(); });
  parts.run();

  if (const auto ns = turn.median_ns("64 B, rx 2048")) report.note("lane", turn.name(), *ns);
  return report.finish();
}
