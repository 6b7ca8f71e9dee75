// SPDX-License-Identifier: Apache-2.0
// The pipeline from memory lanes: what a packet costs with no kernel, beside the bare forwarder (contenders.h): without
// state here, with sessions in sessions.cc, many rules in rules.cc, NAT in translated.cc, between two workers in
// handoff.cc. One core, 64-byte UDP unless the name says otherwise. Instructions a packet: valgrind --tool=callgrind,
// see tools/bench.
#include "base/cpu.h"
#include "bench/turn/contenders.h"
#include "bench/turn/handoff.h"
#include "bench/turn/rules.h"
#include "bench/turn/sessions.h"
#include "bench/turn/translated.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

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
  if (!culvert.forwards()) report.note("void", "packets were not forwarded: this run says nothing", 0);
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
  const std::vector<int> cpus = allowed_cpus();  // before DPDK pins this thread
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
  measure_sessions(fib.get(), options, report);
  measure_rules(options, report);
  measure_translated(fib.get(), options, report);
  measure_handoff(cpus, options, report);
  return report.finish();
}
