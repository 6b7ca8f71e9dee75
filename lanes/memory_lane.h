// SPDX-License-Identifier: Apache-2.0
// A lane without a kernel: it replays packets from memory and swallows what is sent, with no system call. Frames take
// the same way as through AF_XDP:
//
//   refill():   pool -> ready ring, with the next packet of the list written into the frame (the list runs out, or
//   there
//               is none: pool -> fill ring, until inject() uses the frame)
//   receive():  ready ring -> burst
//   transmit(): burst -> tx ring
//   flush():    tx ring -> the sink, as many as the behavior lets; completed -> pool
//
// A packet is written when its frame enters the ready ring, not when it is received. In between a ring's worth of other
// packets pass, so that a benchmark meets its headers where a NIC's would be, outside the first-level cache, and what
// the previous round changed (TTL, checksum, MACs) is restored at a cost that belongs to the lane. receive() prefetches
// the header's line, so bringing it in belongs to the lane too: measure a turn with an empty pipeline beside it
// (bench/micro/lane_ring.cc). Choose the size of rx for the cache level that you want to meet.
//
// Example, 64 k flows for a benchmark, and a test's dialogue:
//   PacketList traffic = make_traffic({.flows = 65536});           MemoryLane lane({.interface = 0, .traffic =
//   &traffic},
//                                                                                  region.view(), pool);
//   lane.inject(packet); turn(); CHECK(capture[0] == expected);    lane.behavior().sends_per_flush = 0;  // stuck
#pragma once

#include <limits>
#include <vector>

#include "lanes/fifo.h"
#include "lanes/lane.h"
#include "lanes/packet_list.h"
#include "umem/budget.h"
#include "umem/pool.h"
#include "umem/region_view.h"

namespace culvert {

/// What the kernel that isn't there does now. Tests change it between turns.
struct LaneBehavior {
  static constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();
  LaneState state = LaneState::kUp;            ///< not kUp: nothing is received or taken; kGone is for ever
  std::uint32_t receive_per_call = kAll;       ///< packets that one receive() finds
  std::uint32_t sends_per_flush = kAll;        ///< packets that leave the tx ring; 0: the link is stuck
  std::uint32_t completions_per_flush = kAll;  ///< sent frames that come back
  std::uint32_t busy_every = 0;                ///< each n-th packet is lost and completed, as EBUSY does; 0: none
};

struct MemoryLaneConfig {
  InterfaceIndex interface = 0;
  std::uint16_t queue = 0;
  RingSizes rings{};                                                  ///< powers of two
  LaneQuota quota{};                                                  ///< zeros: full_quota(rings)
  const PacketList* traffic = nullptr;                                ///< replayed in order; outlives the lane
  std::uint64_t packets = std::numeric_limits<std::uint64_t>::max();  ///< stop replaying after so many
  PacketSink* sink = nullptr;                                         ///< sees what is sent; none: it is counted only
  int wait_descriptor = -1;  ///< an eventfd of the test's, to try sleeping; not owned
  bool partial_checksums = false;
  bool transmits = true;  ///< false: an rx queue without a tx queue, which takes nothing to send
};

class MemoryLane : public Lane {
 public:
  /// Region memory and pool outlive the lane. CHECKs that rings are powers of two. Allocates; nothing later does.
  MemoryLane(const MemoryLaneConfig& config, RegionView region, FramePool& pool);
  ~MemoryLane() override;

  void receive(Burst& burst) noexcept override;
  std::uint32_t transmit(std::span<Packet* const> packets) noexcept override;
  void flush(Now now) noexcept override;
  void refill() noexcept override;
  std::uint32_t frames_receiving() const noexcept override { return fill_.size() + ready_.size(); }
  std::uint32_t frames_transmitting() const noexcept override { return tx_.size(); }
  void publish() noexcept override;
  void close() noexcept override;
  int wait_descriptor() const noexcept override { return config_.wait_descriptor; }
  LaneState state() const noexcept override { return behavior_.state; }
  bool transmits() const noexcept override { return config_.transmits; }
  bool partial_checksums() const noexcept override { return config_.partial_checksums; }

  /// A packet arrives now, into a frame of the fill ring: not while a list is replayed. False when it is lost, as in a
  /// NIC: no free frame (kernel_fill_empty), the rx ring full (kernel_rx_ring_full), longer than a frame
  /// (kernel_rx_dropped), or the lane not up.
  bool inject(std::span<const std::byte> packet) noexcept;

  LaneBehavior& behavior() noexcept { return behavior_; }
  /// Packets of the list that have been put into frames.
  std::uint64_t replayed() const noexcept { return replayed_; }

 private:
  /// A packet in a ring.
  struct Slot {
    FrameAddress address = 0;  ///< of its first byte
    std::uint32_t length = 0;
  };

  bool replaying() const noexcept { return traffic_size_ > 0 && replayed_ < config_.packets; }
  void put_next_packet(FrameAddress frame) noexcept;
  void send(std::uint32_t count) noexcept;
  void complete(std::uint32_t count) noexcept;

  MemoryLaneConfig config_;
  RegionView region_;
  FramePool& pool_;
  LaneBehavior behavior_;
  std::vector<FrameAddress> fill_slots_;
  std::vector<Slot> ready_slots_, tx_slots_;
  Fifo<FrameAddress> fill_;
  Fifo<Slot> ready_, tx_;
  std::uint32_t sent_ = 0;  ///< of tx_, from the oldest: on the wire, not completed
  std::uint64_t sent_ever_ = 0;
  std::uint64_t replayed_ = 0;
  std::size_t traffic_size_ = 0;
  std::size_t next_packet_ = 0;
};

}  // namespace culvert
