// SPDX-License-Identifier: Apache-2.0
// Longest-prefix match for IPv4 in one load, or two: DIR-24-8 (Gupta, Lin, McKeown: "Routing lookups in hardware at
// memory access speeds", INFOCOM 1998) with 16-bit slots, so that a full table is 32 MB and a burst of 32 random
// addresses is 32 cache lines fetched together.
//
//   slots_[address >> 8]      0nnnnnnnnnnnnnnn  next hop n of the whole /24
//                             1ggggggggggggggg  prefixes longer than /24 here: look at group g, slot address & 255
//
// Example: 198.51.100.0/24 -> 5 and 198.51.100.128/25 -> 6: slot 0xc63364 says group 0; its slots 0-127 say 5, 128-255
// say 6. The default route is no slot's: a slot of 0 (no route) answers default_next_hop, so that a default route that
// flaps is one store and not 16 million.
//
// Workers read without locks while control writes (lpm4_writer.h). Every slot changes by one atomic store; a group is
// filled before a slot points at it, and reused only after all workers have acknowledged that it is gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/address.h"
#include "routes/next_hop.h"

namespace culvert {

struct Lpm4Limits {
  std::uint32_t prefixes = 1'200'000;
  std::uint32_t groups = 8192;  ///< /24 networks that hold longer prefixes; at most kMaxGroups
};

class Lpm4 {
 public:
  static constexpr std::size_t kSlots = std::size_t{1} << 24;
  static constexpr std::size_t kGroupSlots = 256;
  static constexpr std::size_t kMaxGroups = 32768;
  static constexpr std::uint16_t kGroupBit = 0x8000;

  /// Bytes that the table needs.
  static constexpr std::size_t memory_size(const Lpm4Limits& limits) noexcept {
    return (kSlots + limits.groups * kGroupSlots) * sizeof(std::uint16_t);
  }

  /// `memory` is zeroed, aligned to 64 bytes and at least memory_size(limits) long; the caller owns it. Huge pages
  /// matter: with 4 KB pages nearly every lookup also misses the TLB.
  Lpm4(std::span<std::byte> memory, const Lpm4Limits& limits) noexcept;
  Lpm4(const Lpm4&) = delete;
  Lpm4& operator=(const Lpm4&) = delete;

  // Workers.

  /// The next hop of the longest prefix that holds the address; kNoRouteIndex when there is none.
  NextHopIndex lookup(std::uint32_t host_order_address) const noexcept {
    std::uint16_t slot = read(slots_[host_order_address >> 8]);
    if ((slot & kGroupBit) != 0) slot = read(group_slot(slot, host_order_address));
    return slot != 0 ? slot : default_next_hop();
  }
  NextHopIndex lookup(Ipv4Address address) const noexcept { return lookup(address.value.host()); }

  /// results[i] = lookup(addresses[i]) for a burst (some dozens), whose cache misses overlap; results.size() >=
  /// addresses.size().
  void lookup(std::span<const std::uint32_t> host_order_addresses, std::span<NextHopIndex> results) const noexcept;
  void lookup(std::span<const Ipv4Address> addresses, std::span<NextHopIndex> results) const noexcept;

  // Control: Lpm4Writer only. `slot` is address >> 8, or group * 256 + (address & 255).

  std::uint32_t group_count() const noexcept { return group_count_; }
  std::uint16_t slot(std::size_t slot) const noexcept { return read(slots_[slot]); }
  std::uint16_t group_slot(std::size_t slot) const noexcept { return read(groups_[slot]); }
  void set_slot(std::size_t slot, std::uint16_t value) noexcept { write(slots_[slot], value); }
  void set_group_slot(std::size_t slot, std::uint16_t value) noexcept { write(groups_[slot], value); }
  NextHopIndex default_next_hop() const noexcept { return default_next_hop_.load(std::memory_order_acquire); }
  void set_default_next_hop(NextHopIndex index) noexcept { default_next_hop_.store(index, std::memory_order_release); }

 private:
  // Acquire and release are plain moves on x86; the acquire orders a group's slots after the slot that names it.
  static std::uint16_t read(std::uint16_t& slot) noexcept {
    return std::atomic_ref<std::uint16_t>(slot).load(std::memory_order_acquire);
  }
  static void write(std::uint16_t& slot, std::uint16_t value) noexcept {
    std::atomic_ref<std::uint16_t>(slot).store(value, std::memory_order_release);
  }
  std::uint16_t& group_slot(std::uint16_t slot, std::uint32_t address) const noexcept {
    return groups_[(slot & (kGroupBit - 1U)) * kGroupSlots + (address & 0xff)];
  }
  template <typename Address>
  void lookup_all(std::span<const Address> addresses, std::span<NextHopIndex> results) const noexcept;

  std::uint16_t* slots_;
  std::uint16_t* groups_;
  std::uint32_t group_count_;
  std::atomic<NextHopIndex> default_next_hop_{kNoRouteIndex};
};

}  // namespace culvert
