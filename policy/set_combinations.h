// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace culvert {

/// Number of an address set within one direction and family.
using SetNumber = std::uint32_t;
inline constexpr SetNumber kNoSet = 0xffffffff;

/// Which sets hold an address. However many prefixes the sets have, their combinations are few: that of an address is
/// part of its place, and a rule's set is looked for in the combination's members, which are few as well. Combination 0
/// has none.
class SetCombinations {
 public:
  /// `begins` has one more than there are combinations; `members` of each ascend.
  SetCombinations(std::span<const std::uint32_t> begins, std::span<const SetNumber> members) noexcept
      : begins_(begins), members_(members) {}

  bool holds(std::uint32_t combination, SetNumber set) const noexcept {
    const SetNumber* members = members_.data();
    return std::binary_search(members + begins_[combination], members + begins_[combination + 1], set);
  }

 private:
  std::span<const std::uint32_t> begins_;
  std::span<const SetNumber> members_;
};

}  // namespace culvert
