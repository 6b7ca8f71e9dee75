// SPDX-License-Identifier: Apache-2.0
#include "bench/support/bench.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <span>

#include "base/time.h"

namespace culvert::bench {
namespace {

constexpr std::string_view kAgain = " (A/A)";

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <typename T>
boost::json::value json_of(const std::optional<T>& value) {
  return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

std::string cell(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::uint64_t read(Clock clock) {
  return clock == Clock::kWall ? monotonic_ns() : thread_cpu_ns();
}

[[noreturn]] void usage(std::string_view program, int status) {
  fmt::print(status == 0 ? stdout : stderr,
             "usage: {} [--json FILE] [--rounds N] [--only TEXT] [--count N [--contender NAME]]\n", program);
  std::exit(status);
}

unsigned positive(std::string_view value) {
  return static_cast<unsigned>(std::max(1L, std::strtol(value.data(), nullptr, 10)));
}

}  // namespace

Options::Options(int argc, char** argv) {
  const std::string_view program = argc > 0 ? argv[0] : "bench";
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--help" || option == "-h") usage(program, 0);
    if (i + 1 >= argc) usage(program, 2);
    const std::string_view value = argv[++i];
    if (option == "--json") {
      json_file = value;
    } else if (option == "--only") {
      only = value;
    } else if (option == "--rounds") {
      rounds = positive(value);
    } else if (option == "--count") {
      count = positive(value);
    } else if (option == "--contender") {
      contender = value;
    } else {
      usage(program, 2);
    }
  }
}

Comparison::Comparison(std::string name, std::size_t operations, const Options& options, Clock clock)
    : name_(std::move(name)),
      operations_(operations),
      options_(options),
      clock_(clock),
      wanted_(name_.find(options.only) != std::string::npos) {}

void Comparison::add(std::string contender, std::function<void()> call, std::function<std::uint64_t()> idle) {
  contenders_.push_back({std::move(contender), std::move(call), std::move(idle), {}});
}

void Comparison::run() {
  if (!wanted_ || contenders_.empty()) return;
  if (options_.count > 0) return run_counted();
  ran_ = true;
  Contender again = contenders_.front();
  again.name += kAgain;
  contenders_.push_back(std::move(again));
  for (auto& contender : contenders_) contender.call();
  for (unsigned round = 0; round < options_.rounds; ++round) run_round();
  fmt::print("{}\n", name_);
  for (const auto& contender : contenders_) {
    const double least = *std::min_element(contender.ns.begin(), contender.ns.end());
    fmt::print("  {:<44} {:>9.2f} ns  (least {:.2f})\n", contender.name, median(contender.ns), least);
  }
  std::fflush(stdout);
}

double Comparison::measure(Contender& contender) {
  const std::uint64_t begin = read(clock_);
  contender.call();
  const std::uint64_t ns = read(clock_) - begin - (contender.idle ? contender.idle() : 0);
  return static_cast<double>(ns) / static_cast<double>(operations_);
}

void Comparison::run_round() {
  // A B C A' C B: nobody follows himself, or the twin who has left him his data in the caches.
  Contender& first = contenders_.front();
  Contender& again = contenders_.back();
  const std::span<Contender> others = std::span(contenders_).subspan(1, contenders_.size() - 2);
  first.ns.push_back(measure(first));
  for (Contender& other : others) other.ns.push_back(measure(other) / 2);
  again.ns.push_back(measure(again));
  for (auto other = others.rbegin(); other != others.rend(); ++other) other->ns.back() += measure(*other) / 2;
}

void Comparison::run_counted() {
  for (auto& contender : contenders_) {
    if (!options_.contender.empty() && contender.name != options_.contender) continue;
    for (unsigned call = 0; call < options_.count; ++call) contender.call();
    fmt::print("counted: {} operations a call: {}, {}\n", operations_, name_, contender.name);
  }
}

const Comparison::Contender* Comparison::find(std::string_view contender) const {
  for (const auto& candidate : contenders_)
    if (candidate.name == contender && !candidate.ns.empty()) return &candidate;
  return nullptr;
}

std::optional<double> Comparison::median_ns(std::string_view contender) const {
  const Contender* found = find(contender);
  return found != nullptr ? std::optional(median(found->ns)) : std::nullopt;
}

std::optional<double> Comparison::median_ns_above(std::string_view contender, std::string_view other) const {
  const Contender* found = find(contender);
  const Contender* reference = find(other);
  if (found == nullptr || reference == nullptr) return std::nullopt;
  std::vector<double> above = found->ns;
  for (std::size_t round = 0; round < above.size(); ++round) above[round] -= reference->ns[round];
  return median(above);
}

double Comparison::null_ratio() const {
  const auto first = median_ns(contenders_.front().name);
  const auto again = median_ns(contenders_.front().name + std::string(kAgain));
  if (!first || !again) return 1;
  return std::max(*first, *again) / std::min(*first, *again);
}

void Report::bar(std::string_view id, const Comparison& comparison, std::string_view measured,
                 std::string_view reference, double bar) {
  add(id, comparison, measured, reference, bar);
}

void Report::ratio(std::string_view id, const Comparison& comparison, std::string_view measured,
                   std::string_view reference) {
  add(id, comparison, measured, reference, std::nullopt);
}

void Report::add(std::string_view id, const Comparison& comparison, std::string_view measured,
                 std::string_view reference, std::optional<double> bar) {
  const auto value = comparison.median_ns(measured);
  if (!comparison.ran() || !value) return;
  Row row;
  row.id = id;
  row.name = bar ? comparison.name() : comparison.name() + " / " + std::string(reference);
  row.measured = *value;
  row.reference = comparison.median_ns(reference);
  row.bar = bar;
  row.null_ratio = comparison.null_ratio();
  if (row.reference) row.ratio = row.measured / *row.reference;
  if (row.ratio && bar) row.ok = *row.ratio <= *bar;
  rows_.push_back(row);
}

void Report::limit(std::string_view id, const Comparison& comparison, std::string_view measured, double bar_ns) {
  const auto value = comparison.median_ns(measured);
  if (!comparison.ran() || !value) return;
  Row row;
  row.id = id;
  row.name = comparison.name();
  row.measured = *value;
  row.bar = bar_ns;
  row.null_ratio = comparison.null_ratio();
  row.ok = *value <= bar_ns;
  rows_.push_back(row);
}

void Report::limit_a_side(std::string_view id, const Comparison& comparison, std::string_view measured,
                          std::string_view reference, double bar_ns) {
  const auto above = comparison.median_ns_above(measured, reference);
  if (!comparison.ran() || !above) return;
  Row row;
  row.id = id;
  row.name = comparison.name() + ": + ns a side";
  row.measured = *above / 2;
  row.bar = bar_ns;
  row.null_ratio = comparison.null_ratio();
  row.ok = row.measured <= bar_ns;
  rows_.push_back(row);
}

void Report::limit(std::string_view id, std::string_view name, double value, double bar) {
  Row row;
  row.id = id;
  row.name = name;
  row.measured = value;
  row.bar = bar;
  row.ok = value <= bar;
  rows_.push_back(row);
}

void Report::note(std::string_view id, std::string_view name, double value) {
  Row row;
  row.id = id;
  row.name = name;
  row.measured = value;
  rows_.push_back(row);
}

int Report::finish() const {
  bool missed = false;
  boost::json::array rows;
  fmt::print("\n{:<5} {:<72} {:>9} {:>9} {:>6} {:>6} {:>6}  {}\n", "bar", "case", "measured", "reference", "ratio",
             "bar", "A/A", "ok");
  for (const Row& row : rows_) {
    const std::string_view verdict = !row.bar ? "" : !row.ok ? "no reference" : *row.ok ? "ok" : "MISSED";
    fmt::print("{:<5} {:<72} {:>9.2f} {:>9} {:>6} {:>6} {:>6.3f}  {}\n", row.id, row.name, row.measured,
               cell(row.reference, 2), cell(row.ratio, 3), cell(row.bar, 2), row.null_ratio, verdict);
    missed = missed || (row.ok && !*row.ok);
    rows.push_back({{"id", row.id},
                    {"case", row.name},
                    {"measured", row.measured},
                    {"reference", json_of(row.reference)},
                    {"ratio", json_of(row.ratio)},
                    {"bar", json_of(row.bar)},
                    {"null_ratio", row.null_ratio},
                    {"ok", json_of(row.ok)}});
  }
  if (!options_.json_file.empty()) {
    std::ofstream file(options_.json_file);
    file << boost::json::serialize(rows) << "\n";
    if (!file) {
      fmt::print(stderr, "cannot write {}\n", options_.json_file);
      return 2;
    }
  }
  return missed ? 1 : 0;
}

}  // namespace culvert::bench
