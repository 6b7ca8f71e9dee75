// SPDX-License-Identifier: Apache-2.0
// Configurations drawn at random for a firewall of four interfaces, one after the other, as control makes them
// (control/nat/): policy, source NAT with pools and addresses of interfaces, forwarded ports, static addresses, a
// prefix, the address of an interface, routes.
//
//   interface 0, 1   zones 1, 2   198.18.0.0/24, 198.18.1.0/24   inside: what leaves for the internet is translated
//   interface 2      zone 3       198.18.2.0/24                  its hosts may show their addresses
//   interface 3      zone 4       198.18.3.0/24                  the internet
//
// IPv6 networks are 2001:db8:<n>::/64.
#pragma once

#include <memory>

#include "control/nat/translations.h"
#include "test/simulation/dialogues.h"
#include "test/support/catch.h"
#include "test/support/rig.h"

namespace culvert::test {

class NatWorld {
 public:
  static constexpr InterfaceIndex kInterfaces = 4, kOpenNetwork = 2, kOutside = 3;
  static constexpr unsigned kInsideNetworks = 2;
  static constexpr std::uint32_t kSlots = 20;  ///< external addresses: there are 18, some of them retired

  NatWorld(Rig& rig, Dice& dice, WorkerIndex workers)
      : rig_(rig), dice_(dice), workers_(workers), translations_(kSlots, HashKey::from_seed(dice.number())) {
    for (InterfaceIndex i = 0; i < kInterfaces; ++i) {
      facts_.interfaces.push_back({i, static_cast<std::uint8_t>(i + 1), {v4(i, 1), v6(i, 1)}});
      const MacAddress neighbor = test_mac(static_cast<std::uint8_t>(i + 1));
      rig_.forward("198.18." + std::to_string(i) + ".0/24", i, neighbor);
      rig_.forward("2001:db8:" + std::to_string(i) + "::/64", i, neighbor);
    }
    rig_.forward("0.0.0.0/0", kOutside, test_mac(0xde));
    rig_.forward("::/0", kOutside, test_mac(0xde));
    for (const unsigned own : {1U, 9U}) {
      rig_.special(Dialogues::address(kOutside, own, true) + "/32", NextHopKind::kLocal);
      rig_.special(Dialogues::address(kOutside, own, false) + "/128", NextHopKind::kLocal);
    }
    change();
  }

  std::size_t slots() const { return kSlots; }

  /// Another configuration, which every worker has when this returns.
  void change() {
    for (std::size_t family = 0; family < 2; ++family) {
      const unsigned own = dice_.chance(70) ? 1 : 9;
      facts_.interfaces[kOutside].address[family] = family == 0 ? v4(kOutside, own) : v6(kOutside, own);
    }
    auto rules = std::make_shared<NatRules>();
    rules->interface_ports = some_range();
    add_pools(*rules);
    for (std::uint64_t i = dice_.pick(6); i > 0; --i) add_source(*rules, some_source(*rules));
    for (const bool ipv6 : {false, true}) add_source(*rules, translate_all(ipv6));
    for (std::uint64_t i = dice_.pick(6); i > 0; --i) add_destination(*rules, some_forwarded());
    if (dice_.chance(60)) add_destination(*rules, some_static());
    if (dice_.chance(30)) add_destination(*rules, some_prefix());
    const auto in_use = [this](std::size_t slot) { return is_in_use(slot); };
    const std::shared_ptr<const Translation> next = translations_.make(rules, facts_, in_use);
    REQUIRE(translations_.without_slot().empty());
    rig_.settings.source_nat = &next->source_nat();
    rig_.settings.external_addresses = &next->addresses();
    rig_.settings.destination_nat = &next->destinations().nat();
    rig_.settings.translated_zones = translated_zones(next->source_nat().rules);
    change_settings();
    rig_.use(some_policy());
    translation_ = next;  // the one before is nobody's now
  }

  /// The open network is elsewhere, or back.
  void move_network() {
    const InterfaceIndex interface = dice_.chance(70) ? kOpenNetwork : kOutside;
    rig_.forward("198.18.2.0/24", interface, test_mac(9));
    rig_.forward("2001:db8:2::/64", interface, test_mac(9));
  }

 private:
  static Ipv4Address address4(unsigned network, unsigned host) { return ip4(Dialogues::address(network, host, true)); }
  static Ipv6Address address6(unsigned network, unsigned host) { return ip6(Dialogues::address(network, host, false)); }
  static IpAddress v4(unsigned network, unsigned host) { return IpAddress::from(address4(network, host)); }
  static IpAddress v6(unsigned network, unsigned host) { return IpAddress::from(address6(network, host)); }
  static AddressNumber number(bool ipv6, unsigned network, unsigned host) {
    return ipv6 ? AddressNumber::of(address6(network, host)) : AddressNumber::of(address4(network, host));
  }
  static NatRange hosts(bool ipv6, unsigned network, unsigned first, unsigned last) {
    return {number(ipv6, network, first), number(ipv6, network, last)};
  }

  bool is_in_use(std::size_t slot) const {
    for (WorkerIndex worker = 0; worker < workers_; ++worker) {
      for (std::size_t kind = 0; kind < kPortKinds; ++kind) {
        if (rig_.port_gauges(worker)[slot * kPortKinds + kind].used.read() != 0) return true;
      }
    }
    return false;
  }

  /// Some of these zones, at least one.
  NatZones some_of(NatZones zones) {
    NatZones some = 0;
    while (some == 0) some = zones & dice_.pick(32);
    return some;
  }
  PoolRange some_range() {
    constexpr PoolRange kRanges[] = {{}, {}, {1024, 1215}, {5000, 5400}, {40'000, 65'535}};
    return kRanges[dice_.pick(std::size(kRanges))];
  }
  std::uint32_t some_host() { return static_cast<std::uint32_t>(2 + dice_.pick(6)); }
  unsigned some_network() { return static_cast<unsigned>(dice_.pick(kOutside)); }

  /// Two of either family: of 198.18.3.100 and .101, and of .102 and .103.
  void add_pools(NatRules& rules) {
    for (const bool ipv6 : {false, true}) {
      for (const unsigned first : {100U, 102U}) {
        NatRules::Pool pool{"pool", ipv6, dice_.chance(30), some_range(), {}};
        const std::uint64_t which = 1 + dice_.pick(3);
        for (unsigned i = 0; i < 2; ++i) {
          if ((which >> i & 1) != 0) pool.addresses.push_back(ipv6 ? v6(kOutside, first + i) : v4(kOutside, first + i));
        }
        rules.pools.push_back(std::move(pool));
      }
    }
  }

  static void add_source(NatRules& rules, const SourceRule& rule) {
    rules.rules.push_back(rule);
    rules.names.emplace_back("rule");
  }
  static void add_destination(NatRules& rules, const ConfiguredDestination& rule) {
    rules.destinations.push_back(rule);
  }

  SourceRule translate_all(bool ipv6) {
    SourceRule rule;
    rule.ipv6 = ipv6;
    rule.from = kInside;
    rule.to = kInternetZone;
    rule.action = dice_.chance(70) ? SourceAction::kPool : SourceAction::kInterface;
    rule.pool = static_cast<NatPoolIndex>((ipv6 ? 2 : 0) + dice_.pick(2));
    if (rule.action == SourceAction::kInterface) rule.pool = kNoNatPool;
    if (dice_.chance(70)) rule.mapping = NatMapping::kEndpointIndependent;
    rule.filtering = static_cast<NatFiltering>(dice_.pick(3));
    rule.log = NatLog::kSessions;
    return rule;
  }

  SourceRule some_source(NatRules& rules) {
    SourceRule rule = translate_all(dice_.chance(40));
    const std::uint64_t what = dice_.pick(10);
    if (what < 6) {
      rule.from = some_of(kInside | kOpenZone);
      rule.to = some_of(kOpenZone | kInternetZone);
    } else if (what < 7) {  // what comes in gets another source
      rule.from = some_of(kOpenZone | kInternetZone);
      rule.to = some_of(kInside | kOpenZone);
      rule.action = SourceAction::kPool;
      rule.pool = static_cast<NatPoolIndex>((rule.ipv6 ? 2 : 0) + dice_.pick(2));
    } else {
      rule.action = SourceAction::kKeep;
      rule.from = dice_.chance(50) ? kOpenZone : some_of(kInside);
      rule.to = rule.from == kOpenZone ? some_of(kInside | kInternetZone) : some_of(kInside | kOpenZone);
    }
    const auto narrow = [&](bool& any, std::span<const NatRange>& to, unsigned network) {
      any = false;
      const auto first = static_cast<unsigned>(2 + dice_.pick(4));
      rules.ranges.push_back({hosts(rule.ipv6, network, first, first + static_cast<unsigned>(dice_.pick(6)))});
      to = rules.ranges.back();
    };
    if (dice_.chance(40)) narrow(rule.any_source, rule.sources, some_network());
    if (dice_.chance(30)) narrow(rule.any_destination, rule.destinations, kOutside);
    return rule;
  }

  /// A port or all of them, of an address that sessions leave with, or of none of those.
  ConfiguredDestination some_forwarded() {
    constexpr std::uint8_t kProtocols[] = {kProtocolTcp, kProtocolUdp, kProtocolSctp};
    ConfiguredDestination made;
    made.name = "forwarded";
    DestinationRule& rule = made.rule;
    rule.from = dice_.chance(80) ? kInternetZone : some_of(kInside | kOpenZone | kInternetZone);
    rule.ipv6 = dice_.chance(40);
    rule.any_protocol = false;
    rule.protocol = kProtocols[dice_.pick(std::size(kProtocols))];
    rule.any_port = false;
    rule.ports = {Dialogues::kFirstForwarded, Dialogues::kFirstForwarded + Dialogues::kForwarded - 1};
    rule.first_inside_port = static_cast<std::uint16_t>(dice_.chance(50) ? 80 : rule.ports.first);
    rule.one_inside_port = dice_.chance(50);
    made.interface = dice_.chance(20);
    const auto outside = static_cast<unsigned>(Dialogues::kFirstExternal + dice_.pick(8));
    const AddressNumber inside = number(rule.ipv6, some_network(), some_host());
    const NatRange range = made.interface ? NatRange{} : hosts(rule.ipv6, kOutside, outside, outside);
    rule.addresses = AddressMap::all_to_one(range, inside);
    return made;
  }

  ConfiguredDestination some_static() {
    ConfiguredDestination made;
    made.name = "static";
    made.rule.ipv6 = dice_.chance(40);
    made.rule.from = kInternetZone;
    made.rule.both_ways = true;
    made.rule.addresses =
        AddressMap::in_order(hosts(made.rule.ipv6, kOutside, 112, 115), hosts(made.rule.ipv6, some_network(), 4, 7));
    return made;
  }

  /// 2001:db8:2::/64 is 2001:db8:3:1::/64 outside (RFC 6296).
  ConfiguredDestination some_prefix() {
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    const AddressNumber inside = AddressNumber::of(ip6("2001:db8:2::"));
    const AddressNumber outside = AddressNumber::of(ip6("2001:db8:3:1::"));
    ConfiguredDestination made;
    made.name = "prefix";
    made.rule.ipv6 = true;
    made.rule.from = kInternetZone;
    made.rule.both_ways = true;
    made.rule.addresses = AddressMap::neutral({outside, {outside.high, kAll}}, {inside, {inside.high, kAll}}, 64);
    return made;
  }

  void change_settings() {
    StatefulSnapshot& settings = rig_.settings;
    for (InterfaceIndex i = 0; i < kInterfaces; ++i) {
      settings.reverse_path[i] = ReversePathCheck::kStrict;
      ZoneScreens& screens = settings.screens[i + 1];
      screens.on = dice_.chance(50) ? kPacketScreens | mask_of(Screen::kSynFlood) : ScreenMask{0};
      screens.syn = MeterRate::per_second(20);
    }
    settings.tcp_pick_up = dice_.chance(20);
    settings.close_on_change = dice_.chance(85);
  }

  RuleSet some_policy() {
    RuleSet set;
    for (std::uint64_t i = dice_.pick(4); i > 0; --i) set.rules.push_back(some_rule());
    Rule out = logged();
    out.from = kInside | kOpenZone;
    out.to = kOpenZone | kInternetZone;
    if (dice_.chance(90)) set.rules.push_back(out);
    Rule in = logged();
    in.from = kOpenZone | kInternetZone;
    for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp, kProtocolSctp}) {
      ServiceMatch service;
      service.protocol = protocol;
      service.destination = {80, Dialogues::kFirstForwarded + Dialogues::kForwarded};
      in.services.push_back(service);
    }
    if (dice_.chance(80)) set.rules.push_back(in);
    return set;
  }

  static Rule logged() {
    Rule rule;
    rule.name = "rule";
    rule.action = RuleAction::kPermit;
    rule.log_open = rule.log_close = true;
    return rule;
  }

  Rule some_rule() {
    constexpr std::uint8_t kProtocols[] = {kProtocolTcp, kProtocolUdp, kProtocolIcmp, kProtocolIcmpv6, kProtocolGre};
    Rule rule = logged();
    if (dice_.chance(70)) rule.from = some_of(kInside | kOpenZone | kInternetZone);
    if (dice_.chance(70)) rule.to = some_of(kInside | kOpenZone | kInternetZone);
    if (dice_.chance(60)) {
      ServiceMatch service;
      service.protocol = kProtocols[dice_.pick(std::size(kProtocols))];
      rule.services = {service};
    }
    constexpr RuleAction kActions[] = {RuleAction::kPermit, RuleAction::kDeny, RuleAction::kReject};
    rule.action = kActions[dice_.pick(3)];
    return rule;
  }

  static constexpr NatZones kInside = 0b00110, kOpenZone = 0b01000, kInternetZone = 0b10000;

  Rig& rig_;
  Dice& dice_;
  WorkerIndex workers_;
  Translations translations_;
  Translations::Facts facts_;
  std::shared_ptr<const Translation> translation_;
};

}  // namespace culvert::test
