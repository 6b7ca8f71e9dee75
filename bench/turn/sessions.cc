// SPDX-License-Identifier: Apache-2.0
// A firewall's turn from memory lanes.
//
//   established   each packet of the list belongs to a session that its first round has made: no policy, no route
//   new           each packet begins a session, which ends a moment later; so a packet pays for route, policy,
//   insertion
//                 of both directions, the visit that finds it over, and the removal
#include "bench/turn/sessions.h"

#include <cstdio>
#include <fstream>
#include <memory>

#include "bench/turn/firewall_turn.h"

namespace culvert::bench {
namespace {

void measure_established(const char* name, const TrafficConfig& traffic, const RteFib4* fib, const Options& options,
                         Report& report) {
  if (!wanted(options, name)) return;
  Comparison comparison(name, kPackets, options);
  Established culvert(traffic, 0);
  comparison.add("culvert", [&] { culvert.run(); });
  CulvertTurn router(culvert.list());
  comparison.add("culvert, no policy", [&] { router.run(); });
  BareTurn lanes(culvert.list(), [](Burst&) {});
  comparison.add("lanes only", [&] { lanes.run(); });
  std::unique_ptr<BareTurn<Reference>> reference;
  const bool bar = fib != nullptr && traffic.network == NetworkKind::kIpv4;
  if (bar) {
    reference = std::make_unique<BareTurn<Reference>>(culvert.list(), Reference(*fib));
    comparison.add("reference", [&] { reference->run(); });
  }
  comparison.run();
  if (!comparison.ran()) return;
  check(culvert.holds(), report);
  if (bar) report.bar("P2", comparison, "culvert", "reference", 2.3);
}

/// Of MemAvailable, in GiB.
double free_memory() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  while (file >> word && word != "MemAvailable:") continue;
  double kilobytes = 0;
  file >> kilobytes;
  return kilobytes / (1024.0 * 1024.0);
}

void measure_many(const Options& options, Report& report) {
  constexpr const char* kName = "established, 64 B, by sessions";
  constexpr double kNeededGiB = 10;
  if (!wanted(options, kName)) return;
  Comparison comparison(kName, kPackets, options);
  Established small(headers_of(65536), 0);
  comparison.add("64k", [&] { small.run(); });
  Established million(headers_of(1U << 20), 0);
  comparison.add("1M", [&] { million.run(); });
  std::unique_ptr<Established> millions;
  if (free_memory() > kNeededGiB) {
    millions = std::make_unique<Established>(headers_of(1U << 23), 0);
    comparison.add("8M", [&] { millions->run(); });
  } else {
    std::printf("8 M sessions: left out, they need %.0f GiB of free memory\n", kNeededGiB);
  }
  comparison.run();
  if (!comparison.ran()) return;
  check(small.holds() && million.holds() && (millions == nullptr || millions->holds()), report);
  report.bar("P5", comparison, "1M", "64k", 1.3);
  if (millions != nullptr) report.bar("P5", comparison, "8M", "64k", 1.6);
}

void measure_new(const Options& options, Report& report) {
  constexpr const char* kName = "new sessions, 64 B, 1000 rules";
  constexpr double kMostNs = 1000 / 1.5;
  if (!wanted(options, kName)) return;
  const PacketList list = make_traffic(headers_of(NewSessions::kFlows));
  NewSessions culvert(list, {});
  Comparison comparison(kName, kPackets, options);
  comparison.add("culvert", [&] { culvert.run(); });
  BareTurn lanes(list, [](Burst&) {});
  comparison.add("lanes only", [&] { lanes.run(); });
  comparison.run();
  if (!comparison.ran()) return;
  check(culvert.holds(), report);
  report.limit("P8", comparison, "culvert", kMostNs);
  if (const auto ns = comparison.median_ns("culvert")) report.note("P8", "M new sessions/s a core", 1000 / *ns);
}

}  // namespace

void measure_sessions(const RteFib4* fib, const Options& options, Report& report) {
  measure_established("established, 64 B, 64k sessions", headers_of(65536), fib, options, report);
  measure_established("established, TCP, 64k sessions", tcp_headers_of(65536), nullptr, options, report);
  measure_established("established, IPv6, 64k sessions", headers_of(65536, NetworkKind::kIpv6), fib, options, report);
  measure_many(options, report);
  measure_new(options, report);
}

}  // namespace culvert::bench
