// SPDX-License-Identifier: Apache-2.0
#include "lanes/memory_lane.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/prefetch.h"

namespace culvert {

void MemoryLane::receive(Burst& burst) noexcept {
  if (behavior_.state != LaneState::kUp) return;
  const std::uint32_t count = std::min({burst.space(), ready_.size(), behavior_.receive_per_call});
  if (count == 0) return;
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Slot slot = ready_.pop();
    Packet& packet = burst.append();
    packet.data = region_.at(slot.address);
    packet.frame = region_.frame_of(slot.address);
    packet.length = static_cast<std::uint16_t>(slot.length);
    packet.ingress = interface();
    bytes += slot.length;
    prefetch(packet.data);
    pool_.ledger().leave(packet.frame, FrameHolder::kReceive);
  }
  cells().rx_packets.add(count);
  cells().rx_bytes.add(bytes);
  cells().rx_bursts.add();
}

std::uint32_t MemoryLane::transmit(std::span<Packet* const> packets) noexcept {
  if (behavior_.state != LaneState::kUp || !config_.transmits) return 0;
  const std::uint32_t room =
      std::min(tx_.space(), config_.quota.transmit - std::min(config_.quota.transmit, tx_.size()));
  const std::uint32_t count = static_cast<std::uint32_t>(std::min<std::size_t>(packets.size(), room));
  std::uint64_t bytes = 0, crossed = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Packet& packet = *packets[i];
    CULVERT_ASSERT(region_.frame_of(region_.address_of(packet.data)) == region_.frame_of(packet.frame));
    tx_.push({region_.address_of(packet.data), packet.length});
    bytes += packet.length;
    crossed += packet.ingress != interface() && packet.ingress != kNoInterface ? 1U : 0U;
    pool_.ledger().enter(packet.frame, FrameHolder::kTransmit);
  }
  cells().tx_packets.add(count);
  cells().tx_bytes.add(bytes);
  cells().tx_crossed.add(crossed);
  cells().tx_ring.observe(tx_.size());
  if (count < packets.size()) cells().tx_ring.failures.add();
  return count;
}

void MemoryLane::flush(Now /*now*/) noexcept {
  if (behavior_.state == LaneState::kUp) send(std::min(tx_.size() - sent_, behavior_.sends_per_flush));
  if (behavior_.state != LaneState::kGone) complete(std::min(sent_, behavior_.completions_per_flush));
}

void MemoryLane::send(std::uint32_t count) noexcept {
  if (count == 0) return;
  cells().tx_wakeups.add();
  if (config_.sink == nullptr && behavior_.busy_every == 0) {
    sent_ += count;
    return;
  }
  for (; count > 0; --count) {
    const Slot& slot = tx_[sent_++];
    const bool lost = behavior_.busy_every != 0 && ++sent_ever_ % behavior_.busy_every == 0;
    if (lost) {
      cells().tx_busy.add();
    } else if (config_.sink != nullptr) {
      config_.sink->take({region_.at(slot.address), slot.length});
    }
  }
}

void MemoryLane::complete(std::uint32_t count) noexcept {
  if (count == 0) return;
  for (std::uint32_t i = 0; i < count; ++i) {
    const FrameAddress address = tx_.pop().address;
    pool_.ledger().leave(address, FrameHolder::kTransmit);
    pool_.give(address);
  }
  sent_ -= count;
  cells().tx_completed.add(count);
}

void MemoryLane::refill() noexcept {
  if (behavior_.state == LaneState::kGone) return;
  std::array<FrameAddress, kBurstSize> frames;
  for (;;) {
    const bool replay = replaying();
    const std::uint32_t allowed = config_.quota.receive - std::min(config_.quota.receive, frames_receiving());
    std::uint32_t wanted = std::min({kBurstSize, allowed, replay ? ready_.space() : fill_.space()});
    if (replay) wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, config_.packets - replayed_));
    if (wanted == 0) return;
    const std::uint32_t got = pool_.take(std::span(frames).first(wanted));
    for (const FrameAddress frame : std::span(frames).first(got)) {
      pool_.ledger().enter(frame, FrameHolder::kReceive);
      if (replay) {
        put_next_packet(frame);
      } else {
        fill_.push(frame);
      }
    }
    if (got < wanted) {
      cells().fill_ring.failures.add();
      return;
    }
  }
}

void MemoryLane::put_next_packet(FrameAddress frame) noexcept {
  const PacketList::Record& record = (*config_.traffic)[next_packet_];
  const std::byte* from = config_.traffic->lines_of(record);
  std::byte* to = region_.at(frame + kFrameHeadroom);
  // Whole lines, so that the compiler needs no length: frame_room() is a multiple of a line.
  for (std::uint32_t line = 0; line < record.lines(); ++line) {
    std::memcpy(to + line * PacketList::kLine, from + line * PacketList::kLine, PacketList::kLine);
  }
  ready_.push({frame + kFrameHeadroom, record.length});
  ++replayed_;
  if (++next_packet_ == traffic_size_) next_packet_ = 0;
}

bool MemoryLane::inject(std::span<const std::byte> packet) noexcept {
  if (behavior_.state != LaneState::kUp) return false;
  if (packet.size() > frame_room(region_.frame_size)) {
    cells().kernel_rx_dropped.add();
    return false;
  }
  if (fill_.size() == 0) {
    cells().kernel_fill_empty.add();
    return false;
  }
  if (ready_.space() == 0) {
    cells().kernel_rx_ring_full.add();
    return false;
  }
  const FrameAddress address = fill_.pop() + kFrameHeadroom;
  std::memcpy(region_.at(address), packet.data(), packet.size());
  ready_.push({address, static_cast<std::uint32_t>(packet.size())});
  return true;
}

void MemoryLane::publish() noexcept {
  cells().state.set(static_cast<std::uint64_t>(behavior_.state));
  cells().rx_ring.observe(ready_.size());
  cells().fill_ring.observe(fill_.size());
  cells().tx_ring.observe(tx_.size());
  cells().completion_ring.observe(sent_);
}

void MemoryLane::close() noexcept {
  behavior_.state = LaneState::kGone;
  sent_ = tx_.size();
  complete(sent_);
  const auto give_back = [this](FrameAddress address) {
    pool_.ledger().leave(address, FrameHolder::kReceive);
    pool_.give(address);
  };
  while (fill_.size() > 0) give_back(fill_.pop());
  while (ready_.size() > 0) give_back(ready_.pop().address);
  publish();
}

}  // namespace culvert
