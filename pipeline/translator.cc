// SPDX-License-Identifier: Apache-2.0
#include "pipeline/translator.h"

#include <array>
#include <span>
#include <type_traits>

#include "base/bytes.h"
#include "base/check.h"
#include "packet/translate.h"

namespace culvert {
namespace {

template <typename Tuple>
inline constexpr bool kIsIpv6 = std::is_same_v<Tuple, FiveTuple6>;

template <typename Tuple>
std::uint64_t host_hash(const HashKey& key, const Tuple& original) noexcept {
  const Ipv6Address& address = mapped(original.source);
  return hash16(key, address.high(), address.low());
}

void set_address(Ipv4Address& to, const Ipv6Address& from) noexcept {
  to = load<Ipv4Address>(&from.bytes[12]);
}
void set_address(Ipv6Address& to, const Ipv6Address& from) noexcept {
  to = from;
}

/// The pool of a rule, for sessions that leave by this interface; null: the interface has no address.
const NatPool* pool_of(const SourceRule& rule, const SourceNat& nat, InterfaceIndex egress) noexcept {
  NatPoolIndex pool = rule.pool;
  if (rule.action == SourceAction::kInterface) {
    pool = egress < kMaxInterfaces ? nat.interface_pool[rule.ipv6 ? 1 : 0][egress] : kNoNatPool;
  }
  return pool < nat.pools.size() ? &nat.pools[pool] : nullptr;
}

/// The port becomes that of answers; of ICMP queries both are the identifier.
template <typename Tuple>
void set_port(Tuple& reply, PortKind kind, std::uint16_t port) noexcept {
  reply.destination_port = Be16(port);
  if (kind == PortKind::kIcmp) reply.source_port = Be16(port);
}

}  // namespace

template <typename Tuple>
bool Translator::take_port(SessionStart<Tuple>& start, const NatPool& pool, PairedSlots slots, PortKind kind) noexcept {
  ExternalPorts& ports = bindings_->ports();
  const std::uint16_t inside_port = start.original.key.source_port.host();
  const PortWish wish = kind == PortKind::kIcmp ? PortWish{} : PortWish::like(inside_port);
  for (std::size_t tries = slots.tries(); tries > 0; --tries) {
    const std::size_t slot = slots.next();
    std::optional<std::uint16_t> port;
    if (pool.keep_port && ports.take_exactly(slot, kind, inside_port)) port = inside_port;
    if (!port.has_value()) port = ports.take(slot, kind, wish, random());
    if (!port.has_value()) continue;
    set_address(start.reply.key.destination, ports.address(slot));
    set_port(start.reply.key, kind, *port);
    return true;
  }
  return false;
}

template <typename Tuple>
FlowSlot Translator::find_mapping(const Tuple& original, PairedSlots slots) noexcept {
  using Mappings = NatMappings<Tuple>;
  static_assert(Mappings::kMostAddresses >= PairedSlots::kMostTries);
  std::array<typename Mappings::Address, PairedSlots::kMostTries> external;
  const std::size_t tries = slots.tries();
  for (std::size_t i = 0; i < tries; ++i) set_address(external[i], bindings_->ports().address(slots.next()));
  return bindings_->mappings<Tuple>().of_inside(original, std::span(external).first(tries));
}

template <typename Tuple>
Translator::Begun Translator::begin_mapped(SessionStart<Tuple>& start, const NatPool& pool, PairedSlots slots,
                                           PortKind kind, const SourceRule& rule, Now now) noexcept {
  auto& mappings = bindings_->mappings<Tuple>();
  const Tuple& original = start.original.key;
  FlowSlot mapping = find_mapping(original, slots);
  if (mapping != kNoFlow) {
    const Tuple& outside = mappings.outside(mapping);
    start.reply.key.destination = outside.destination;
    set_port(start.reply.key, kind, outside.destination_port.host());
    mappings.hold(mapping);
  } else {
    if (!take_port(start, pool, slots, kind)) return {DropReason::kNatPortsExhausted};
    mapping = bindings_->begin(original, start.reply.key, now);
    if (mapping == kNoFlow) {
      static_cast<void>(bindings_->give_back(original, start.reply.key, 0));
      return {DropReason::kNatMappingsFull};
    }
  }
  // By this rule, or by another one that has used it before.
  const bool was_logged = mappings.is_logged(mapping);
  if (rule.log != NatLog::kNone) mappings.set_logged(mapping);
  const bool permit = rule.filtering == NatFiltering::kAddressDependent;
  const unsigned opened = bindings_->open(mapping, original, permit, now);
  mappings.allow(mapping, {start.policy, start.original.zone, start.reply.zone});
  const bool is_logged = mappings.is_logged(mapping);
  start.nat = static_cast<std::uint8_t>(kNatMapped | opened | (is_logged ? kNatLogged : 0U));
  return {DropReason::kNone, is_logged && !was_logged};
}

template <typename Tuple>
Translator::Begun Translator::begin_alone(SessionStart<Tuple>& start, const NatPool& pool, PairedSlots slots,
                                          PortKind kind, const SourceRule& rule) noexcept {
  if (!take_port(start, pool, slots, kind)) return {DropReason::kNatPortsExhausted};
  const bool is_logged = rule.log != NatLog::kNone;
  if (is_logged) start.nat = kNatLogged;
  return {DropReason::kNone, is_logged};
}

/// Sessions of a host that has an address outside for itself.
template <typename Tuple>
DropReason begin_static(SessionStart<Tuple>& start, const DestinationRule& rule) noexcept {
  const auto outside = DestinationNat::outside_of(rule, start.original.key.source);
  if (!outside.has_value()) return DropReason::kNatNoAddress;
  start.reply.key.destination = *outside;
  start.flags |= kFlowTranslated;
  return DropReason::kNone;
}

/// Whether sessions would go there now.
template <typename Tuple>
bool destination_is_right(const Tuple& original, const Tuple& meant, Zone from, const DestinationNat& nat) noexcept {
  const DestinationRule* rule = nat.find(original, from);
  return rule == nullptr ? meant == original : DestinationNat::translated(*rule, original) == meant;
}

template <typename Tuple>
Translator::Begun Translator::begin(SessionStart<Tuple>& start, const Rules& rules) noexcept {
  const Tuple& original = start.original.key;
  if ((start.flags & kFlowTranslated) != 0) {
    const DestinationRule* redirects = rules.destinations.find(original, start.original.zone);
    if (redirects != nullptr) count(redirects->counter);
  }
  if (const DestinationRule* fixed = rules.destinations.find_static(original, start.reply.zone)) {
    count(fixed->counter);
    return {begin_static(start, *fixed)};
  }
  const SourceRule* rule = rules.nat.find(start.reply.key.reversed(), start.original.zone, start.reply.zone);
  if (rule == nullptr) return {};
  count(rule->counter);
  if (rule->action == SourceAction::kKeep) return {};
  return translate_source(start, *rule, rules);
}

template <typename Tuple>
Translator::Begun Translator::translate_source(SessionStart<Tuple>& start, const SourceRule& rule,
                                               const Rules& rules) noexcept {
  const Tuple& original = start.original.key;
  const NatPool* pool = pool_of(rule, rules.nat, rules.egress);
  if (bindings_ == nullptr || pool == nullptr || pool->ipv6 != kIsIpv6<Tuple>) return {DropReason::kNatNoAddress};
  PairedSlots slots(*pool, host_hash(rules.nat.pairing_key, original));
  if (slots.tries() == 0) return {DropReason::kNatNoAddress};
  const auto kind = port_kind(original.protocol);
  if (!kind.has_value()) {
    set_address(start.reply.key.destination, bindings_->ports().address(slots.next()));
    start.flags |= kFlowTranslated;
    return {};
  }
  const bool mapped = rule.mapping == NatMapping::kEndpointIndependent;
  const Begun begun = rules.may_map && mapped && bindings_->has_mappings()
                          ? begin_mapped(start, *pool, slots, *kind, rule, rules.now)
                          : begin_alone(start, *pool, slots, *kind, rule);
  if (begun.refused == DropReason::kNone) start.flags |= kFlowTranslated | kFlowHoldsPort;
  return begun;
}

template <typename Tuple>
bool Translator::give_back(const SessionStart<Tuple>& start) noexcept {
  if ((start.flags & kFlowHoldsPort) == 0) return false;
  return bindings_->give_back(start.original.key, start.reply.key, start.nat);
}

template <typename Tuple>
FlowSlot Translator::mapping_of(const Tuple& packet) noexcept {
  if (bindings_ == nullptr || !bindings_->has_mappings()) return kNoFlow;
  return bindings_->mappings<Tuple>().of_outside(packet);
}

template <typename Tuple>
const SourceRule* Translator::lets_in(FlowSlot mapping, const Tuple& packet, const Tuple& original, Zone from, Zone to,
                                      const Rules& rules) noexcept {
  auto& mappings = bindings_->mappings<Tuple>();
  if (!mappings.is_open(mapping)) return nullptr;
  const SourceRule* rule = rules.nat.find(original, from, to);
  if (rule == nullptr || rule->action == SourceAction::kKeep) return nullptr;
  if (rule->mapping != NatMapping::kEndpointIndependent) return nullptr;
  if (!still_right(original, packet, from, to, rules)) return nullptr;
  switch (rule->filtering) {
    case NatFiltering::kEndpointIndependent:
      return rule;
    case NatFiltering::kAddressDependent:
      return mappings.permitted(mapping, packet) ? rule : nullptr;
    case NatFiltering::kAddressAndPortDependent:
      return nullptr;
  }
  return nullptr;
}

template <typename Tuple>
bool Translator::is_allowed(const Tuple& reply, const typename NatMappings<Tuple>::Allowed& allowed) noexcept {
  const FlowSlot mapping = mapping_of(reply);
  return mapping != kNoFlow && bindings_->mappings<Tuple>().allowed(mapping) == allowed;
}

template <typename Tuple>
void Translator::allow(const Tuple& reply, const typename NatMappings<Tuple>::Allowed& allowed) noexcept {
  if (const FlowSlot mapping = mapping_of(reply); mapping != kNoFlow) {
    bindings_->mappings<Tuple>().allow(mapping, allowed);
  }
}

template <typename Tuple>
void Translator::join(SessionStart<Tuple>& start, FlowSlot mapping) noexcept {
  bindings_->mappings<Tuple>().hold(mapping);
  start.flags |= kFlowTranslated | kFlowHoldsPort;
  const bool is_logged = bindings_->mappings<Tuple>().is_logged(mapping);
  start.nat = static_cast<std::uint8_t>(kNatMapped | kNatFromOutside | (is_logged ? kNatLogged : 0U));
}

template <typename Tuple>
void Translator::answered(SessionTable<Tuple>& sessions, FlowSlot original, const Rules& rules) noexcept {
  FlowInfo& info = sessions.info(original);
  const auto& entry = sessions.entry(original);
  const auto& reply = sessions.entry(entry.head.peer);
  const FlowSlot mapping = mapping_of(reply.key);
  CULVERT_CHECK(mapping != kNoFlow);
  const SourceRule* rule = rules.nat.find(entry.key, entry.head.zone, reply.head.zone);
  const bool permit = rule != nullptr && rule->filtering == NatFiltering::kAddressDependent;
  const unsigned opened = bindings_->open(mapping, entry.key, permit, rules.now);
  put(info.nat, static_cast<std::uint8_t>(info.nat | opened));
}

template <typename Tuple>
bool Translator::still_right(const Tuple& original, const Tuple& reply, Zone from, Zone to,
                             const Rules& rules) const noexcept {
  const Tuple meant = meant_key(original, reply);
  if (!destination_is_right(original, meant, from, rules.destinations)) return false;
  if (const DestinationRule* fixed = rules.destinations.find_static(original, to)) {
    return DestinationNat::outside_of(*fixed, original.source) == reply.destination &&
           reply.destination_port == original.source_port;
  }
  const SourceRule* rule = rules.nat.find(meant, from, to);
  if (rule == nullptr || rule->action == SourceAction::kKeep) return reply == meant.reversed();
  const NatPool* pool = pool_of(*rule, rules.nat, rules.egress);
  if (bindings_ == nullptr || pool == nullptr) return false;
  const auto slot = bindings_->ports().find(mapped(reply.destination));
  return slot.has_value() && pool->has(*slot);
}

template <typename Tuple>
void leave_translated(Packet& packet, const Tuple& answer, std::uint32_t transport_length) noexcept {
  if (translate_plain(packet, answer.destination, answer.source, answer.destination_port, answer.source_port)) return;
  translate_any(packet, answer.reversed(), transport_length);
  if (packet.has(kFlagTransport)) return;
  // A later fragment has no ports of its own: they are what its session is found by when we answer it.
  packet.source_port = answer.destination_port;
  packet.destination_port = answer.source_port;
}

template Translator::Begun Translator::begin(SessionStart<FiveTuple4>&, const Rules&) noexcept;
template bool Translator::give_back(const SessionStart<FiveTuple4>&) noexcept;
template bool Translator::still_right(const FiveTuple4&, const FiveTuple4&, Zone, Zone, const Rules&) const noexcept;
template FlowSlot Translator::mapping_of(const FiveTuple4&) noexcept;
template const SourceRule* Translator::lets_in(FlowSlot, const FiveTuple4&, const FiveTuple4&, Zone, Zone,
                                               const Rules&) noexcept;
template bool Translator::is_allowed(const FiveTuple4&, const NatMappings<FiveTuple4>::Allowed&) noexcept;
template void Translator::allow(const FiveTuple4&, const NatMappings<FiveTuple4>::Allowed&) noexcept;
template void Translator::join(SessionStart<FiveTuple4>&, FlowSlot) noexcept;
template void Translator::answered(SessionTable<FiveTuple4>&, FlowSlot, const Rules&) noexcept;
template Translator::Begun Translator::begin(SessionStart<FiveTuple6>&, const Rules&) noexcept;
template bool Translator::give_back(const SessionStart<FiveTuple6>&) noexcept;
template bool Translator::still_right(const FiveTuple6&, const FiveTuple6&, Zone, Zone, const Rules&) const noexcept;
template FlowSlot Translator::mapping_of(const FiveTuple6&) noexcept;
template const SourceRule* Translator::lets_in(FlowSlot, const FiveTuple6&, const FiveTuple6&, Zone, Zone,
                                               const Rules&) noexcept;
template bool Translator::is_allowed(const FiveTuple6&, const NatMappings<FiveTuple6>::Allowed&) noexcept;
template void Translator::allow(const FiveTuple6&, const NatMappings<FiveTuple6>::Allowed&) noexcept;
template void Translator::join(SessionStart<FiveTuple6>&, FlowSlot) noexcept;
template void Translator::answered(SessionTable<FiveTuple6>&, FlowSlot, const Rules&) noexcept;
template void leave_translated(Packet&, const FiveTuple4&, std::uint32_t) noexcept;
template void leave_translated(Packet&, const FiveTuple6&, std::uint32_t) noexcept;

}  // namespace culvert
