// SPDX-License-Identifier: Apache-2.0
// The ranges of addresses that mean the same to every rule, and the arrays in which AddressIndex4 and AddressIndex6
// find them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "policy/address_index.h"
#include "policy/address_sets.h"
#include "policy/prefix_numbers.h"

namespace culvert {

/// Ascending; the first begins at 0, and neighbours differ.
template <typename Address>
struct PlaceRanges {
  std::vector<Address> begins;
  std::vector<AddressPlace> places;
};

template <typename Family>
PlaceRanges<typename Family::Address> place_ranges(
    const PrefixNumbers<Family>& prefixes, const std::vector<CombinationChange<typename Family::Address>>& changes);

/// What AddressIndex4::Arrays looks at.
struct IndexArrays4 {
  explicit IndexArrays4(PlaceRanges<std::uint32_t> ranges);

  std::vector<AddressIndex4::Buckets> buckets;
  std::vector<std::uint32_t> begins;
  std::vector<std::uint16_t> lows;
  std::vector<AddressPlace> places;
};

/// What AddressIndex6::Arrays looks at.
struct IndexArrays6 {
  explicit IndexArrays6(const PlaceRanges<Address6>& ranges);

  std::vector<std::uint64_t> keys;
  std::array<AddressIndex6::Level, AddressIndex6::kMaxLevels> levels{};
  std::size_t level_count = 0;
  std::vector<std::uint32_t> firsts;
  std::vector<std::uint64_t> lows;
  std::vector<AddressPlace> places;

 private:
  void append_level(std::vector<std::uint64_t> level);
};

}  // namespace culvert
