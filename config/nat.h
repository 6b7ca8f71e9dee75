// SPDX-License-Identifier: Apache-2.0
// What a person says about NAT, as plain data: pools of external addresses, and ordered rules that say which sessions
// get which source, and which destination. As in policy.h names are still names.
//
//   nat:
//     pools:
//       office: {addresses: [198.18.1.16-198.18.1.31, 2001:db8:9::1]}
//     source:
//       - {name: lab, from: lab, to: internet, destination: 192.0.2.0/24, translate: none}
//       - {name: office, from: office, to: internet, translate: office}
//       - {name: guests, from: [guests, wifi], to: internet, translate: interface}
//     destination:
//       - {name: web, from: internet, destination: interface, service: tcp/8080, translate: 198.18.0.10, port: 80}
//     static:
//       - {name: lab, outside: internet, external: 198.18.9.0/28, internal: 198.18.0.16/28}
//
// First match wins, and what no rule matches keeps its source and its destination. The policy decides between the two:
// by the source that a packet comes with, and by the destination that it gets.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/address_span.h"
#include "config/policy.h"
#include "nat/source_nat.h"
#include "policy/rules.h"

namespace culvert {

/// External addresses with their ports. No address is in two spans, of whatever pool.
struct NatPoolConfig {
  std::string description;
  std::vector<AddressSpan> addresses;  ///< of both families
  PortRange ports{1024, 65535};
  bool keep_port = false;

  friend bool operator==(const NatPoolConfig&, const NatPoolConfig&) = default;
};

/// Of which family the sessions are that a rule is for.
enum class NatFamily : std::uint8_t { kIpv4, kIpv6, kBoth };

/// What `translate` says: none is kKeep.
struct TranslateChoice {
  SourceAction action = SourceAction::kKeep;
  std::string pool;  ///< with kPool

  friend bool operator==(const TranslateChoice&, const TranslateChoice&) = default;
};

/// A rule. In each list, empty is any.
struct SourceNatRuleConfig {
  std::string name;
  std::string description;
  std::vector<std::string> from;
  std::vector<std::string> to;
  AddressList source;       ///< its names are those of policy.addresses
  AddressList destination;  ///< the same
  NatFamily family = NatFamily::kIpv4;
  TranslateChoice translate;
  NatMapping mapping = NatMapping::kEndpointIndependent;
  NatFiltering filtering = NatFiltering::kAddressDependent;  ///< with kEndpointIndependent
  NatLog log = NatLog::kNone;
  bool enabled = true;

  friend bool operator==(const SourceNatRuleConfig&, const SourceNatRuleConfig&) = default;
};

/// Packets to which addresses a rule is for.
struct OutsideChoice {
  bool interface = false;  ///< those of interfaces in the rule's zones
  AddressSpan addresses;   ///< else

  friend bool operator==(const OutsideChoice&, const OutsideChoice&) = default;
};

/// A rule of destination NAT. In each list, empty is any.
struct DestinationNatRuleConfig {
  std::string name;
  std::string description;
  std::vector<std::string> from;
  AddressList source;
  OutsideChoice destination;
  ServiceList service;  ///< protocols, some with the destination's ports
  AddressSpan translate;
  std::optional<PortRange> port;  ///< nothing: as it was
  bool enabled = true;

  friend bool operator==(const DestinationNatRuleConfig&, const DestinationNatRuleConfig&) = default;
};

/// Addresses inside that have others outside for themselves, as many as they are.
struct StaticNatRuleConfig {
  std::string name;
  std::string description;
  std::vector<std::string> outside;  ///< zones
  AddressSpan external;
  AddressSpan internal;
  bool checksum_neutral = false;  ///< RFC 6296; both are prefixes of one length
  bool enabled = true;

  friend bool operator==(const StaticNatRuleConfig&, const StaticNatRuleConfig&) = default;
};

/// How long a translated session may be silent, in ns; of others sessions.timeouts says it.
struct NatTimeoutsConfig {
  std::uint64_t tcp_transitory_ns = 240'000'000'000;
  std::uint64_t tcp_established_ns = 7'440'000'000'000;
  std::uint64_t udp_ns = 300'000'000'000;
  std::uint64_t icmp_ns = 60'000'000'000;

  friend bool operator==(const NatTimeoutsConfig&, const NatTimeoutsConfig&) = default;
};

struct NatConfig {
  std::uint32_t addresses_max = 64;          ///< that have ports, of pools and of interfaces together
  std::optional<PortRange> interface_ports;  ///< nothing: those that the kernel does not give its own sockets
  std::map<std::string, NatPoolConfig> pools;
  std::vector<SourceNatRuleConfig> source;
  std::vector<DestinationNatRuleConfig> destination;
  std::vector<StaticNatRuleConfig> static_rules;
  NatTimeoutsConfig timeouts;

  friend bool operator==(const NatConfig&, const NatConfig&) = default;
};

/// Of `source`: a session that begins is compared with one after the other.
inline constexpr std::size_t kMostSourceRules = 1024;
/// Of `destination`, and as many of `static`.
inline constexpr std::size_t kMostDestinationRules = 1024;
/// Of all rules of `destination`, with the services that they name.
inline constexpr std::size_t kMostDestinationMatches = 4096;
/// Of all rules, with those of the sets that they name: each rule has its own copies.
inline constexpr std::size_t kMostNatPrefixes = 1'000'000;

}  // namespace culvert
