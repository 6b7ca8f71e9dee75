// SPDX-License-Identifier: Apache-2.0
// Two veth pairs in one namespace: packets come in at "lan1", cross into the lane on "lan0", and what the lane on
// "wan0" sends arrives at "wan1".
//
//   RawPort lan1 ==> lan0 [XDP -> lane]   ...   [lane] wan0 ==> wan1 RawPort
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "base/time.h"
#include "lanes/packet_list.h"
#include "test/support/netns.h"
#include "test/xsk/redirect_all.h"
#include "umem/pool.h"
#include "umem/region.h"
#include "xsk/xsk_lane.h"

namespace culvert {

inline constexpr RingSizes kTestRings{.fill = 512, .rx = 256, .tx = 256, .completion = 256};

/// Two veth pairs, entered for as long as it lives.
struct Wires {
  explicit Wires(VethOptions options = {}) : inside(make(options)) {}

  NetNamespace net;
  InNamespace inside;

 private:
  const NetNamespace& make(VethOptions options) {
    add_veth(net, "lan0", "lan1", options);
    add_veth(net, "wan0", "wan1", options);
    return net;
  }
};

/// A region, the pool of its one worker, and lanes on it.
struct Lanes {
  explicit Lanes(std::uint32_t frames = 4096)
      : region({.frames = frames}), storage(frames), pool(0, region.homes(), 2048, storage, {}, region.ledger()) {}

  std::unique_ptr<XskLane> open(const std::string& name, std::uint32_t queue = 0, InterfaceIndex interface = 0) {
    return std::make_unique<XskLane>(XskLaneConfig{.name = name,
                                                   .ifindex = interface_number(name),
                                                   .queue = queue,
                                                   .interface = interface,
                                                   .rings = kTestRings},
                                     region.view(), pool);
  }

  Region region;
  std::vector<FrameAddress> storage;
  FramePool pool;
};

/// The worker's part: receives until `count` packets are there or time is up.
inline void receive_until(Lane& lane, Burst& burst, std::uint32_t count, int milliseconds = 1000) {
  const Now end = monotonic_ns() + static_cast<std::uint64_t>(milliseconds) * kNanosecondsPerMillisecond;
  while (burst.size() < count && monotonic_ns() < end) {
    lane.receive(burst);
    lane.refill();
  }
}

/// Flushes until the lane has nothing out or time is up.
inline void flush_until_idle(Lane& lane, int milliseconds = 1000) {
  const Now end = monotonic_ns() + static_cast<std::uint64_t>(milliseconds) * kNanosecondsPerMillisecond;
  while (lane.frames_transmitting() > 0 && monotonic_ns() < end) lane.flush(monotonic_ns());
}

/// The worker's part of a lane's end, then control's.
inline void end(Lane& lane) {
  lane.close();
  lane.disconnect();
}

/// Offers a whole burst to a lane, frees what it does not take, and leaves the burst empty. Returns what it took.
inline std::uint32_t offer(Burst& burst, Lane& lane, FramePool& pool) {
  std::array<Packet*, kBurstSize> packets{};
  for (std::uint32_t i = 0; i < burst.size(); ++i) packets[i] = &burst[i];
  const std::uint32_t taken = lane.transmit(std::span(packets).first(burst.size()));
  for (std::uint32_t i = taken; i < burst.size(); ++i) pool.give(burst[i].frame);
  burst.clear();
  return taken;
}

/// Packets made by us, `count` of them, out of the pool.
inline void make_packets(Lanes& lanes, Burst& burst, std::uint32_t count, std::uint16_t length = 60) {
  for (std::uint32_t i = 0; i < count; ++i) {
    FrameAddress frame = 0;
    if (!lanes.pool.take(frame)) return;
    Packet& packet = burst.append();
    packet.frame = frame;
    packet.data = lanes.region.view().at(frame + kFrameHeadroom);
    packet.length = length;
    std::memset(packet.data, 2, length);
  }
}

/// Frames that are somewhere: all of them, always.
inline std::uint32_t frames_of(const Lanes& lanes, std::initializer_list<const Lane*> open) {
  std::uint32_t sum = lanes.pool.available();
  for (const Lane* lane : open) sum += lane->frames_receiving() + lane->frames_transmitting();
  return sum;
}

}  // namespace culvert
