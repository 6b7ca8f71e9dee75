// SPDX-License-Identifier: Apache-2.0
#include "config/nat_check.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "config/policy_nodes.h"
#include "nat/external_ports.h"

namespace culvert {
namespace {

/// A part of a pool, and where it stands.
struct PoolPart {
  const AddressSpan& span;
  const YamlNode& node;
  Place place;

  bool is_behind(const PoolPart& other) const noexcept {
    return std::tie(node.line, node.column) > std::tie(other.node.line, other.node.column);
  }
};

std::vector<PoolPart> parts_of(const NatConfig& nat, const YamlNode& node, const Place& place) {
  std::vector<PoolPart> parts;
  for (const auto& [name, pool] : nat.pools) {
    const YamlNode* list = node_at(node, {"pools", name, "addresses"});
    if (list == nullptr) continue;
    const Place here = place.at("pools").at(name).at("addresses");
    for (std::size_t i = 0; i < pool.addresses.size(); ++i) {
      parts.push_back({pool.addresses[i], list->values[i], here.item(i)});
    }
  }
  return parts;
}

void report_shared(const PoolPart& a, const PoolPart& b) {
  const PoolPart& later = a.is_behind(b) ? a : b;
  const PoolPart& earlier = a.is_behind(b) ? b : a;
  const ConfigAddress address = std::max(a.span.first, b.span.first);
  later.place.error(later.node,
                    fmt::format("{} is in {} (line {}), too, and an address has one set of ports", to_text(address),
                                earlier.place.key, earlier.node.line),
                    "take it out of one of them");
}

/// In the order of addresses, each part is compared with the one that reaches furthest of those before.
void check_shared(const std::vector<PoolPart>& parts, const Place& place) {
  std::vector<const PoolPart*> order;
  for (const PoolPart& part : parts) order.push_back(&part);
  std::sort(order.begin(), order.end(), [](const PoolPart* a, const PoolPart* b) { return a->span < b->span; });
  const PoolPart* furthest = nullptr;
  for (const PoolPart* part : order) {
    if (place.diagnostics.full()) return;
    if (furthest != nullptr && part->span.first <= furthest->span.last) report_shared(*furthest, *part);
    if (furthest == nullptr || furthest->span.last < part->span.last) furthest = part;
  }
}

/// Room for the pools' addresses, and for interfaces' ones when a rule gives them.
void check_room(const NatConfig& nat, const YamlNode& node, const Place& place) {
  std::uint64_t addresses = 0;
  for (const auto& [name, pool] : nat.pools) {
    for (const AddressSpan& span : pool.addresses) addresses += address_count(span);
  }
  const bool has_interfaces = std::any_of(nat.source.begin(), nat.source.end(), [](const SourceNatRuleConfig& rule) {
    return rule.enabled && rule.translate.action == SourceAction::kInterface;
  });
  const YamlNode* max = node.find("addresses_max");
  const YamlNode& at = max != nullptr ? *max : node;
  const Place here = place.at("addresses_max");
  if (addresses > nat.addresses_max) {
    here.error(at, fmt::format("the pools have {} addresses, and {} can have ports", addresses, nat.addresses_max),
               addresses <= kMaxExternalAddresses ? fmt::format("use {}, or smaller pools", addresses)
                                                  : fmt::format("use at most {} addresses", kMaxExternalAddresses));
  } else if (addresses == nat.addresses_max && has_interfaces) {
    here.warning(at, "the pools' addresses take every place, and interfaces' addresses are left without ports",
                 "use a larger number, or smaller pools");
  }
}

bool has_family(const NatPoolConfig& pool, bool is_ipv6) {
  return std::any_of(pool.addresses.begin(), pool.addresses.end(),
                     [&](const AddressSpan& span) { return span.first.is_ipv6 == is_ipv6; });
}

/// Sessions of a family that the pool has not would be refused.
void check_families(const NatConfig& nat, const YamlNode& list, const Place& place) {
  for (std::size_t i = 0; i < nat.source.size(); ++i) {
    const SourceNatRuleConfig& rule = nat.source[i];
    if (rule.translate.action != SourceAction::kPool) continue;
    const NatPoolConfig& pool = nat.pools.at(rule.translate.pool);
    for (const bool is_ipv6 : {false, true}) {
      const bool is_for = rule.family == NatFamily::kBoth || (rule.family == NatFamily::kIpv6) == is_ipv6;
      if (!is_for || has_family(pool, is_ipv6)) continue;
      const YamlNode* translate = list.values[i].find("translate");
      place.item(i)
          .at("translate")
          .error(translate != nullptr ? *translate : list.values[i],
                 fmt::format("the rule is for IPv{} sessions, and {} has no IPv{} address", is_ipv6 ? 6 : 4,
                             rule.translate.pool, is_ipv6 ? 6 : 4),
                 fmt::format("add one to the pool, or write family: {}", is_ipv6 ? "ipv4" : "ipv6"));
    }
  }
}

void check_unused(const NatConfig& nat, const YamlNode& node, const Place& place) {
  std::set<std::string> used;
  for (const SourceNatRuleConfig& rule : nat.source) used.insert(rule.translate.pool);
  for (const auto& [name, pool] : nat.pools) {
    const YamlNode* at = node_at(node, {"pools", name});
    if (used.contains(name)) continue;
    place.at("pools").at(name).warning(at != nullptr ? *at : node, "no rule uses this pool",
                                       fmt::format("write translate: {} in a rule", name));
  }
}

void check_any(const NatConfig& nat, const YamlNode& list, const Place& place) {
  for (std::size_t i = 0; i < nat.source.size(); ++i) {
    const SourceNatRuleConfig& rule = nat.source[i];
    const bool translates = rule.enabled && rule.translate.action != SourceAction::kKeep;
    if (!translates || !rule.from.empty() || !rule.to.empty()) continue;
    place.item(i).warning(list.values[i], "translates between all zones, those inside included",
                          "write to: and the zones outside");
  }
}

}  // namespace

void check_translation(const Config& config, const YamlNode& root, const Place& place) {
  const YamlNode* node = root.find("nat");
  if (!config.nat || node == nullptr) return;
  const Place here = place.at("nat");
  check_shared(parts_of(*config.nat, *node, here), here);
  check_room(*config.nat, *node, here);
  check_unused(*config.nat, *node, here);
  check_destination_nat(config, *node, here);
  const YamlNode* list = node->find("source");
  if (list == nullptr) return;
  check_families(*config.nat, *list, here.at("source"));
  check_any(*config.nat, *list, here.at("source"));
}

}  // namespace culvert
