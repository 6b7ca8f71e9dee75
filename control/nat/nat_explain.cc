// SPDX-License-Identifier: Apache-2.0
#include "control/nat/nat_explain.h"

#include <type_traits>

#include "base/bytes.h"
#include "config/address.h"
#include "nat/external_addresses.h"

namespace culvert {
namespace {

template <typename Tuple>
Tuple key_of(const PolicyTestQuery& query) {
  Tuple key{};
  key.source = load<decltype(key.source)>(query.source.bytes.data());
  key.destination = load<decltype(key.destination)>(query.destination.bytes.data());
  key.protocol = query.protocol;
  key.source_port = Be16(query.source_port);
  key.destination_port = Be16(query.destination_port);
  return key;
}

template <typename Address>
ConfigAddress config_address(const Address& address) {
  ConfigAddress out;
  out.is_ipv6 = std::is_same_v<Address, Ipv6Address>;
  store(out.bytes.data(), address);
  return out;
}

template <typename Tuple>
MeantQuery meant_by(const DestinationRules& rules, const PolicyTestQuery& asked, Zone from) {
  const auto key = key_of<Tuple>(asked);
  const DestinationRule* rule = rules.nat().find(key, from);
  const auto to = rule == nullptr ? std::nullopt : DestinationNat::translated(*rule, key);
  if (!to.has_value()) return {asked, std::nullopt};
  MeantQuery meant{asked, rules.configured(*rule).name};
  meant.query.destination = config_address(to->destination);
  meant.query.destination_port = to->destination_port.host();
  return meant;
}

/// A host with an address outside for itself. False: it has none.
template <typename Tuple>
bool explain_static(const DestinationRules& rules, const PolicyTestQuery& query, Zone to, PolicyTest& test) {
  const auto key = key_of<Tuple>(query);
  const DestinationRule* rule = rules.nat().find_static(key, to);
  if (rule == nullptr) return false;
  test.nat_rule = rules.configured(*rule).name;
  test.nat_translate = "static";
  const auto outside = DestinationNat::outside_of(*rule, key.source);
  if (outside.has_value()) test.nat_source = to_text(config_address(*outside));
  return true;
}

}  // namespace

MeantQuery meant_query(const Translation& translation, const PolicyTestQuery& asked, Zone from) {
  return asked.destination.is_ipv6 ? meant_by<FiveTuple6>(translation.destinations(), asked, from)
                                   : meant_by<FiveTuple4>(translation.destinations(), asked, from);
}

void explain_translation(const Translation& translation, const PolicyTestQuery& asked, const MeantQuery& meant,
                         Zone from, Zone to, PolicyTest& test) {
  const bool ipv6 = asked.source.is_ipv6;
  if (meant.rule.has_value()) {
    test.nat_destination_rule = meant.rule;
    test.nat_destination = test.destination;
    test.nat_destination_port = test.destination_port;
    test.destination = to_text(asked.destination);
    if (test.destination_port) test.destination_port = asked.destination_port;
  }
  if (ipv6 ? explain_static<FiveTuple6>(translation.destinations(), meant.query, to, test)
           : explain_static<FiveTuple4>(translation.destinations(), meant.query, to, test)) {
    return;
  }
  const NatRules& rules = translation.rules();
  const SourceRule* rule = ipv6 ? translation.source_nat().find(key_of<FiveTuple6>(meant.query), from, to)
                                : translation.source_nat().find(key_of<FiveTuple4>(meant.query), from, to);
  test.nat_translate = "none";
  if (rule == nullptr) return;
  test.nat_rule = rules.names[static_cast<std::size_t>(rule - rules.rules.data())];
  if (rule->action == SourceAction::kKeep) return;
  test.nat_translate = rule->action == SourceAction::kPool ? rules.pools[rule->pool].name : "interface";
  const auto kind = port_kind(asked.protocol);
  if (!kind.has_value() || *kind == PortKind::kIcmp) return;
  test.nat_mapping = nat_mapping_text(rule->mapping);
  if (rule->mapping == NatMapping::kEndpointIndependent) test.nat_filtering = nat_filtering_text(rule->filtering);
}

}  // namespace culvert
