// SPDX-License-Identifier: Apache-2.0
// What a new session costs with 10,000 rules, every 25th of which has a set of 100,000 prefixes as its source or
// destination, beside what it costs with ten rules: the same packets, all of which begin one. (bench/micro/policy.cc
// compares the matching alone.)
//
// Rules name prefixes of sites' /16 networks, eight rules a network, as in R2; all permit, the last one everything. Of
// the packets half are meant for a random rule, a quarter comes from an address of the sets, a quarter goes to one.
#include "bench/turn/rules.h"

#include <algorithm>
#include <array>

#include "bench/support/prefixes.h"
#include "bench/turn/firewall_turn.h"
#include "packet/parse.h"
#include "packet/translate.h"

namespace culvert::bench {
namespace {

constexpr std::size_t kMany = 10'000, kFew = 10;
constexpr std::size_t kSets = 4, kSetPrefixes = 100'000;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() { return splitmix64(state_); }
  std::uint64_t below(std::uint64_t range) { return (*this)() % range; }
  std::uint32_t word() { return static_cast<std::uint32_t>((*this)()); }
  template <typename List>
  const auto& of(const List& list) {
    return list[below(list.size())];
  }

 private:
  std::uint64_t state_;
};

/// Both families' addresses; of IPv4 mapped(). A site's IPv4 address is in IPv6 the second half of a /64's number.
Ipv6Address site_address(std::uint32_t address, bool ipv6) {
  if (!ipv6) return mapped(Ipv4Address{Be32(address)});
  return Prefix6(0x20010db800000000ULL | address, 1, 128).address();
}

/// Nobody drops it as no address that packets go to.
bool is_usable(const Ipv6Address& address, bool ipv6) {
  if (ipv6) return true;
  const auto first = std::to_integer<unsigned>(std::byte{address.bytes[12]});
  const auto second = std::to_integer<unsigned>(std::byte{address.bytes[13]});
  return first != 0 && first != 127 && first < 224 && !(first == 169 && second == 254);
}

PrefixSet one_prefix(std::uint32_t network, unsigned length, bool ipv6) {
  if (!ipv6) return {{Prefix4(network, length)}, {}};
  return {{}, {Prefix6(0x20010db800000000ULL | network, 1, length == 32 ? 128 : length + 32)}};
}

Rule permit_udp(Random& random) {
  constexpr std::array<std::uint16_t, 8> kPorts = {53, 123, 161, 443, 500, 3478, 5060, 8443};
  Rule rule;
  rule.from = ZoneMask{1} << 1;
  rule.to = ZoneMask{1} << 2;
  rule.action = RuleAction::kPermit;
  ServiceMatch service;
  service.protocol = random.below(4) == 0 ? kProtocolTcp : kProtocolUdp;
  if (random.below(4) != 0) service.destination.first = service.destination.last = random.of(kPorts);
  rule.services = {service};
  return rule;
}

/// `count` rules, the last of which permits everything.
RuleSet rules_of_sites(std::size_t count, bool ipv6, std::uint64_t seed) {
  constexpr std::array<unsigned, 8> kLengths = {16, 20, 24, 24, 24, 28, 32, 32};
  Random random(seed);
  std::vector<std::uint32_t> networks(count / 8 + 20);
  for (std::uint32_t& network : networks) {
    do network = random.word() & 0xffff0000U;
    while (!is_usable(mapped(Ipv4Address{Be32(network)}), false));
  }
  RuleSet rules;
  const auto any_or_site = [&](bool any) -> std::vector<std::uint32_t> {
    if (any) return {};
    rules.prefixes.push_back(one_prefix(random.of(networks) | (random.word() & 0xffff), random.of(kLengths), ipv6));
    return {static_cast<std::uint32_t>(rules.prefixes.size() - 1)};
  };
  while (rules.rules.size() + 1 < count) {
    Rule rule = permit_udp(random);
    rule.sources = any_or_site(random.below(8) == 0);
    rule.destinations = any_or_site(!rule.sources.empty() && random.below(8) == 0);
    rules.rules.push_back(std::move(rule));
  }
  Rule last = permit_udp(random);
  last.services.clear();
  rules.rules.push_back(std::move(last));
  return rules;
}

/// Every 25th rule has a set as source or destination, each set in turn. They are the last of the prefixes.
void give_sets(RuleSet& rules, bool ipv6) {
  const auto first = static_cast<std::uint32_t>(rules.prefixes.size());
  for (std::size_t i = 0; i < kSets; ++i) {
    PrefixSet& set = rules.prefixes.emplace_back();
    if (ipv6) {
      for (const Route6& route : internet6(kSetPrefixes, 31 + i)) set.ipv6.push_back(route.prefix);
    } else {
      for (const Route4& route : internet4(kSetPrefixes, 31 + i)) set.ipv4.push_back(route.prefix);
    }
  }
  for (std::size_t i = 0; i + 1 < rules.rules.size(); i += 25) {
    Rule& rule = rules.rules[i];
    const std::uint32_t set = first + static_cast<std::uint32_t>(i / 25 % kSets);
    (i / 25 / kSets % 2 == 0 ? rule.sources : rule.destinations) = {set};
  }
}

/// Another prefix is drawn for one of which no address is usable.
Ipv6Address address_in(const PrefixSet& set, bool ipv6, Random& random) {
  for (;;) {
    Ipv6Address address;
    if (ipv6) {
      const Prefix6& prefix = random.of(set.ipv6);
      if (prefix.length == 128) return prefix.address();
      address = Prefix6(prefix.high | (random() & ~Prefix6::mask(prefix.length)), 1 + random.below(2), 128).address();
    } else {
      const Prefix4& prefix = random.of(set.ipv4);
      address = mapped(Ipv4Address{Be32(prefix.bits | (random.word() & ~Prefix4::mask(prefix.length)))});
    }
    if (is_usable(address, ipv6)) return address;
  }
}

/// Of one of a rule's sets; anywhere when it has none.
Ipv6Address address_for(const std::vector<std::uint32_t>& sets, const RuleSet& rules, bool ipv6, Random& random) {
  if (!sets.empty()) return address_in(rules.prefixes[random.of(sets)], ipv6, random);
  Ipv6Address address;
  do address = site_address(random.word(), ipv6);
  while (!is_usable(address, ipv6));
  return address;
}

/// A packet between these ends.
void write(std::span<std::byte> bytes, const Ipv6Address& source, const Ipv6Address& destination, Be16 from, Be16 to) {
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  parse(packet, {});
  if (packet.network == NetworkKind::kIpv6) {
    translate(packet, FiveTuple6{source, destination, from, to, packet.protocol});
  } else {
    translate(packet, FiveTuple4{load<Ipv4Address>(&source.bytes[12]), load<Ipv4Address>(&destination.bytes[12]), from,
                                 to, packet.protocol});
  }
}

PacketList traffic_for(const RuleSet& rules, bool ipv6, std::uint64_t seed) {
  Random random(seed);
  const PacketList like = make_traffic(headers_of(1, ipv6 ? NetworkKind::kIpv6 : NetworkKind::kIpv4));
  const std::span<const std::byte> first = like.stored(like[0]);
  std::vector<std::byte> bytes(first.begin(), first.end());
  PacketList list;
  for (std::uint32_t i = 0; i < NewSessions::kFlows; ++i) {
    const Rule& rule = random.of(rules.rules);
    Ipv6Address source = address_for(rule.sources, rules, ipv6, random);
    Ipv6Address destination = address_for(rule.destinations, rules, ipv6, random);
    const PrefixSet& set = rules.prefixes[rules.prefixes.size() - 1 - random.below(kSets)];
    if (i % 4 == 0) source = address_in(set, ipv6, random);
    if (i % 4 == 1) destination = address_in(set, ipv6, random);
    const bool any_port = rule.services.empty() || rule.services[0].destination == PortRange{};
    const Be16 to(any_port ? std::uint16_t{443} : rule.services[0].destination.first);
    write(bytes, source, destination, Be16(static_cast<std::uint16_t>(1024 + random.below(64512))), to);
    list.add(bytes);
  }
  return list;
}

void measure(bool ipv6, const Options& options, Report& report) {
  const char* name = ipv6 ? "new sessions by rules, IPv6" : "new sessions by rules, IPv4";
  constexpr const char* kManyRules = "10,000 rules, sets of 100,000";
  constexpr const char* kFewRules = "10 rules";
  if (!wanted(options, name)) return;
  RuleSet rules = rules_of_sites(kMany, ipv6, 21);
  give_sets(rules, ipv6);
  const PacketList list = traffic_for(rules, ipv6, 5);
  NewSessions many(list, {.to_anywhere = true}, rules);
  NewSessions few(list, {.to_anywhere = true}, rules_of_sites(kFew, ipv6, 22));
  Comparison comparison(name, kPackets, options);
  comparison.add(kManyRules, [&] { many.run(); });
  comparison.add(kFewRules, [&] { few.run(); });
  comparison.run();
  if (!comparison.ran()) return;
  check(many.holds() && few.holds(), report);
  report.bar("P9", comparison, kManyRules, kFewRules, 3.0);
}

}  // namespace

void measure_rules(const Options& options, Report& report) {
  measure(false, options, report);
  measure(true, options, report);
}

}  // namespace culvert::bench
