// SPDX-License-Identifier: Apache-2.0
#include "nat/destination_table.h"

#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace culvert {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

/// Nothing behind the last one of all.
std::optional<AddressNumber> behind(const AddressNumber& address) {
  if (address.low != kMost) return AddressNumber{address.high, address.low + 1};
  if (address.high == kMost) return std::nullopt;
  return AddressNumber{address.high + 1, 0};
}

AddressNumber before(const AddressNumber& address) {
  return {address.low == 0 ? address.high - 1 : address.high, address.low - 1};
}

}  // namespace

DestinationTable::DestinationTable(std::vector<DestinationRule> rules) : rules_(std::move(rules)) {
  DestinationNat::Places outside, inside;
  for (const bool ipv6 : {false, true}) {
    const std::size_t family = ipv6 ? 1 : 0;
    outside[family] = places_of(ipv6, false, outside_[family]);
    inside[family] = places_of(ipv6, true, inside_[family]);
  }
  nat_ = DestinationNat(rules_, outside, inside);
}

AddressPlaces DestinationTable::places_of(bool ipv6, bool inside, Memory& memory) const {
  // Where rules begin and end; between two such addresses they are the same ones.
  struct Change {
    std::vector<std::uint32_t> begin, end;
  };
  std::map<AddressNumber, Change> changes;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].ipv6 != ipv6) continue;
    const NatRange& range = inside ? rules_[i].addresses.inside() : rules_[i].addresses.outside();
    if (range.last < range.first) continue;  // nowhere
    const auto number = static_cast<std::uint32_t>(i);
    changes[range.first].begin.push_back(number);
    if (const auto end = behind(range.last)) changes[*end].end.push_back(number);
  }
  std::set<std::uint32_t> here;
  for (auto change = changes.begin(); change != changes.end(); ++change) {
    for (const std::uint32_t number : change->second.end) here.erase(number);
    here.insert(change->second.begin.begin(), change->second.begin.end());
    if (here.empty()) continue;
    const auto next = std::next(change);
    const AddressNumber last = next != changes.end() ? before(next->first) : AddressNumber{kMost, kMost};
    const auto begin = static_cast<std::uint32_t>(memory.numbers.size());
    memory.numbers.insert(memory.numbers.end(), here.begin(), here.end());
    memory.places.push_back({{change->first, last}, begin, static_cast<std::uint32_t>(memory.numbers.size())});
  }
  return {memory.places, memory.numbers};
}

}  // namespace culvert
