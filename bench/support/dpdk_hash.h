// SPDX-License-Identifier: Apache-2.0
// DPDK's rte_hash as a reference: keys of one length, CRC32C as its users take it, one thread, no locks. It says at
// which place a key is; what belongs to the key lies at that place of an array of the caller's. Built when libdpdk is
// there; else nothing is ever created. start_dpdk() (bench/support/dpdk_routes.h) comes first, with room for the
// tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace culvert::bench {

class RteHash {
 public:
  /// The most keys that one call of lookup() takes.
  static constexpr std::size_t kMostAtOnce = 64;

  /// Room for so many keys of so many bytes. Nothing when DPDK is not started or refuses.
  static std::unique_ptr<RteHash> of(std::size_t keys, std::size_t key_bytes);
  virtual ~RteHash() = default;

  /// The place of each key (they lie one after the other), or a negative number. Places are below `keys` + 1.
  virtual void lookup(const std::byte* keys, std::span<std::int32_t> places) const = 0;
  virtual std::int32_t insert(const std::byte* key) = 0;
  virtual void remove(const std::byte* key) = 0;
  /// What it has taken of the heap.
  virtual std::size_t bytes() const = 0;
};

}  // namespace culvert::bench
