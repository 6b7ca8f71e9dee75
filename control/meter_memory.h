// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "base/mapping.h"
#include "pipeline/stateful.h"

namespace culvert {

/// What a culvertd leaves of its meters to its successor; descriptors are the caller's, -1: none.
struct LeftMeters {
  int buckets = -1;
  int lines = -1;
  HashKey key;
};

/// What all workers count by address together, with its memory. Stays where it is.
class MeterMemory {
 public:
  /// Room for the sources of so many sessions. Of `left` is taken what was made for as many. Throws SetupError when
  /// there is no memory.
  MeterMemory(std::uint32_t sessions, HugePages huge_pages, const LeftMeters& left = {});
  MeterMemory(const MeterMemory&) = delete;
  MeterMemory& operator=(const MeterMemory&) = delete;

  /// It goes on with what was left.
  bool taken_over() const noexcept { return taken_over_; }
  LeftMeters leave() const noexcept;
  /// Before anybody counts: forgets what was left.
  void begin_again() noexcept;

  SharedMeters& meters() noexcept { return meters_; }
  const SharedMeters& meters() const noexcept { return meters_; }

  /// Counts the next part of the places that are in use: all of them in kParts calls. So the gauges are as old as that.
  /// `unknown`: sessions whose sources found no place.
  void observe(Now now, std::uint64_t unknown) noexcept;
  void clear_peaks() noexcept;
  const Gauge& sources_gauge() const noexcept { return sources_gauge_; }
  const Gauge& scans_gauge() const noexcept { return scans_gauge_; }

  static constexpr std::size_t kParts = 16;

 private:
  MeterMemory(std::size_t buckets_bytes, std::pair<Mapping, Mapping> left, HugePages huge_pages, const HashKey& key);

  bool taken_over_;
  Mapping buckets_memory_, lines_memory_;
  SharedMeters meters_;
  Gauge sources_gauge_, scans_gauge_;
  std::size_t part_ = 0;
  std::uint64_t sources_ = 0, scans_ = 0;  ///< of the parts that were counted in this round
};

}  // namespace culvert
