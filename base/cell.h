// SPDX-License-Identifier: Apache-2.0
// Counters with one writer. The writer does a plain load, an add and a relaxed store (no locked instruction: 0.9 ns
// against 3.3); any thread may read at any time and sums what it wants. Cells of different writers never share a cache
// line: whoever groups them aligns the group to 64 bytes.
#pragma once

#include <atomic>
#include <cstdint>

namespace culvert {

inline constexpr std::size_t kCacheLine = 64;

/// One 64-bit number, one writer, any readers.
class Cell {
 public:
  Cell() noexcept = default;
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  void add(std::uint64_t amount = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void raise_to(std::uint64_t value) noexcept {
    if (value > value_.load(std::memory_order_relaxed)) set(value);
  }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What a bounded thing tells about itself. The owner calls observe() at most once a turn; `max` is set at
/// construction or when it is resized by control. Peak is since start or since the operator cleared it (by a command:
/// the owner is the only writer).
struct Gauge {
  Cell max;
  Cell used;
  Cell peak;
  Cell failures;  ///< how often it was full when something wanted in

  void observe(std::uint64_t now_used) noexcept {
    used.set(now_used);
    peak.raise_to(now_used);
  }
  void clear_peak() noexcept { peak.set(used.read()); }
};

}  // namespace culvert
