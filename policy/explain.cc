// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.h"

#include <algorithm>
#include <optional>

#include "policy/rule_compiler.h"

namespace culvert {
namespace {

bool holds(const PrefixSet& set, NetworkKind network, const PolicyKey::Address& address) {
  const auto holds4 = [&](const Prefix4& prefix) { return prefix.contains(static_cast<std::uint32_t>(address.low)); };
  const auto holds6 = [&](const Prefix6& prefix) { return prefix.contains(address.high, address.low); };
  switch (network) {
    case NetworkKind::kIpv4:
      return std::any_of(set.ipv4.begin(), set.ipv4.end(), holds4);
    case NetworkKind::kIpv6:
      return std::any_of(set.ipv6.begin(), set.ipv6.end(), holds6);
    case NetworkKind::kNone:
      break;
  }
  return false;
}

bool is_one_of(const RuleSet& rules, const std::vector<std::uint32_t>& sets, NetworkKind network,
               const PolicyKey::Address& address) {
  if (network == NetworkKind::kNone) return false;
  return sets.empty() || std::any_of(sets.begin(), sets.end(),
                                     [&](std::uint32_t set) { return holds(rules.prefixes[set], network, address); });
}

bool within(const PortRange& range, std::uint16_t port) {
  return range.first <= port && port <= range.last;
}

bool serves(const Rule& rule, const PolicyKey& key) {
  const auto fits = [&key](const ServiceMatch& service) {
    return service.any_protocol || (service.protocol == key.protocol && within(service.source, key.source_port) &&
                                    within(service.destination, key.destination_port));
  };
  return rule.services.empty() || std::any_of(rule.services.begin(), rule.services.end(), fits);
}

std::optional<RuleMismatch> mismatch(const RuleSet& rules, const Rule& rule, const PolicyKey& key) {
  if (!rule.enabled) return RuleMismatch::kDisabled;
  if ((rule.from >> key.from & 1) == 0) return RuleMismatch::kFromZone;
  if ((rule.to >> key.to & 1) == 0) return RuleMismatch::kToZone;
  if (!is_one_of(rules, rule.sources, key.network, key.source)) return RuleMismatch::kSource;
  if (!is_one_of(rules, rule.destinations, key.network, key.destination)) return RuleMismatch::kDestination;
  if (!serves(rule, key)) return RuleMismatch::kService;
  return std::nullopt;
}

}  // namespace

PolicyExplanation explain(const RuleSet& rules, const PolicyKey& key) {
  PolicyExplanation explanation;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const auto index = static_cast<RuleIndex>(i);
    const auto why = mismatch(rules, rules.rules[i], key);
    if (!why) {
      explanation.outcome = outcome_of(rules, index);
      return explanation;
    }
    explanation.passed.push_back({index, *why});
  }
  explanation.outcome = outcome_of(rules, kDefaultRule);
  return explanation;
}

}  // namespace culvert
