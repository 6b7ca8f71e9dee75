// SPDX-License-Identifier: Apache-2.0
// Ranges of addresses, as NAT's rules name them.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <span>

#include "packet/address.h"

namespace culvert {

/// An address as a number, so that ranges compare.
struct AddressNumber {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static AddressNumber of(Ipv4Address address) noexcept { return {0, address.value.host()}; }
  static AddressNumber of(const Ipv6Address& address) noexcept {
    return {byte_swap(address.high()), byte_swap(address.low())};
  }
  void put_into(Ipv4Address& address) const noexcept { address.value = Be32(static_cast<std::uint32_t>(low)); }
  void put_into(Ipv6Address& address) const noexcept {
    const std::uint64_t halves[] = {byte_swap(high), byte_swap(low)};
    std::memcpy(address.bytes.data(), halves, sizeof(halves));
  }
  friend constexpr auto operator<=>(const AddressNumber&, const AddressNumber&) noexcept = default;
};

/// Of a rule: none of a worker's counters counts what it has decided.
inline constexpr std::uint16_t kNoNatCounter = 0xffff;

/// From `first` to `last`, both included. Of a list of them each begins behind the end of the one before.
struct NatRange {
  AddressNumber first, last;

  constexpr bool holds(const AddressNumber& address) const noexcept { return first <= address && address <= last; }
  friend constexpr bool operator==(const NatRange&, const NatRange&) noexcept = default;
};

bool holds(std::span<const NatRange> ranges, const AddressNumber& address) noexcept;

}  // namespace culvert
