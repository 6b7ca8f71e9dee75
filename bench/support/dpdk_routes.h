// SPDX-License-Identifier: Apache-2.0
// DPDK's route tables as a reference. Built when libdpdk is there (-Dbench_peers); else nothing is ever created.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "bench/support/prefixes.h"

namespace culvert::bench {

/// True when DPDK is built in and its environment started: no huge page files, no devices; its memory is then put on
/// transparent huge pages like ours. Pins the calling thread to the last CPU that it may use. DPDK fills the whole heap
/// with zeros: ask for what the tables need (a multiple of 2 MB); one IPv4 table of few routes takes less than 64 MB.
bool start_dpdk(std::size_t heap_bytes = std::size_t{8} << 30);

/// Scalar is what DPDK takes unless it is told to use 512-bit vectors.
enum class DpdkLookup { kScalar, kAvx512 };

/// rte_fib, DIR-24-8 with 2-byte entries.
class RteFib4 {
 public:
  /// Nothing when DPDK is not started or refuses.
  static std::unique_ptr<RteFib4> of(const std::vector<Route4>& routes);
  virtual ~RteFib4() = default;
  virtual void lookup(std::span<std::uint32_t> addresses, std::span<std::uint64_t> next_hops) const = 0;
  /// False when there is no such lookup on this CPU.
  virtual bool choose(DpdkLookup lookup) = 0;
};

/// rte_fib6, trie with 4-byte entries (2-byte ones allow only 32,767 groups).
class RteFib6 {
 public:
  static std::unique_ptr<RteFib6> of(const std::vector<Route6>& routes, std::uint32_t groups);
  virtual ~RteFib6() = default;
  virtual void lookup(std::span<Ipv6Address> addresses, std::span<std::uint64_t> next_hops) const = 0;
  virtual bool choose(DpdkLookup lookup) = 0;
};

}  // namespace culvert::bench
