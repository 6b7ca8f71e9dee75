// SPDX-License-Identifier: Apache-2.0
// A lane over an AF_XDP socket. Control makes it (that binds the queue and may throw) and registers socket_fd() in the
// XSKMAP; from then on one worker calls it.
//
// Frames: two quotas, apart (umem/budget.h). refill() brings what the kernel may receive into back to its quota,
// whatever the tx side does; transmit() never has more out than its quota, so the completion ring cannot fill up. Two
// bitmaps know which frames the kernel has; a completion or packet in a frame that it does not have is counted
// (bad_completions) and ignored.
//
// Sending needs a system call in copy mode: one for a flush(), or up to eight where the kernel sends 32 packets in one
// (xsk/send_pace.h). What its errno means (net/xdp/xsk.c, xsk_generic_xmit):
//
//   EAGAIN, ENOBUFS, ENOMEM   budget used, completion ring or send buffer full: what waits is sent by a later call. If
//                   the call moved nothing, the next waits 10 us, then twice as long each time, up to 1 ms; a
//                   completion ends the wait. Never a loop.
//   EBUSY           the driver's queue was full or the link without carrier: one packet lost, its frame completes.
//                   Counted in tx_busy. The call stopped there; the next goes on.
//   ENETDOWN        interface down: kLinkDown; transmit() takes nothing; tried again every 10 ms. What was in the ring
//                   is sent when the link is back.
//   ENXIO, ENODEV, EBADF      interface or queue gone: kGone; control replaces the lane.
//
// SO_ERROR tells the same to a lane that has nothing to send: publish() looks.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "lanes/lane.h"
#include "umem/budget.h"
#include "umem/pool.h"
#include "umem/region_view.h"
#include "xsk/bind_mode.h"
#include "xsk/held_frames.h"
#include "xsk/send_pace.h"
#include "xsk/socket.h"

namespace culvert {

struct XskLaneConfig {
  std::string name;  ///< the interface's
  std::uint32_t ifindex = 0;
  std::uint32_t queue = 0;
  InterfaceIndex interface = 0;
  RingSizes rings{};  ///< powers of two
  LaneQuota quota{};  ///< zeros: full_quota(rings)
  WantedMode mode = WantedMode::kAuto;
  bool generic_attach = false;  ///< the XDP program of this interface runs in generic mode
  bool patient = true;          ///< waits a second for a queue that another socket has: one of ours may just be closing
};

/// A lane as a culvertd leaves it to its successor: bound, with packets in its rings and frames with the kernel.
struct LeftLane {
  Fd socket;
  LaneMode got = LaneMode::kCopy;
  std::string why_not_better;
  std::vector<std::uint64_t> receiving,
      transmitting;  ///< the frames that the kernel has, one bit for each of the region
};

/// What a lane got, for status: said once at start, never changes.
struct XskLaneReport {
  WantedMode asked = WantedMode::kAuto;
  LaneMode got = LaneMode::kCopy;
  std::string why_not_better;  ///< a sentence, or empty
  SocketOptions send;
  bool transmits = true;          ///< false: an rx queue without a tx queue
  bool busy_polling = false;      ///< could work
  std::string busy_polling_note;  ///< why not, or empty
};

class XskLane final : public Lane {
 public:
  /// Checks MTU and queue, opens, registers, maps and binds. `region` and `pool` outlive the lane; the pool is not
  /// touched before the first refill(). Throws SetupError.
  XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool);
  /// Goes on with what another process left: its region, mapped here, and its ring sizes. The frames that it names have
  /// been left out of every pool. Throws SetupError.
  XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool, LeftLane left);
  ~XskLane() override;
  /// Whether leave() is of use to anybody.
  bool can_be_left() const noexcept { return can_be_mapped_again(socket_.fd()); }
  /// For a successor. Its worker has ended without closing it, and nobody calls anything but the destructor any more.
  LeftLane leave() const;

  void receive(Burst& burst) noexcept override;
  std::uint32_t transmit(std::span<Packet* const> packets) noexcept override;
  void flush(Now now) noexcept override;
  void refill() noexcept override;
  std::uint32_t frames_receiving() const noexcept override { return receive_held_.count(); }
  std::uint32_t frames_transmitting() const noexcept override { return transmit_held_.count(); }
  void publish() noexcept override;
  void close() noexcept override;
  void disconnect() noexcept override;
  int wait_descriptor() const noexcept override { return socket_fd(); }
  bool has_unsent() noexcept override { return socket_.tx.waiting() > 0; }
  LaneState state() const noexcept override { return state_; }
  bool transmits() const noexcept override { return transmits_; }
  bool partial_checksums() const noexcept override { return partial_checksums_; }

  /// For the XSKMAP. -1 after disconnect().
  int socket_fd() const noexcept { return socket_.fd().get(); }
  const XskLaneReport& report() const noexcept { return report_; }

 private:
  XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool, XskSocket socket);
  void report(const XskLaneConfig& config, LaneMode got, std::string why_not_better);
  /// Appends a received packet; returns its bytes, 0 when it was none that we take.
  std::uint32_t accept(const xdp_desc& descriptor, Burst& burst) noexcept;
  void reap() noexcept;
  void kick(Now now) noexcept;
  /// One system call; true when it ended early and another may follow at once.
  bool send(Now now) noexcept;
  bool send_failed(int code, std::uint32_t consumed_before, Now now) noexcept;
  void set_state(LaneState state) noexcept;
  void look_at_link() noexcept;
  void read_statistics() noexcept;
  void wait_for_frames(Now now) noexcept;
  void take_home(HeldFrames& held, FrameHolder holder) noexcept;

  // Hot.
  RegionView region_;
  FramePool& pool_;
  XskSocket socket_;
  HeldFrames receive_held_, transmit_held_;
  LaneQuota quota_;
  SendPace pace_;
  LaneState state_ = LaneState::kUp;
  bool inside_multi_buffer_ = false;
  bool transmits_ = true;
  bool partial_checksums_ = false;
  bool closed_ = false;
  std::atomic<bool> disconnected_{false};  ///< written by control
  Now frames_home_at_ = 0;                 ///< after disconnect(): not before then; 0: not decided

  // Cold.
  XskLaneReport report_;
  std::vector<std::uint64_t> held_words_;
};

}  // namespace culvert
