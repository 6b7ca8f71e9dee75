// SPDX-License-Identifier: Apache-2.0
#include "control/nat/nat_explain.h"

#include "base/bytes.h"
#include "nat/external_addresses.h"

namespace culvert {
namespace {

template <typename Tuple>
const SourceRule* rule_for(const NatRules& rules, const PolicyTestQuery& query, Zone from, Zone to) {
  SourceNat nat;
  nat.rules = rules.rules;
  Tuple key{};
  key.source = load<decltype(key.source)>(query.source.bytes.data());
  key.destination = load<decltype(key.destination)>(query.destination.bytes.data());
  key.protocol = query.protocol;
  return nat.find(key, from, to);
}

std::string mapping_text(NatMapping mapping) {
  return mapping == NatMapping::kEndpointIndependent ? "endpoint_independent" : "address_and_port_dependent";
}

std::string filtering_text(NatFiltering filtering) {
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

}  // namespace

void explain_translation(const NatRules& rules, const PolicyTestQuery& query, Zone from, Zone to, PolicyTest& test) {
  const SourceRule* rule = query.source.is_ipv6 ? rule_for<FiveTuple6>(rules, query, from, to)
                                                : rule_for<FiveTuple4>(rules, query, from, to);
  test.nat_translate = "none";
  if (rule == nullptr) return;
  test.nat_rule = rules.names[static_cast<std::size_t>(rule - rules.rules.data())];
  if (rule->action == SourceAction::kKeep) return;
  test.nat_translate = rule->action == SourceAction::kPool ? rules.pools[rule->pool].name : "interface";
  const auto kind = port_kind(query.protocol);
  if (!kind.has_value() || *kind == PortKind::kIcmp) return;
  test.nat_mapping = mapping_text(rule->mapping);
  if (rule->mapping == NatMapping::kEndpointIndependent) test.nat_filtering = filtering_text(rule->filtering);
}

}  // namespace culvert
