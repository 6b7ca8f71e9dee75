// SPDX-License-Identifier: Apache-2.0
// The pipeline from memory lanes: what a packet costs with no kernel. Three contenders do the same turns over the same
// frames and lanes, burst by burst:
//
//   lanes only   receive, transmit, flush, refill: the lanes' own cost, which is in all of them
//   reference    the bare forwarder (bar P0): reads headers, rte_fib_lookup_bulk, TTL and checksum, MACs written
//   culvert      a worker's turn: parse with every check, route, next hop, neighbour, forward, all counters
//
// One core, 64-byte UDP unless the name says otherwise; destinations walk 1024 host addresses behind one gateway.
// Instructions a packet: valgrind --tool=callgrind, see tools/bench.
#include <array>

#include "base/bytes.h"
#include "bench/support/bench.h"
#include "bench/support/dpdk_routes.h"
#include "lanes/traffic.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/rewrite.h"
#include "test/support/rig.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kPackets = std::size_t{1} << 15;
constexpr RingSizes kRings{2048, 2048, 256, 256};

Route4 default_route() {
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

class CulvertTurn {
 public:
  explicit CulvertTurn(const PacketList& traffic) : rig_(config(traffic)) {
    rig_.forward("198.19.0.0/16", 1, test_mac(9));
    rig_.forward("2001:db8:2::/48", 1, test_mac(9));
  }

  void run() {
    for (std::size_t done = 0; done < kPackets; done += kBurstSize) rig_.worker().turn(now_ += 2000);
  }
  const PipelineCells& cells() { return rig_.worker().cells().pipeline; }

 private:
  static RigConfig config(const PacketList& traffic) {
    RigConfig config;
    config.traffic = &traffic;
    config.frames_per_worker = 8192;
    config.rings = kRings;
    config.capture = false;
    config.full_table = true;
    return config;
  }

  Rig rig_;
  Now now_ = kNanosecondsPerSecond;
};

struct Case {
  const char* name;
  TrafficConfig traffic;
  bool has_bar;
};

void measure(const Case& one, const RteFib4* fib, const Options& options, Report& report) {
  if (std::string_view(one.name).find(options.only) == std::string_view::npos) return;
  const PacketList traffic = make_traffic(one.traffic);
  Comparison comparison(one.name, kPackets, options);
  CulvertTurn culvert(traffic);
  comparison.add("culvert", [&] { culvert.run(); });
  BareTurn lanes(traffic, [](Burst&) {});
  comparison.add("lanes only", [&] { lanes.run(); });
  std::unique_ptr<BareTurn<Reference>> reference;
  if (fib != nullptr && one.traffic.network == NetworkKind::kIpv4) {
    reference = std::make_unique<BareTurn<Reference>>(traffic, Reference(*fib));
    comparison.add("reference", [&] { reference->run(); });
  }
  comparison.run();
  if (!comparison.ran()) return;
  if (culvert.cells().forwarded.read() < culvert.cells().received.read() * 99 / 100) {
    report.note("void", "packets were not forwarded: this run says nothing", 0);
  }
  if (one.has_bar) report.bar("P1", comparison, "culvert", "reference", 1.5);
}

TrafficConfig flows(std::uint32_t count, TrafficSizes sizes = TrafficSizes::kFixed) {
  TrafficConfig traffic;
  traffic.flows = count;
  traffic.sizes = sizes;
  traffic.headers_only = true;
  return traffic;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  const auto fib = start_dpdk(std::size_t{128} << 20) ? RteFib4::of({default_route()}) : nullptr;
  TrafficConfig ipv6 = flows(65536);
  ipv6.network = NetworkKind::kIpv6;
  const Case cases[] = {{"forward, 64 B, 1 flow", flows(1), false},
                        {"forward, 64 B, 1k flows", flows(1024), false},
                        {"forward, 64 B, 64k flows", flows(65536), true},
                        {"forward, 64 B, 1M flows", flows(1U << 20), false},
                        {"forward, IMIX, 64k flows", flows(65536, TrafficSizes::kImix), false},
                        {"forward, IPv6, 64k flows", ipv6, false}};
  for (const Case& one : cases) measure(one, fib.get(), options, report);
  return report.finish();
}
