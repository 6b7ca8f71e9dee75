// SPDX-License-Identifier: Apache-2.0
#include "xsk/xsk_lane.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>

#include "base/check.h"
#include "base/prefetch.h"
#include "xsk/refill.h"

namespace culvert {
namespace {

/// Linux 6.6, linux/if_xdp.h: more of this packet follows in the next descriptor.
constexpr std::uint32_t kPacketContinues = 1U << 0;
constexpr std::uint64_t kLinkDownPauseNs = 10 * kNanosecondsPerMillisecond;
/// A zero-copy driver's teardown runs in a kernel thread some 20 ms after the close; until then it may write into
/// frames.
constexpr std::uint64_t kZeroCopyQuarantineNs = kNanosecondsPerSecond;
/// In copy mode a driver may still read what it was given to send: for those with IFF_TX_SKB_NO_LINEAR (virtio_net) the
/// kernel makes the skb of our pages (net/xdp/xsk.c, xsk_build_skb_zerocopy). These packets pass no qdisc, so nothing
/// but the driver's ring is before them: 1024 packets of 1500 bytes leave in 12 ms at 1 Gbit/s, 123 ms at 100 Mbit/s.
constexpr std::uint64_t kCopyQuarantineNs = 200 * kNanosecondsPerMillisecond;

/// Asks the kernel to send what is in the tx ring; 0 or the errno.
int wake_to_send(int fd) noexcept {
  return ::sendto(fd, nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0 ? 0 : errno;
}

}  // namespace

void XskLane::receive(Burst& burst) noexcept {
  if (closed_) return;
  const std::uint32_t before = burst.size();
  std::uint64_t bytes = 0;
  {
    auto batch = socket_.rx.batch(burst.space());
    if (batch.size() == 0) return;
    cells().rx_ring.observe(socket_.rx.known());
    for (std::uint32_t i = 0; i < batch.size(); ++i) bytes += accept(batch[i], burst);
  }
  cells().rx_packets.add(burst.size() - before);
  cells().rx_bytes.add(bytes);
  cells().rx_bursts.add();
}

std::uint32_t XskLane::accept(const xdp_desc& descriptor, Burst& burst) noexcept {
  if (!region_.contains(descriptor.addr, descriptor.len) || !receive_held_.remove(descriptor.addr)) {
    cells().bad_completions.add();
    return 0;
  }
  const FrameAddress frame = region_.frame_of(descriptor.addr);
  pool_.ledger().leave(frame, FrameHolder::kReceive);
  const bool continues = (descriptor.options & kPacketContinues) != 0;
  if (continues || inside_multi_buffer_) [[unlikely]] {
    if (!continues) cells().rx_multi_buffer.add();
    inside_multi_buffer_ = continues;
    pool_.give(frame);
    return 0;
  }
  Packet& packet = burst.append();
  packet.data = region_.at(descriptor.addr);
  packet.frame = frame;
  packet.length = static_cast<std::uint16_t>(descriptor.len);
  packet.ingress = interface();
  prefetch(packet.data);
  return descriptor.len;
}

std::uint32_t XskLane::transmit(std::span<Packet* const> packets) noexcept {
  if (state_ != LaneState::kUp || !transmits_) return 0;
  const std::uint32_t out = transmit_held_.count();
  const std::uint32_t allowed = quota_.transmit - std::min(quota_.transmit, out);
  const auto offered = static_cast<std::uint32_t>(packets.size());
  std::uint32_t count = 0;
  std::uint64_t bytes = 0, crossed = 0;
  {
    auto batch = socket_.tx.batch(std::min(offered, allowed));
    for (; batch.has_room(); ++count) {
      const Packet& packet = *packets[count];
      const FrameAddress address = region_.address_of(packet.data);
      CULVERT_ASSERT(region_.frame_of(address) == region_.frame_of(packet.frame));
      pool_.ledger().enter(address, FrameHolder::kTransmit);
      transmit_held_.add(address);
      batch.push({.addr = address, .len = packet.length, .options = 0});
      bytes += packet.length;
      crossed += packet.ingress != interface() && packet.ingress != kNoInterface ? 1U : 0U;
    }
  }
  cells().tx_packets.add(count);
  cells().tx_bytes.add(bytes);
  cells().tx_crossed.add(crossed);
  cells().tx_ring.observe(out + count);
  if (count < offered) cells().tx_ring.failures.add();
  return count;
}

void XskLane::flush(Now now) noexcept {
  if (closed_) return wait_for_frames(now);
  if (transmit_held_.count() == 0) return;
  reap();
  if (state_ == LaneState::kGone || !pace_.due(now)) return;
  if (socket_.tx.waiting() > 0 && socket_.tx.needs_wakeup()) kick(now);
}

void XskLane::reap() noexcept {
  auto batch = socket_.completion.batch(socket_.completion.size());
  if (batch.size() == 0) return;
  cells().completion_ring.observe(batch.size());
  std::uint64_t completed = 0;
  for (std::uint32_t i = 0; i < batch.size(); ++i) {
    const FrameAddress address = batch[i];
    if (!transmit_held_.remove(address)) {
      cells().bad_completions.add();
      continue;
    }
    pool_.ledger().leave(address, FrameHolder::kTransmit);
    pool_.give(address);
    ++completed;
  }
  cells().tx_completed.add(completed);
  // A link that is down keeps its pace.
  if (state_ == LaneState::kUp) pace_.completed();
}

void XskLane::kick(Now now) noexcept {
  std::uint32_t calls = pace_.calls(socket_.tx.waiting());
  while (calls > 0 && send(now)) --calls;
}

bool XskLane::send(Now now) noexcept {
  const std::uint32_t consumed_before = socket_.tx.consumed();
  cells().tx_wakeups.add();
  const int code = wake_to_send(socket_fd());
  if (code != 0) return send_failed(code, consumed_before, now);
  pace_.sent();
  set_state(LaneState::kUp);
  return false;
}

bool XskLane::send_failed(int code, std::uint32_t consumed_before, Now now) noexcept {
  switch (code) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      cells().tx_again.add();
      set_state(LaneState::kUp);
      return pace_.stopped(socket_.tx.consumed() != consumed_before, now);
    case EBUSY:
      cells().tx_busy.add();
      set_state(LaneState::kUp);
      return false;
    case ENETDOWN:
      cells().tx_link_down.add();
      set_state(LaneState::kLinkDown);
      pace_.wait_until(now + kLinkDownPauseNs);
      return false;
    case ENXIO:
    case ENODEV:
    case EBADF:
      cells().tx_link_down.add();
      cells().last_errno.set(static_cast<std::uint64_t>(code));
      set_state(LaneState::kGone);
      return false;
    default:
      cells().tx_other_errors.add();
      cells().last_errno.set(static_cast<std::uint64_t>(code));
      pace_.wait_until(now + SendPace::kLongestPauseNs);
      return false;
  }
}

void XskLane::refill() noexcept {
  if (closed_ || state_ == LaneState::kGone) return;
  const FillSide side{socket_.fill, receive_held_, pool_, quota_.receive};
  const auto wake = [this] { ::recvfrom(socket_fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr); };
  if (!culvert::refill(side, wake)) cells().fill_ring.failures.add();
}

void XskLane::set_state(LaneState state) noexcept {
  if (state_ == state || state_ == LaneState::kGone) return;
  state_ = state;
  cells().state.set(static_cast<std::uint64_t>(state));
}

void XskLane::publish() noexcept {
  if (closed_) return;
  look_at_link();
  read_statistics();
  cells().rx_ring.observe(socket_.rx.waiting());
  cells().fill_ring.observe(socket_.fill.waiting());
  cells().tx_ring.observe(transmit_held_.count());
  cells().completion_ring.observe(socket_.completion.waiting());
}

void XskLane::look_at_link() noexcept {
  int error = 0;
  socklen_t size = sizeof(error);
  // NETDEV_UNREGISTER leaves ENETDOWN here (net/xdp/xsk.c, xsk_notifier); a link that is only down does not.
  if (::getsockopt(socket_fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == ENETDOWN) {
    cells().last_errno.set(ENETDOWN);
    return set_state(LaneState::kGone);
  }
  if (!transmits_ || state_ == LaneState::kGone) return;
  cells().tx_wakeups.add();
  const int code = wake_to_send(socket_fd());
  if (code == ENETDOWN) {
    set_state(LaneState::kLinkDown);
  } else if (code == ENXIO || code == ENODEV || code == EBADF) {
    cells().last_errno.set(static_cast<std::uint64_t>(code));
    set_state(LaneState::kGone);
  } else {
    if (code == EBUSY) cells().tx_busy.add();
    set_state(LaneState::kUp);
  }
}

void XskLane::read_statistics() noexcept {
  xdp_statistics statistics{};
  socklen_t size = sizeof(statistics);
  if (::getsockopt(socket_fd(), SOL_XDP, XDP_STATISTICS, &statistics, &size) != 0) return;
  cells().kernel_rx_dropped.set(statistics.rx_dropped);
  cells().kernel_rx_ring_full.set(statistics.rx_ring_full);
  cells().kernel_fill_empty.set(statistics.rx_fill_ring_empty_descs);
  cells().kernel_rx_invalid.set(statistics.rx_invalid_descs);
  cells().kernel_tx_invalid.set(statistics.tx_invalid_descs);
  cells().rx_ring.failures.set(statistics.rx_ring_full);
}

void XskLane::wait_for_frames(Now now) noexcept {
  if (!disconnected_.load(std::memory_order_acquire)) return;
  const bool zero_copy = report_.got == LaneMode::kZeroCopy;
  if (frames_home_at_ == 0) frames_home_at_ = now + (zero_copy ? kZeroCopyQuarantineNs : kCopyQuarantineNs);
  // In copy mode only the kernel itself writes into frames, and it is done when the socket is closed.
  if (!zero_copy || now >= frames_home_at_) take_home(receive_held_, FrameHolder::kReceive);
  if (now >= frames_home_at_) take_home(transmit_held_, FrameHolder::kTransmit);
}

void XskLane::take_home(HeldFrames& held, FrameHolder holder) noexcept {
  held.remove_all([this, holder](FrameAddress frame) {
    pool_.ledger().leave(frame, holder);
    pool_.give(frame);
  });
}

}  // namespace culvert
