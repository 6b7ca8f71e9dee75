// SPDX-License-Identifier: Apache-2.0
// What a person says about the firewall, as plain data: zones, and the policy between them. Names are still names here;
// references.h has seen to it that each of them means something, and control/policy_rules.h makes numbers of them.
//
//   zones: {trust: {}, internet: {}}
//   policy:
//     addresses:
//       servers: [192.0.2.0/28, 2001:db8:9::/64]
//       bad: {file: /etc/culvert/bad.txt}                              # one prefix a line
//     services:
//       web: [tcp/80, tcp/443, udp/443]
//     rules:
//       - {name: out, from: trust, to: internet, action: permit}
//       - {name: bad, from: internet, source: bad, action: deny, log: open}
//       - {name: web, from: internet, to: trust, destination: servers, service: web, action: permit}
//
// First match wins, and what no rule matches is denied, also between two interfaces of one zone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/address.h"
#include "config/schedule.h"
#include "config/screens.h"
#include "policy/rules.h"

namespace culvert {

struct ZoneConfig {
  std::string description;
  std::optional<std::string> screen;  ///< nothing: none
  ZoneLimitsConfig limits;

  friend bool operator==(const ZoneConfig&, const ZoneConfig&) = default;
};

/// Values that are written out, and names of sets that hold more of them.
template <typename T>
struct NamedList {
  std::vector<T> values;
  std::vector<std::string> names;

  bool empty() const noexcept { return values.empty() && names.empty(); }
  friend bool operator==(const NamedList&, const NamedList&) = default;
};
using AddressList = NamedList<ConfigPrefix>;
using ServiceList = NamedList<ServiceMatch>;

/// A file of prefixes with what it held when the configuration was checked.
struct PrefixFile {
  std::string path;  ///< empty: none
  std::vector<ConfigPrefix> prefixes;

  friend bool operator==(const PrefixFile&, const PrefixFile&) = default;
};

/// A set of addresses: what it names and what its file holds, together.
struct AddressSetConfig {
  std::string description;
  AddressList members;
  PrefixFile file;

  friend bool operator==(const AddressSetConfig&, const AddressSetConfig&) = default;
};

struct ServiceConfig {
  std::string description;
  ServiceList members;

  friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;
};

enum class RuleLog : std::uint8_t { kNone, kOpen, kClose, kBoth };

/// A rule. In each list, empty is any.
struct RuleConfig {
  std::string name;
  std::string description;
  std::vector<std::string> from;
  std::vector<std::string> to;
  AddressList source;
  AddressList destination;
  ServiceList service;
  RuleAction action = RuleAction::kDeny;
  RuleLog log = RuleLog::kNone;
  std::optional<std::string> schedule;  ///< nothing: always
  bool enabled = true;

  friend bool operator==(const RuleConfig&, const RuleConfig&) = default;
};

/// What happens to sessions that a changed policy would not let in.
enum class OnPolicyChange : std::uint8_t { kClose, kKeep };

struct PolicyConfig {
  std::map<std::string, AddressSetConfig> addresses;
  std::map<std::string, ServiceConfig> services;
  std::map<std::string, ScheduleConfig> schedules;
  std::vector<RuleConfig> rules;
  RuleAction default_action = RuleAction::kDeny;
  bool default_log = false;
  OnPolicyChange on_change = OnPolicyChange::kClose;
  bool mid_stream = false;

  friend bool operator==(const PolicyConfig&, const PolicyConfig&) = default;
};

/// How long a session may be silent, in ns.
struct SessionTimeoutsConfig {
  std::uint64_t tcp_syn_ns = 20'000'000'000;
  std::uint64_t tcp_established_ns = 3'600'000'000'000;
  std::uint64_t tcp_fin_ns = 30'000'000'000;
  std::uint64_t tcp_reset_ns = 10'000'000'000;
  std::uint64_t udp_ns = 60'000'000'000;
  std::uint64_t icmp_ns = 10'000'000'000;
  std::uint64_t other_ns = 600'000'000'000;

  friend bool operator==(const SessionTimeoutsConfig&, const SessionTimeoutsConfig&) = default;
};

/// By which hash of a packet its worker is found.
enum class SharedBy : std::uint8_t { kKeyedHash, kRss };

struct SessionsConfig {
  std::uint32_t max = 262'144;           ///< of all workers together
  std::optional<std::string> directory;  ///< of their files; nothing: that of the control socket
  SharedBy shared_by = SharedBy::kKeyedHash;
  SessionTimeoutsConfig timeouts;

  friend bool operator==(const SessionsConfig&, const SessionsConfig&) = default;
};

/// Whether a packet's source must be routed back to where it came from (RFC 3704); reverse_path_of() says what
/// automatic means.
enum class ReversePath : std::uint8_t { kAutomatic, kStrict, kLoose, kOff };

inline constexpr std::size_t kMostSets = 4096;      ///< of addresses, of services: names that a person can tell apart
inline constexpr std::size_t kMostSchedules = 256;  ///< each is looked at whenever one of them begins or ends
inline constexpr std::size_t kMostPolicyPrefixes = 1'000'000;  ///< of all sets together
inline constexpr std::size_t kMostSetPrefixes = 200'000;       ///< of one, without those of sets that it names
inline constexpr std::size_t kMostNestedSets = 1024;           ///< in one address set or rule, at any depth
inline constexpr std::size_t kMostServiceMembers = 1024;       ///< of one service or rule, with all that it names

}  // namespace culvert
