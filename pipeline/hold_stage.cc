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
std::uint64_t neighbor_key(const Packet& packet, NextHopKind kind) noexcept {
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

void HoldStage::keep(Packet& packet, Now since, const Context& context) noexcept {
  const auto kind = context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop)).kind;
  const std::uint64_t key = neighbor_key(packet, kind);
  ask(packet, key, context);
  switch (queue_.push(packet, static_cast<std::uint8_t>(key), since)) {
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
  if (left_in_round_ > 0) return;
  const std::uint64_t generation = generation_.load(std::memory_order_acquire);
  if (generation == seen_generation_ && now - last_round_ < kRoundInterval) return;
  seen_generation_ = generation;
  last_round_ = now;
  left_in_round_ = queue_.size();
  stayed_.reset();
}

bool HoldStage::next(PendingQueue::Entry& entry) noexcept {
  if (left_in_round_ == 0 || left_in_turn_ == 0) return false;
  --left_in_round_;
  --left_in_turn_;
  if (queue_.pop(entry)) return true;
  left_in_round_ = 0;
  return false;
}

void HoldStage::stay(PendingQueue::Entry& entry) noexcept {
  stayed_[entry.neighbor] = true;
  queue_.push(entry.packet, entry.neighbor, entry.since);
}

void HoldStage::keep_on(Packet& packet, const PendingQueue::Entry& entry, const Context& context) noexcept {
  stayed_[entry.neighbor] = true;
  keep(packet, entry.since, context);
}

}  // namespace culvert
