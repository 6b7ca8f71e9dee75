// SPDX-License-Identifier: Apache-2.0
// C1: one writer's cell against the locked add that a shared counter needs.
#include <atomic>

#include "base/cell.h"
#include "bench/support/bench.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kAdds = 1'000'000;
constexpr std::size_t kCounters = 16;  ///< about what a packet's path touches, all in the L1 cache

struct alignas(kCacheLine) Counters {
  Cell cell[kCounters];
  std::atomic<std::uint64_t> locked[kCounters] = {};
  std::uint64_t plain[kCounters] = {};
};

template <typename Add>
void each(Add add) {
  for (std::size_t i = 0; i < kAdds; ++i) {
    add(i % kCounters);
    asm volatile("" : : : "memory");  // each add must reach memory, as between two packets
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  Counters counters;

  Comparison comparison("counter update", kAdds, options);
  comparison.add("Cell::add", [&] { each([&](std::size_t i) { counters.cell[i].add(i); }); });
  comparison.add("lock xadd",
                 [&] { each([&](std::size_t i) { counters.locked[i].fetch_add(i, std::memory_order_relaxed); }); });
  comparison.add("plain +=", [&] { each([&](std::size_t i) { counters.plain[i] += i; }); });
  comparison.run();
  keep(counters);

  report.bar("C1", comparison, "Cell::add", "lock xadd", 0.35);
  return report.finish();
}
