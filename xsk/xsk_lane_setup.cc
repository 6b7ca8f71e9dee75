// SPDX-License-Identifier: Apache-2.0
// The part of an AF_XDP lane that control calls, and its end: apart from xsk_lane.cc, which is hot.
#include <algorithm>
#include <fcntl.h>
#include <span>
#include <utility>

#include "xsk/device.h"
#include "xsk/xsk_lane.h"

namespace culvert {
namespace {

/// True when the device can send from this queue. Throws SetupError when it cannot even receive there.
bool check_queue(const XskLaneConfig& config) {
  const QueueCounts counts = queue_counts(config.name).value();
  if (config.queue >= counts.rx) {
    throw SetupError(Error{config.name + " queue " + std::to_string(config.queue) + ": the interface has " +
                               std::to_string(counts.rx) + " rx queues",
                           0, "type: " + queue_command(config.name, counts, config.queue + 1)});
  }
  return config.queue < counts.tx;
}

std::string lane_text(const XskLaneConfig& config) {
  return config.name + " queue " + std::to_string(config.queue);
}

/// After the check that needs none, so that the clearest message comes first.
XskSocket make_socket(const XskLaneConfig& config, RegionView region) {
  const std::uint32_t mtu = mtu_of(config.name).value();
  check_mtu(config.name, mtu, region.frame_size).value();
  return {region, config.rings, lane_text(config)};
}

}  // namespace

XskLane::XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool, XskSocket socket)
    : Lane(config.interface, static_cast<std::uint16_t>(config.queue)),
      region_(region),
      pool_(pool),
      socket_(std::move(socket)),
      quota_(config.quota.receive == 0 ? full_quota(config.rings) : config.quota),
      transmits_(check_queue(config)),
      partial_checksums_(config.generic_attach || leaves_checksums_partial(driver_of(config.name))),
      held_words_(2 * HeldFrames::words_for(region.frames())) {}

XskLane::XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool)
    : XskLane(config, region, pool, make_socket(config, region)) {
  const std::span<std::uint64_t> words(held_words_);
  receive_held_ = HeldFrames(words.first(words.size() / 2), region.frame_size, region.bytes);
  transmit_held_ = HeldFrames(words.last(words.size() / 2), region.frame_size, region.bytes);
  BindOutcome bound = bind_socket(socket_.fd(), {.name = config.name,
                                                 .ifindex = config.ifindex,
                                                 .queue = config.queue,
                                                 .wanted = config.mode,
                                                 .generic_attach = config.generic_attach,
                                                 .patient = config.patient});
  report(config, bound.mode, std::move(bound.why_not_better));
}

XskLane::XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool, LeftLane left)
    : XskLane(config, region, pool, XskSocket(std::move(left.socket), config.rings, lane_text(config))) {
  const std::span<std::uint64_t> words(held_words_);
  const std::size_t half = words.size() / 2;
  if (left.receiving.size() != half || left.transmitting.size() != half) {
    throw SetupError(Error{lane_text(config) + ": was left with frames of another region", 0, ""});
  }
  std::copy(left.receiving.begin(), left.receiving.end(), words.begin());
  std::copy(left.transmitting.begin(), left.transmitting.end(), words.last(half).begin());
  receive_held_ = HeldFrames(words.first(half), region.frame_size, region.bytes);
  transmit_held_ = HeldFrames(words.last(half), region.frame_size, region.bytes);
  receive_held_.for_each([&](FrameAddress frame) { pool_.ledger().enter(frame, FrameHolder::kReceive); });
  transmit_held_.for_each([&](FrameAddress frame) { pool_.ledger().enter(frame, FrameHolder::kTransmit); });
  report(config, left.got, std::move(left.why_not_better));
}

void XskLane::report(const XskLaneConfig& config, LaneMode got, std::string why_not_better) {
  report_.asked = config.mode;
  report_.got = got;
  report_.why_not_better = std::move(why_not_better);
  report_.send = raise_send_limits(socket_.fd(), config.rings.tx);
  pace_ = SendPace(report_.send.packets_per_send, config.rings.tx);
  report_.transmits = transmits_;
  report_.busy_polling = napi_id_of(socket_.fd()) != 0;
  if (!report_.busy_polling) report_.busy_polling_note = "the driver names no NAPI instance: busy polling does nothing";

  cells().rx_ring.max.set(config.rings.rx);
  cells().tx_ring.max.set(quota_.transmit);
  cells().fill_ring.max.set(config.rings.fill);
  cells().completion_ring.max.set(config.rings.completion);
}

LeftLane XskLane::leave() const {
  const auto copy = [](const HeldFrames& held) {
    return std::vector<std::uint64_t>(held.words().begin(), held.words().end());
  };
  Fd socket(::fcntl(socket_fd(), F_DUPFD_CLOEXEC, 3));
  if (!socket) throw SetupError(errno_error("keeping an AF_XDP socket for a successor"));
  return {std::move(socket), report_.got, report_.why_not_better, copy(receive_held_), copy(transmit_held_)};
}

XskLane::~XskLane() = default;

void XskLane::close() noexcept {
  if (closed_) return;
  reap();  // so that only what has not completed has to wait
  closed_ = true;
  set_state(LaneState::kGone);
}

void XskLane::disconnect() noexcept {
  if (disconnected_.load(std::memory_order_relaxed)) return;
  // The last reference to the socket: the kernel waits here until no CPU can be delivering to it (synchronize_net).
  socket_.close();
  disconnected_.store(true, std::memory_order_release);
}

}  // namespace culvert
