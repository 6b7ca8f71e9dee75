// SPDX-License-Identifier: Apache-2.0
#include "control/nat/nat_rules.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/bytes.h"
#include "base/check.h"
#include "config/service_members.h"

namespace culvert {
namespace {

IpAddress ip_address(const ConfigAddress& address) {
  if (address.is_ipv6) return IpAddress::from(Ipv6Address{address.bytes});
  return IpAddress::from(load<Ipv4Address>(address.bytes.data()));
}

AddressNumber number_of(const ConfigAddress& address) {
  if (address.is_ipv6) return AddressNumber::of(Ipv6Address{address.bytes});
  return AddressNumber::of(load<Ipv4Address>(address.bytes.data()));
}

/// So many low bits set.
AddressNumber ones(unsigned bits) {
  const auto low_bits = [](unsigned count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  };
  return {bits > 64 ? low_bits(bits - 64) : 0, low_bits(bits)};
}

NatRange range_of(const ConfigPrefix& prefix) {
  const AddressNumber address = number_of(prefix.address);
  const AddressNumber host = ones(prefix.address.bits() - prefix.length);
  return {{address.high & ~host.high, address.low & ~host.low}, {address.high | host.high, address.low | host.low}};
}

/// Sorted, and what overlaps is one.
std::vector<NatRange> merged(std::vector<NatRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const NatRange& a, const NatRange& b) { return a.first < b.first; });
  std::vector<NatRange> out;
  for (const NatRange& range : ranges) {
    if (!out.empty() && range.first <= out.back().last) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

/// The addresses of lists, by family; lists that say the same share theirs.
class Ranges {
 public:
  Ranges(const std::map<std::string, AddressSetConfig>& sets, std::deque<std::vector<NatRange>>& out)
      : sets_(sets), out_(out) {}

  std::span<const NatRange> of(const AddressList& list, bool ipv6) {
    const auto [known, is_new] = known_.emplace(std::tuple(list.names, list.values, ipv6), out_.size());
    if (is_new) {
      std::vector<NatRange> found;
      std::set<std::string> seen;
      add(list, ipv6, seen, found);
      out_.push_back(merged(std::move(found)));
    }
    return out_[known->second];
  }

 private:
  static void add(const std::vector<ConfigPrefix>& prefixes, bool ipv6, std::vector<NatRange>& found) {
    for (const ConfigPrefix& prefix : prefixes) {
      if (prefix.address.is_ipv6 == ipv6) found.push_back(range_of(prefix));
    }
  }
  void add(const AddressList& list, bool ipv6, std::set<std::string>& seen, std::vector<NatRange>& found) {
    add(list.values, ipv6, found);
    for (const std::string& name : list.names) {
      if (!seen.insert(name).second) continue;
      const AddressSetConfig& set = sets_.at(name);
      add(set.file.prefixes, ipv6, found);
      add(set.members, ipv6, seen, found);
    }
  }

  const std::map<std::string, AddressSetConfig>& sets_;
  std::deque<std::vector<NatRange>>& out_;
  std::map<std::tuple<std::vector<std::string>, std::vector<ConfigPrefix>, bool>, std::size_t> known_;
};

/// From `first` to `last`, both included and of one family.
void add_addresses(const AddressSpan& span, std::vector<IpAddress>& addresses) {
  const IpAddress last = ip_address(span.last);
  for (IpAddress address = ip_address(span.first); address <= last;) {
    addresses.push_back(address);
    if (address == last) return;
    if (++address.low == 0) ++address.high;
  }
}

void add_pools(const NatConfig& nat, NatRules& out) {
  for (const auto& [name, config] : nat.pools) {
    for (const bool ipv6 : {false, true}) {
      NatRules::Pool pool{name, ipv6, config.keep_port, {config.ports.first, config.ports.last}, {}};
      for (const AddressSpan& span : config.addresses) {
        if (span.first.is_ipv6 == ipv6) add_addresses(span, pool.addresses);
      }
      if (!pool.addresses.empty()) out.pools.push_back(std::move(pool));
    }
  }
}

NatRange range_of(const AddressSpan& span) {
  return {number_of(span.first), number_of(span.last)};
}

/// To one protocol, and its ports.
void narrow(DestinationRule& rule, const ServiceMatch& service, const std::optional<PortRange>& inside) {
  rule.any_protocol = service.any_protocol;
  rule.protocol = service.protocol;
  const auto kind = port_kind(service.protocol);
  rule.any_port =
      service.any_protocol || !kind.has_value() || *kind == PortKind::kIcmp || service.destination == PortRange{};
  rule.ports = {service.destination.first, service.destination.last};
  const PortRange to = inside.value_or(service.destination);
  rule.first_inside_port = to.first;
  rule.one_inside_port = to.first == to.last;
}

void add_destinations(const Config& config, const ZoneNumbers& zones, Ranges& ranges, NatRules& out) {
  for (const DestinationNatRuleConfig& from : config.nat->destination) {
    if (!from.enabled) {
      out.disabled.push_back(nat_counter_name(NatRuleKind::kDestination, from.name));
      continue;
    }
    ConfiguredDestination made{{}, from.destination.interface, from.name};
    DestinationRule& rule = made.rule;
    rule.ipv6 = from.translate.first.is_ipv6;
    rule.from = zones.mask_of(from.from);
    rule.any_source = from.source.empty();
    if (!rule.any_source) rule.sources = ranges.of(from.source, rule.ipv6);
    const NatRange inside = range_of(from.translate);
    const NatRange outside = from.destination.interface ? NatRange{} : range_of(from.destination.addresses);
    rule.addresses = inside.first == inside.last ? AddressMap::all_to_one(outside, inside.first)
                                                 : AddressMap::in_order(outside, inside);
    if (from.service.empty()) out.destinations.push_back(made);
    for (const ServiceMatch& service : members_of(config.policy->services, from.service)) {
      narrow(rule, service, from.port);
      out.destinations.push_back(made);
    }
  }
  for (const StaticNatRuleConfig& from : config.nat->static_rules) {
    if (!from.enabled) {
      out.disabled.push_back(nat_counter_name(NatRuleKind::kStatic, from.name));
      continue;
    }
    ConfiguredDestination made{{}, false, from.name};
    made.rule.ipv6 = from.external.first.is_ipv6;
    made.rule.from = zones.mask_of(from.outside);
    made.rule.both_ways = true;
    made.rule.addresses = from.checksum_neutral
                              ? AddressMap::neutral(range_of(from.external), range_of(from.internal),
                                                    prefix_length(from.external).value_or(0))
                              : AddressMap::in_order(range_of(from.external), range_of(from.internal));
    out.destinations.push_back(std::move(made));
  }
}

NatPoolIndex pool_named(const std::string& name, bool ipv6, const NatRules& out) {
  const auto found = std::find_if(out.pools.begin(), out.pools.end(), [&name, ipv6](const NatRules::Pool& pool) {
    return pool.name == name && pool.ipv6 == ipv6;
  });
  CULVERT_CHECK(found != out.pools.end());  // the check has seen that it is there
  return static_cast<NatPoolIndex>(found - out.pools.begin());
}

std::string counter_name(const ConfiguredDestination& one) {
  return nat_counter_name(one.rule.both_ways ? NatRuleKind::kStatic : NatRuleKind::kDestination, one.name);
}

}  // namespace

bool NatRules::follows_interfaces() const noexcept {
  return std::any_of(destinations.begin(), destinations.end(),
                     [](const ConfiguredDestination& one) { return one.interface; }) ||
         std::any_of(rules.begin(), rules.end(),
                     [](const SourceRule& rule) { return rule.action == SourceAction::kInterface; });
}

std::string_view nat_mapping_text(NatMapping mapping) noexcept {
  return mapping == NatMapping::kEndpointIndependent ? "endpoint_independent" : "address_and_port_dependent";
}

std::string_view nat_filtering_text(NatFiltering filtering) noexcept {
  switch (filtering) {
    case NatFiltering::kEndpointIndependent:
      return "endpoint_independent";
    case NatFiltering::kAddressDependent:
      return "address_dependent";
    case NatFiltering::kAddressAndPortDependent:
      break;
  }
  return "address_and_port_dependent";
}

std::string_view nat_rule_kind_text(NatRuleKind kind) noexcept {
  switch (kind) {
    case NatRuleKind::kDestination:
      return "destination";
    case NatRuleKind::kStatic:
      return "static";
    case NatRuleKind::kSource:
      break;
  }
  return "source";
}

std::string nat_counter_name(NatRuleKind kind, const std::string& rule) {
  return std::string(nat_rule_kind_text(kind)) + " " + rule;
}

std::vector<std::string> NatRules::counter_names() const {
  std::vector<std::string> all = disabled;
  for (const ConfiguredDestination& one : destinations) all.push_back(counter_name(one));
  for (const std::string& name : names) all.push_back(nat_counter_name(NatRuleKind::kSource, name));
  return all;
}

void NatRules::use_counters(const RuleCounters& counters) {
  for (ConfiguredDestination& one : destinations) one.rule.counter = counters.at(counter_name(one)).number;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    rules[i].counter = counters.at(nat_counter_name(NatRuleKind::kSource, names[i])).number;
  }
}

std::shared_ptr<NatRules> nat_rules(const Config& config, const ZoneNumbers& zones) {
  if (!config.nat.has_value() || !config.policy.has_value()) return nullptr;
  const NatConfig& nat = *config.nat;
  auto out = std::make_shared<NatRules>();
  add_pools(nat, *out);
  if (nat.interface_ports.has_value()) out->interface_ports = {nat.interface_ports->first, nat.interface_ports->last};
  Ranges ranges(config.policy->addresses, out->ranges);
  add_destinations(config, zones, ranges, *out);
  for (const SourceNatRuleConfig& from : nat.source) {
    if (!from.enabled) {
      out->disabled.push_back(nat_counter_name(NatRuleKind::kSource, from.name));
      continue;
    }
    for (const bool ipv6 : {false, true}) {
      if (from.family == (ipv6 ? NatFamily::kIpv4 : NatFamily::kIpv6)) continue;
      SourceRule rule;
      rule.ipv6 = ipv6;
      rule.from = zones.mask_of(from.from);
      rule.to = zones.mask_of(from.to);
      rule.action = from.translate.action;
      rule.mapping = from.mapping;
      rule.filtering = from.filtering;
      rule.log = from.log;
      if (rule.action == SourceAction::kPool) rule.pool = pool_named(from.translate.pool, ipv6, *out);
      rule.any_source = from.source.empty();
      rule.any_destination = from.destination.empty();
      if (!rule.any_source) rule.sources = ranges.of(from.source, ipv6);
      if (!rule.any_destination) rule.destinations = ranges.of(from.destination, ipv6);
      out->rules.push_back(rule);
      out->names.push_back(from.name);
    }
  }
  return out;
}

}  // namespace culvert
