// SPDX-License-Identifier: Apache-2.0
// Who does the same turns over the same frames and lanes, burst by burst:
//
//   lanes only   receive, transmit, flush, refill: the lanes' own cost, which is in all of them
//   reference    the bare forwarder (bar P0): reads headers, rte_fib_lookup_bulk, TTL and checksum, MACs written
//   culvert      a worker's turn: parse with every check, route, next hop, neighbour, forward, all counters; with a
//                policy sessions decide instead of routes
//
// One core; destinations walk 1024 host addresses behind one gateway.
#pragma once

#include <array>

#include "base/bytes.h"
#include "bench/support/bench.h"
#include "bench/support/dpdk_routes.h"
#include "lanes/traffic.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/rewrite.h"
#include "test/support/rig.h"

namespace culvert::bench {

inline constexpr std::size_t kPackets = std::size_t{1} << 15;
inline constexpr RingSizes kRings{2048, 2048, 256, 256};

inline Route4 default_route() {
  return {Prefix4(0xc6130000U, 16), 1};
}

/// One worker's frames and two lanes, with a forwarder in between that somebody else writes.
template <typename Forward>
class BareTurn {
 public:
  BareTurn(const PacketList& traffic, Forward forward)
      : region_({.frame_size = 2048, .frames = 8192}),
        storage_(region_.frames()),
        pool_(0, region_.homes(), region_.frame_size(), storage_, {}, region_.ledger()),
        in_({.interface = 0, .rings = kRings, .traffic = &traffic}, region_.view(), pool_),
        out_({.interface = 1, .rings = kRings}, region_.view(), pool_),
        forward_(forward) {
    in_.refill();
  }

  void run() {
    for (std::size_t done = 0; done < kPackets; done += kBurstSize) {
      in_.receive(burst_);
      forward_(burst_);
      for (std::uint32_t i = 0; i < burst_.size(); ++i) packets_[i] = &burst_[i];
      out_.transmit(std::span(packets_).first(burst_.size()));
      burst_.clear();
      out_.flush(0);
      in_.refill();
    }
  }

 private:
  Region region_;
  std::vector<FrameAddress> storage_;
  FramePool pool_;
  MemoryLane in_, out_;
  Burst burst_;
  std::array<Packet*, kBurstSize> packets_{};
  Forward forward_;
};

/// The yardstick: what any forwarder must do, with DPDK's table.
class Reference {
 public:
  explicit Reference(const RteFib4& fib) : fib_(fib) {}

  void operator()(Burst& burst) {
    for (Packet& packet : burst) __builtin_prefetch(packet.data);
    for (std::uint32_t i = 0; i < burst.size(); ++i) {
      addresses_[i] = view<Ipv4Header>(burst[i].data + sizeof(EthernetHeader)).destination.value.host();
    }
    fib_.lookup(std::span(addresses_).first(burst.size()), std::span(next_hops_).first(burst.size()));
    for (std::uint32_t i = 0; i < burst.size(); ++i) {
      Packet& packet = burst[i];
      packet.network_offset = sizeof(EthernetHeader);
      packet.network = NetworkKind::kIpv4;
      decrement_ttl(packet);
      set_macs(packet, macs_[next_hops_[i] & 1]);
    }
  }

 private:
  const RteFib4& fib_;
  std::array<std::uint32_t, kBurstSize> addresses_{};
  std::array<std::uint64_t, kBurstSize> next_hops_{};
  std::array<MacRewrite, 2> macs_{MacRewrite::of(test_mac(1), test_mac(2)), MacRewrite::of(test_mac(2), test_mac(2))};
};

/// A worker as `culvertd` has it; a router, or with room for sessions a firewall.
class CulvertTurn {
 public:
  explicit CulvertTurn(const PacketList& traffic, std::uint32_t sessions = 0, std::uint32_t external_addresses = 0)
      : rig_(config(traffic, sessions, external_addresses)) {
    rig_.forward("198.19.0.0/16", 1, test_mac(9));
    rig_.forward("2001:db8:2::/48", 1, test_mac(9));
  }

  Rig& rig() noexcept { return rig_; }
  /// Passes on with the virtual clock: `step_ns` for each burst.
  void run(std::size_t packets = kPackets, std::uint64_t step_ns = 2000) {
    for (std::size_t done = 0; done < packets; done += kBurstSize) rig_.worker().turn(now_ += step_ns);
  }
  const PipelineCells& cells() { return rig_.worker().cells().pipeline; }
  /// Nearly all that came in has left.
  bool forwards() { return cells().forwarded.read() >= cells().received.read() / 100 * 99; }

 private:
  static RigConfig config(const PacketList& traffic, std::uint32_t sessions, std::uint32_t external_addresses) {
    RigConfig config;
    config.traffic = &traffic;
    config.frames_per_worker = 8192;
    config.rings = kRings;
    config.capture = false;
    config.full_table = true;
    config.sessions = sessions;
    config.external_addresses = external_addresses;
    return config;
  }

  Rig rig_;
  Now now_ = kNanosecondsPerSecond;
};

}  // namespace culvert::bench
