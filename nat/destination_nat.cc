// SPDX-License-Identifier: Apache-2.0
#include "nat/destination_nat.h"

#include <type_traits>

namespace culvert {
namespace {

template <typename T>
inline constexpr bool kIsIpv6 = std::is_same_v<T, FiveTuple6> || std::is_same_v<T, Ipv6Address>;

/// Ports that are ports: an identifier of ICMP is none.
bool has_ports(std::uint8_t protocol) noexcept {
  const auto kind = port_kind(protocol);
  return kind.has_value() && *kind != PortKind::kIcmp;
}

bool is_of_protocol(const DestinationRule& rule, std::uint8_t protocol) noexcept {
  return rule.any_protocol || rule.protocol == protocol;
}

std::uint16_t inside_port(const DestinationRule& rule, std::uint16_t port) noexcept {
  if (rule.any_port) return port;
  if (rule.one_inside_port) return rule.first_inside_port;
  return static_cast<std::uint16_t>(rule.first_inside_port + (port - rule.ports.first));
}

bool leads_to_port(const DestinationRule& rule, std::uint8_t protocol, std::uint16_t port) noexcept {
  if (rule.any_port) return true;
  if (!has_ports(protocol)) return false;
  return port >= rule.first_inside_port && port <= inside_port(rule, rule.ports.last);
}

}  // namespace

template <typename Tuple>
const DestinationRule* DestinationNat::find(const Tuple& key, std::uint8_t from) const noexcept {
  for (const std::uint32_t number : outside_[kIsIpv6<Tuple> ? 1 : 0].at(AddressNumber::of(key.destination))) {
    const DestinationRule& rule = rules_[number];
    if ((rule.from >> from & 1) == 0 || !is_of_protocol(rule, key.protocol)) continue;
    if (!rule.any_port) {
      const std::uint16_t port = key.destination_port.host();
      if (!has_ports(key.protocol) || port < rule.ports.first || port > rule.ports.last) continue;
    }
    if (!rule.any_source && !holds(rule.sources, AddressNumber::of(key.source))) continue;
    return &rule;
  }
  return nullptr;
}

template <typename Tuple>
std::optional<Tuple> DestinationNat::translated(const DestinationRule& rule, const Tuple& key) noexcept {
  const auto address = rule.addresses.to_inside(AddressNumber::of(key.destination));
  if (!address.has_value()) return std::nullopt;
  Tuple out = key;
  address->put_into(out.destination);
  if (!rule.any_port) out.destination_port = Be16(inside_port(rule, key.destination_port.host()));
  return out;
}

template <typename Tuple>
const DestinationRule* DestinationNat::find_static(const Tuple& key, std::uint8_t to) const noexcept {
  for (const std::uint32_t number : inside_[kIsIpv6<Tuple> ? 1 : 0].at(AddressNumber::of(key.source))) {
    const DestinationRule& rule = rules_[number];
    if (rule.both_ways && (rule.from >> to & 1) != 0) return &rule;
  }
  return nullptr;
}

template <typename Address>
std::optional<Address> DestinationNat::outside_of(const DestinationRule& rule, const Address& source) noexcept {
  const auto address = rule.addresses.to_outside(AddressNumber::of(source));
  if (!address.has_value()) return std::nullopt;
  Address out;
  address->put_into(out);
  return out;
}

template <typename Address>
bool DestinationNat::is_target(const Address& address, std::uint8_t protocol, std::uint16_t port) const noexcept {
  for (const std::uint32_t number : inside_[kIsIpv6<Address> ? 1 : 0].at(AddressNumber::of(address))) {
    const DestinationRule& rule = rules_[number];
    if (is_of_protocol(rule, protocol) && leads_to_port(rule, protocol, port)) return true;
  }
  return false;
}

template <typename Address>
const DestinationRule* DestinationNat::at_outside(const Address& address) const noexcept {
  const auto numbers = outside_[kIsIpv6<Address> ? 1 : 0].at(AddressNumber::of(address));
  return numbers.empty() ? nullptr : &rules_[numbers.front()];
}

template const DestinationRule* DestinationNat::find(const FiveTuple4&, std::uint8_t) const noexcept;
template const DestinationRule* DestinationNat::find(const FiveTuple6&, std::uint8_t) const noexcept;
template std::optional<FiveTuple4> DestinationNat::translated(const DestinationRule&, const FiveTuple4&) noexcept;
template std::optional<FiveTuple6> DestinationNat::translated(const DestinationRule&, const FiveTuple6&) noexcept;
template const DestinationRule* DestinationNat::find_static(const FiveTuple4&, std::uint8_t) const noexcept;
template const DestinationRule* DestinationNat::find_static(const FiveTuple6&, std::uint8_t) const noexcept;
template std::optional<Ipv4Address> DestinationNat::outside_of(const DestinationRule&, const Ipv4Address&) noexcept;
template std::optional<Ipv6Address> DestinationNat::outside_of(const DestinationRule&, const Ipv6Address&) noexcept;
template bool DestinationNat::is_target(const Ipv4Address&, std::uint8_t, std::uint16_t) const noexcept;
template bool DestinationNat::is_target(const Ipv6Address&, std::uint8_t, std::uint16_t) const noexcept;
template const DestinationRule* DestinationNat::at_outside(const Ipv4Address&) const noexcept;
template const DestinationRule* DestinationNat::at_outside(const Ipv6Address&) const noexcept;

}  // namespace culvert
