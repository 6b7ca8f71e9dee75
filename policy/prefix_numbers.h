// SPDX-License-Identifier: Apache-2.0
// The prefixes under which rules stand, of one direction and family, numbered from 1 in the order of their first
// addresses, outer ones first. So the prefixes inside number n are the numbers that follow it: 198.18.0.0/15 is 1,
// 198.18.7.0/24 inside it 2, 198.19.0.0/16 inside it 3, and 192.0.2.0/24 would have come before them all. Number 0 is
// every other address.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policy/address_lists.h"
#include "policy/family.h"

namespace culvert {

template <typename Family>
class PrefixNumbers {
 public:
  using Address = typename Family::Address;

  /// Of the lists of few prefixes that are `wanted` (by ListIndex).
  PrefixNumbers(const FamilyLists<Family>& lists, const std::vector<bool>& wanted);

  /// The highest number.
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(ranges_.size() - 1); }
  /// Of a list's prefixes, ascending.
  std::span<const std::uint32_t> of_list(ListIndex list) const noexcept {
    return std::span(numbers_).subspan(begins_[list], begins_[list + 1] - begins_[list]);
  }
  const AddressRange<Address>& range(std::uint32_t number) const noexcept { return ranges_[number]; }
  /// The next outer prefix; 0: none.
  std::uint32_t outer(std::uint32_t number) const noexcept { return outer_[number]; }
  /// The last number inside; itself when there is none.
  std::uint32_t last_inside(std::uint32_t number) const noexcept { return last_inside_[number]; }
  /// In how many places a rule is found that stands under it.
  std::uint32_t places(std::uint32_t number) const noexcept { return last_inside_[number] - number + 1; }

 private:
  struct Named {
    AddressRange<Address> range;
    std::uint32_t slot;  ///< in numbers_
  };

  std::vector<Named> collect(const FamilyLists<Family>& lists, const std::vector<bool>& wanted);
  void nest();

  std::vector<std::uint32_t> begins_;
  std::vector<std::uint32_t> numbers_;
  std::vector<AddressRange<Address>> ranges_;
  std::vector<std::uint32_t> outer_;
  std::vector<std::uint32_t> last_inside_;
};

}  // namespace culvert
