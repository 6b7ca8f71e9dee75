// SPDX-License-Identifier: Apache-2.0
// R1 and what has no bar: lookups in full tables, beside DPDK's rte_fib (2-byte entries, bulk) and rte_fib6, in bursts
// of 32; loading and changing them; memory.
#include <array>
#include <fmt/format.h>
#include <memory>

#include "base/mapping.h"
#include "base/time.h"
#include "bench/support/bench.h"
#include "bench/support/dpdk_routes.h"
#include "bench/support/prefixes.h"
#include "routes/lpm4_writer.h"
#include "routes/lpm6_writer.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kAddresses = std::size_t{1} << 18;
constexpr std::size_t kBurst = 32;

double milliseconds_since(std::uint64_t begin) {
  return static_cast<double>(thread_cpu_ns() - begin) * 1e-6;
}

/// Calls lookup(addresses, results) burst by burst.
template <typename Result, typename Addresses, typename Lookup>
void in_bursts(Addresses& addresses, Lookup lookup) {
  std::array<Result, kBurst> results;
  for (std::size_t i = 0; i < addresses.size(); i += kBurst) {
    lookup(std::span(addresses).subspan(i, kBurst), std::span<Result>(results));
    keep(results);
  }
}

/// Both tables must agree before their times are compared.
template <typename Table, typename Fib, typename Address>
void check_agreement(const Table& table, const Fib& fib, std::vector<Address>& addresses) {
  std::size_t differ = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    std::array<std::uint64_t, 1> expected{};
    fib.lookup(std::span(addresses).subspan(i, 1), expected);
    differ += expected[0] != table.lookup(addresses[i]);
  }
  if (differ != 0) {
    fmt::print(stderr, "{} of 20000 answers differ from DPDK's\n", differ);
    std::exit(3);
  }
}

struct Table4 {
  explicit Table4(const std::vector<Route4>& routes) {
    const std::uint64_t begin = thread_cpu_ns();
    for (const Route4& route : routes) failed += writer.insert(route.prefix, route.next_hop).has_error();
    load_ms = milliseconds_since(begin);
  }

  Lpm4Limits limits;
  Mapping memory = Mapping::anonymous(Lpm4::memory_size(limits), HugePages::kTry, "IPv4 routes");
  Lpm4 table{memory.bytes(), limits};
  Lpm4Writer writer{table, limits};
  double load_ms = 0;
  std::size_t failed = 0;
};

struct Table6 {
  explicit Table6(const std::vector<Route6>& routes) {
    const std::uint64_t begin = thread_cpu_ns();
    for (const Route6& route : routes) {
      failed += writer.insert(route.prefix, route.next_hop, epochs.open()).has_error();
      writer.reclaim(epochs.announce());
    }
    load_ms = milliseconds_since(begin);
  }

  Lpm6Limits limits{.prefixes = 2'000'000, .units = 3'000'000};
  Mapping memory = Mapping::anonymous(Lpm6::memory_size(limits), HugePages::kTry, "IPv6 routes");
  Lpm6 table{memory.bytes(), limits};
  Lpm6Writer writer{table, limits};
  EpochCounter epochs;
  double load_ms = 0;
  std::size_t failed = 0;
};

/// DPDK's two lookups, if they are there, on the table that gives the same answers as ours.
template <typename Table, typename Fib, typename Address>
void add_dpdk(Comparison& comparison, const std::string& name, const Table& ours, Fib* theirs,
              const std::vector<Address>& addresses) {
  if (theirs == nullptr) return;
  // DPDK takes addresses that it could change.
  const auto own = std::make_shared<std::vector<Address>>(addresses);
  check_agreement(ours, *theirs, *own);
  const auto call = [theirs, own](DpdkLookup lookup) {
    theirs->choose(lookup);
    in_bursts<std::uint64_t>(*own, [&](auto from, auto to) { theirs->lookup(from, to); });
  };
  comparison.add(name, [call] { call(DpdkLookup::kScalar); });
  if (theirs->choose(DpdkLookup::kAvx512)) comparison.add(name + ", AVX-512", [call] { call(DpdkLookup::kAvx512); });
}

template <typename Table, typename Address>
void add_ours(Comparison& comparison, const Table& table, const std::vector<Address>& addresses) {
  comparison.add("bulk",
                 [&] { in_bursts<NextHopIndex>(addresses, [&](auto from, auto to) { table.lookup(from, to); }); });
  comparison.add("one by one", [&] {
    in_bursts<NextHopIndex>(addresses, [&](auto from, auto to) {
      for (std::size_t i = 0; i < from.size(); ++i) to[i] = table.lookup(from[i]);
    });
  });
}

void measure4(const Options& options, Report& report) {
  const auto routes = internet4(1'000'000, 11);
  Table4 ours(routes);
  fmt::print("IPv4, {} prefixes: loaded in {:.0f} ms, {} refused, {} groups, {}\n", routes.size(), ours.load_ms,
             ours.failed, ours.writer.group_gauge().used.read(), page_kind_text(ours.memory.pages()));
  report.note("lpm4", "load 1 M IPv4 prefixes, ms", ours.load_ms);
  const std::uint64_t begin = thread_cpu_ns();
  const auto theirs = RteFib4::of(routes);
  if (theirs) fmt::print("rte_fib: loaded in {:.0f} ms\n", milliseconds_since(begin));
  const auto compare = [&](const std::string& name, const std::vector<std::uint32_t>& addresses, bool has_bar) {
    Comparison comparison("LPM 1 M IPv4 prefixes, " + name, addresses.size(), options);
    add_ours(comparison, ours.table, addresses);
    add_dpdk(comparison, "rte_fib 2-byte", ours.table, theirs.get(), addresses);
    comparison.run();
    if (has_bar) report.bar("R1", comparison, "bulk", "rte_fib 2-byte", 0.70);
    if (!has_bar) report.ratio("lpm4", comparison, "bulk", "rte_fib 2-byte");
    report.ratio("lpm4", comparison, "bulk", "rte_fib 2-byte, AVX-512");
  };
  compare("uniform", uniform4(kAddresses, 1), true);
  compare("Zipf", zipf4(routes, kAddresses, 2), true);
  compare("uniform over prefixes", below4(routes, kAddresses, 3), false);

  EpochCounter epochs;
  Comparison changes("IPv4 route changes (remove + insert)", 2000, options);
  changes.add("prefixes of the table", [&] {
    for (std::size_t i = 0; i < 1000; ++i) {
      const Route4& route = routes[i * 997];
      ours.writer.remove(route.prefix, epochs.open());
      keep(ours.writer.insert(route.prefix, route.next_hop));
      ours.writer.reclaim(epochs.announce());
    }
  });
  changes.run();
}

void compare6(const std::string& name, const std::vector<Route6>& routes, std::uint32_t groups, const Options& options,
              Report& report) {
  Table6 ours(routes);
  const auto& units = ours.writer.unit_gauge();
  fmt::print("{}: {} prefixes loaded in {:.0f} ms, {} refused, {:.2f} units a prefix, {:.0f} MB, {}\n", name,
             ours.writer.size(), ours.load_ms, ours.failed,
             static_cast<double>(units.used.read()) / static_cast<double>(ours.writer.size()),
             static_cast<double>(units.used.read()) * 64e-6, page_kind_text(ours.memory.pages()));
  report.note("lpm6", name + ": load, ms", ours.load_ms);
  report.note("lpm6", name + ": bytes a prefix",
              static_cast<double>(units.used.read()) * 64 / static_cast<double>(ours.writer.size()));
  const std::uint64_t begin = thread_cpu_ns();
  const auto theirs = RteFib6::of(routes, groups);
  if (theirs)
    fmt::print("rte_fib6: loaded in {:.0f} ms, {:.0f} MB reserved\n", milliseconds_since(begin), groups * 1024e-6);
  for (const auto& [kind, addresses] : {std::pair{", uniform over prefixes", below6(routes, kAddresses, 3)},
                                        std::pair{", Zipf", zipf6(routes, kAddresses, 2)}}) {
    Comparison comparison("LPM " + name + kind, addresses.size(), options);
    add_ours(comparison, ours.table, addresses);
    add_dpdk(comparison, "rte_fib6 4-byte", ours.table, theirs.get(), addresses);
    comparison.run();
    report.ratio("lpm6", comparison, "bulk", "rte_fib6 4-byte");
    report.ratio("lpm6", comparison, "bulk", "rte_fib6 4-byte, AVX-512");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  start_dpdk();
  measure4(options, report);
  compare6("IPv6 internet, 200 k prefixes", internet6(200'000, 21), 400'000, options, report);
  compare6("IPv6 internet, 1 M prefixes", internet6(1'000'000, 22), 1'200'000, options, report);
  compare6("IPv6 random /48s, 1 M", random48(1'000'000, 23), 3'000'000, options, report);
  compare6("IPv6 sites, /64s and hosts", sites6(500, 20, 20, 24), 2'600'000, options, report);
  return report.finish();
}
