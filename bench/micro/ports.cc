// SPDX-License-Identifier: Apache-2.0
// N1: a NAT port given back and another one taken, by how full its pool is; beside what Linux does (a random start and
// up to 128 ports from there, net/netfilter/nf_nat_core.c), on a map of bytes.
#include <array>
#include <fmt/format.h>
#include <memory>
#include <vector>

#include "base/hash.h"
#include "bench/support/bench.h"
#include "nat/port_pool.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kBurst = 64;
constexpr std::size_t kPairs = 3'000 * kBurst;
constexpr std::size_t kAddresses = 8;
constexpr std::uint32_t kPorts = 0x10000 - kFirstUserPort;

/// Ports of several addresses, of which each has the same share taken.
template <typename Pool>
struct Addresses {
  explicit Addresses(double share) {
    const auto count = static_cast<std::size_t>(share * kPorts);
    for (std::size_t i = 0; i < kAddresses; ++i) {
      pools.push_back(std::make_unique<Pool>());
      while (taken[i].size() < count) {
        const auto port = pools[i]->take(splitmix64(random));
        if (port.has_value()) taken[i].push_back(*port);
      }
    }
  }

  /// Random ports back, for each another one taken; how often there was none. Which ports, is known a burst before, as
  /// a worker knows its sessions: the list of a million ports is none of the pool's cost.
  std::size_t replace() {
    std::size_t failed = 0;
    std::array<std::uint16_t*, kBurst> burst;
    for (std::size_t done = 0; done < kPairs; done += kBurst) {
      for (std::size_t i = 0; i < kBurst; ++i) {
        std::vector<std::uint16_t>& ports = taken[i % kAddresses];
        burst[i] = &ports[fast_range(splitmix64(random), static_cast<std::uint32_t>(ports.size()))];
        __builtin_prefetch(burst[i], 1);
      }
      for (std::size_t i = 0; i < kBurst; ++i) failed += replace(*pools[i % kAddresses], *burst[i]) ? 0U : 1U;
    }
    return failed;
  }

  bool replace(Pool& pool, std::uint16_t& port) {
    pool.give_back(port);
    const auto other = pool.take(splitmix64(random));
    if (!other.has_value()) pool.take_exactly(port);
    if (other.has_value()) port = *other;
    return other.has_value();
  }

  std::vector<std::unique_ptr<Pool>> pools;
  std::array<std::vector<std::uint16_t>, kAddresses> taken;
  std::uint64_t random = 1;
};

struct Culvert {
  Culvert() { pool.use({}); }

  std::optional<std::uint16_t> take(std::uint64_t chance) {
    return pool.take({PortParity::kAny, PortClass::kUser}, chance);
  }
  void give_back(std::uint16_t port) { pool.give_back(port); }
  void take_exactly(std::uint16_t port) { pool.take_exactly(port); }

  std::vector<std::uint64_t> memory = std::vector<std::uint64_t>(PortPool::words_for(1));
  PortPool pool{memory, 0, 1};
};

struct Probing {
  std::optional<std::uint16_t> take(std::uint64_t chance) {
    std::uint32_t port = fast_range(chance, kPorts);
    for (int tries = 0; tries < 128; ++tries, port = port + 1 == kPorts ? 0 : port + 1) {
      if (taken[port]) continue;
      taken[port] = true;
      return static_cast<std::uint16_t>(port + kFirstUserPort);
    }
    return std::nullopt;
  }
  void give_back(std::uint16_t port) { taken[port - kFirstUserPort] = false; }
  void take_exactly(std::uint16_t port) { taken[port - kFirstUserPort] = true; }

  std::vector<char> taken = std::vector<char>(kPorts);
};

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    Addresses<Culvert> ours(share);
    Addresses<Probing> probing(share);
    std::size_t ours_failed = 0, probing_failed = 0, calls = 0;
    Comparison comparison(fmt::format("NAT port back and another, {} % taken", share * 100), kPairs, options);
    comparison.add("culvert", [&] { ours_failed += ours.replace(); });
    comparison.add("up to 128 probes", [&] {
      probing_failed += probing.replace();
      ++calls;
    });
    comparison.run();
    if (!comparison.ran()) continue;
    const double pairs = static_cast<double>(calls) * kPairs;
    fmt::print("  none found: {} of culvert's, {:.1f} % by probing\n", ours_failed,
               pairs > 0 ? static_cast<double>(probing_failed) / pairs * 100 : 0.0);
    if (share == 0.99) report.limit("N1", comparison, "culvert", 30);
    report.limit("N1", fmt::format("refused although a port was free, {} % taken", share * 100),
                 static_cast<double>(ours_failed), 0);
    report.ratio("ports", comparison, "culvert", "up to 128 probes");
  }
  return report.finish();
}
