// SPDX-License-Identifier: Apache-2.0
// The part of an AF_XDP lane that control calls, and its end: apart from xsk_lane.cc, which is hot.
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

/// The checks that need no socket, so that the clearest message comes first.
RegionView checked_region(const XskLaneConfig& config, RegionView region) {
  const std::uint32_t mtu = mtu_of(config.name).value();
  check_mtu(config.name, mtu, region.frame_size).value();
  return region;
}

std::string lane_text(const XskLaneConfig& config) {
  return config.name + " queue " + std::to_string(config.queue);
}

}  // namespace

XskLane::XskLane(const XskLaneConfig& config, RegionView region, FramePool& pool)
    : Lane(config.interface, static_cast<std::uint16_t>(config.queue)),
      region_(checked_region(config, region)),
      pool_(pool),
      socket_(region, config.rings, lane_text(config)),
      quota_(config.quota.receive == 0 ? full_quota(config.rings) : config.quota),
      transmits_(check_queue(config)),
      partial_checksums_(config.generic_attach || leaves_checksums_partial(driver_of(config.name))),
      held_words_(2 * HeldFrames::words_for(region.frames())) {
  const std::span<std::uint64_t> words(held_words_);
  receive_held_ = HeldFrames(words.first(words.size() / 2), region.frame_size, region.bytes);
  transmit_held_ = HeldFrames(words.last(words.size() / 2), region.frame_size, region.bytes);

  const BindOutcome bound = bind_socket(socket_.fd(), {.name = config.name,
                                                       .ifindex = config.ifindex,
                                                       .queue = config.queue,
                                                       .wanted = config.mode,
                                                       .generic_attach = config.generic_attach,
                                                       .patient = config.patient});
  report_.asked = config.mode;
  report_.got = bound.mode;
  report_.why_not_better = bound.why_not_better;
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
