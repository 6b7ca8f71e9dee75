// SPDX-License-Identifier: Apache-2.0
#include "pipeline/session_owner.h"

#include <optional>

#include "packet/five_tuple.h"
#include "packet/fragment_place.h"
#include "packet/icmp_quote.h"
#include "packet/rss_hash.h"
#include "pipeline/datagram_queue.h"

namespace culvert {
namespace {

void hand_off(Packet& packet, std::uint32_t owner) noexcept {
  packet.verdict = Verdict::kHandOff;
  packet.next_hop = owner;
}

std::uint64_t address_hash(const HashKey& key, Ipv4Address address) noexcept {
  return hash16(key, address.value.wire(), 0);
}
std::uint64_t address_hash(const HashKey& key, const Ipv6Address& address) noexcept {
  return hash16(key, address.high(), address.low());
}

NextHopIndex look_up(Ipv4Address destination, const RouteTables& routes) noexcept {
  return routes.ipv4->lookup(destination);
}
NextHopIndex look_up(const Ipv6Address& destination, const RouteTables& routes) noexcept {
  return routes.ipv6->lookup(destination);
}

/// Where packets leave that come with this tuple and go to its destination, or another one; none: nowhere.
template <typename Tuple>
std::optional<Zone> zone_out(const Tuple& tuple, const decltype(Tuple::destination)& destination,
                             const Context& context) noexcept {
  const NextHopTable& next_hops = *context.routes.next_hops;
  NextHopView hop = next_hops.view(look_up(destination, context.routes));
  context.cells.route_lookups.add();
  if (hop.kind == NextHopKind::kMultipath) {
    hop = next_hops.view(next_hops.member(hop.group, symmetric_hash(context.multipath_key, tuple)));
  }
  if (hop.kind != NextHopKind::kForward && hop.kind != NextHopKind::kGlean) return std::nullopt;
  return context.snapshot.stateful->zone_of(hop.interface);
}

template <typename Tuple>
bool is_target_source(const Tuple& tuple, const DestinationNat& destinations) noexcept {
  return destinations.is_target(tuple.source, tuple.protocol, tuple.source_port.host());
}

/// Whether a session that begins with this tuple is translated.
template <typename Tuple>
bool is_translated(const Tuple& tuple, Zone from, Zone to, const StatefulSnapshot& stateful) noexcept {
  if (stateful.destination_nat->find_static(tuple, to) != nullptr) return false;  // another thing
  const SourceRule* rule = stateful.source_nat == nullptr ? nullptr : stateful.source_nat->find(tuple, from, to);
  return rule != nullptr && rule->action != SourceAction::kKeep;
}

}  // namespace

SessionOwners::SessionOwners(WorkerIndex self, WorkerIndex workers, const HashKey& key, OwnerHash hash) noexcept
    : key_(key), hash_(hash), self_(self), workers_(workers) {
  for (std::uint32_t i = 0; i < kRssTable; ++i) rss_table_[i] = static_cast<std::uint8_t>(i % workers);
}

template <typename Tuple>
std::uint32_t SessionOwners::by_tuple(const Tuple& tuple) const noexcept {
  if (hash_ == OwnerHash::kRss) return rss_table_[symmetric_rss_hash(tuple) % kRssTable];
  return fast_range(symmetric_hash(key_, tuple), workers_);
}

template <typename Address>
std::uint32_t SessionOwners::by_address(const Address& address) const noexcept {
  return fast_range(address_hash(key_, address), workers_);
}

template <typename Address>
std::uint32_t SessionOwners::by_endpoint(const Address& address, Be16 port) const noexcept {
  return fast_range(hash16(key_, address_hash(key_, address), port.wire()), workers_);
}

/// Of its ends one is a target, or both are. `came`: the tuple of the packet as it came.
template <typename Tuple>
std::uint32_t SessionOwners::by_target(const Tuple& tuple, const Tuple& came, bool to_target, Zone in,
                                       const Context& context) const noexcept {
  const bool from_target = is_target_source(tuple, *context.snapshot.stateful->destination_nat);
  const bool ports = port_kind(tuple.protocol).has_value();
  if (!ports) {
    // When its source is translated, too, answers keep nothing but the target.
    const std::optional<Zone> out = zone_out(came, tuple.destination, context);
    const StatefulSnapshot& stateful = *context.snapshot.stateful;
    if (out.has_value() && is_translated(tuple, in, *out, stateful)) return by_address(tuple.destination);
    if (out.has_value() && is_translated(tuple.reversed(), *out, in, stateful)) return by_address(tuple.source);
  }
  if (from_target && to_target) return by_tuple(tuple);
  if (!ports) return by_address(from_target ? tuple.destination : tuple.source);
  return from_target ? by_endpoint(tuple.destination, tuple.destination_port)
                     : by_endpoint(tuple.source, tuple.source_port);
}

template <typename Tuple>
std::uint32_t SessionOwners::with_nat(const Tuple& tuple, Zone in, const Context& context) const noexcept {
  constexpr bool kIpv6 = std::is_same_v<Tuple, FiveTuple6>;
  const StatefulSnapshot& stateful = *context.snapshot.stateful;
  const TranslatedZones& zones = stateful.translated_zones[kIpv6 ? 1 : 0];
  const DestinationNat& destinations = *stateful.destination_nat;
  const bool targets = destinations.any(kIpv6);
  if (!zones.any() && !targets) return by_tuple(tuple);
  if (targets) {
    const DestinationRule* rule = destinations.find(tuple, in);
    const auto to = rule == nullptr ? std::nullopt : DestinationNat::translated(*rule, tuple);
    if (to.has_value()) return by_target(*to, tuple, true, in, context);
  }
  const bool ports = port_kind(tuple.protocol).has_value();
  const ExternalAddress* external = stateful.external(tuple.destination);
  if (external != nullptr && !ports) return by_address(tuple.source);
  if (external != nullptr && stateful.is_answered_from(*external, in, kIpv6)) {
    return owner_of_port(tuple.destination_port.host(), workers_);
  }
  if (targets) {
    const bool to_target = destinations.is_target(tuple.destination, tuple.protocol, tuple.destination_port.host());
    if (to_target || is_target_source(tuple, destinations)) return by_target(tuple, tuple, to_target, in, context);
  }
  if (external != nullptr) return by_address(tuple.source);
  if (!zones.takes_part(in)) return by_tuple(tuple);
  const std::optional<Zone> out = zone_out(tuple, tuple.destination, context);
  if (!out.has_value()) return by_tuple(tuple);
  const bool there = zones.translates(in, *out);
  const bool back = zones.translates(*out, in);
  if (there && back) return in_both_ways(tuple, in, *out, stateful);
  if (!there && !back) return by_tuple(tuple);
  return there == ports ? by_address(tuple.source) : by_address(tuple.destination);
}

/// Sessions may be translated whichever way they begin.
template <typename Tuple>
std::uint32_t SessionOwners::in_both_ways(const Tuple& tuple, Zone in, Zone out,
                                          const StatefulSnapshot& stateful) const noexcept {
  if (port_kind(tuple.protocol).has_value()) {
    if (in == out) return by_tuple(tuple);
    return in < out ? by_address(tuple.source) : by_address(tuple.destination);
  }
  // Zones alone don't say which of both addresses answers keep: of a session that is translated the destination, of
  // one that may be its answer the source.
  if (is_translated(tuple, in, out, stateful)) return by_address(tuple.destination);
  if (is_translated(tuple.reversed(), out, in, stateful)) return by_address(tuple.source);
  return by_tuple(tuple);
}

/// Apart, because a quote begins with zeros: packets that are no errors do not pay for that.
template <typename OwnerOf>
[[gnu::noinline]] std::uint32_t SessionOwners::owner_of_quoted(const Packet& packet,
                                                               const OwnerOf& owner_of) const noexcept {
  IcmpQuote quote;
  // What quotes nothing is dropped by whoever got it.
  if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone) return 0;
  return packet.network == NetworkKind::kIpv4 ? owner_of(packet, quote.tuple4.reversed())
                                              : owner_of(packet, quote.tuple6.reversed());
}

/// `owner_of` knows the owner of a tuple that has come in like this packet.
template <typename OwnerOf>
std::uint32_t SessionOwners::owner(const Packet& packet, const OwnerOf& owner_of) const noexcept {
  if (packet.is_part()) return fast_range(hash_of(key_, fragment_place(packet).datagram), workers_);
  if (packet.has(kFlagIcmpError)) return owner_of_quoted(packet, owner_of);
  return packet.network == NetworkKind::kIpv4 ? owner_of(packet, five_tuple4(packet))
                                              : owner_of(packet, five_tuple6(packet));
}

template <typename OwnerOf>
void SessionOwners::sort_by(Burst& burst, const OwnerOf& owner_of) const noexcept {
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    const std::uint32_t owner = this->owner(packet, owner_of);
    if (owner != self_) hand_off(packet, owner);
  }
}

void SessionOwners::sort(Burst& burst) const noexcept {
  sort_by(burst, [this](const Packet&, const auto& tuple) noexcept { return by_tuple(tuple); });
}

void SessionOwners::sort(Burst& burst, const Context& context) const noexcept {
  const StatefulSnapshot& stateful = *context.snapshot.stateful;
  const DestinationNat& destinations = *stateful.destination_nat;
  const bool ipv4 = stateful.translated_zones[0].any() || destinations.any(false);
  if (!ipv4 && !stateful.translated_zones[1].any() && !destinations.any(true)) return sort(burst);
  sort_by(burst, [&](const Packet& packet, const auto& tuple) noexcept {
    return with_nat(tuple, stateful.zone_of(packet.ingress), context);
  });
}

bool SessionOwners::hand_over(Packet& packet, const Context& context) const noexcept {
  if (!shared()) return false;
  const Zone in = context.snapshot.stateful->zone_of(packet.ingress);
  const std::uint32_t owner =
      this->owner(packet, [&](const Packet&, const auto& tuple) noexcept { return with_nat(tuple, in, context); });
  if (owner == self_) return false;
  hand_off(packet, owner);
  return true;
}

bool SessionOwners::owns(std::span<Packet> fragments, std::uint32_t transport_length,
                         const Context& context) const noexcept {
  const Packet& first = fragments.front();
  const Zone in = context.snapshot.stateful->zone_of(first.ingress);
  const std::uint32_t owner = first.network == NetworkKind::kIpv4 ? with_nat(datagram_tuple4(first), in, context)
                                                                  : with_nat(datagram_tuple6(first), in, context);
  if (owner == self_) return true;
  for (Packet& packet : fragments) {
    hand_off(packet, owner);
    packet.egress = static_cast<InterfaceIndex>(transport_length);
  }
  return false;
}

}  // namespace culvert
