// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "nat/destination_nat.h"
#include "nat/external_addresses.h"
#include "nat/source_nat.h"
#include "packet/packet.h"
#include "pipeline/screens.h"
#include "pipeline/translated_zones.h"
#include "policy/rule_table.h"
#include "sessions/scan_meters.h"
#include "sessions/source_limits.h"
#include "sessions/syn_meters.h"
#include "sessions/timeouts.h"

namespace culvert {

/// What is asked of a new session's source address (RFC 3704 2).
enum class ReversePathCheck : std::uint8_t {
  kOff,
  kLoose,   ///< some route leads to it
  kStrict,  ///< the route to it leaves by the interface where it came in; of a multipath route, some member
};

/// What is counted by address, of all workers together.
struct SharedMeters {
  SourceLimits sources;
  ScanMeters scans;
  SynMeters syns{};
};

/// Cells in which a worker counts hits of the policy's rules, by StatefulSnapshot::rule_counters.
inline constexpr std::size_t kRuleCounters = kMaxRules + 1;
/// With those behind them, of NAT's rules, by SourceRule::counter and DestinationRule::counter: twice as many as there
/// can be rules, so that a changed configuration finds enough.
inline constexpr std::size_t kAllRuleCounters = kRuleCounters + 2 * std::size_t{3} * 1024;
static_assert(kAllRuleCounters <= kNoNatCounter);

inline constexpr DestinationNat kNoDestinationNat{};

/// The part of a snapshot that a configuration with a policy has: then every packet belongs to a session or is dropped.
struct StatefulSnapshot {
  const RuleTable* rules = nullptr;  ///< lives as long as the snapshot
  /// Which counter of a worker's rule hits a rule has, by its position; rules keep theirs when the policy changes.
  std::span<const std::uint16_t> rule_counters;
  std::uint16_t default_counter = 0;  ///< of what no rule matched
  /// Low 16 bits of a number that grows with each change of what the rules may say: sessions that were let in under
  /// another one are looked at again with their next packet. Never 0, which is nobody's.
  std::uint16_t policy_generation = 0;
  bool close_on_change = true;  ///< what a changed policy denies is closed, else it goes on
  bool tcp_pick_up = false;     ///< TCP without its handshake may begin a session (taking over from another firewall)
  std::array<Zone, kMaxInterfaces> zone{};
  std::array<ReversePathCheck, kMaxInterfaces> reverse_path{};
  std::array<ZoneScreens, kMaxZones> screens{};  ///< by the zone where packets come in
  std::array<ZoneLimits, kMaxZones> limits{};    ///< by the zone where sessions begin
  // Live as long as the snapshot; null: no NAT.
  const SourceNat* source_nat = nullptr;
  const ExternalAddresses* external_addresses = nullptr;
  const DestinationNat* destination_nat = &kNoDestinationNat;  ///< the same, and never null
  SessionTimeouts timeouts;
  std::uint32_t fragment_timeout_ms = 2000;
  /// What translated_zones() says of source_nat's rules: both directions of a session find their worker by it.
  std::array<TranslatedZones, 2> translated_zones{};

  Zone zone_of(InterfaceIndex interface) const noexcept {
    return interface < kMaxInterfaces ? zone[interface] : kNoZone;
  }
  /// One of those that sessions leave with, or null.
  template <typename Address>
  const ExternalAddress* external(const Address& address) const noexcept {
    if (external_addresses == nullptr) return nullptr;
    const auto slot = external_addresses->find(mapped(address));
    return slot.has_value() ? &(*external_addresses)[*slot] : nullptr;
  }
  /// Whether answers to sessions that leave with it may come from this zone.
  bool is_answered_from(const ExternalAddress& address, Zone from, bool ipv6) const noexcept {
    return !translated_zones[ipv6 ? 1 : 0].is_only_inside(from) && (address.outside >> from & 1) != 0;
  }
  /// One of NAT's: nobody but this host and sessions gets packets to it.
  template <typename Address>
  bool is_external(const Address& address) const noexcept {
    return external(address) != nullptr || destination_nat->at_outside(address) != nullptr;
  }
  /// Where packets to an address of NAT's come in; kNoInterface: it is none, or nobody says.
  template <typename Address>
  InterfaceIndex home_of(const Address& address) const noexcept {
    if (const ExternalAddress* found = external(address); found != nullptr) return found->home;
    const DestinationRule* rule = destination_nat->at_outside(address);
    return rule != nullptr ? rule->home : kNoInterface;
  }
};

}  // namespace culvert
