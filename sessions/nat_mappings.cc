// SPDX-License-Identifier: Apache-2.0
#include "sessions/nat_mappings.h"

namespace culvert {
namespace {

/// Keys of permits have a network of their own, so that no packet is ever taken for one.
constexpr std::uint16_t kPermits = 0xffff;

}  // namespace

template <typename Tuple>
Tuple NatMappings<Tuple>::inside_key(const Tuple& packet) noexcept {
  Tuple key = packet;
  key.destination = {};
  key.destination_port = {};
  return key;
}

template <typename Tuple>
Tuple NatMappings<Tuple>::outside_key(const Tuple& packet) noexcept {
  Tuple key = packet;
  key.source = {};
  key.source_port = {};
  return key;
}

template <typename Tuple>
Tuple NatMappings<Tuple>::permit_key(const Tuple& original) noexcept {
  Tuple key = original;
  key.destination_port = {};
  key.vrf = kPermits;
  return key;
}

template <typename Tuple>
FlowSlot NatMappings<Tuple>::find(const Tuple& key) const noexcept {
  const FlowSlot slot = table_.flows().find(key, table_.hash(key));
  return slot == kNoFlow ? kNoFlow : table_.original_of(slot);
}

template <typename Tuple>
FlowSlot NatMappings<Tuple>::insert(const Tuple& original, const Tuple& reply, Now now) noexcept {
  SessionStart<Tuple> start;
  start.original.key = original;
  start.original.hash = table_.hash(original);
  start.reply.key = reply;
  start.reply.hash = table_.hash(reply);
  const FlowSlot slot = table_.insert(start, {}, now).slot;
  if (slot != kNoFlow) put(table_.entry(slot).head.bytes, 1);
  return slot;
}

template <typename Tuple>
FlowSlot NatMappings<Tuple>::begin(const Tuple& original, const Tuple& reply, Now now) noexcept {
  return insert(inside_key(original), outside_key(reply), now);
}

template <typename Tuple>
bool NatMappings<Tuple>::release(FlowSlot mapping) noexcept {
  if (sessions(mapping) > 1) {
    count(mapping, ~std::uint64_t{0});
    return false;
  }
  table_.erase(mapping);
  return true;
}

template <typename Tuple>
bool NatMappings<Tuple>::permit(const Tuple& original, Now now) noexcept {
  const Tuple key = permit_key(original);
  if (const FlowSlot known = find(key); known != kNoFlow) {
    count(known, 1);
    return true;
  }
  return insert(key, key.reversed(), now) != kNoFlow;
}

template <typename Tuple>
void NatMappings<Tuple>::forbid(const Tuple& original) noexcept {
  const FlowSlot known = find(permit_key(original));
  if (known != kNoFlow) release(known);
}

template <typename Tuple>
bool NatMappings<Tuple>::permitted(FlowSlot mapping, const Tuple& packet) noexcept {
  Tuple key = inside(mapping);
  key.destination = packet.source;
  key.vrf = kPermits;
  return find(key) != kNoFlow;
}

template class NatMappings<FiveTuple4>;
template class NatMappings<FiveTuple6>;

}  // namespace culvert
