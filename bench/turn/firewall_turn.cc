// SPDX-License-Identifier: Apache-2.0
#include "bench/turn/firewall_turn.h"

#include <string>

namespace culvert::bench {
namespace {

constexpr std::size_t kRules = 1000;
constexpr Zone kInside = 1, kOutside = 2;  // of a rig's interfaces 0 and 1

Rule permit_or_deny(std::size_t index) {
  Rule rule;
  rule.name = "rule " + std::to_string(index);
  rule.from = ZoneMask{1} << kInside;
  rule.to = ZoneMask{1} << kOutside;
  rule.action = index % 2 == 0 ? RuleAction::kDeny : RuleAction::kPermit;
  ServiceMatch service;
  service.protocol = kProtocolSctp;  // nobody sends that here
  service.destination = {static_cast<std::uint16_t>(index), static_cast<std::uint16_t>(index + 10)};
  rule.services = {service};
  return rule;
}

/// 198.18.128.0 and what follows, or 2001:db8:1:1:: and so on: outside what traffic comes from and goes to.
Ipv6Address external_address(std::uint16_t number, bool ipv6) {
  if (!ipv6) return mapped(Ipv4Address{Be32(0xc6128000U + number)});
  Ipv6Address address{{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 1}};
  store(&address.bytes[14], Be16(number));
  return address;
}

FirewallTurn::Sessions of_new(FirewallTurn::Sessions sessions) {
  sessions.room = 1U << 17;
  sessions.timeout_ms = 200;
  return sessions;
}

}  // namespace

/// A third of them under destinations, a third under sources, a third for any address.
RuleSet thousand_rules() {
  RuleSet set;
  for (std::size_t i = 0; i + 1 < kRules; ++i) {
    Rule rule = permit_or_deny(i);
    // /28 to /24 within what the traffic goes to and comes from.
    const auto offset = static_cast<std::uint32_t>(i * 16 % 4096);
    const unsigned length = 24 + static_cast<unsigned>(i % 5);
    const std::uint32_t network = i % 3 == 0 ? 0xc6130000U : 0xc6120000U;
    if (i % 3 != 2) {
      set.prefixes.push_back({{Prefix4(network + offset, length)}, {}});
      (i % 3 == 0 ? rule.destinations : rule.sources) = {static_cast<std::uint32_t>(set.prefixes.size() - 1)};
    }
    set.rules.push_back(rule);
  }
  Rule last = permit_or_deny(1);
  last.services.clear();
  set.rules.push_back(last);
  return set;
}

TrafficConfig headers_of(std::uint32_t flows, NetworkKind network) {
  TrafficConfig traffic;
  traffic.flows = flows;
  traffic.headers_only = true;
  traffic.network = network;
  return traffic;
}

TrafficConfig tcp_headers_of(std::uint32_t flows) {
  TrafficConfig traffic = headers_of(flows);
  traffic.protocol = kProtocolTcp;
  return traffic;
}

bool wanted(const Options& options, std::string_view name) {
  return name.find(options.only) != std::string_view::npos;
}

void check(bool holds, Report& report) {
  if (!holds) report.note("void", "packets did not find their sessions: this run says nothing", 0);
}

FirewallTurn::FirewallTurn(const PacketList& traffic, const Sessions& sessions, const RuleSet& rules)
    : CulvertTurn(traffic, sessions.room, 2U * sessions.external_addresses) {
  SessionTimeouts& timeouts = rig().settings.timeouts;
  timeouts.udp = timeouts.nat_udp = flow_date_span(sessions.timeout_ms * kNanosecondsPerMillisecond);
  rig().settings.tcp_pick_up = true;
  if (sessions.external_addresses > 0) translate(sessions);
  if (sessions.to_anywhere) {
    rig().forward("0.0.0.0/0", 1, test_mac(9));
    rig().forward("::/0", 1, test_mac(9));
  }
  rig().use(rules);
}

void FirewallTurn::translate(const Sessions& sessions) {
  std::vector<ExternalAddress> addresses;
  pools_.resize(2);
  for (const bool ipv6 : {false, true}) {
    const std::size_t family = ipv6 ? 1 : 0;
    for (std::uint16_t i = 0; i < sessions.external_addresses; ++i) {
      slots_[family].push_back(static_cast<std::uint16_t>(addresses.size()));
      ExternalAddress address{external_address(i, ipv6), {}};
      address.home = 1;
      addresses.push_back(address);
    }
    pools_[family].ipv6 = ipv6;
    pools_[family].slots = slots_[family];
    SourceRule rule;
    rule.from = NatZones{1} << kInside;
    rule.to = NatZones{1} << kOutside;
    rule.action = SourceAction::kPool;
    rule.ipv6 = ipv6;
    rule.mapping = sessions.mapping;
    rule.filtering = NatFiltering::kAddressDependent;
    rule.pool = static_cast<NatPoolIndex>(family);
    rules_.push_back(rule);
  }
  nat_.rules = rules_;
  nat_.pools = pools_;
  nat_.pairing_key = HashKey::from_seed(3);
  StatefulSnapshot& settings = rig().settings;
  settings.source_nat = &nat_;
  settings.external_addresses = &book_.publish(addresses);
  settings.translated_zones = translated_zones(rules_);
}

std::uint32_t FirewallTurn::ports_used() {
  std::uint32_t used = 0;
  for (const auto& slots : slots_) {
    for (const std::uint16_t slot : slots) {
      for (const PortKind kind : {PortKind::kTcp, PortKind::kUdp}) {
        used += rig().external_ports().pool(slot, kind).used();
      }
    }
  }
  return used;
}

NewSessions::NewSessions(const PacketList& list, FirewallTurn::Sessions sessions, const RuleSet& rules)
    : turn_(list, of_new(sessions), rules) {
  turn_.run(kFlows, kStep);
}

bool NewSessions::holds() {
  const std::uint64_t created = turn_.rig().session_cells().created.read();
  return turn_.forwards() && created >= turn_.cells().received.read() / 100 * 98;
}

Established::Established(const TrafficConfig& traffic, std::uint16_t external_addresses)
    : flows_(traffic.flows),
      translated_(external_addresses > 0),
      list_(make_traffic(traffic)),
      turn_(list_, {.room = traffic.flows, .external_addresses = external_addresses}) {
  turn_.run(std::size_t{2} * flows_);
  evaluations_ = turn_.cells().policy_evaluations.read();
}

bool Established::holds() {
  return turn_.forwards() && turn_.rig().shard().size() == flows_ &&
         turn_.cells().policy_evaluations.read() == evaluations_ && (!translated_ || turn_.ports_used() == flows_);
}

}  // namespace culvert::bench
