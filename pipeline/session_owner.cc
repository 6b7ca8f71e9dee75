// SPDX-License-Identifier: Apache-2.0
#include "pipeline/session_owner.h"

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

}  // namespace

SessionOwners::SessionOwners(WorkerIndex self, WorkerIndex workers, const HashKey& key, OwnerHash hash) noexcept
    : key_(key), hash_(hash), self_(self), workers_(workers) {
  for (std::uint32_t i = 0; i < kRssTable; ++i) rss_table_[i] = static_cast<std::uint8_t>(i % workers);
}

template <typename Tuple>
std::uint32_t SessionOwners::owner_of(const Tuple& tuple) const noexcept {
  if (hash_ == OwnerHash::kRss) return rss_table_[symmetric_rss_hash(tuple) % kRssTable];
  return fast_range(symmetric_hash(key_, tuple), workers_);
}

std::uint32_t SessionOwners::owner_of_quoted(const Packet& packet) const noexcept {
  IcmpQuote quote;
  // What quotes nothing is dropped by whoever got it.
  if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone) return 0;
  return packet.network == NetworkKind::kIpv4 ? owner_of(quote.tuple4) : owner_of(quote.tuple6);
}

std::uint32_t SessionOwners::owner(const Packet& packet) const noexcept {
  if (packet.is_part()) return fast_range(hash_of(key_, fragment_place(packet).datagram), workers_);
  if (packet.has(kFlagIcmpError)) return owner_of_quoted(packet);
  return packet.network == NetworkKind::kIpv4 ? owner_of(five_tuple4(packet)) : owner_of(five_tuple6(packet));
}

void SessionOwners::sort(Burst& burst) const noexcept {
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    const std::uint32_t owner = this->owner(packet);
    if (owner != self_) hand_off(packet, owner);
  }
}

bool SessionOwners::owns(std::span<Packet> fragments, std::uint32_t transport_length) const noexcept {
  const Packet& first = fragments.front();
  const std::uint32_t owner =
      first.network == NetworkKind::kIpv4 ? owner_of(datagram_tuple4(first)) : owner_of(datagram_tuple6(first));
  if (owner == self_) return true;
  for (Packet& packet : fragments) {
    hand_off(packet, owner);
    packet.egress = static_cast<InterfaceIndex>(transport_length);
  }
  return false;
}

}  // namespace culvert
