// SPDX-License-Identifier: Apache-2.0
// What cannot be right about sessions that go to another destination: spans that do not fit each other, addresses that
// belong to somebody else, ports that do not.
#include <algorithm>
#include <vector>

#include "config/nat_check.h"
#include "config/policy_nodes.h"
#include "config/service.h"
#include "config/service_members.h"

namespace culvert {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1, kIcmpv6 = 58, kSctp = 132;
constexpr unsigned kMostNeutralLength = 64;  // RFC 6296 3.5 changes the interface identifier

const YamlNode& value_of(const YamlNode& rule, const char* key) {
  const YamlNode* value = rule.find(key);
  return value != nullptr ? *value : rule;
}

bool overlap(const AddressSpan& a, const AddressSpan& b) noexcept {
  return !(a.last < b.first) && !(b.last < a.first);
}

/// Port 0 is nobody's.
bool is_any_port(const ServiceMatch& service) noexcept {
  return service.destination.first <= 1 && service.destination.last == 0xffff;
}

bool has_ports(const ServiceMatch& service) noexcept {
  return !service.any_protocol && (service.protocol == kTcp || service.protocol == kUdp || service.protocol == kSctp);
}

unsigned ports(const PortRange& range) noexcept {
  return range.last - range.first + 1U;
}

/// Addresses that sessions leave with: nobody else's.
struct Taken {
  AddressSpan span;
  std::string by;
  const std::vector<std::string>* zones = nullptr;  ///< where; null: everywhere
};

bool meet(const std::vector<std::string>* a, const std::vector<std::string>* b) noexcept {
  if (a == nullptr || b == nullptr || a->empty() || b->empty()) return true;
  return std::any_of(a->begin(), a->end(),
                     [b](const std::string& zone) { return std::find(b->begin(), b->end(), zone) != b->end(); });
}

std::vector<Taken> taken_by_pools(const NatConfig& nat) {
  std::vector<Taken> taken;
  for (const auto& [name, pool] : nat.pools) {
    for (const AddressSpan& span : pool.addresses) taken.push_back({span, "pool " + name});
  }
  return taken;
}

/// All that is external: nobody inside has it.
std::vector<Taken> external_of(const NatConfig& nat, std::vector<Taken> pools) {
  std::vector<Taken> external = std::move(pools);
  for (const DestinationNatRuleConfig& rule : nat.destination) {
    const bool named = rule.enabled && !rule.destination.interface;
    if (named) external.push_back({rule.destination.addresses, "destination of rule " + rule.name});
  }
  for (const StaticNatRuleConfig& rule : nat.static_rules) {
    if (rule.enabled) external.push_back({rule.external, "static rule " + rule.name});
  }
  return external;
}

void report_taken(const AddressSpan& span, const std::vector<Taken>& taken, const YamlNode& node, const Place& place,
                  const std::string& hint, const std::vector<std::string>* zones = nullptr) {
  for (const Taken& other : taken) {
    if (!overlap(span, other.span) || !meet(zones, other.zones)) continue;
    place.error(node, fmt::format("{} is in {}, too", to_text(std::max(span.first, other.span.first)), other.by), hint);
    return;
  }
}

void check_spans(const DestinationNatRuleConfig& rule, const YamlNode& node, const Place& place) {
  const AddressSpan& to = rule.translate;
  const bool one = to.first == to.last;
  if (rule.destination.interface) {
    if (one) return;
    place.at("translate")
        .error(value_of(node, "translate"), "an interface has one address, and this is more than one",
               "write one address");
    return;
  }
  const AddressSpan& from = rule.destination.addresses;
  if (from.first.is_ipv6 != to.first.is_ipv6) {
    place.at("translate")
        .error(value_of(node, "translate"), fmt::format("{} and {} are of two families", to_text(from), to_text(to)),
               "write a rule for each family; between them nothing is translated");
  } else if (!one && !same_count(from, to)) {
    place.at("translate")
        .error(value_of(node, "translate"), fmt::format("{} and {} are not as many", to_text(from), to_text(to)),
               "write one address, or as many as destination has");
  }
}

void check_service(const DestinationNatRuleConfig& rule, const std::vector<ServiceMatch>& services,
                   const YamlNode& node, const Place& place) {
  for (const ServiceMatch& service : services) {
    const bool is_icmp = service.protocol == kIcmp || service.protocol == kIcmpv6;
    if (service.source != PortRange{} || (is_icmp && !is_any_port(service))) {
      place.at("service").error(value_of(node, "service"),
                                fmt::format("{} is more than a protocol and its destination's ports", to_text(service)),
                                "write tcp/80, udp/5000-5099, icmp or gre");
      return;
    }
  }
  if (!rule.port.has_value()) return;
  const auto fits = [&rule](const ServiceMatch& service) {
    return has_ports(service) && !is_any_port(service) &&
           (ports(*rule.port) == 1 || ports(*rule.port) == ports(service.destination));
  };
  if (!services.empty() && std::all_of(services.begin(), services.end(), fits)) return;
  place.at("port").error(value_of(node, "port"),
                         "every service of the rule needs one destination port, or as many as these",
                         "write the ports, as in service: tcp/8080, or port: same");
}

/// Sessions that leave with a pool's address have its ports: answers to them must not be taken for something new.
void check_pool_ports(const DestinationNatRuleConfig& rule, const std::vector<ServiceMatch>& services,
                      const std::vector<Taken>& pools, bool lends, const YamlNode& node, const Place& place) {
  const auto leaves_ports = [](const ServiceMatch& service) { return has_ports(service) && !is_any_port(service); };
  if (!services.empty() && std::all_of(services.begin(), services.end(), leaves_ports)) return;
  if (rule.destination.interface) {
    if (!lends) return;
    place.at("destination")
        .error(value_of(node, "destination"), "the rule takes every port, and translate: interface needs some of them",
               "name services with ports, or translate to a pool in source");
    return;
  }
  report_taken(rule.destination.addresses, pools, value_of(node, "destination"), place.at("destination"),
               "name services with ports, which the pool then leaves out, or take the address out of the pool");
}

/// Each service of each rule is looked at apart.
void check_matches(const NatConfig& nat, std::size_t matches, const YamlNode& list, const Place& place) {
  if (matches <= kMostDestinationMatches || nat.destination.empty()) return;
  place.error(list, fmt::format("the rules have {} services together, and {} can be", matches, kMostDestinationMatches),
              "write ranges of ports in place of single ones");
}

void check_neutral(const StaticNatRuleConfig& rule, const YamlNode& node, const Place& place) {
  const auto external = prefix_length(rule.external);
  const auto internal = prefix_length(rule.internal);
  const bool right =
      rule.external.first.is_ipv6 && external.has_value() && external == internal && *external <= kMostNeutralLength;
  if (!rule.checksum_neutral || right) return;
  place.at("checksum_neutral")
      .error(value_of(node, "checksum_neutral"),
             fmt::format("{} and {} are not IPv6 prefixes of one length of at most {}", to_text(rule.external),
                         to_text(rule.internal), kMostNeutralLength),
             "write two prefixes, as 2001:db8:1::/48 and fd01:203:405::/48, or leave checksum_neutral out");
}

void check_static(const StaticNatRuleConfig& rule, const YamlNode& node, const Place& place) {
  if (rule.external.first.is_ipv6 != rule.internal.first.is_ipv6) {
    place.at("internal")
        .error(value_of(node, "internal"),
               fmt::format("{} and {} are of two families", to_text(rule.external), to_text(rule.internal)),
               "write a rule for each family; between them nothing is translated");
  } else if (!same_count(rule.external, rule.internal)) {
    place.at("internal")
        .error(value_of(node, "internal"),
               fmt::format("{} and {} are not as many", to_text(rule.external), to_text(rule.internal)),
               "write as many addresses inside as outside");
  } else if (overlap(rule.external, rule.internal)) {
    place.at("internal")
        .error(value_of(node, "internal"), "some addresses are both external and internal",
               "use addresses that are different");
  }
}

}  // namespace

void check_destination_nat(const Config& config, const YamlNode& nat_node, const Place& place) {
  const NatConfig& nat = *config.nat;
  const std::vector<Taken> pools = taken_by_pools(nat);
  const bool lends = std::any_of(nat.source.begin(), nat.source.end(), [](const SourceNatRuleConfig& rule) {
    return rule.enabled && rule.translate.action == SourceAction::kInterface;
  });
  const std::vector<Taken> external = external_of(nat, pools);
  if (const YamlNode* list = nat_node.find("destination")) {
    std::size_t matches = 0;
    for (std::size_t i = 0; i < nat.destination.size(); ++i) {
      const DestinationNatRuleConfig& rule = nat.destination[i];
      const Place here = place.at("destination").item(i);
      const auto services = config.policy ? members_of(config.policy->services, rule.service) : rule.service.values;
      matches += std::max<std::size_t>(services.size(), 1);
      check_spans(rule, list->values[i], here);
      check_service(rule, services, list->values[i], here);
      if (rule.enabled) check_pool_ports(rule, services, pools, lends, list->values[i], here);
      if (rule.enabled) {
        report_taken(rule.translate, external, value_of(list->values[i], "translate"), here.at("translate"),
                     "an external address is nobody inside; translate to the host's own address");
      }
    }
    check_matches(nat, matches, *list, place.at("destination"));
  }
  const YamlNode* list = nat_node.find("static");
  if (list == nullptr) return;
  std::vector<Taken> taken = pools, internal;
  for (std::size_t i = 0; i < nat.static_rules.size() && !place.diagnostics.full(); ++i) {
    const StaticNatRuleConfig& rule = nat.static_rules[i];
    const YamlNode& node = list->values[i];
    const Place here = place.at("static").item(i);
    check_static(rule, node, here);
    check_neutral(rule, node, here);
    if (!rule.enabled) continue;
    report_taken(rule.external, taken, value_of(node, "external"), here.at("external"),
                 "an address outside is one host's; take it out of one of them");
    if (!overlap(rule.external, rule.internal)) {
      report_taken(rule.internal, external, value_of(node, "internal"), here.at("internal"),
                   "an external address is nobody inside; write the host's own address");
    }
    report_taken(rule.internal, internal, value_of(node, "internal"), here.at("internal"),
                 "a host has one address in a zone outside; take it out of one of them", &rule.outside);
    taken.push_back({rule.external, "static rule " + rule.name});
    internal.push_back({rule.internal, "static rule " + rule.name, &rule.outside});
  }
}

}  // namespace culvert
