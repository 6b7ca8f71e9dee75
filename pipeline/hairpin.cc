// SPDX-License-Identifier: Apache-2.0
#include "pipeline/hairpin.h"

#include "pipeline/decide.h"
#include "pipeline/related.h"

namespace culvert {
namespace {

/// It comes in where the address that it has now as a source would be. False: it can't, and is dropped.
template <typename Address>
bool come_in(Packet& packet, const Address& source, const StatefulContext& context) noexcept {
  const InterfaceIndex home = context.stateful.home_of(source);
  if (packet.turned_back || packet.is_part() || home == kNoInterface) {
    packet.drop(DropReason::kNatNoMapping);
    return false;
  }
  packet.turned_back = true;
  packet.ingress = home;
  return true;
}

/// A mapping can have it.
bool gives(const ExternalAddress& external, PortKind kind, std::uint16_t port) noexcept {
  return port >= external.range.first && port <= external.range.last && !is_of_host(external, kind, port);
}

}  // namespace

template <typename Tuple>
InterfaceIndex hairpin_way(const Packet& packet, const Tuple& key, Zone from, const StatefulContext& context) noexcept {
  const auto kind = port_kind(key.protocol);
  const InterfaceIndex home = context.stateful.home_of(key.destination);
  if (packet.turned_back || home == kNoInterface || !kind.has_value() || *kind == PortKind::kIcmp) return kNoInterface;
  if (context.stateful.source_nat == nullptr || context.zone_of(home) == from) return kNoInterface;
  // It may be an answer that is late, which another worker has to judge.
  constexpr bool kIpv6 = std::is_same_v<Tuple, FiveTuple6>;
  const ExternalAddress* external = context.stateful.external(key.destination);
  if (external != nullptr && context.owners.shared() && context.stateful.is_answered_from(*external, from, kIpv6)) {
    return kNoInterface;
  }
  const Zone there = context.zone_of(home);
  if (context.stateful.destination_nat->find(key, there) == nullptr &&
      (external == nullptr || !gives(*external, *kind, key.destination_port.host()))) {
    return kNoInterface;
  }
  if (context.stateful.destination_nat->find_static(key, there) != nullptr) return home;
  const SourceRule* rule = context.stateful.source_nat->find(key, from, there);
  return rule != nullptr && rule->action != SourceAction::kKeep ? home : kNoInterface;
}

template <typename Tuple>
[[gnu::noinline]] void turn_back(Packet& packet, const StatefulContext& context) noexcept {
  const Tuple key = key_of<Tuple>(packet);
  if (!come_in(packet, key.source, context)) return;
  if (context.owners.hand_over(packet, context.context)) return;
  auto& sessions = context.shard.table<Tuple>();
  const std::uint64_t hash = sessions.hash(key);
  decide(packet, key, hash, sessions.flows().find(key, hash), 0, context);
}

template <typename Address>
bool turn_error_back(Packet& packet, const Address& receiver, const StatefulContext& context) noexcept {
  if (context.stateful.home_of(receiver) == kNoInterface) return false;
  // Its source is whoever the session's other end is outside: that of the address which it comes to will do.
  if (come_in(packet, receiver, context) && !context.owners.hand_over(packet, context.context)) {
    admit_icmp_error(packet, context);
  }
  return true;
}

template InterfaceIndex hairpin_way<FiveTuple4>(const Packet&, const FiveTuple4&, Zone,
                                                const StatefulContext&) noexcept;
template InterfaceIndex hairpin_way<FiveTuple6>(const Packet&, const FiveTuple6&, Zone,
                                                const StatefulContext&) noexcept;
template void turn_back<FiveTuple4>(Packet&, const StatefulContext&) noexcept;
template void turn_back<FiveTuple6>(Packet&, const StatefulContext&) noexcept;
template bool turn_error_back<Ipv4Address>(Packet&, const Ipv4Address&, const StatefulContext&) noexcept;
template bool turn_error_back<Ipv6Address>(Packet&, const Ipv6Address&, const StatefulContext&) noexcept;

}  // namespace culvert
