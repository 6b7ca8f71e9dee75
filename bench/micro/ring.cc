// SPDX-License-Identifier: Apache-2.0
// What a hand-off costs each side: pushes and pops of packets through the ring between two workers, in bursts, with
// both ends on one thread (the instructions) and on two (the cache lines that change hands as well).
#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "base/prefetch.h"
#include "base/spsc.h"
#include "bench/support/bench.h"
#include "packet/packet.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kCapacity = 1024;
constexpr std::size_t kItems = 1U << 19;

template <typename T, std::size_t kBurst>
void one_thread(SpscRing<T, kCapacity>& ring) {
  std::array<T, kBurst> burst{};
  for (std::size_t done = 0; done < kItems; done += kBurst) {
    ring.push(std::span<const T>(burst));
    ring.pop(std::span<T>(burst));
    keep(burst);
  }
}

/// Both ends run until all items have crossed; with fewer CPUs than two this measures the scheduler.
template <typename T, std::size_t kBurst>
void two_threads(SpscRing<T, kCapacity>& ring) {
  std::jthread producer([&ring] {
    const std::array<T, kBurst> burst{};
    for (std::size_t sent = 0; sent < kItems;) {
      const std::size_t pushed = ring.push(std::span(burst).first(std::min(kBurst, kItems - sent)));
      if (pushed == 0) cpu_pause();
      sent += pushed;
    }
  });
  std::array<T, kBurst> burst{};
  for (std::size_t received = 0; received < kItems;) {
    const std::size_t popped = ring.pop(std::span<T>(burst));
    if (popped == 0) cpu_pause();
    keep(burst);
    received += popped;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  const auto packets = std::make_unique<SpscRing<Packet, kCapacity>>();
  const auto words = std::make_unique<SpscRing<std::uint64_t, kCapacity>>();

  Comparison alone("ring, both ends on one thread, push + pop an item", kItems, options);
  alone.add("packets, bursts of 32", [&] { one_thread<Packet, 32>(*packets); });
  alone.add("packets, one by one", [&] { one_thread<Packet, 1>(*packets); });
  alone.add("8-byte words, bursts of 32", [&] { one_thread<std::uint64_t, 32>(*words); });
  alone.run();

  Comparison across("ring, two threads, time an item", kItems, options, Clock::kWall);
  across.add("packets, bursts of 32", [&] { two_threads<Packet, 32>(*packets); });
  across.add("packets, one by one", [&] { two_threads<Packet, 1>(*packets); });
  across.add("8-byte words, bursts of 32", [&] { two_threads<std::uint64_t, 32>(*words); });
  across.run();

  for (const Comparison* comparison : {&alone, &across})
    if (const auto ns = comparison->median_ns("packets, bursts of 32")) report.note("ring", comparison->name(), *ns);
  return report.finish();
}
