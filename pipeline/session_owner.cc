// SPDX-License-Identifier: Apache-2.0
#include "pipeline/session_owner.h"

#include "packet/five_tuple.h"
#include "packet/fragment_place.h"
#include "packet/icmp_quote.h"
#include "pipeline/datagram_queue.h"

namespace culvert {
namespace {

void hand_off(Packet& packet, std::uint32_t owner) noexcept {
  packet.verdict = Verdict::kHandOff;
  packet.next_hop = owner;
}

}  // namespace

std::uint64_t SessionOwners::hash_of_quoted(const Packet& packet) const noexcept {
  IcmpQuote quote;
  // What quotes nothing is dropped by whoever got it.
  if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone) return 0;
  return packet.network == NetworkKind::kIpv4 ? symmetric_hash(key_, quote.tuple4) : symmetric_hash(key_, quote.tuple6);
}

std::uint64_t SessionOwners::hash(const Packet& packet) const noexcept {
  if (packet.is_part()) return hash_of(key_, fragment_place(packet).datagram);
  if (packet.has(kFlagIcmpError)) return hash_of_quoted(packet);
  return symmetric_hash(key_, packet);
}

void SessionOwners::sort(Burst& burst) const noexcept {
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    const std::uint32_t owner = fast_range(hash(packet), workers_);
    if (owner != self_) hand_off(packet, owner);
  }
}

bool SessionOwners::owns(std::span<Packet> fragments, std::uint32_t transport_length) const noexcept {
  const Packet& first = fragments.front();
  const std::uint64_t hash = first.network == NetworkKind::kIpv4 ? symmetric_hash(key_, datagram_tuple4(first))
                                                                 : symmetric_hash(key_, datagram_tuple6(first));
  const std::uint32_t owner = fast_range(hash, workers_);
  if (owner == self_) return true;
  for (Packet& packet : fragments) {
    hand_off(packet, owner);
    packet.egress = static_cast<InterfaceIndex>(transport_length);
  }
  return false;
}

}  // namespace culvert
