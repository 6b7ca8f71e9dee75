// SPDX-License-Identifier: Apache-2.0
#include "test/policy/reference_policy.h"

#include <algorithm>

namespace culvert::test {
namespace {

template <typename Ranges>
void add_range(Ranges& ranges, AddressBytes address, unsigned fixed_bits) {
  auto last = address;
  for (unsigned bit = fixed_bits; bit < 128; ++bit)
    last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | 0x80U >> bit % 8);
  ranges.push_back({address, last, last});
}

template <typename Ranges>
void finish(Ranges& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i) ranges[i].reach = std::max(ranges[i].last, ranges[i - 1].reach);
}

template <typename Ranges>
bool includes(const Ranges& ranges, const AddressBytes& address) {
  const auto behind =
      std::upper_bound(ranges.begin(), ranges.end(), address,
                       [](const AddressBytes& wanted, const auto& range) { return wanted < range.first; });
  return behind != ranges.begin() && address <= (behind - 1)->reach;
}

template <typename Sets>
bool in_any(const Sets& sets, const std::vector<std::uint32_t>& wanted, const AddressBytes& address) {
  if (wanted.empty()) return true;
  for (const std::uint32_t set : wanted)
    if (includes(sets[set], address)) return true;
  return false;
}

bool serves(const ServiceMatch& service, const PolicyKey& key) {
  if (service.any_protocol) return true;
  if (service.protocol != key.protocol) return false;
  if (key.source_port < service.source.first || key.source_port > service.source.last) return false;
  return key.destination_port >= service.destination.first && key.destination_port <= service.destination.last;
}

}  // namespace

AddressBytes bytes_of_address(const PolicyKey::Address& address) {
  AddressBytes bytes{};
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(address.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(address.low >> (56 - 8 * i));
  }
  return bytes;
}

ReferencePolicy::ReferencePolicy(const RuleSet& rules) : rules_(rules) {
  for (const PrefixSet& set : rules.prefixes) {
    auto& ipv4 = ipv4_.sets.emplace_back();
    for (const Prefix4& prefix : set.ipv4) add_range(ipv4, bytes_of_address({0, prefix.bits}), 96U + prefix.length);
    finish(ipv4);
    auto& ipv6 = ipv6_.sets.emplace_back();
    for (const Prefix6& prefix : set.ipv6) add_range(ipv6, bytes_of_address({prefix.high, prefix.low}), prefix.length);
    finish(ipv6);
  }
}

RuleIndex ReferencePolicy::decide(const PolicyKey& key) const {
  if (key.network == NetworkKind::kNone) return kDefaultRule;
  const AddressBytes source = bytes_of_address(key.source);
  const AddressBytes destination = bytes_of_address(key.destination);
  const Family& family = key.network == NetworkKind::kIpv4 ? ipv4_ : ipv6_;
  for (std::size_t i = 0; i < rules_.rules.size(); ++i)
    if (matches(rules_.rules[i], key, source, destination, family)) return static_cast<RuleIndex>(i);
  return kDefaultRule;
}

bool ReferencePolicy::matches(const Rule& rule, const PolicyKey& key, const AddressBytes& source,
                              const AddressBytes& destination, const Family& family) const {
  if (!rule.enabled) return false;
  if ((rule.from & ZoneMask{1} << key.from) == 0 || (rule.to & ZoneMask{1} << key.to) == 0) return false;
  bool served = rule.services.empty();
  for (const ServiceMatch& service : rule.services) served = served || serves(service, key);
  return served && in_any(family.sets, rule.sources, source) && in_any(family.sets, rule.destinations, destination);
}

}  // namespace culvert::test
