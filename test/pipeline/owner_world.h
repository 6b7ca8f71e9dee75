// SPDX-License-Identifier: Apache-2.0
// A random world for who owns what: zones, rules of source NAT, routes, external addresses and their ports.
#pragma once

#include <fmt/format.h>
#include <memory>
#include <random>
#include <vector>

#include "nat/destination_table.h"
#include "pipeline/session_owner.h"
#include "test/routes/tables.h"
#include "test/support/address_book.h"
#include "test/support/catch.h"
#include "test/support/session_memory.h"

namespace culvert::test {

inline constexpr std::size_t kInterfaces = 6;
inline constexpr std::size_t kExternals = 4;  ///< of each family
inline constexpr NextHopIndex kFirstForward = 1, kFirstGroup = 8, kLocal = 12, kBlackhole = 13;
inline constexpr std::size_t kGroups = 4;  ///< multipath routes

/// 198.18.<network>.<host>, or 2001:db8:<network>::<host>; networks: one for each interface, then multipath ones, then
/// external addresses.
inline std::string host(bool ipv4, std::size_t network, std::size_t number) {
  return ipv4 ? fmt::format("198.18.{}.{}", network, number) : fmt::format("2001:db8:{:x}::{:x}", network, number);
}
inline Ipv4Address address4(std::size_t network, std::size_t number) {
  return {Be32(static_cast<std::uint32_t>(0xc6120000U + (network << 8) + number))};
}
inline Ipv6Address address6(std::size_t network, std::size_t number) {
  Ipv6Address address{{0x20, 0x01, 0x0d, 0xb8}};
  address.bytes[5] = static_cast<std::uint8_t>(network);
  address.bytes[15] = static_cast<std::uint8_t>(number);
  return address;
}
inline constexpr std::size_t kExternalNetwork = kInterfaces + kGroups;
inline constexpr std::size_t kFirstFixed = 100, kFixed = 32;  ///< external addresses of nobody's pool
inline constexpr PoolRange kForwardedPorts{5000, 5063};

/// Routes, zones, rules and workers.
class OwnerWorld {
 public:
  explicit OwnerWorld(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kInterfaces; ++i) {
      const auto kind = i % 2 == 0 ? NextHopKind::kForward : NextHopKind::kGlean;
      next_hops_.set(next_hop(kFirstForward + i), {kind, static_cast<InterfaceIndex>(i), 1500, 0});
      set_route(i, kFirstForward + i);
    }
    for (std::size_t i = 0; i < kGroups; ++i) {
      next_hops_.set(next_hop(kFirstGroup + i),
                     {NextHopKind::kMultipath, kNoInterface, 0, static_cast<std::uint16_t>(i)});
      set_route(kInterfaces + i, kFirstGroup + i);
    }
    next_hops_.set(kLocal, {NextHopKind::kLocal, kNoInterface, 0, 0});
    next_hops_.set(kBlackhole, {NextHopKind::kBlackhole, kNoInterface, 0, 0});
    for (std::size_t family = 0; family < 2; ++family)
      for (std::size_t i = 0; i < kExternals; ++i)
        externals_.push_back({family == 0 ? mapped(address4(kExternalNetwork, i)) : address6(kExternalNetwork, i), {}});
    snapshot_.stateful.emplace();
    stateful().source_nat = &nat_;
    stateful().external_addresses = &book_.publish(externals_);
    nat_.pairing_key = HashKey::from_seed(seed);
  }

  /// Everything else than before.
  void change() {
    workers = static_cast<WorkerIndex>(2 + pick(15));
    hash = chance(50) ? OwnerHash::kKeyed : OwnerHash::kRss;
    ports_.clear();
    ports_.resize(workers);
    for (std::size_t i = 0; i < kInterfaces; ++i)
      stateful().zone[i] = static_cast<Zone>(pick(20) == 0 ? 0 : 1 + pick(4));
    for (std::uint16_t group = 0; group < kGroups; ++group) {
      const std::size_t one = pick(kInterfaces), two = pick(kInterfaces);
      for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket)
        next_hops_.set_bucket(group, bucket, next_hop(kFirstForward + (bucket % 2 == 0 ? one : two)));
    }
    const NextHopIndex ways[] = {kLocal, kBlackhole, kNoRouteIndex, next_hop(kFirstForward + pick(kInterfaces))};
    set_route(kExternalNetwork, ways[pick(4)]);
    change_rules();
    change_destinations();
  }

  std::size_t pick(std::size_t count) { return random_() % count; }
  bool chance(std::size_t percent) { return pick(100) < percent; }

  ExternalPorts& ports(WorkerIndex worker) {
    if (ports_[worker] == nullptr) {
      ports_[worker] = std::make_unique<PortMemory>(static_cast<std::uint32_t>(externals_.size()), worker, workers);
      ports_[worker]->ports().use(*stateful().external_addresses);
    }
    return ports_[worker]->ports();
  }

  StatefulSnapshot& stateful() { return *snapshot_.stateful; }
  Context context() { return {snapshot_, routes_, multipath_key_, cells_, 0}; }

  WorkerIndex workers = 2;
  OwnerHash hash = OwnerHash::kKeyed;

 private:
  static std::vector<HostPort> forwarded_ports() {
    std::vector<HostPort> ports;
    for (const PortKind kind : {PortKind::kTcp, PortKind::kUdp, PortKind::kSctp}) {
      for (unsigned port = kForwardedPorts.first; port <= kForwardedPorts.last; ++port)
        ports.push_back({kind, static_cast<std::uint16_t>(port)});
    }
    return ports;
  }
  static NextHopIndex next_hop(std::size_t index) { return static_cast<NextHopIndex>(index); }
  void set_route(std::size_t network, std::size_t hop) {
    const Prefix4 prefix4(address4(network, 0), 24);
    const Prefix6 prefix6(address6(network, 0), 48);
    if (hop == kNoRouteIndex) {
      ipv4_.remove(prefix4);
      ipv6_.remove(prefix6);
    } else {
      REQUIRE(ipv4_.insert(prefix4, next_hop(hop)));
      REQUIRE(ipv6_.insert(prefix6, next_hop(hop)));
    }
    ipv4_.settle();
    ipv6_.settle();
  }

  NatZones some_zones() {
    const NatZones one = NatZones{1} << pick(5);
    const NatZones choice[] = {one, one, one | NatZones{1} << pick(5), kAnyNatZone};
    return choice[pick(4)];
  }

  /// Of some networks some hosts.
  std::vector<NatRange> some_addresses(bool ipv6) {
    std::vector<NatRange> ranges;
    for (std::size_t network = 0; network < kExternalNetwork; ++network) {
      const std::size_t first = pick(100), last = first + pick(150);
      if (chance(40)) continue;
      if (ipv6) {
        ranges.push_back({AddressNumber::of(address6(network, first)), AddressNumber::of(address6(network, last))});
      } else {
        ranges.push_back({AddressNumber::of(address4(network, first)), AddressNumber::of(address4(network, last))});
      }
    }
    return ranges;
  }

  void change_rules() {
    rules_.clear();
    ranges_.clear();
    for (std::size_t count = pick(7); count > 0; --count) {
      SourceRule rule;
      rule.from = some_zones();
      rule.to = some_zones();
      rule.ipv6 = chance(50);
      const SourceAction actions[] = {SourceAction::kKeep, SourceAction::kPool, SourceAction::kPool,
                                      SourceAction::kInterface};
      rule.action = actions[pick(4)];
      rule.pool = rule.ipv6 ? 1 : 0;
      rule.any_source = chance(60);
      rule.any_destination = chance(60);
      ranges_.push_back(std::make_unique<std::vector<NatRange>>(some_addresses(rule.ipv6)));
      rule.sources = *ranges_.back();
      ranges_.push_back(std::make_unique<std::vector<NatRange>>(some_addresses(rule.ipv6)));
      rule.destinations = *ranges_.back();
      rules_.push_back(rule);
    }
    for (std::size_t family = 0; family < 2; ++family)
      for (NatPoolIndex& pool : nat_.interface_pool[family])
        pool = chance(20) ? kNoNatPool : static_cast<NatPoolIndex>(2 + family);
    nat_.rules = rules_;
    nat_.pools = pools_;
    stateful().translated_zones = translated_zones(rules_);
    say_outside();
  }
  AddressNumber number(bool ipv6, std::size_t network, std::size_t host) {
    return ipv6 ? AddressNumber::of(address6(network, host)) : AddressNumber::of(address4(network, host));
  }
  NatRange some_hosts(bool ipv6, std::size_t network, std::size_t first, std::size_t count) {
    return {number(ipv6, network, first), number(ipv6, network, first + count - 1)};
  }

  /// Ports of pools' addresses, of addresses of their own, and hosts with addresses for themselves.
  void change_destinations() {
    std::vector<DestinationRule> list;
    const std::uint8_t protocols[] = {6, 17, 132, 1, 58, 47, 50};
    for (std::size_t count = pick(3) == 0 ? 0 : pick(5); count > 0; --count) {
      DestinationRule rule;
      rule.ipv6 = chance(50);
      rule.from = some_zones();
      const bool of_a_pool = chance(50);
      rule.any_port = !of_a_pool && chance(50);
      rule.any_protocol = rule.any_port && chance(50);
      rule.protocol = protocols[pick(rule.any_port ? 7 : 3)];
      rule.ports = kForwardedPorts;
      rule.first_inside_port = static_cast<std::uint16_t>(chance(50) ? 5000 : 80);
      rule.one_inside_port = chance(50);
      rule.any_source = chance(70);
      ranges_.push_back(std::make_unique<std::vector<NatRange>>(some_addresses(rule.ipv6)));
      rule.sources = *ranges_.back();
      const std::size_t outside = of_a_pool ? pick(kExternals) : kFirstFixed + pick(kFixed);
      rule.addresses = AddressMap::all_to_one(some_hosts(rule.ipv6, kExternalNetwork, outside, 1),
                                              number(rule.ipv6, pick(kInterfaces + kGroups), 1 + pick(250)));
      list.push_back(rule);
    }
    for (std::size_t count = pick(3); count > 0; --count) {
      DestinationRule rule;
      rule.ipv6 = chance(50);
      rule.from = some_zones();
      rule.both_ways = true;
      const std::size_t size = 1 + pick(kFixed);
      rule.addresses = AddressMap::in_order(
          some_hosts(rule.ipv6, kExternalNetwork, kFirstFixed + kFixed * count, size),
          some_hosts(rule.ipv6, pick(kInterfaces + kGroups), 1 + pick(100) + 120 * (count - 1), size));
      list.push_back(rule);
    }
    destinations_ = std::make_unique<DestinationTable>(std::move(list));
    stateful().destination_nat = &destinations_->nat();
    for (ExternalAddress& external : externals_) external.excluded = forwarded_;
    stateful().external_addresses = &book_.publish(externals_);
  }

  /// Where sessions leave with which address; or that nobody knows.
  void say_outside() {
    for (ExternalAddress& external : externals_) external.outside = chance(30) ? kAnyNatZone : 0;
    for (const SourceRule& rule : rules_) {
      if (rule.action == SourceAction::kKeep) continue;
      const std::size_t pool = rule.action == SourceAction::kPool ? rule.pool : rule.ipv6 ? 3U : 2U;
      for (const std::uint16_t slot : slots_[pool]) externals_[slot].outside |= rule.to;
    }
    stateful().external_addresses = &book_.publish(externals_);
  }

  std::mt19937_64 random_;
  Tables<V4> ipv4_{Lpm4Limits{1000, 64}};
  Tables<V6> ipv6_{Lpm6Limits{1000, 2000}};
  std::vector<NextHopTable::Entry> entries_{32};
  std::vector<NextHopTable::Group> groups_{kGroups};
  NextHopTable next_hops_{entries_, groups_};
  std::atomic<std::uint64_t> generation_{1};
  RouteTables routes_{&ipv4_.table, &ipv6_.table, &next_hops_, &generation_};
  HashKey multipath_key_ = HashKey::from_seed(1);
  PipelineCells cells_;
  Snapshot snapshot_;
  AddressBook book_;
  std::vector<ExternalAddress> externals_;
  std::vector<HostPort> forwarded_ = forwarded_ports();
  std::unique_ptr<DestinationTable> destinations_;
  // Pools of either family, and those of interfaces.
  std::vector<std::vector<std::uint16_t>> slots_{{0, 1, 2}, {4, 5, 6}, {3}, {7}};
  std::vector<NatPool> pools_{{slots_[0], false}, {slots_[1], true}, {slots_[2], false}, {slots_[3], true}};
  std::vector<SourceRule> rules_;
  std::vector<std::unique_ptr<std::vector<NatRange>>> ranges_;
  SourceNat nat_;
  std::vector<std::unique_ptr<PortMemory>> ports_;
};

}  // namespace culvert::test
