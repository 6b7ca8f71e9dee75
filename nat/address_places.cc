// SPDX-License-Identifier: Apache-2.0
#include "nat/address_places.h"

#include <algorithm>
#include <iterator>

#include "base/hash.h"

namespace culvert {
namespace {

/// A place with more addresses lets everything pass the filter.
constexpr std::uint64_t kMostInFilter = 1024;

}  // namespace

std::uint32_t AddressPlaces::bit_of(const AddressNumber& address) noexcept {
  // Who knows the rules gains nothing by addresses that pass: they cost a search. So no secret is needed.
  std::uint64_t state = address.low ^ address.high * 3;
  return static_cast<std::uint32_t>(splitmix64(state) >> (64 - kFilterBits));
}

AddressPlaces::AddressPlaces(std::span<const Place> places, std::span<const std::uint32_t> numbers) noexcept
    : places_(places), numbers_(numbers) {
  for (const Place& place : places) {
    const NatRange& range = place.range;
    if (range.first.high != range.last.high || range.last.low - range.first.low >= kMostInFilter) {
      filter_.fill(~std::uint64_t{0});
      return;
    }
    for (std::uint64_t low = range.first.low;; ++low) {
      const std::uint32_t bit = bit_of({range.first.high, low});
      filter_[bit / 64] |= std::uint64_t{1} << bit % 64;
      if (low == range.last.low) break;
    }
  }
}

std::span<const std::uint32_t> AddressPlaces::at(const AddressNumber& address) const noexcept {
  const std::uint32_t bit = bit_of(address);
  if ((filter_[bit / 64] >> bit % 64 & 1) == 0) return {};
  const auto behind =
      std::upper_bound(places_.begin(), places_.end(), address,
                       [](const AddressNumber& number, const Place& place) { return number < place.range.first; });
  if (behind == places_.begin() || std::prev(behind)->range.last < address) return {};
  const Place& place = *std::prev(behind);
  return numbers_.subspan(place.begin, place.end - place.begin);
}

}  // namespace culvert
