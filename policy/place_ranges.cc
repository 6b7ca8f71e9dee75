// SPDX-License-Identifier: Apache-2.0
#include "policy/place_ranges.h"

#include <bit>
#include <utility>

#include "base/check.h"

namespace culvert {
namespace {

template <typename Address>
struct PrefixChange {
  Address at;
  std::uint32_t number;  ///< of the longest prefix from here on
};

/// Prefixes nest, so a stack of those that are open knows which one goes on when one ends.
template <typename Family>
auto prefix_changes(const PrefixNumbers<Family>& prefixes) {
  using Address = typename Family::Address;
  std::vector<PrefixChange<Address>> changes;
  changes.reserve(2 * std::size_t{prefixes.count()} + 1);
  const auto change = [&changes](Address at, std::uint32_t number) {
    if (!changes.empty() && changes.back().at == at) changes.pop_back();
    changes.push_back({at, number});
  };
  change(0, 0);
  std::uint32_t open = 0;
  // Returns the prefix around it, which goes on.
  const auto close = [&](std::uint32_t number) {
    const Address last = prefixes.range(number).last;
    const std::uint32_t outer = prefixes.outer(number);
    if (last != static_cast<Address>(~Address{0})) change(last + 1, outer);
    return outer;
  };
  for (std::uint32_t number = 1; number <= prefixes.count(); ++number) {
    while (open != prefixes.outer(number)) open = close(open);
    change(prefixes.range(number).first, number);
    open = number;
  }
  while (open != 0) open = close(open);
  return changes;
}

}  // namespace

template <typename Family>
PlaceRanges<typename Family::Address> place_ranges(
    const PrefixNumbers<Family>& prefixes, const std::vector<CombinationChange<typename Family::Address>>& changes) {
  using Address = typename Family::Address;
  const auto numbers = prefix_changes(prefixes);
  PlaceRanges<Address> ranges;
  ranges.begins.reserve(numbers.size() + changes.size());
  ranges.places.reserve(numbers.size() + changes.size());
  AddressPlace place;
  for (std::size_t n = 0, c = 0; n < numbers.size() || c < changes.size();) {
    const bool is_prefix = c == changes.size() || (n < numbers.size() && numbers[n].at <= changes[c].at);
    const Address at = is_prefix ? numbers[n].at : changes[c].at;
    if (n < numbers.size() && numbers[n].at == at) place.prefix = numbers[n++].number;
    if (c < changes.size() && changes[c].at == at) place.sets = changes[c++].combination;
    if (!ranges.places.empty() && ranges.places.back() == place) continue;
    ranges.begins.push_back(at);
    ranges.places.push_back(place);
  }
  CULVERT_CHECK(ranges.begins.front() == 0);
  return ranges;
}

template PlaceRanges<std::uint32_t> place_ranges(const PrefixNumbers<FamilyV4>&,
                                                 const std::vector<CombinationChange<std::uint32_t>>&);
template PlaceRanges<Address6> place_ranges(const PrefixNumbers<FamilyV6>&,
                                            const std::vector<CombinationChange<Address6>>&);

IndexArrays4::IndexArrays4(PlaceRanges<std::uint32_t> ranges)
    : buckets(AddressIndex4::kBuckets / 64), places(std::move(ranges.places)) {
  lows.reserve(ranges.begins.size() + AddressIndex4::kAtOnce);
  for (const std::uint32_t begin : ranges.begins) {
    const std::uint32_t bucket = begin >> 16;
    std::uint64_t& occupied = buckets[bucket / 64].occupied;
    if ((occupied >> bucket % 64 & 1) == 0) begins.push_back(static_cast<std::uint32_t>(lows.size()));
    occupied |= std::uint64_t{1} << bucket % 64;
    lows.push_back(static_cast<std::uint16_t>(begin));
  }
  // An address behind the last occupied bucket looks at the number of ranges, too.
  begins.push_back(static_cast<std::uint32_t>(lows.size()));
  lows.resize(lows.size() + AddressIndex4::kAtOnce, 0xffff);
  std::uint64_t before = 0;
  for (AddressIndex4::Buckets& some : buckets) {
    some.before = before;
    before += static_cast<unsigned>(std::popcount(some.occupied));
  }
}

IndexArrays6::IndexArrays6(const PlaceRanges<Address6>& ranges) {
  std::vector<std::uint64_t> highs;
  const auto append = [this](std::uint64_t low, const AddressPlace& place) {
    lows.push_back(low);
    places.push_back(place);
  };
  for (std::size_t i = 0; i < ranges.begins.size(); ++i) {
    const auto high = static_cast<std::uint64_t>(ranges.begins[i] >> 64);
    const auto low = static_cast<std::uint64_t>(ranges.begins[i]);
    if (highs.empty() || highs.back() != high) {
      highs.push_back(high);
      firsts.push_back(static_cast<std::uint32_t>(lows.size()));
      if (low != 0) append(0, ranges.places[i - 1]);
    }
    append(low, ranges.places[i]);
  }
  firsts.push_back(static_cast<std::uint32_t>(lows.size()));

  // From the last level up: every 16th key is one of the level above.
  std::vector<std::vector<std::uint64_t>> upward = {std::move(highs)};
  while (upward.back().size() > AddressIndex6::kFanOut) {
    std::vector<std::uint64_t> above;
    for (std::size_t i = 0; i < upward.back().size(); i += AddressIndex6::kFanOut) above.push_back(upward.back()[i]);
    upward.push_back(std::move(above));
  }
  for (; !upward.empty(); upward.pop_back()) append_level(std::move(upward.back()));
}

void IndexArrays6::append_level(std::vector<std::uint64_t> level) {
  CULVERT_CHECK(level_count < levels.size());
  levels[level_count++] = {static_cast<std::uint32_t>(keys.size()), static_cast<std::uint32_t>(level.size())};
  const std::size_t padded = (level.size() + AddressIndex6::kFanOut - 1) / AddressIndex6::kFanOut;
  level.resize(padded * AddressIndex6::kFanOut, ~std::uint64_t{0});
  keys.insert(keys.end(), level.begin(), level.end());
}

}  // namespace culvert
