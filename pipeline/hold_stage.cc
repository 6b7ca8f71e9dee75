// SPDX-License-Identifier: Apache-2.0
#include "pipeline/hold_stage.h"

#include <algorithm>

#include "base/bytes.h"
#include "packet/burst.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

namespace culvert {
namespace {

constexpr Now kRoundInterval = 100 * kNanosecondsPerMillisecond;
constexpr Now kAskInterval = kNanosecondsPerSecond;

/// Names the neighbour: the next hop for a gateway, the destination for an on-link prefix. Not secret, not compared
/// with anything from outside: a collision only lets one request stand for two, and the next round asks again.
std::uint64_t neighbor_key(const Packet& packet, const Context& context) noexcept {
  const auto kind = context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop)).kind;
  std::uint64_t state = packet.next_hop;
  if (kind == NextHopKind::kGlean) {
    if (packet.network == NetworkKind::kIpv4) {
      state ^= std::uint64_t{view<Ipv4Header>(packet.network_header()).destination.value.wire()} << 16;
    } else {
      const Ipv6Address& address = view<Ipv6Header>(packet.network_header()).destination;
      state ^= address.high() * 3 + address.low();
    }
  }
  return splitmix64(state);
}

}  // namespace

void HoldStage::keep(Packet& packet, const Context& context) noexcept {
  const std::uint64_t key = neighbor_key(packet, context);
  ask(packet, key, context);
  put(packet, key, context.now, context);
}

void HoldStage::put(Packet& packet, std::uint64_t key, Now since, const Context& context) noexcept {
  switch (queue_.push(packet, static_cast<std::uint32_t>(key), since)) {
    case PendingQueue::Push::kKept:
      break;
    case PendingQueue::Push::kReplaced:
    case PendingQueue::Push::kRefused:
      packet.drop(DropReason::kNeighborPendingFull);
      context.cells.pending.failures.add();
      break;
  }
}

void HoldStage::ask(const Packet& packet, std::uint64_t key, const Context& context) noexcept {
  Asked& asked = asked_[(key >> 8) % asked_.size()];
  if (asked.key == key && context.now - asked.at < kAskInterval) return;
  NeighborRequest request;
  request.network = packet.network;
  request.next_hop = static_cast<NextHopIndex>(packet.next_hop);
  request.interface = packet.egress;
  if (packet.network == NetworkKind::kIpv4) {
    store(request.address.bytes.data(), view<Ipv4Header>(packet.network_header()).destination);
  } else {
    request.address = view<Ipv6Header>(packet.network_header()).destination;
  }
  if (requests_.push(request)) {
    asked = {key, context.now};
  } else {
    context.cells.neighbor_requests_full.add();
  }
}

void HoldStage::tick(Now now) noexcept {
  if (queue_.size() == 0) return;
  left_in_turn_ = kBurstSize;
  if (queue_.in_round()) return;
  const std::uint64_t generation = generation_.load(std::memory_order_acquire);
  if (generation == seen_generation_ && now - last_round_ < kRoundInterval) return;
  seen_generation_ = generation;
  last_round_ = now;
  queue_.begin_round();
}

const PendingQueue::Entry* HoldStage::next() noexcept {
  const PendingQueue::Entry* entry = left_in_turn_ > 0 ? queue_.current() : nullptr;
  if (entry != nullptr) --left_in_turn_;
  return entry;
}

bool HoldStage::stay_behind_another() noexcept {
  if (!queue_.waits_behind_another()) return false;
  queue_.stay();
  return true;
}

void HoldStage::keep_on(Packet& packet, const PendingQueue::Entry& entry, const Context& context) noexcept {
  const std::uint64_t key = neighbor_key(packet, context);
  ask(packet, key, context);
  if (static_cast<std::uint32_t>(key) == entry.neighbor) return queue_.stay();
  // Its route has changed: it waits for another neighbour now, behind those that did before.
  const Now since = entry.since;
  queue_.take();
  put(packet, key, since, context);
}

void HoldStage::take_all(Burst& burst) noexcept {
  queue_.begin_round();
  while (burst.space() > 0) {
    const PendingQueue::Entry* entry = queue_.current();
    if (entry == nullptr) return;
    burst.append() = entry->packet;
    queue_.take();
  }
}

}  // namespace culvert
