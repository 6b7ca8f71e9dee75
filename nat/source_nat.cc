// SPDX-License-Identifier: Apache-2.0
#include "nat/source_nat.h"

#include <algorithm>
#include <type_traits>

namespace culvert {
namespace {

bool zones_fit(const SourceRule& rule, std::uint8_t from, std::uint8_t to) noexcept {
  return (rule.from >> from & 1) != 0 && (rule.to >> to & 1) != 0;
}

}  // namespace

bool NatPool::has(std::size_t slot) const noexcept {
  return std::binary_search(slots.begin(), slots.end(), slot);
}

template <typename Tuple>
const SourceRule* SourceNat::find(const Tuple& key, std::uint8_t from, std::uint8_t to) const noexcept {
  for (const SourceRule& rule : rules) {
    if (rule.ipv6 != std::is_same_v<Tuple, FiveTuple6> || !zones_fit(rule, from, to)) continue;
    if (!rule.any_source && !holds(rule.sources, AddressNumber::of(key.source))) continue;
    if (!rule.any_destination && !holds(rule.destinations, AddressNumber::of(key.destination))) continue;
    return &rule;
  }
  return nullptr;
}

template const SourceRule* SourceNat::find(const FiveTuple4&, std::uint8_t, std::uint8_t) const noexcept;
template const SourceRule* SourceNat::find(const FiveTuple6&, std::uint8_t, std::uint8_t) const noexcept;

}  // namespace culvert
