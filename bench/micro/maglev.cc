// SPDX-License-Identifier: Apache-2.0
// L1: Maglev tables of 1000 backends, built; beside the loop of the paper (section 3.4, "Pseudocode 1"), with the steps
// of its permutations by division as they are defined there, and by subtraction. Then the choice for a new flow, and
// which frontend a flow is for.
#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <span>
#include <string>
#include <vector>

#include "bench/support/bench.h"
#include "lb/frontend_table_builder.h"
#include "lb/pool_builder.h"
#include "packet/ipv4.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kBackends = 1000;
constexpr std::size_t kFlows = 100'000;
constexpr std::size_t kPasses = 4;

std::vector<PoolBackend> some_backends(std::uint8_t most_weight) {
  const SipKey seed = SipKey::from_seed(1);
  std::vector<PoolBackend> backends;
  for (std::uint32_t i = 0; i < kBackends; ++i) {
    const auto weight = static_cast<std::uint8_t>(most_weight - i % most_weight);
    backends.push_back({backend_name(seed, Ipv4Address{Be32(0x0a000000 + i)}), static_cast<BackendNumber>(i), weight});
  }
  return backends;
}

/// The paper's loop, backends in the order of our rounds, so that both make the same table.
class PaperLoop {
 public:
  PaperLoop(std::vector<PoolBackend> backends, std::uint32_t size) : size_(size), next_(backends.size()), entry_(size) {
    std::sort(backends.begin(), backends.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const PoolBackend& backend : backends) {
      order_.push_back(SlotOrder::of(backend.name, size));
      place_.push_back(backend.number);
    }
  }

  void by_division() {
    std::fill(next_.begin(), next_.end(), 0);
    std::fill(entry_.begin(), entry_.end(), -1);
    const auto permutation = [&](std::size_t i, std::uint64_t j) {
      return (order_[i].offset + j * order_[i].skip) % size_;
    };
    for (std::uint32_t filled = 0;;) {
      for (std::size_t i = 0; i < order_.size(); ++i) {
        std::uint64_t candidate = permutation(i, next_[i]);
        while (entry_[candidate] >= 0) candidate = permutation(i, ++next_[i]);
        entry_[candidate] = place_[i];
        ++next_[i];
        if (++filled == size_) return;
      }
    }
  }

  void by_subtraction() {
    for (std::size_t i = 0; i < order_.size(); ++i) next_[i] = order_[i].offset;
    std::fill(entry_.begin(), entry_.end(), -1);
    const auto after = [&](std::size_t i, std::uint32_t slot) {
      const std::uint32_t sum = slot + order_[i].skip;
      return sum >= size_ ? sum - size_ : sum;
    };
    for (std::uint32_t filled = 0;;) {
      for (std::size_t i = 0; i < order_.size(); ++i) {
        std::uint32_t candidate = next_[i];
        while (entry_[candidate] >= 0) candidate = after(i, candidate);
        entry_[candidate] = place_[i];
        next_[i] = after(i, candidate);
        if (++filled == size_) return;
      }
    }
  }

  bool agrees(std::span<const std::uint16_t> slots) const {
    return std::equal(slots.begin(), slots.end(), entry_.begin(), entry_.end());
  }

 private:
  std::uint32_t size_;
  std::vector<SlotOrder> order_;
  std::vector<std::uint32_t> next_;
  std::vector<int> place_;
  std::vector<int> entry_;
};

void check(bool agrees) {
  if (agrees) return;
  fmt::print(stderr, "the tables differ\n");
  std::exit(3);
}

void measure_build(std::uint32_t size, double bar, const Options& options, Report& report) {
  const auto equal = some_backends(1), weighted = some_backends(kMostWeight);
  std::vector<std::uint16_t> slots(size);
  std::vector<std::uint64_t> scratch(maglev_scratch_words(size, kBackends));
  PaperLoop paper(equal, size);
  build_maglev(slots, equal, scratch);
  paper.by_division();
  check(paper.agrees(slots));
  paper.by_subtraction();
  check(paper.agrees(slots));
  Comparison comparison(fmt::format("Maglev table, {} slots, {} backends, ns a build", size, kBackends), 1, options);
  comparison.add("culvert", [&] {
    build_maglev(slots, equal, scratch);
    keep(slots[0]);
  });
  comparison.add("the paper's loop", [&] { paper.by_division(); });
  comparison.add("the paper's loop, by subtraction", [&] { paper.by_subtraction(); });
  comparison.add("culvert, 100 weights", [&] {
    build_maglev(slots, weighted, scratch);
    keep(slots[0]);
  });
  comparison.run();
  report.bar("L1", comparison, "culvert", "the paper's loop", bar);
  report.ratio("maglev", comparison, "culvert", "the paper's loop, by subtraction");
  report.ratio("maglev", comparison, "culvert, 100 weights", "the paper's loop");
}

/// Hashes of flows, in the cache.
std::vector<std::uint64_t> random_hashes() {
  std::vector<std::uint64_t> hashes(kFlows / kPasses);
  std::uint64_t state = 1;
  for (std::uint64_t& hash : hashes) hash = splitmix64(state);
  return hashes;
}

/// A choice for each flow; in turn: the next one only when the one before is known.
template <bool kInTurn>
void choose(const LbPool& pool, std::span<const BackendShare> shares, std::span<const std::uint64_t> hashes) {
  std::uint64_t sum = 0, wait = 0;
  for (std::size_t pass = 0; pass < kPasses; ++pass) {
    for (const std::uint64_t hash : hashes) {
      const auto chosen = choose_backend(pool, hash ^ wait, shares);
      const BackendNumber number = chosen.has_value() ? chosen->number : kNoBackend;
      if constexpr (kInTurn) wait = number / 1024U;  // 0
      sum += number;
    }
  }
  keep(sum);
}

void measure_choice(std::uint32_t size, bool has_bar, const Options& options, Report& report) {
  const BuiltPool built(some_backends(1), size);
  const auto hashes = random_hashes();
  std::vector<BackendShare> all(kBackends, kWholeShare), some = all, one(kBackends, 0);
  for (std::size_t i = 0; i < kBackends; i += 10) some[i] = 0;
  one[500] = kWholeShare;
  Comparison comparison(fmt::format("backend for a new flow, {} slots, {} backends", size, kBackends), kFlows, options);
  comparison.add("all up", [&] { choose<true>(built.pool(), all, hashes); });
  comparison.add("all up, side by side", [&] { choose<false>(built.pool(), all, hashes); });
  comparison.add("10 % down", [&] { choose<true>(built.pool(), some, hashes); });
  comparison.add("10 % down, side by side", [&] { choose<false>(built.pool(), some, hashes); });
  comparison.run();
  if (has_bar) {
    report.limit("PICK", comparison, "all up", 20);
    report.limit("PICK", comparison, "10 % down", 20);
  }
  Comparison last(fmt::format("backend for a new flow, {} slots, 1 of {} backends up", size, kBackends), kFlows,
                  options);
  last.add("by rendezvous", [&] { choose<true>(built.pool(), one, hashes); });
  last.run();
}

void measure_frontends(std::size_t count, const Options& options) {
  std::vector<FrontendKey> frontends;
  for (std::uint32_t i = 0; i < count; ++i) {
    // Ten to an address: nine ports of TCP, and all others.
    FrontendKey key{Prefix4(0xc6120000 + i / 10, 32)};
    if (i % 10 != 0) key.protocol = FrontendProtocol::kTcp;
    if (i % 10 != 0) key.first_port = key.last_port = static_cast<std::uint16_t>(80 + i % 10);
    frontends.push_back(key);
  }
  const FrontendTableBuilder exact(frontends);
  for (std::uint32_t i = 0; i < 4; ++i) frontends.push_back({Prefix4(0xc6000000, 8 + 4 * i)});
  const FrontendTableBuilder prefixes(frontends);
  const auto addresses = static_cast<std::uint32_t>((count + 9) / 10);
  const auto find = [addresses](const FrontendTable& table, std::uint32_t first) {
    std::uint64_t state = 1, sum = 0;
    for (std::size_t i = 0; i < kFlows; ++i) {
      // Each after the one before, as sessions come.
      const std::uint64_t random = splitmix64(state);
      const Ipv4Address address{Be32(first + fast_range(random, addresses))};
      const FrontendIndex found = table.find(address, kProtocolTcp, static_cast<std::uint16_t>(80 + random % 16));
      state += found;
      sum += found;
    }
    keep(sum);
  };
  Comparison comparison(fmt::format("frontend of a flow, {} frontends", count), kFlows, options);
  comparison.add("found", [&] { find(exact.table(), 0xc6120000); });
  comparison.add("no such address", [&] { find(exact.table(), 0xc7120000); });
  comparison.add("found, four prefixes besides", [&] { find(prefixes.table(), 0xc6120000); });
  comparison.add("no such address, four prefixes", [&] { find(prefixes.table(), 0xc7120000); });
  comparison.run();
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  measure_build(kMaglevSlots, 0.63, options, report);
  measure_build(kMostMaglevSlots, 0.55, options, report);
  measure_choice(kMaglevSlots, true, options, report);
  measure_choice(kMostMaglevSlots, false, options, report);
  measure_frontends(10, options);
  measure_frontends(10'000, options);
  return report.finish();
}
