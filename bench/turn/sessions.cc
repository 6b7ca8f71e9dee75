// SPDX-License-Identifier: Apache-2.0
// A firewall's turn from memory lanes. The policy has a thousand rules, a third of them under destinations, a third
// under sources, a third for any address; the last one permits what is sent here.
//
//   established   each packet of the list belongs to a session that its first round has made: no policy, no route
//   new           each packet begins a session, which ends a moment later; so a packet pays for route, policy,
//   insertion
//                 of both directions, the visit that finds it over, and the removal
#include "bench/turn/sessions.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "bench/turn/contenders.h"

namespace culvert::bench {
namespace {

constexpr std::size_t kRules = 1000;

Rule permit_or_deny(std::size_t index) {
  Rule rule;
  rule.name = "rule " + std::to_string(index);
  rule.from = ZoneMask{1} << 1;
  rule.to = ZoneMask{1} << 2;
  rule.action = index % 2 == 0 ? RuleAction::kDeny : RuleAction::kPermit;
  ServiceMatch service;
  service.protocol = kProtocolTcp;
  service.destination = {static_cast<std::uint16_t>(index), static_cast<std::uint16_t>(index + 10)};
  rule.services = {service};
  return rule;
}

RuleSet thousand_rules() {
  RuleSet set;
  for (std::size_t i = 0; i + 1 < kRules; ++i) {
    Rule rule = permit_or_deny(i);
    // /28 to /24 within what the traffic goes to and comes from.
    const auto offset = static_cast<std::uint32_t>(i * 16 % 4096);
    const unsigned length = 24 + static_cast<unsigned>(i % 5);
    const std::uint32_t network = i % 3 == 0 ? 0xc6130000U : 0xc6120000U;
    if (i % 3 != 2) {
      set.prefixes.push_back({{Prefix4(network + offset, length)}, {}});
      (i % 3 == 0 ? rule.destinations : rule.sources) = {static_cast<std::uint32_t>(set.prefixes.size() - 1)};
    }
    set.rules.push_back(rule);
  }
  Rule last = permit_or_deny(1);
  last.services.clear();
  set.rules.push_back(last);
  return set;
}

TrafficConfig flows(std::uint32_t count, NetworkKind network = NetworkKind::kIpv4) {
  TrafficConfig traffic;
  traffic.flows = count;
  traffic.headers_only = true;
  traffic.network = network;
  return traffic;
}

/// Room for exactly the flows of its traffic, all of which have a session after the constructor.
class Established {
 public:
  explicit Established(const TrafficConfig& traffic)
      : flows_(traffic.flows), list_(make_traffic(traffic)), turn_(list_, traffic.flows) {
    turn_.rig().use(thousand_rules());
    turn_.run(std::size_t{2} * flows_);
    evaluations_ = turn_.cells().policy_evaluations.read();
  }
  void run() { turn_.run(); }
  const PacketList& list() const noexcept { return list_; }
  /// Every packet since has found its session.
  bool holds() {
    return turn_.forwards() && turn_.rig().shard().size() == flows_ &&
           turn_.cells().policy_evaluations.read() == evaluations_;
  }

 private:
  std::uint32_t flows_;
  PacketList list_;
  CulvertTurn turn_;
  std::uint64_t evaluations_ = 0;
};

bool wanted(const Options& options, std::string_view name) {
  return name.find(options.only) != std::string_view::npos;
}

void check(bool holds, Report& report) {
  if (!holds) report.note("void", "packets did not find their sessions: this run says nothing", 0);
}

void measure_established(const char* name, const TrafficConfig& traffic, const RteFib4* fib, const Options& options,
                         Report& report) {
  if (!wanted(options, name)) return;
  Comparison comparison(name, kPackets, options);
  Established culvert(traffic);
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
  Established small(flows(65536));
  comparison.add("64k", [&] { small.run(); });
  Established million(flows(1U << 20));
  comparison.add("1M", [&] { million.run(); });
  std::unique_ptr<Established> millions;
  if (free_memory() > kNeededGiB) {
    millions = std::make_unique<Established>(flows(1U << 23));
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

/// New sessions come 64 in 0.64 ms of the virtual clock, and end half a second later.
void measure_new(const Options& options, Report& report) {
  constexpr const char* kName = "new sessions, 64 B, 1000 rules";
  constexpr std::uint32_t kFlows = 1U << 20;
  constexpr std::uint32_t kRoom = 1U << 17;
  constexpr std::uint64_t kStep = 640 * kNanosecondsPerMicrosecond;
  constexpr double kMostNs = 1000 / 1.5;
  if (!wanted(options, kName)) return;
  const PacketList list = make_traffic(flows(kFlows));
  CulvertTurn turn(list, kRoom);
  turn.rig().settings.timeouts.udp = flow_date_span(200 * kNanosecondsPerMillisecond);
  turn.rig().use(thousand_rules());
  turn.run(kFlows, kStep);
  Comparison comparison(kName, kPackets, options);
  comparison.add("culvert", [&] { turn.run(kPackets, kStep); });
  BareTurn lanes(list, [](Burst&) {});
  comparison.add("lanes only", [&] { lanes.run(); });
  comparison.run();
  if (!comparison.ran()) return;
  const std::uint64_t created = turn.rig().session_cells().created.read();
  check(turn.forwards() && created >= turn.cells().received.read() / 100 * 98, report);
  report.limit("P8", comparison, "culvert", kMostNs);
  if (const auto ns = comparison.median_ns("culvert")) report.note("P8", "M new sessions/s a core", 1000 / *ns);
}

}  // namespace

void measure_sessions(const RteFib4* fib, const Options& options, Report& report) {
  measure_established("established, 64 B, 64k sessions", flows(65536), fib, options, report);
  measure_established("established, IPv6, 64k sessions", flows(65536, NetworkKind::kIpv6), fib, options, report);
  measure_many(options, report);
  measure_new(options, report);
}

}  // namespace culvert::bench
