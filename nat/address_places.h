// SPDX-License-Identifier: Apache-2.0
// Which of numbered ranges hold an address: a sorted array of places, and a filter that says of most addresses that
// none does.
//
//   ranges  0: 198.18.1.1 to 198.18.1.9    1: 198.18.1.5
//   places  198.18.1.1 to .4: 0    198.18.1.5: 0, 1    198.18.1.6 to .9: 0
//
// Control makes it, of one family (control/nat/destination_rules.h); it never changes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "nat/nat_range.h"

namespace culvert {

class AddressPlaces {
 public:
  struct Place {
    NatRange range;
    std::uint32_t begin = 0, end = 0;  ///< in the numbers, those of the ranges that hold it
  };

  constexpr AddressPlaces() noexcept = default;
  /// Places are sorted and apart from each other. Both outlive it.
  AddressPlaces(std::span<const Place> places, std::span<const std::uint32_t> numbers) noexcept;

  /// As the builder has ordered them.
  std::span<const std::uint32_t> at(const AddressNumber& address) const noexcept;
  bool empty() const noexcept { return places_.empty(); }

 private:
  static constexpr unsigned kFilterBits = 12;

  static std::uint32_t bit_of(const AddressNumber& address) noexcept;

  std::span<const Place> places_;
  std::span<const std::uint32_t> numbers_;
  std::array<std::uint64_t, (1U << kFilterBits) / 64> filter_{};  ///< a bit that is not set: none has such an address
};

}  // namespace culvert
