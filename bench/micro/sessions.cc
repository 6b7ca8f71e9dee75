// SPDX-License-Identifier: Apache-2.0
// S1 to S7 and S9: finding and replacing flows in batches, hashing and comparing included, beside DPDK's rte_hash
// (bulk) and boost::unordered_flat_map, at 10 k, 1 M and 8 M flows; what a flow takes of memory; how many lines one
// operation may touch; what looking at sessions to expire them costs (expiry.cc); what flows with a structure cost
// (FLOOD, flooding.cc). One operation is one key, one flow replaced, one session looked at.
#include <cmath>
#include <fmt/format.h>

#include "bench/micro/expiry.h"
#include "bench/micro/flooding.h"
#include "bench/support/bench.h"
#include "bench/support/dpdk_routes.h"
#include "bench/support/flow_tables.h"
#include "sessions/expiry_wheel.h"
#include "test/sessions/way.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kLookups = std::size_t{1} << 17;
constexpr std::size_t kReplaced = std::size_t{1} << 14;
constexpr std::size_t kHeap = std::size_t{1} << 30;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() { return splitmix64(state_); }
  double unit() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

struct Size {
  std::size_t flows;
  std::string name;
  /// Bars of S1 by rte_hash and by boost, of S2 by the two lines, of S5; 0: none.
  double hit_rte, hit_boost, hit_lines, replace_rte;
};

/// All contenders of one family and size, filled with the same keys.
template <typename Tuple>
struct Contenders {
  Contenders(std::size_t flows, bool with_boost) : keys(flows + std::max(flows / 8, 2 * kReplaced)) {
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = key_of<Tuple>(i);
    const Window<Tuple> window{keys, flows};
    culvert = std::make_unique<CulvertFlows<Tuple>>(window);
    lines = std::make_unique<TwoLines<Tuple>>(culvert->bytes());
    dpdk = DpdkFlows<Tuple>::of(window);
    if (with_boost) boost = std::make_unique<BoostFlows<Tuple>>(window);
    fmt::print("{} flows, {}; bytes a flow: culvert {:.1f}", flows, page_kind_text(culvert->pages()),
               per_flow(culvert->bytes(), flows));
    if (dpdk) fmt::print(", rte_hash {:.1f}", per_flow(dpdk->bytes(), flows));
    if (boost) fmt::print(", boost {:.1f}", per_flow(boost->bytes(), flows));
    fmt::print("\n");
  }
  static double per_flow(std::size_t bytes, std::size_t flows) {
    return static_cast<double>(bytes) / static_cast<double>(flows);
  }

  std::vector<Tuple> keys;
  std::unique_ptr<CulvertFlows<Tuple>> culvert;
  std::unique_ptr<TwoLines<Tuple>> lines;
  std::unique_ptr<DpdkFlows<Tuple>> dpdk;
  std::unique_ptr<BoostFlows<Tuple>> boost;
};

/// All must find the same before their times are compared.
template <typename Tuple>
void check_agreement(const Contenders<Tuple>& all, const std::vector<Tuple>& keys) {
  const std::uint64_t found = all.culvert->template find<128>(keys);
  if ((all.dpdk && all.dpdk->find(keys) != found) || (all.boost && all.boost->find(keys) != found)) {
    fmt::print(stderr, "the tables don't find the same\n");
    std::exit(3);
  }
}

template <typename Tuple>
void find_all(Comparison& comparison, const Contenders<Tuple>& all, const std::vector<Tuple>& keys) {
  check_agreement(all, keys);
  comparison.add("culvert", [&] { keep(all.culvert->template find<64>(keys)); });
  comparison.add("culvert, batches of 128", [&] { keep(all.culvert->template find<128>(keys)); });
  if (all.dpdk) comparison.add("rte_hash", [&] { keep(all.dpdk->find(keys)); });
  if (all.boost) comparison.add("boost", [&] { keep(all.boost->find(keys)); });
  comparison.add("two random lines", [&] { keep(all.lines->template find<64>(keys)); });
  comparison.run();
}

template <typename Tuple>
std::vector<Tuple> hits(const Contenders<Tuple>& all, std::size_t flows) {
  Random random(flows + 1);
  std::vector<Tuple> keys(kLookups);
  for (Tuple& key : keys) key = all.keys[random() % flows];
  return keys;
}
template <typename Tuple>
std::vector<Tuple> misses(std::size_t flows) {
  std::vector<Tuple> keys(kLookups);
  for (std::size_t i = 0; i < kLookups; ++i) keys[i] = key_of<Tuple>(2 * flows + 1'000'000 + i);
  return keys;
}
/// The i-th flow in proportion to 1 / (i + 1).
template <typename Tuple>
std::vector<Tuple> zipf(const Contenders<Tuple>& all, std::size_t flows) {
  Random random(flows + 2);
  std::vector<Tuple> keys(kLookups);
  for (Tuple& key : keys) {
    const double rank = std::exp(random.unit() * std::log(static_cast<double>(flows) + 1)) - 1;
    key = all.keys[std::min(static_cast<std::size_t>(rank), flows - 1)];
  }
  return keys;
}

/// Whether --only leaves anything of this family and size; tables of 8 M flows take a while to fill.
bool wanted(const Options& options, std::string_view family, const Size& size) {
  for (const std::string_view what : {" hit, ", " Zipf, ", " miss, ", " delete + insert, "})
    if (fmt::format("{}{}{}", family, what, size.name).find(options.only) != std::string::npos) return true;
  return false;
}

void bar_or_ratio(Report& report, std::string_view id, const Comparison& comparison, std::string_view reference,
                  double bar) {
  if (bar != 0) report.bar(id, comparison, "culvert", reference, bar);
  if (bar == 0) report.ratio("sess", comparison, "culvert", reference);
}

template <typename Tuple>
void replace_all(Comparison& comparison, Contenders<Tuple>& all) {
  comparison.add("culvert", [&] { all.culvert->replace(kReplaced); });
  if (all.dpdk) comparison.add("rte_hash", [&] { all.dpdk->replace(kReplaced); });
  if (all.boost) comparison.add("boost", [&] { all.boost->replace(kReplaced); });
  comparison.run();
}

void measure4(const Size& size, const Options& options, Report& report) {
  if (!wanted(options, "IPv4", size)) return;
  Contenders<FiveTuple4> all(size.flows, true);
  const auto hit_keys = hits(all, size.flows);
  Comparison hit("IPv4 hit, " + size.name, kLookups, options);
  find_all(hit, all, hit_keys);
  report.bar("S1", hit, "culvert", "rte_hash", size.hit_rte);
  report.bar("S1", hit, "culvert", "boost", size.hit_boost);
  bar_or_ratio(report, "S2", hit, "two random lines", size.hit_lines);

  const bool largest = size.flows == 8'000'000;
  const auto zipf_keys = zipf(all, size.flows);
  Comparison by_zipf("IPv4 Zipf, " + size.name, kLookups, options);
  find_all(by_zipf, all, zipf_keys);
  bar_or_ratio(report, "S3", by_zipf, "rte_hash", largest ? 0.50 : 0);
  report.ratio("sess", by_zipf, "culvert", "boost");

  const auto miss_keys = misses<FiveTuple4>(size.flows);
  Comparison miss("IPv4 miss, " + size.name, kLookups, options);
  find_all(miss, all, miss_keys);
  bar_or_ratio(report, "S3", miss, "rte_hash", largest ? 0.55 : 0);
  report.ratio("sess", miss, "culvert", "boost");

  Comparison replace("IPv4 delete + insert, " + size.name, kReplaced, options);
  replace_all(replace, all);
  bar_or_ratio(report, "S5", replace, "rte_hash", size.replace_rte);
  report.ratio("sess", replace, "culvert", "boost");
}

void measure6(const Size& size, const Options& options, Report& report) {
  if (!wanted(options, "IPv6", size)) return;
  Contenders<FiveTuple6> all(size.flows, false);
  const auto hit_keys = hits(all, size.flows);
  Comparison hit("IPv6 hit, " + size.name, kLookups, options);
  find_all(hit, all, hit_keys);
  report.bar("S4", hit, "culvert", "rte_hash", size.hit_rte);
  report.ratio("sess", hit, "culvert", "two random lines");
  const auto zipf_keys = zipf(all, size.flows);
  Comparison by_zipf("IPv6 Zipf, " + size.name, kLookups, options);
  find_all(by_zipf, all, zipf_keys);
  report.ratio("sess", by_zipf, "culvert", "rte_hash");
  const auto miss_keys = misses<FiveTuple6>(size.flows);
  Comparison miss("IPv6 miss, " + size.name, kLookups, options);
  find_all(miss, all, miss_keys);
  report.ratio("sess", miss, "culvert", "rte_hash");
  Comparison replace("IPv6 delete + insert, " + size.name, kReplaced, options);
  replace_all(replace, all);
  report.ratio("sess", replace, "culvert", "rte_hash");
}

void measure_memory(Report& report) {
  constexpr double kFlows = 8'000'000;
  constexpr std::size_t kSessions = 4'000'000;
  using Table = FlowTable<FiveTuple4>;
  const auto table = static_cast<double>(Table::bytes_for(2 * kSessions));
  const auto infos = static_cast<double>(Table::slots_for(Table::buckets_for(2 * kSessions)) * sizeof(FlowInfo));
  const auto wheel = static_cast<double>(ExpiryWheel::chunks_for(kSessions) * sizeof(ExpiryWheel::Chunk));
  report.limit("S6", "memory of an IPv4 flow, table, bytes", table / kFlows, 90);
  report.note("sess", "memory of an IPv4 flow, with infos and wheel, bytes", (table + infos + wheel) / kFlows);
}

/// The most lines that one of 10 M random operations touched, at loads up to 0.85.
template <typename Tuple>
std::uint32_t most_lines() {
  constexpr std::uint32_t kBuckets = 2048;
  constexpr std::uint64_t kMost = kBuckets * kFlowsPerBucket * 85 / 100;
  Random random(9);
  const HashKey secret = HashKey::from_seed(9);
  test::FlowMemory<Tuple> memory(kBuckets);
  FlowTable<Tuple> table(memory.bytes());
  test::Way<Tuple> way(kBuckets);
  std::uint32_t most = 0;
  for (std::uint64_t operation = 0; operation < 5'000'000; ++operation) {
    const Tuple key = key_of<Tuple>(random() % (2 * kMost));
    const std::uint64_t hash = hash_of(secret, key);
    const FlowSlot known = table.find(key, hash);
    most = std::max(most, way.lines_to(memory, hash, known));
    if (known != kNoFlow && operation % 2 == 0) {
      table.release(known, hash);
    } else if (known == kNoFlow && table.size() < kMost) {
      const FlowSlot slot = table.reserve(hash);
      table.entry(slot).key = key;
      most = std::max(most, way.lines_to(memory, hash, slot) + 1);
    }
  }
  return most;
}

/// Nothing takes longer: seven full buckets before the one with room. To be counted in instructions.
void measure_worst(const Options& options, Report& report) {
  constexpr std::uint32_t kBuckets = 4096;
  test::FlowMemory<FiveTuple4> memory(kBuckets);
  FlowTable<FiveTuple4> table(memory.bytes());
  const std::uint64_t hash = test::hash_at(3, kBuckets, 77, 9);
  const FiveTuple4 key = key_of<FiveTuple4>(1);
  for (std::uint32_t full = 0; full + 1 < kFlowProbes; ++full) {
    const FlowSlot slot = table.reserve(hash);
    memory.tags(slot / 32).tag.fill(1);
    memory.tags(slot / 32).passed = 1 << 4;  // tag 77 is of the second kind
  }
  Comparison worst("worst operations: find, insert, find, delete at the last of eight buckets", 10'000, options);
  worst.add("culvert", [&] {
    for (int i = 0; i < 10'000; ++i) {
      keep(table.find(key, hash));
      const FlowSlot slot = table.reserve(hash);
      table.entry(slot).key = key;
      keep(table.find(key, hash));
      table.release(slot, hash);
    }
  });
  worst.run();
  if (!worst.ran() || options.count != 0) return;
  report.limit("S7", "most lines of one operation of 10 M, load up to 0.85",
               std::max(most_lines<FiveTuple4>(), most_lines<FiveTuple6>()), 20);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  // Who counts instructions looks at us alone; DPDK would fill its heap first.
  if (options.count == 0) start_dpdk(kHeap);
  measure_worst(options, report);
  measure_memory(report);
  measure_expiry(options, report);
  measure_flooding(options, report);
  measure4({10'000, "10 k flows", 0.30, 0.75, 0, 0}, options, report);
  measure4({1'000'000, "1 M flows", 0.38, 0.25, 1.1, 0.13}, options, report);
  measure4({8'000'000, "8 M flows", 0.48, 0.30, 1.25, 0.18}, options, report);
  measure6({1'000'000, "1 M flows", 0.30, 0, 0, 0}, options, report);
  measure6({8'000'000, "8 M flows", 0.42, 0, 0, 0}, options, report);
  return report.finish();
}
