// SPDX-License-Identifier: Apache-2.0
// The rules of a DestinationNat with all that it needs. Control makes it; it never changes.
#pragma once

#include <array>
#include <vector>

#include "nat/destination_nat.h"

namespace culvert {

class DestinationTable {
 public:
  DestinationTable() = default;
  /// In order. What they point to outlives it.
  explicit DestinationTable(std::vector<DestinationRule> rules);
  DestinationTable(const DestinationTable&) = delete;
  DestinationTable& operator=(const DestinationTable&) = delete;

  const DestinationNat& nat() const noexcept { return nat_; }

 private:
  struct Memory {
    std::vector<AddressPlaces::Place> places;
    std::vector<std::uint32_t> numbers;
  };

  AddressPlaces places_of(bool ipv6, bool inside, Memory& memory) const;

  std::vector<DestinationRule> rules_;
  std::array<Memory, 2> outside_, inside_;  ///< by family, IPv4 first
  DestinationNat nat_;
};

}  // namespace culvert
