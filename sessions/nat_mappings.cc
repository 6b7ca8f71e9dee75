// SPDX-License-Identifier: Apache-2.0
#include "sessions/nat_mappings.h"

#include <array>

#include "base/bytes.h"
#include "base/check.h"

namespace culvert {
namespace {

/// An address in places of numbers that mappings have no use for: FlowHead::tcp of both entries.
using Words = std::array<std::uint32_t, 4>;
template <typename Address>
Words words_of(const Address& address) noexcept {
  Words words{};
  store(words.data(), address);
  return words;
}

}  // namespace

template <typename Tuple>
Tuple NatMappings<Tuple>::inside_key(const Tuple& packet, const Address& external) noexcept {
  Tuple key = packet;
  key.destination = external;
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
FlowSlot NatMappings<Tuple>::of_inside(const Tuple& packet, std::span<const Address> external) const noexcept {
  CULVERT_CHECK(external.size() <= kMostAddresses);
  std::array<Tuple, kMostAddresses> key;
  std::array<std::uint64_t, kMostAddresses> hash;
  std::array<FlowSlot, kMostAddresses> slot;
  const auto keys = std::span(key).first(external.size());
  const auto hashes = std::span(hash).first(external.size());
  const auto slots = std::span(slot).first(external.size());
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = inside_key(packet, external[i]);
  table_.hash(keys, hashes);
  table_.flows().find(keys, hashes, slots);
  for (const FlowSlot found : slots) {
    if (found != kNoFlow) return table_.original_of(found);
  }
  return kNoFlow;
}

template <typename Tuple>
FlowSlot NatMappings<Tuple>::insert(const Tuple& original, const Tuple& reply, Now now) noexcept {
  SessionStart<Tuple> start;
  start.original.key = original;
  start.original.hash = table_.hash(original);
  start.reply.key = reply;
  start.reply.hash = table_.hash(reply);
  // Whoever begins one has looked for it: the tags of the original's bucket have come.
  table_.flows().prefetch(start.reply.hash);
  table_.prefetch_place(start.original.hash);
  const FlowSlot slot = table_.insert(start, {}, now).slot;
  if (slot != kNoFlow) put(table_.entry(slot).head.bytes, 1);
  return slot;
}

template <typename Tuple>
FlowSlot NatMappings<Tuple>::begin(const Tuple& original, const Tuple& reply, Now now) noexcept {
  return insert(inside_key(original, reply.destination), outside_key(reply), now);
}

template <typename Tuple>
typename NatMappings<Tuple>::Place NatMappings<Tuple>::prefetch(const Tuple& original,
                                                                const Tuple& reply) const noexcept {
  const Place place{table_.hash(inside_key(original, reply.destination)), table_.hash(outside_key(reply))};
  table_.flows().prefetch(place.inside);
  table_.flows().prefetch(place.outside);
  return place;
}

template <typename Tuple>
void NatMappings<Tuple>::prefetch(const Place& place) const noexcept {
  table_.prefetch_place(place.inside);
  table_.prefetch_place(place.outside);
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
void NatMappings<Tuple>::open(FlowSlot mapping) noexcept {
  count_open(mapping, 1);
}

template <typename Tuple>
void NatMappings<Tuple>::close(FlowSlot mapping) noexcept {
  CULVERT_CHECK(is_open(mapping));
  count_open(mapping, ~std::uint64_t{0});
}

template <typename Tuple>
void NatMappings<Tuple>::allow(FlowSlot mapping, const Allowed& allowed) noexcept {
  FlowHead& one = table_.entry(mapping).head;
  put(one.packets_and_policy, one.packets() | std::uint64_t{allowed.policy} << 48);
  put(one.zone, allowed.inside);
  put(table_.entry(one.peer).head.zone, allowed.outside);
}

template <typename Tuple>
typename NatMappings<Tuple>::Allowed NatMappings<Tuple>::allowed(FlowSlot mapping) noexcept {
  const FlowHead& one = table_.entry(mapping).head;
  return {one.policy(), one.zone, table_.entry(one.peer).head.zone};
}

template <typename Tuple>
bool NatMappings<Tuple>::is_own_permit(FlowSlot mapping, const Address& address) noexcept {
  const FlowHead& one = table_.entry(mapping).head;
  const FlowHead& other = table_.entry(one.peer).head;
  const Words words = words_of(address);
  return own_permits(mapping) != 0 && words == Words{one.tcp.end, one.tcp.acked, other.tcp.end, other.tcp.acked};
}

template <typename Tuple>
void NatMappings<Tuple>::put_own_permit(FlowSlot mapping, const Address& address) noexcept {
  FlowHead& one = table_.entry(mapping).head;
  FlowHead& other = table_.entry(one.peer).head;
  const Words words = words_of(address);
  put(one.tcp.end, words[0]);
  put(one.tcp.acked, words[1]);
  put(other.tcp.end, words[2]);
  put(other.tcp.acked, words[3]);
}

template <typename Tuple>
bool NatMappings<Tuple>::permit(FlowSlot mapping, const Tuple& original, bool room, Now now) noexcept {
  std::uint64_t& own = own_permits(mapping);
  if (own == 0 || is_own_permit(mapping, original.destination)) {
    put_own_permit(mapping, original.destination);
    put(own, own + 1);
    return true;
  }
  const Tuple key = permit_key(original);
  if (const FlowSlot known = find(key); known != kNoFlow) {
    count(known, 1);
    return true;
  }
  return room && insert(key, key.reversed(), now) != kNoFlow;
}

template <typename Tuple>
void NatMappings<Tuple>::forbid(FlowSlot mapping, const Tuple& original) noexcept {
  // Where it was counted does not matter: an address is permitted while it is counted anywhere.
  if (is_own_permit(mapping, original.destination)) {
    put(own_permits(mapping), own_permits(mapping) - 1);
    return;
  }
  const FlowSlot known = find(permit_key(original));
  if (known != kNoFlow) release(known);
}

template <typename Tuple>
bool NatMappings<Tuple>::permitted(FlowSlot mapping, const Tuple& packet) noexcept {
  if (is_own_permit(mapping, packet.source)) return true;
  Tuple key = inside(mapping);
  key.destination = packet.source;
  key.vrf = kPermits;
  return find(key) != kNoFlow;
}

template class NatMappings<FiveTuple4>;
template class NatMappings<FiveTuple6>;

}  // namespace culvert
