// SPDX-License-Identifier: Apache-2.0
#include "test/policy/random_policy.h"

#include <algorithm>
#include <array>

#include "packet/ipv4.h"

namespace culvert::test {
namespace {

constexpr std::array<std::uint16_t, 8> kPorts = {0, 22, 53, 80, 443, 8080, 65534, 65535};
constexpr std::array<std::uint8_t, 8> kProtocols = {kProtocolTcp,  kProtocolTcp,    kProtocolTcp, kProtocolUdp,
                                                    kProtocolIcmp, kProtocolIcmpv6, 47,           255};

bool is_icmp(std::uint8_t protocol) {
  return protocol == kProtocolIcmp || protocol == kProtocolIcmpv6;
}

}  // namespace

RandomPolicy::RandomPolicy(const PolicyShape& shape, std::uint64_t seed) : shape_(shape), random_(seed) {
  for (unsigned i = 0; i < shape_.homes; ++i) {
    homes4_.push_back({0, random_() >> 32});
    homes6_.push_back({random_(), random_()});
  }
  for (std::size_t i = 0; i < shape_.sets; ++i) {
    const bool is_large = i + shape_.large_sets >= shape_.sets;
    rules_.prefixes.push_back(random_set(is_large    ? shape_.large_size
                                         : chance(5) ? 0
                                                     : 1 + below(chance(80) ? 2 : 40)));
  }
  for (std::size_t i = 0; i < shape_.rules; ++i) rules_.rules.push_back(random_rule(i));
  rules_.default_action = static_cast<RuleAction>(below(3));
  rules_.log_default = chance(50);
}

auto RandomPolicy::random_address(NetworkKind network) -> Address {
  const bool is_4 = network == NetworkKind::kIpv4;
  Address address = is_4 ? homes4_[below(homes4_.size())] : homes6_[below(homes6_.size())];
  for (std::uint64_t flips = below(12); flips > 0; --flips) {
    const std::uint64_t bit = below(is_4 ? 32 : 128);
    (bit < 64 ? address.low : address.high) ^= std::uint64_t{1} << bit % 64;
  }
  return address;
}

PrefixSet RandomPolicy::random_set(std::size_t size) {
  PrefixSet set;
  for (std::size_t i = 0; i < size; ++i) {
    // Short prefixes seldom: they would cover everything else, and make a large set nothing but them.
    const bool any_length = size < 50 && chance(3);
    const auto length4 = static_cast<unsigned>(any_length ? below(33) : 12 + below(21));
    const auto length6 = static_cast<unsigned>(any_length ? below(129) : 24 + below(105));
    const Address address4 = random_address(NetworkKind::kIpv4);
    const Address address6 = random_address(NetworkKind::kIpv6);
    if (!chance(5)) set.ipv4.emplace_back(static_cast<std::uint32_t>(address4.low), length4);
    if (!chance(5)) set.ipv6.emplace_back(address6.high, address6.low, length6);
  }
  return set;
}

Rule RandomPolicy::random_rule(std::size_t position) {
  Rule rule;
  rule.enabled = !chance(5);
  const auto any = static_cast<unsigned>(2 * shape_.any_percent * (position + 1) / shape_.rules);
  rule.sources = random_side(any);
  rule.destinations = random_side(any);
  rule.from = random_zones();
  rule.to = random_zones();
  // A rule for everything would end the policy.
  const bool may_be_any = !rule.sources.empty() || !rule.destinations.empty();
  for (std::uint64_t lines = may_be_any && chance(any) ? 0 : 1 + below(3); lines > 0; --lines)
    rule.services.push_back(random_service());
  rule.action = static_cast<RuleAction>(below(3));
  rule.log_open = chance(50);
  rule.log_close = chance(50);
  return rule;
}

std::vector<std::uint32_t> RandomPolicy::random_side(unsigned any_percent) {
  std::vector<std::uint32_t> sets;
  if (chance(any_percent)) return sets;
  const std::size_t small = shape_.sets - shape_.large_sets;
  const bool is_large = shape_.large_sets > 0 && chance(shape_.large_percent);
  for (std::uint64_t count = chance(80) ? 1 : 2 + below(2); count > 0; --count) {
    const bool this_large = shape_.large_sets > 0 && is_large && chance(70);
    sets.push_back(static_cast<std::uint32_t>(this_large ? small + below(shape_.large_sets) : below(small)));
  }
  return sets;
}

ServiceMatch RandomPolicy::random_service() {
  ServiceMatch service;
  service.any_protocol = chance(10);
  service.protocol = kProtocols[below(kProtocols.size())];
  if (is_icmp(service.protocol)) {
    const auto type = static_cast<std::uint16_t>(below(4) << 8);
    const auto code = static_cast<std::uint16_t>(below(2));
    service.destination =
        chance(50) ? PortRange{type, static_cast<std::uint16_t>(type | 255U)}
                   : PortRange{static_cast<std::uint16_t>(type | code), static_cast<std::uint16_t>(type | code)};
  } else {
    if (chance(80)) service.destination = random_ports();
    if (chance(15)) service.source = random_ports();
  }
  return service;
}

PortRange RandomPolicy::random_ports() {
  const std::uint16_t one = kPorts[below(kPorts.size())];
  const auto other = static_cast<std::uint16_t>(chance(50) ? kPorts[below(kPorts.size())] : random_());
  return chance(60) ? PortRange{one, one} : PortRange{std::min(one, other), std::max(one, other)};
}

ZoneMask RandomPolicy::random_zones() {
  if (shape_.zones == 1 || chance(20)) return kAllZones;
  ZoneMask mask = 0;
  // Zones are spread so that the highest takes part.
  for (std::uint64_t count = 1 + below(2); count > 0; --count)
    mask |= ZoneMask{1} << below(shape_.zones) * (kMaxZones - 1) / (shape_.zones - 1);
  return mask;
}

PolicyKey RandomPolicy::random_key() {
  PolicyKey key;
  key.network = chance(50) ? NetworkKind::kIpv4 : NetworkKind::kIpv6;
  key.from = zone_within(random_zones());
  key.to = zone_within(random_zones());
  key.protocol = kProtocols[below(kProtocols.size())];
  if (!is_icmp(key.protocol)) key.source_port = static_cast<std::uint16_t>(random_());
  key.destination_port = kPorts[below(kPorts.size())];
  key.source = random_address(key.network);
  key.destination = random_address(key.network);
  return key;
}

PolicyKey RandomPolicy::key_within(const Rule& rule) {
  PolicyKey key = random_key();
  key.from = zone_within(rule.from);
  key.to = zone_within(rule.to);
  key.source = address_within(rule.sources, key.network);
  key.destination = address_within(rule.destinations, key.network);
  if (rule.services.empty()) return key;
  const ServiceMatch& service = rule.services[below(rule.services.size())];
  if (service.any_protocol) return key;
  key.protocol = service.protocol;
  key.source_port = is_icmp(service.protocol) ? std::uint16_t{0} : port_within(service.source);
  key.destination_port = port_within(service.destination);
  return key;
}

auto RandomPolicy::address_within(const std::vector<std::uint32_t>& sets, NetworkKind network) -> Address {
  const Address any = random_address(network);
  if (sets.empty()) return any;
  const PrefixSet& set = rules_.prefixes[sets[below(sets.size())]];
  // The first address, the last, one of them but for a bit, or any.
  const std::uint64_t where = below(5);
  const std::uint64_t fill = where == 0 ? 0 : where == 1 ? ~std::uint64_t{0} : random_();
  const std::uint64_t odd = where == 2 ? 1 : 0;
  if (network == NetworkKind::kIpv4) {
    if (set.ipv4.empty()) return any;
    const Prefix4& prefix = set.ipv4[below(set.ipv4.size())];
    return {0, (prefix.bits | (fill & ~Prefix4::mask(prefix.length) & 0xffffffff)) ^ odd};
  }
  if (set.ipv6.empty()) return any;
  const Prefix6& prefix = set.ipv6[below(set.ipv6.size())];
  const std::uint64_t low_mask = prefix.length > 64 ? Prefix6::mask(prefix.length - 64U) : 0;
  return {prefix.high | (fill & ~Prefix6::mask(prefix.length)), (prefix.low | (fill & ~low_mask)) ^ odd};
}

std::uint16_t RandomPolicy::port_within(const PortRange& range) {
  const std::uint64_t where = below(3);
  if (where < 2) return where == 0 ? range.first : range.last;
  return static_cast<std::uint16_t>(range.first + below(std::uint64_t{range.last} - range.first + 1));
}

Zone RandomPolicy::zone_within(ZoneMask mask) {
  Zone zone = static_cast<Zone>(below(kMaxZones));
  while ((mask >> zone & 1) == 0) zone = static_cast<Zone>((zone + 1) % kMaxZones);
  return zone;
}

PolicyKey RandomPolicy::key() {
  if (chance(25)) return random_key();
  PolicyKey key = key_within(rules_.rules[below(rules_.rules.size())]);
  const PolicyKey other = random_key();
  switch (below(10)) {
    case 0:
      key.source = key.network == other.network ? other.source : key.source;
      break;
    case 1:
      key.destination = key.network == other.network ? other.destination : key.destination;
      break;
    case 2:
      key.from = other.from;
      break;
    case 3:
      ++key.destination_port;
      break;
    default:
      break;
  }
  return key;
}

}  // namespace culvert::test
