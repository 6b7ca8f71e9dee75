// SPDX-License-Identifier: Apache-2.0
// The two address families as the templates of the compiler see them: addresses are integers in host order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "policy/policy_key.h"
#include "policy/rules.h"

namespace culvert {

__extension__ using Address6 = unsigned __int128;

template <typename Address>
struct AddressRange {
  Address first = 0;
  Address last = 0;  ///< included

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

struct FamilyV4 {
  using Prefix = Prefix4;
  using Address = std::uint32_t;

  static const std::vector<Prefix>& of(const PrefixSet& set) noexcept { return set.ipv4; }
  static AddressRange<Address> range(const Prefix& prefix) noexcept {
    return {prefix.bits, prefix.bits | ~Prefix4::mask(prefix.length)};
  }
};

struct FamilyV6 {
  using Prefix = Prefix6;
  using Address = Address6;

  static const std::vector<Prefix>& of(const PrefixSet& set) noexcept { return set.ipv6; }
  static AddressRange<Address> range(const Prefix& prefix) noexcept {
    const Address first = Address{prefix.high} << 64 | prefix.low;
    return {first, prefix.length == 0 ? ~Address{0} : first | ~(~Address{0} << (128U - prefix.length))};
  }
};

/// Sorts prefixes and drops those that another one covers, so that what is left is apart and ascends.
template <typename Family>
void keep_outer(std::vector<typename Family::Prefix>& prefixes) {
  std::sort(prefixes.begin(), prefixes.end());  // by bits, then by length: an outer prefix comes before what it covers
  std::size_t kept = 0;
  for (const auto& prefix : prefixes) {
    if (kept > 0 && Family::range(prefix).last <= Family::range(prefixes[kept - 1]).last) continue;
    prefixes[kept++] = prefix;
  }
  prefixes.resize(kept);
}

/// The ranges of prefixes that are apart and ascend; ranges that touch become one.
template <typename Family>
std::vector<AddressRange<typename Family::Address>> ranges_of(const std::vector<typename Family::Prefix>& prefixes) {
  std::vector<AddressRange<typename Family::Address>> ranges;
  for (const auto& prefix : prefixes) {
    const auto range = Family::range(prefix);
    if (!ranges.empty() && ranges.back().last + 1 == range.first) {
      ranges.back().last = range.last;
    } else {
      ranges.push_back(range);
    }
  }
  return ranges;
}

}  // namespace culvert
