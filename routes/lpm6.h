// SPDX-License-Identifier: Apache-2.0
// Longest-prefix match for IPv6 as a multibit trie with skipped levels. A root of 2^18 links is indexed by the first 18
// bits; below it the address is cut into cells of six bits (the last cell of the high half and the first of the low
// half have four), and a node decides one cell:
//
//   expect    the address bits above the cell that everything below this node shares; a reader whose address differs
//             takes `mismatch`. So levels where nothing branches need no node: /48s out of one /32 are two loads apart.
//   runs      64 bits; bit i is set where slot i of the cell has another link than slot i - 1
//   link[]    one 32-bit link per run: a next hop, or another node. The first ten share the node's cache line.
//
// Example: 2001:db8::/32 -> 5 and 2001:db8:0:1::/64 -> 6: the root slot of 2001::/18 names a node for bits 30-36 (/32
// ends there) that expects 2001:db8 above; the slot 0 of its cell names the node of bits 60-64, whose slot 1 says 6 and
// whose other slots, and its mismatch, say 5.
//
// Against groups of 256 slots without skipping (DPDK's rte_fib6, 4-byte entries): 52 to 82 bytes a prefix, where it
// needs more than 2,200 for scattered /48s and more than 7,700 among hosts; lookups take 0.9 to 1.5 of its time in
// internet tables and 0.2 among hosts, where it walks 14 levels (bench_lpm).
//
// A leaf link carries the length of the prefix that owns it; readers ignore it, the writer needs nothing else. The
// default route is no link's: an answer of 0 means default_next_hop, so that its change is one store.
//
// Workers read without locks while control writes (lpm6_writer.h): `expect`, `runs` and the cell never change in a node
// that can be reached; a link and `mismatch` change by one atomic store; a changed node is written anew, published by
// one store into its parent's link, and the old one is reused only after all workers have acknowledged that it is gone.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/endian.h"
#include "packet/address.h"
#include "routes/next_hop.h"

namespace culvert {

struct Lpm6Limits {
  std::uint32_t prefixes = 400'000;
  std::uint32_t units = 800'000;  ///< 64-byte lines of nodes: 0.8 to 1.3 a prefix (bench/micro/lpm)
};

/// One cell of the address: bits [begin, end) counted from the first; both lie in the same half.
struct Lpm6Level {
  std::uint8_t begin;
  std::uint8_t end;
};

class Lpm6 {
 public:
  static constexpr unsigned kRootBits = 18;
  static constexpr std::size_t kRootSlots = std::size_t{1} << kRootBits;
  static constexpr std::size_t kUnitWords = 16;        ///< 64 bytes
  static constexpr std::size_t kHeaderWords = 6;       ///< expect, runs, mismatch, cell
  static constexpr std::size_t kMaxUnitsPerNode = 5;   ///< header and 64 links
  static constexpr std::uint32_t kNodeBit = 1U << 31;  ///< the other bits are the node's first unit
  static constexpr std::array<Lpm6Level, 19> kLevels = {{
      {18, 24}, {24, 30}, {30, 36}, {36, 42}, {42, 48},  {48, 54},   {54, 60},   {60, 64},   {64, 68},   {68, 74},
      {74, 80}, {80, 86}, {86, 92}, {92, 98}, {98, 104}, {104, 110}, {110, 116}, {116, 122}, {122, 128},
  }};

  /// Bytes that the table needs.
  static constexpr std::size_t memory_size(const Lpm6Limits& limits) noexcept {
    return (kRootSlots + limits.units * kUnitWords) * sizeof(std::uint32_t);
  }

  /// `memory` is zeroed, aligned to 64 bytes and at least memory_size(limits) long; the caller owns it.
  Lpm6(std::span<std::byte> memory, const Lpm6Limits& limits) noexcept;
  Lpm6(const Lpm6&) = delete;
  Lpm6& operator=(const Lpm6&) = delete;

  // Workers.

  /// The next hop of the longest prefix that holds the address; kNoRouteIndex when there is none.
  NextHopIndex lookup(const Ipv6Address& address) const noexcept {
    const Halves halves = {byte_swap(address.high()), byte_swap(address.low())};
    std::uint32_t link = read(root_[halves[0] >> (64 - kRootBits)]);
    while ((link & kNodeBit) != 0) link = step(units_, link, halves);
    return answer(link);
  }

  /// results[i] = lookup(addresses[i]), with the cache misses of 64 at a time overlapped; results.size() >=
  /// addresses.size().
  void lookup(std::span<const Ipv6Address> addresses, std::span<NextHopIndex> results) const noexcept;

  // Control: Lpm6Writer only.

  std::uint32_t unit_count() const noexcept { return unit_count_; }
  std::uint32_t* root() const noexcept { return root_; }
  std::uint32_t* unit(std::uint32_t index) const noexcept { return units_ + std::size_t{index} * kUnitWords; }
  static std::uint32_t read(std::uint32_t& link) noexcept {
    return std::atomic_ref<std::uint32_t>(link).load(std::memory_order_acquire);
  }
  static void write(std::uint32_t& link, std::uint32_t value) noexcept {
    std::atomic_ref<std::uint32_t>(link).store(value, std::memory_order_release);
  }
  NextHopIndex default_next_hop() const noexcept { return default_next_hop_.load(std::memory_order_acquire); }
  void set_default_next_hop(NextHopIndex index) noexcept { default_next_hop_.store(index, std::memory_order_release); }

  // Words of a node. 0-1 expect, 2-3 runs, 4 mismatch, 5 the cell: shift, half, highest slot, level; then the links.
  static constexpr std::size_t kExpectWord = 0;
  static constexpr std::size_t kRunsWord = 2;
  static constexpr std::size_t kMismatchWord = 4;
  static constexpr std::size_t kCellWord = 5;

 private:
  using Halves = std::array<std::uint64_t, 2>;  ///< host order

  /// One node: the link of the address's slot, or the mismatch.
  static std::uint32_t step(std::uint32_t* units, std::uint32_t link, const Halves& halves) noexcept {
    std::uint32_t* node = units + std::size_t{link & ~kNodeBit} * kUnitWords;
    const std::uint32_t cell = node[kCellWord];
    const std::uint64_t half = halves[(cell >> 8) & 1];
    // Bits above the cell that differ leave more than the highest slot here.
    const std::uint64_t slot = (half ^ load<std::uint64_t>(node + kExpectWord)) >> (cell & 63);
    const std::uint64_t runs = load<std::uint64_t>(node + kRunsWord) << (63 - (slot & 63));
    const std::size_t run = kHeaderWords - 1 + static_cast<std::size_t>(std::popcount(runs));
    return read(node[slot > ((cell >> 16) & 0xff) ? kMismatchWord : run]);
  }
  NextHopIndex answer(std::uint32_t leaf) const noexcept {
    const auto index = static_cast<NextHopIndex>(leaf);
    return index != kNoRouteIndex ? index : default_next_hop();
  }

  std::uint32_t* root_;
  std::uint32_t* units_;
  std::uint32_t unit_count_;
  std::atomic<NextHopIndex> default_next_hop_{kNoRouteIndex};
};

}  // namespace culvert
