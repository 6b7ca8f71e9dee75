// SPDX-License-Identifier: Apache-2.0
// The firewall of sessions.cc with source NAT: a pool with two to four ports for each session, and a mapping for each,
// for no two sessions of this traffic have an inside endpoint in common.
#include "bench/turn/translated.h"

#include <memory>

#include "bench/turn/firewall_turn.h"

namespace culvert::bench {
namespace {

/// Of 64,512 ports each.
constexpr std::uint16_t kAddresses = 4, kAddressesForMillion = 32;

void measure_bar(const RteFib4* fib, const Options& options, Report& report) {
  constexpr const char* kName = "source NAT, 64 B, 64k sessions";
  if (!wanted(options, kName)) return;
  Comparison comparison(kName, kPackets, options);
  Established culvert(headers_of(65536), kAddresses);
  comparison.add("culvert", [&] { culvert.run(); });
  BareTurn lanes(culvert.list(), [](Burst&) {});
  comparison.add("lanes only", [&] { lanes.run(); });
  std::unique_ptr<BareTurn<Reference>> reference;
  if (fib != nullptr) {
    reference = std::make_unique<BareTurn<Reference>>(culvert.list(), Reference(*fib));
    comparison.add("reference", [&] { reference->run(); });
  }
  comparison.run();
  if (!comparison.ran()) return;
  check(culvert.holds(), report);
  report.bar("P3", comparison, "culvert", "reference", 2.5);
}

/// What NAT adds. (Not beside the bar: a second table takes its share of the caches.)
void measure_addition(const char* name, const TrafficConfig& traffic, const Options& options, Report& report) {
  if (!wanted(options, name)) return;
  Comparison comparison(name, kPackets, options);
  Established culvert(traffic, kAddresses);
  comparison.add("culvert", [&] { culvert.run(); });
  Established firewall(traffic, 0);
  comparison.add("no NAT", [&] { firewall.run(); });
  comparison.run();
  if (!comparison.ran()) return;
  check(culvert.holds() && firewall.holds(), report);
  report.ratio("P3", comparison, "culvert", "no NAT");
}

void measure_million(const Options& options, Report& report) {
  constexpr const char* kName = "source NAT, 64 B, by sessions";
  if (!wanted(options, kName)) return;
  Comparison comparison(kName, kPackets, options);
  Established small(headers_of(65536), kAddresses);
  comparison.add("64k", [&] { small.run(); });
  Established million(headers_of(1U << 20), kAddressesForMillion);
  comparison.add("1M", [&] { million.run(); });
  comparison.run();
  if (!comparison.ran()) return;
  check(small.holds() && million.holds(), report);
  report.ratio("P3", comparison, "1M", "64k");
}

void measure_new(const Options& options, Report& report) {
  constexpr const char* kName = "new sessions, source NAT, 64 B, 1000 rules";
  if (!wanted(options, kName)) return;
  const PacketList list = make_traffic(headers_of(NewSessions::kFlows));
  NewSessions mapped(list, {.external_addresses = kAddresses, .mapping = NatMapping::kEndpointIndependent});
  NewSessions ports(list, {.external_addresses = kAddresses, .mapping = NatMapping::kAddressAndPortDependent});
  NewSessions plain(list, {});
  Comparison comparison(kName, kPackets, options);
  comparison.add("a mapping each", [&] { mapped.run(); });
  comparison.add("a port each", [&] { ports.run(); });
  comparison.add("no NAT", [&] { plain.run(); });
  comparison.run();
  if (!comparison.ran()) return;
  check(mapped.holds() && ports.holds() && plain.holds(), report);
  for (const char* contender : {"a mapping each", "a port each"}) {
    report.ratio("NAT", comparison, contender, "no NAT");
    const auto ns = comparison.median_ns(contender);
    if (ns.has_value()) report.note("NAT", std::string("M new sessions/s a core, ") + contender, 1000 / *ns);
  }
}

}  // namespace

void measure_translated(const RteFib4* fib, const Options& options, Report& report) {
  measure_bar(fib, options, report);
  measure_addition("source NAT beside none, UDP", headers_of(65536), options, report);
  measure_addition("source NAT beside none, TCP", tcp_headers_of(65536), options, report);
  measure_addition("source NAT beside none, IPv6", headers_of(65536, NetworkKind::kIpv6), options, report);
  measure_million(options, report);
  measure_new(options, report);
}

}  // namespace culvert::bench
