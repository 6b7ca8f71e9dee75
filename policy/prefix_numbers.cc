// SPDX-License-Identifier: Apache-2.0
#include "policy/prefix_numbers.h"

#include <algorithm>

namespace culvert {

template <typename Family>
PrefixNumbers<Family>::PrefixNumbers(const FamilyLists<Family>& lists, const std::vector<bool>& wanted) {
  std::vector<Named> named = collect(lists, wanted);
  std::sort(named.begin(), named.end(), [](const Named& a, const Named& b) {
    return a.range.first != b.range.first ? a.range.first < b.range.first : a.range.last > b.range.last;
  });
  numbers_.resize(named.size());
  ranges_.reserve(named.size() + 1);
  ranges_.push_back({0, static_cast<Address>(~Address{0})});
  for (const Named& prefix : named) {
    if (ranges_.size() == 1 || ranges_.back() != prefix.range) ranges_.push_back(prefix.range);
    numbers_[prefix.slot] = static_cast<std::uint32_t>(ranges_.size() - 1);
  }
  nest();
}

template <typename Family>
auto PrefixNumbers<Family>::collect(const FamilyLists<Family>& lists, const std::vector<bool>& wanted)
    -> std::vector<Named> {
  std::vector<Named> named;
  begins_.reserve(lists.size() + 1);
  begins_.push_back(0);
  for (ListIndex list = 0; list < lists.size(); ++list) {
    if (wanted[list]) {
      for (const auto& prefix : lists.few(list))
        named.push_back({Family::range(prefix), static_cast<std::uint32_t>(named.size())});
    }
    begins_.push_back(static_cast<std::uint32_t>(named.size()));
  }
  return named;
}

template <typename Family>
void PrefixNumbers<Family>::nest() {
  outer_.resize(ranges_.size());
  last_inside_.resize(ranges_.size());
  std::vector<std::uint32_t> open = {0};  // the prefixes that the current one is inside, outer ones first
  const auto close = [&](std::uint32_t last) {
    last_inside_[open.back()] = last;
    open.pop_back();
  };
  for (std::uint32_t number = 1; number <= count(); ++number) {
    while (ranges_[open.back()].last < ranges_[number].first) close(number - 1);
    outer_[number] = open.back();
    open.push_back(number);
  }
  while (!open.empty()) close(count());
}

template class PrefixNumbers<FamilyV4>;
template class PrefixNumbers<FamilyV6>;

}  // namespace culvert
