// SPDX-License-Identifier: Apache-2.0
// A lane is one (interface, queue), both directions: the narrow waist between the pipeline and whatever moves packets.
// Behind it: AF_XDP (xsk/), a generator or pcap file in memory (for tests, simulation, benchmarks), DPDK.
//
// One worker owns a lane and is the only caller after construction. Per turn it calls, in this order:
//
//   receive(burst)   frames: kernel -> burst
//   transmit(...)    frames: burst -> tx; what does not fit stays with the caller
//   flush(now)       tells the kernel to send, takes completed frames back into the pool; bounded, never waits
//   refill()         frames: pool -> fill ring; never depends on tx progress, so a stuck tx cannot stop rx
//
// One virtual call moves a whole burst. A lane counts everything that it loses, and never prints.
#pragma once

#include <cstdint>
#include <span>

#include "base/cell.h"
#include "base/time.h"
#include "packet/burst.h"
#include "packet/packet.h"

namespace culvert {

enum class LaneState : std::uint8_t {
  kUp,
  kLinkDown,  ///< the interface is down; packets for it are dropped and counted; comes back by itself
  kGone,      ///< the interface or socket died; control must replace the lane
};

/// What a lane counts. Written by the owning worker only.
struct alignas(kCacheLine) LaneCells {
  Cell rx_packets, rx_bytes, rx_bursts;
  Cell tx_packets, tx_bytes;             ///< taken by transmit()
  Cell tx_completed;                     ///< came back from the kernel
  Cell tx_wakeups;                       ///< system calls to send
  Cell tx_again, tx_busy, tx_link_down;  ///< EAGAIN, EBUSY/ENOBUFS (a packet lost), ENETDOWN/ENXIO
  Cell tx_other_errors, last_errno;
  Cell kernel_rx_dropped, kernel_rx_ring_full, kernel_fill_empty, kernel_rx_invalid,
      kernel_tx_invalid;  ///< XDP_STATISTICS
  Cell bad_completions;   ///< completion of a frame that we had not sent: ignored
  Cell state;             ///< LaneState
  Gauge rx_ring, tx_ring, fill_ring, completion_ring;
};

class Lane {
 public:
  Lane(InterfaceIndex interface, std::uint16_t queue) noexcept : interface_(interface), queue_(queue) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  virtual ~Lane() = default;

  InterfaceIndex interface() const noexcept { return interface_; }
  std::uint16_t queue() const noexcept { return queue_; }

  /// Appends up to burst.space() packets with data, frame, length and ingress set.
  virtual void receive(Burst& burst) noexcept = 0;

  /// Takes the frames of the first n packets to send `data`..`data + length`; returns n. The rest stays the caller's.
  virtual std::uint32_t transmit(std::span<Packet* const> packets) noexcept = 0;

  /// Starts sending what transmit() queued and takes completed frames back. At most one send call and one ring's worth
  /// of completions.
  virtual void flush(Now now) noexcept = 0;

  /// Gives the kernel free frames to receive into, as many as fit and the pool has.
  virtual void refill() noexcept = 0;

  /// Frames that this lane holds now, by direction; the frame budget is asserted with these.
  virtual std::uint32_t frames_receiving() const noexcept = 0;
  virtual std::uint32_t frames_transmitting() const noexcept = 0;

  /// Writes rings' fill and the kernel's statistics into cells(); called about every 100 ms, not every turn.
  virtual void publish() noexcept = 0;

  /// Gives every frame that the kernel held back to the pool, after the socket is closed. The lane is dead afterwards.
  virtual void close() noexcept = 0;

  /// A descriptor that polls readable when packets wait; -1 when the lane must be polled by calling receive().
  virtual int wait_descriptor() const noexcept = 0;

  virtual LaneState state() const noexcept = 0;

  /// True when packets may arrive with only the pseudo-header sum in the L4 checksum (veth, tap: local stacks).
  virtual bool partial_checksums() const noexcept = 0;

  LaneCells& cells() noexcept { return cells_; }
  const LaneCells& cells() const noexcept { return cells_; }

 private:
  LaneCells cells_;
  InterfaceIndex interface_;
  std::uint16_t queue_;
};

}  // namespace culvert
