// SPDX-License-Identifier: Apache-2.0
#include "pipeline/translator.h"

#include <type_traits>

#include "base/bytes.h"
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
DropReason Translator::begin(SessionStart<Tuple>& start, const SourceNat& nat, InterfaceIndex egress) noexcept {
  const Tuple& original = start.original.key;
  const SourceRule* rule = nat.find(original, start.original.zone, start.reply.zone);
  if (rule == nullptr || rule->action == SourceAction::kKeep) return DropReason::kNone;
  const NatPool* pool = pool_of(*rule, nat, egress);
  if (ports_ == nullptr || pool == nullptr || pool->ipv6 != kIsIpv6<Tuple>) return DropReason::kNatNoAddress;
  const auto kind = port_kind(original.protocol);
  PairedSlots slots(*pool, host_hash(nat.pairing_key, original));
  if (slots.tries() == 0) return DropReason::kNatNoAddress;
  if (!kind.has_value()) {
    set_address(start.reply.key.destination, ports_->address(slots.next()));
    start.flags |= kFlowTranslated;
    return DropReason::kNone;
  }
  const std::uint16_t inside_port = original.source_port.host();
  const PortWish wish = *kind == PortKind::kIcmp ? PortWish{} : PortWish::like(inside_port);
  for (std::size_t tries = slots.tries(); tries > 0; --tries) {
    const std::size_t slot = slots.next();
    std::optional<std::uint16_t> port;
    if (pool->keep_port && ports_->take_exactly(slot, *kind, inside_port)) port = inside_port;
    if (!port.has_value()) port = ports_->take(slot, *kind, wish, random());
    if (!port.has_value()) continue;
    set_address(start.reply.key.destination, ports_->address(slot));
    set_port(start.reply.key, *kind, *port);
    start.flags |= kFlowTranslated | kFlowHoldsPort;
    return DropReason::kNone;
  }
  return DropReason::kNatPortsExhausted;
}

template <typename Tuple>
void Translator::give_back(const SessionStart<Tuple>& start) noexcept {
  if ((start.flags & kFlowHoldsPort) == 0) return;
  const Tuple& reply = start.reply.key;
  ports_->give_back(mapped(reply.destination), *port_kind(reply.protocol), reply.destination_port.host());
}

template <typename Tuple>
bool Translator::still_right(const Tuple& original, const Tuple& reply, Zone from, Zone to, InterfaceIndex egress,
                             const SourceNat& nat) const noexcept {
  const SourceRule* rule = nat.find(original, from, to);
  if (rule == nullptr || rule->action == SourceAction::kKeep) return reply == original.reversed();
  const NatPool* pool = pool_of(*rule, nat, egress);
  if (ports_ == nullptr || pool == nullptr) return false;
  const auto slot = ports_->find(mapped(reply.destination));
  return slot.has_value() && pool->has(*slot);
}

template <typename Tuple>
void leave_translated(Packet& packet, SessionTable<Tuple>& sessions, FlowSlot slot,
                      std::uint32_t transport_length) noexcept {
  const Tuple leaving = leaving_key(sessions, slot);
  translate(packet, leaving, transport_length);
  if (packet.has(kFlagTransport)) return;
  // A later fragment has no ports of its own: they are what its session is found by when we answer it.
  packet.source_port = leaving.source_port;
  packet.destination_port = leaving.destination_port;
}

template DropReason Translator::begin(SessionStart<FiveTuple4>&, const SourceNat&, InterfaceIndex) noexcept;
template DropReason Translator::begin(SessionStart<FiveTuple6>&, const SourceNat&, InterfaceIndex) noexcept;
template void Translator::give_back(const SessionStart<FiveTuple4>&) noexcept;
template void Translator::give_back(const SessionStart<FiveTuple6>&) noexcept;
template bool Translator::still_right(const FiveTuple4&, const FiveTuple4&, Zone, Zone, InterfaceIndex,
                                      const SourceNat&) const noexcept;
template bool Translator::still_right(const FiveTuple6&, const FiveTuple6&, Zone, Zone, InterfaceIndex,
                                      const SourceNat&) const noexcept;
template void leave_translated(Packet&, SessionTable<FiveTuple4>&, FlowSlot, std::uint32_t) noexcept;
template void leave_translated(Packet&, SessionTable<FiveTuple6>&, FlowSlot, std::uint32_t) noexcept;

}  // namespace culvert
