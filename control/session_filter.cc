// SPDX-License-Identifier: Apache-2.0
#include "control/session_filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/suggest.h"

namespace culvert {
namespace {

constexpr std::string_view kReplied = "replied";
constexpr std::string_view kUnreplied = "unreplied";
constexpr std::size_t kMostListed = 16;

Error no_such(const char* what, const std::string& name, std::vector<std::string> names) {
  std::erase(names, std::string());  // numbers that are nobody's
  const auto meant = nearest(name, names);
  std::string hint;
  if (meant) {
    hint = fmt::format("did you mean '{}'?", *meant);
  } else if (names.empty()) {
    hint = "there are none";
  } else if (names.size() <= kMostListed) {
    hint = fmt::format("there are: {}", fmt::join(names, ", "));
  }
  return Error{fmt::format("there is no {} '{}'", what, name.substr(0, 64)), ENOENT, hint};
}

std::optional<std::uint8_t> number_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (name.empty() || found == names.end()) return std::nullopt;
  return static_cast<std::uint8_t>(found - names.begin());
}

std::vector<std::string> state_names() {
  std::vector<std::string> names;
  for (auto state = TcpState::kSynSent; state <= TcpState::kReset;
       state = static_cast<TcpState>(static_cast<std::uint8_t>(state) + 1)) {
    names.emplace_back(tcp_state_name(state));
  }
  names.emplace_back(kReplied);
  names.emplace_back(kUnreplied);
  return names;
}

Result<RuleIndex> rule_named(const std::string& name, const SessionNames& names) {
  const std::vector<Rule>& rules = names.rules->rules;
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.name == name; });
  if (found != rules.end()) return static_cast<RuleIndex>(found - rules.begin());
  if (name == kDefaultRuleName) return kDefaultRule;
  std::vector<std::string> known;
  for (const Rule& rule : rules) known.push_back(rule.name);
  return no_such("rule", name, known);
}

template <typename Tuple>
bool port_fits(const Tuple& key, std::uint16_t port) noexcept {
  return has_ports(key.protocol) && (key.source_port.host() == port || key.destination_port.host() == port);
}

/// Whether it has outside what is asked for.
template <typename Tuple>
bool translation_fits(const SessionQuery& query, const SessionView<Tuple>& session) noexcept {
  if (!query.external && !query.external_port && !query.mapped && !query.inside_port) return true;
  const FlowHead& head = session.original.head;
  const Tuple& to = session.original.key;
  const Tuple& outside = session.reply.key;
  if (!head.has(kFlowTranslated)) return false;
  const bool has_port = head.has(kFlowHoldsPort);
  const auto fits = [&query](const auto& address, bool ported, Be16 port) {
    if (query.external && !prefix_holds(*query.external, address)) return false;
    return !query.external_port || (ported && port.host() == *query.external_port);
  };
  // With what it leaves, or where it was sent to and did not go.
  const bool other_source = !(outside.destination == to.source) || outside.destination_port != to.source_port;
  const bool other_destination =
      !(outside.source == to.destination) || (has_ports(to.protocol) && outside.source_port != to.destination_port);
  if ((query.external || query.external_port) &&
      !(other_source && fits(outside.destination, has_port, outside.destination_port)) &&
      !(other_destination && fits(to.destination, has_ports(to.protocol), to.destination_port))) {
    return false;
  }
  if (query.inside_port && !(has_port && session.original.key.source_port.host() == *query.inside_port)) return false;
  return !query.mapped || (has_port && (session.original.info.nat & kNatMapped) != 0);
}

std::string name_at(const std::vector<std::string>& names, std::uint8_t number) {
  return number < names.size() && !names[number].empty() ? names[number] : "none";
}

}  // namespace

bool prefix_holds(const ConfigPrefix& prefix, Ipv4Address address) noexcept {
  if (prefix.address.is_ipv6) return false;
  return Prefix4(load<Ipv4Address>(prefix.address.bytes.data()), prefix.length).contains(address);
}

bool prefix_holds(const ConfigPrefix& prefix, const Ipv6Address& address) noexcept {
  if (!prefix.address.is_ipv6) return false;
  return Prefix6(Ipv6Address{prefix.address.bytes}, prefix.length).contains(address);
}

std::string SessionNames::zone(std::uint8_t number) const {
  return name_at(zones, number);
}

std::string SessionNames::interface(std::uint8_t number) const {
  return name_at(interfaces, number);
}

std::string_view session_state(const FlowHead& original, const FlowHead& reply) noexcept {
  if (original.kind() == FlowKind::kTcp) return tcp_state_name(tcp_state_of(original.tcp, reply.tcp));
  return original.packets() != 0 && reply.packets() != 0 ? kReplied : kUnreplied;
}

Result<SessionFilter> SessionFilter::of(const SessionQuery& query, const SessionNames& names) {
  SessionFilter filter;
  filter.query_ = query;
  filter.generation_ = names.generation;
  if (!query.zone.empty()) {
    filter.zone_ = query.zone == "none" ? std::optional<std::uint8_t>(kNoZone) : number_of(names.zones, query.zone);
    if (!filter.zone_) return no_such("zone", query.zone, names.zones);
  }
  if (!query.interface.empty()) {
    filter.interface_ = number_of(names.interfaces, query.interface);
    if (!filter.interface_) return no_such("interface", query.interface, names.interfaces);
  }
  if (!query.state.empty()) {
    const std::vector<std::string> states = state_names();
    if (std::find(states.begin(), states.end(), query.state) == states.end()) {
      return no_such("state", query.state, states);
    }
  }
  if (!query.policy.empty()) {
    const auto rule = rule_named(query.policy, names);
    if (rule.has_error()) return rule.error();
    filter.rule_ = *rule;
  }
  return filter;
}

template <typename Tuple>
bool SessionFilter::fits(const SessionView<Tuple>& session, std::uint32_t now_s) const noexcept {
  const auto& original = session.original;
  const Tuple& key = original.key;
  if (query_.ipv6 && *query_.ipv6 != std::is_same_v<Tuple, FiveTuple6>) return false;
  if (query_.protocol && *query_.protocol != key.protocol) return false;
  if (query_.port && !port_fits(key, *query_.port)) return false;
  if (query_.source && !prefix_holds(*query_.source, key.source)) return false;
  if (query_.destination && !prefix_holds(*query_.destination, key.destination)) return false;
  if (!translation_fits(query_, session)) return false;
  if (zone_ && original.head.zone != *zone_ && session.reply.head.zone != *zone_) return false;
  if (interface_ && original.info.ingress != *interface_ && session.reply.info.ingress != *interface_) return false;
  if (rule_ && (original.info.rule != *rule_ || original.head.policy() != generation_)) return false;
  // By difference, as dates are: a session that is made now may be younger than the caller's clock.
  const auto age = static_cast<std::int32_t>(now_s - original.info.created_s);
  if (query_.min_age_s != 0 && (age < 0 || static_cast<std::uint64_t>(age) < query_.min_age_s)) return false;
  return query_.state.empty() || session_state(original.head, session.reply.head) == query_.state;
}

template bool SessionFilter::fits(const SessionView<FiveTuple4>&, std::uint32_t) const noexcept;
template bool SessionFilter::fits(const SessionView<FiveTuple6>&, std::uint32_t) const noexcept;

}  // namespace culvert
