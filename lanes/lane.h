// SPDX-License-Identifier: Apache-2.0
// A lane is one (interface, queue), both directions: the narrow waist between the pipeline and whatever moves packets.
// Behind it: AF_XDP (xsk/), a generator or pcap file in memory (for tests, simulation, benchmarks), DPDK.
//
// One worker owns a lane and is the only caller after construction, but for the end. Per turn it calls, in this order:
//
//   receive(burst)   frames: kernel -> burst
//   transmit(...)    frames: burst -> tx; what does not fit stays with the caller
//   flush(now)       tells the kernel to send, takes completed frames back into the pool; bounded, never waits
//   refill()         frames: pool -> fill ring; never depends on tx progress, so a stuck tx cannot stop rx
//
// One virtual call moves a whole burst. A lane counts everything that it loses, and never prints.
//
// What a caller must know besides:
//   - A frame that transmit() took and the kernel could not send is still sent later or completed; the lane counts what
//     the kernel lost (tx_busy). Nothing comes back out of a tx ring.
//   - While frames_transmitting() > 0, call flush() at least every millisecond, also when there is no new work: after
//     EAGAIN nobody else wakes the kernel, and completed frames stay in the completion ring until then.
//   - Which frames it may hold is fixed by its quota (umem/budget.h), receiving and sending apart.
//   - A lane's end: its worker calls close(); then control calls disconnect(), because the kernel takes its time over
//     it; then the worker calls flush(now) until frames_receiving() and frames_transmitting() are 0; then it is
//     destroyed. In copy mode what it received into is home with the first flush(). What it sent a driver may read a
//     moment longer, and a zero-copy driver may write into its buffers.
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
  kLinkDown,  ///< the interface is down: transmit() takes nothing, the caller drops; comes back by itself
  kGone,      ///< the interface or socket died; control must replace the lane
};

/// What a lane counts. Written by the owning worker only.
struct alignas(kCacheLine) LaneCells {
  Cell rx_packets, rx_bytes, rx_bursts;
  Cell tx_packets, tx_bytes;             ///< taken by transmit()
  Cell tx_crossed;                       ///< of those, sent from the very frame that another interface received into
  Cell tx_completed;                     ///< came back from the kernel
  Cell tx_wakeups;                       ///< system calls to send
  Cell tx_again, tx_busy, tx_link_down;  ///< EAGAIN/ENOBUFS/ENOMEM (later), EBUSY (a packet lost), ENETDOWN/ENXIO
  Cell tx_other_errors, last_errno;
  Cell kernel_rx_dropped, kernel_rx_ring_full, kernel_fill_empty, kernel_rx_invalid,
      kernel_tx_invalid;  ///< XDP_STATISTICS
  Cell bad_completions;   ///< the kernel gave back a frame that it did not hold: ignored
  Cell rx_multi_buffer;   ///< packets in several frames: dropped
  Cell state;             ///< LaneState
  Gauge rx_ring, tx_ring, fill_ring, completion_ring;
};

class Lane {
 public:
  Lane(InterfaceIndex interface, std::uint16_t queue) noexcept;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  /// Not in a hot library: only control makes and destroys lanes.
  virtual ~Lane();

  InterfaceIndex interface() const noexcept { return interface_; }
  std::uint16_t queue() const noexcept { return queue_; }

  /// Appends up to burst.space() packets with data, frame, length and ingress set.
  virtual void receive(Burst& burst) noexcept = 0;

  /// Takes the frames of the first n packets to send `data`..`data + length`; returns n. The rest stays the caller's.
  virtual std::uint32_t transmit(std::span<Packet* const> packets) noexcept = 0;

  /// Starts sending what transmit() queued and takes completed frames back. At most one send call, or eight small ones
  /// (xsk/send_pace.h), and one ring's worth of completions.
  virtual void flush(Now now) noexcept = 0;

  /// Gives the kernel free frames to receive into, as many as fit and the pool has.
  virtual void refill() noexcept = 0;

  /// Frames that this lane holds now, by direction; the frame budget is asserted with these.
  virtual std::uint32_t frames_receiving() const noexcept = 0;
  virtual std::uint32_t frames_transmitting() const noexcept = 0;

  /// Writes rings' fill and the kernel's statistics into cells() and looks whether link and interface are still there;
  /// called about every 100 ms, not every turn.
  virtual void publish() noexcept = 0;

  /// The lane is dead from now on: kGone. Nothing is received or taken any more; the frames that the kernel has come
  /// home in later flush() calls (see above), those of a lane without a kernel at once.
  virtual void close() noexcept = 0;

  /// Makes the kernel let go of queue and frames. Control calls it, once it knows that the worker has called close();
  /// it may wait for the kernel for tens of milliseconds. Calling it again does nothing.
  virtual void disconnect() noexcept {}

  /// A descriptor that polls readable when packets wait; -1 when the lane must be polled by calling receive().
  virtual int wait_descriptor() const noexcept = 0;

  /// What transmit() took and the kernel has not looked at yet. Polling such a lane's descriptor makes an AF_XDP socket
  /// in copy mode send (net/xdp/xsk.c, xsk_poll), and nobody would hear what it lost.
  virtual bool has_unsent() noexcept { return false; }

  virtual LaneState state() const noexcept = 0;

  /// False when the device has no tx queue beside this rx queue: transmit() takes nothing, ever. Such a lane is never
  /// chosen to send on. Does not change during the lane's life.
  virtual bool transmits() const noexcept { return true; }

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
