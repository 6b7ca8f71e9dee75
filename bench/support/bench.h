// SPDX-License-Identifier: Apache-2.0
// How every benchmark measures: the contenders take turns within one run, so that noise of the machine meets them all;
// medians over the rounds; the first contender also runs under a second name (A/A), and how far its two medians are
// apart is what this run cannot tell apart. What binds is the ratio in one run, never a time alone.
//
//   Options options(argc, argv);                       // --json FILE --rounds N --only TEXT --count N --contender NAME
//   Report report(options);
//   Comparison lookup("1 M prefixes, uniform", kAddresses, options);
//   lookup.add("culvert", [&] { table.lookup(addresses, results); keep(results); });
//   lookup.add("rte_fib", [&] { ... });
//   lookup.run();                                      // prints one line a contender
//   report.bar("R1", lookup, "culvert", "rte_fib", 0.70);
//   return report.finish();                            // prints the bars, writes the JSON; 1 when one falls short
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::bench {

/// Makes the compiler believe that the value is read, and that memory may have been.
template <typename T>
void keep(const T& value) noexcept {
  asm volatile("" : : "r"(&value) : "memory");
}

struct Options {
  /// Prints usage and exits on --help and on arguments that it does not know.
  Options(int argc, char** argv);

  std::string json_file;  ///< empty: no JSON
  std::string only;       ///< only comparisons whose name contains it
  unsigned rounds = 21;
  unsigned count = 0;     ///< not 0: time nothing; call each contender so often, for who counts instructions
  std::string contender;  ///< with count: only contenders of this name
};

/// CPU time of the calling thread leaves out what other processes take from it; contenders that use several threads
/// need the wall clock, and a quiet machine.
enum class Clock { kThreadCpu, kWall };

/// Contenders that do the same work.
class Comparison {
 public:
  /// `operations`: how many of the things that are reported ("ns each") one call of a contender does. A call should
  /// take 0.5 to 20 ms: long against the clock, short against the machine's moods.
  Comparison(std::string name, std::size_t operations, const Options& options, Clock clock = Clock::kThreadCpu);

  void add(std::string contender, std::function<void()> call) { add(std::move(contender), std::move(call), nullptr); }
  /// `idle`: ns of the last call that are none of its work and don't count.
  void add(std::string contender, std::function<void()> call, std::function<std::uint64_t()> idle);
  /// One round to warm up, then `rounds` rounds: the first contender and its twin once, the others twice (the mean
  /// counts), so that nobody comes after himself or his twin with his own data in the caches; prints the
  /// medians. Does nothing when --only leaves this comparison out. With --count it prints how many operations one call
  /// does; what a call costs is then the difference between two runs of the program with different counts.
  void run();

  const std::string& name() const noexcept { return name_; }
  bool ran() const noexcept { return ran_; }
  /// Median ns of one operation; nothing for a contender that was not there (a peer that is not built).
  std::optional<double> median_ns(std::string_view contender) const;
  /// Median over the rounds of what one operation takes more than another contender's in the same round.
  std::optional<double> median_ns_above(std::string_view contender, std::string_view other) const;
  /// Larger over smaller median of the first contender against itself: 1.02 means that 2 % is noise.
  double null_ratio() const;

 private:
  struct Contender {
    std::string name;
    std::function<void()> call;
    std::function<std::uint64_t()> idle;  ///< or none
    std::vector<double> ns;               ///< of one operation, a value a round
  };

  double measure(Contender& contender);
  void run_round();
  void run_counted();
  /// Null when it was not there, or never called.
  const Contender* find(std::string_view contender) const;

  std::string name_;
  std::size_t operations_;
  const Options& options_;
  Clock clock_;
  bool wanted_;
  bool ran_ = false;
  std::vector<Contender> contenders_;
};

/// The bars of one program, in the order they were measured.
class Report {
 public:
  explicit Report(const Options& options) : options_(options) {}

  /// `measured` must take at most `bar` times what `reference` takes (docs: the table of bars). A comparison that did
  /// not run gives no row; a reference that is not built gives a row without verdict.
  void bar(std::string_view id, const Comparison& comparison, std::string_view measured, std::string_view reference,
           double bar);
  /// `measured` must take at most `bar_ns`, whatever others take.
  void limit(std::string_view id, const Comparison& comparison, std::string_view measured, double bar_ns);
  /// What an operation of `measured` takes more than one of `reference`, halved, for two sides share it.
  void limit_a_side(std::string_view id, const Comparison& comparison, std::string_view measured,
                    std::string_view reference, double bar_ns);
  /// A figure that is no time (bytes, lines, a share of a core) and must be at most `bar`.
  void limit(std::string_view id, std::string_view name, double value, double bar);
  /// The same without a bar: no verdict, but favourable or not, it is printed.
  void ratio(std::string_view id, const Comparison& comparison, std::string_view measured, std::string_view reference);
  /// A figure without a bar: for orientation, in the JSON too.
  void note(std::string_view id, std::string_view name, double value);

  /// Prints the rows, writes the JSON; the exit status: 1 when a bar was missed.
  int finish() const;

 private:
  void add(std::string_view id, const Comparison& comparison, std::string_view measured, std::string_view reference,
           std::optional<double> bar);

  struct Row {
    std::string id;
    std::string name;
    double measured = 0;
    std::optional<double> reference;
    std::optional<double> ratio;
    std::optional<double> bar;
    double null_ratio = 1;
    std::optional<bool> ok;
  };

  const Options& options_;
  std::vector<Row> rows_;
};

}  // namespace culvert::bench
