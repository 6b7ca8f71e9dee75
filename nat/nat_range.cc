// SPDX-License-Identifier: Apache-2.0
#include "nat/nat_range.h"

#include <algorithm>
#include <iterator>

namespace culvert {

bool holds(std::span<const NatRange> ranges, const AddressNumber& address) noexcept {
  const auto behind =
      std::upper_bound(ranges.begin(), ranges.end(), address,
                       [](const AddressNumber& number, const NatRange& range) { return number < range.first; });
  return behind != ranges.begin() && address <= std::prev(behind)->last;
}

}  // namespace culvert
