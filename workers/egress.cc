// SPDX-License-Identifier: Apache-2.0
#include "workers/egress.h"

namespace culvert {

void Egress::add_lane(Lane& lane) noexcept {
  if (lane_[lane.interface()] == nullptr && lane.transmits()) lane_[lane.interface()] = &lane;
}

void Egress::remove_lane(const Lane& lane, std::span<Lane* const> others) noexcept {
  if (lane_[lane.interface()] != &lane) return;
  lane_[lane.interface()] = nullptr;
  for (Lane* other : others) {
    if (other != &lane && other->interface() == lane.interface() && other->transmits()) {
      lane_[lane.interface()] = other;
    }
  }
}

void Egress::dispatch(Burst& burst) noexcept {
  sort_out(burst, false);
}

void Egress::dispatch_handed_in(Burst& burst) noexcept {
  sort_out(burst, true);
}

void Egress::sort_out(Burst& burst, bool handed_in) noexcept {
  // Those of a run leave by one lane.
  InterfaceIndex egress = kNoInterface;
  Group* group = nullptr;
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kForward) {
      sort_out_other(packet, handed_in);
      continue;
    }
    if (packet.egress != egress) {
      egress = packet.egress;
      group = lane_[egress] != nullptr ? &groups_[egress] : nullptr;
      if (group != nullptr && group->count == 0) used_[used_count_++] = egress;
    }
    if (group == nullptr) {
      sort_out_other(packet, handed_in);
    } else {
      group->packets[group->count++] = &packet;
      group->bytes += packet.length;
    }
  }
  transmit_groups();
  burst.clear();
}

void Egress::sort_out_other(Packet& packet, bool handed_in) noexcept {
  switch (packet.verdict) {
    case Verdict::kForward: {
      const WorkerIndex owner = owners_.worker[packet.egress];
      if (handed_in || owner == kNoWorker || owner == parts_.self) return drop(packet, DropReason::kInterfaceDown);
      return hand_off(packet, owner);
    }
    case Verdict::kPunt:
      return punt(packet);
    case Verdict::kHandOff:
      packet.verdict = Verdict::kNone;  // its owner decides
      return hand_off(packet, static_cast<WorkerIndex>(packet.next_hop));
    case Verdict::kHold:
      return;  // the pipeline has it
    case Verdict::kDrop:
      return drop(packet, packet.drop_reason);
    case Verdict::kNone:
      return drop(packet, DropReason::kNone);
  }
}

void Egress::transmit_groups() noexcept {
  for (std::uint32_t i = 0; i < used_count_; ++i) {
    Group& group = groups_[used_[i]];
    Lane& lane = *lane_[used_[i]];
    const std::uint32_t sent = lane.transmit({group.packets.data(), group.count});
    for (std::uint32_t at = sent; at < group.count; ++at) {
      group.bytes -= group.packets[at]->length;
      drop(*group.packets[at],
           lane.state() == LaneState::kUp ? DropReason::kTransmitQueueFull : DropReason::kInterfaceDown);
    }
    auto& interface = parts_.cells->interfaces[used_[i]];
    interface.tx_packets.add(sent);
    interface.tx_bytes.add(group.bytes);
    parts_.cells->forwarded.add(sent);
    group.count = 0;
    group.bytes = 0;
  }
  used_count_ = 0;
}

void Egress::drop(const Packet& packet, DropReason reason) noexcept {
  parts_.cells->count_drop(line_of(packet), reason);
  parts_.pool->give(packet.frame);
}

void Egress::punt(const Packet& packet) noexcept {
  const PuntItem item{packet.network_header(), packet.frame, packet.network_length, line_of(packet)};
  // What the punter has not returned counts too: so its return ring can never be too small.
  if (punting_ >= kPuntQueueCapacity || !parts_.punt->items.push(item)) return drop(packet, DropReason::kPuntFull);
  ++punting_;
  wake_punter_ = true;
}

void Egress::hand_off(const Packet& packet, WorkerIndex to) noexcept {
  HandoffLink& link = parts_.mesh->link(parts_.self, to);
  FrameLedger& ledger = parts_.pool->ledger();
  // First the ledger: once it is in the ring, the other worker may have taken it out.
  ledger.enter(packet.frame, FrameHolder::kHandoff);
  if (!link.packets.push(packet)) {
    ledger.leave(packet.frame, FrameHolder::kHandoff);
    link.refused.add();
    return drop(packet, DropReason::kHandoffFull);
  }
  parts_.cells->handed_out.add();
  ++parts_.traffic->out;
  to_wake_ |= 1U << to;
}

void Egress::end_turn() noexcept {
  send_strangers_home();
  take_punted_back();
  for (WorkerIndex worker = 0; to_wake_ != 0; ++worker, to_wake_ >>= 1) {
    if ((to_wake_ & 1U) != 0) parts_.mesh->waker(worker).wake();
  }
  if (wake_punter_) parts_.punter->wake();
  wake_punter_ = false;
}

void Egress::send_strangers_home() noexcept {
  Gauge& gauge = parts_.cells->way_home;
  std::size_t fullest = 0;
  // From the back, since removing one moves the last into its place. A full ring keeps its frames here.
  for (auto index = static_cast<std::uint32_t>(parts_.pool->strangers().size()); index > 0; --index) {
    const FrameAddress frame = parts_.pool->strangers()[index - 1];
    const WorkerIndex home = parts_.pool->home_of(frame);
    auto& way_home = parts_.mesh->link(parts_.self, home).frames;
    if (way_home.space() == 0) {
      gauge.failures.add();
      continue;
    }
    // First out of the pool: once it is in the ring, its home worker may have it in its own pool.
    parts_.pool->remove_stranger(index - 1);
    parts_.pool->ledger().enter(frame, FrameHolder::kHandoff);
    way_home.push(frame);
    ++parts_.traffic->out;
    to_wake_ |= 1U << home;  // it may sleep because it has no frame left to receive into
    fullest = std::max(fullest, kHandoffFrameCapacity - way_home.space());
  }
  if (fullest != gauge.used.read()) gauge.observe(fullest);
}

void Egress::take_punted_back() noexcept {
  PuntReturn returned;
  while (parts_.punt->returns.pop(returned)) {
    --punting_;
    if (returned.delivered) {
      parts_.cells->punted.add();
    } else {
      parts_.cells->count_drop(returned.ingress, DropReason::kPuntFailed);
    }
    parts_.pool->give(returned.frame);
  }
}

}  // namespace culvert
