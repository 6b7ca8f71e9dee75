// SPDX-License-Identifier: Apache-2.0
// How many different things somebody has tried of late: ports of one destination, or destinations. It counts without
// remembering them: each sets one of 448 bits, chosen by a keyed hash, and from the bits that are set follows how many
// they were (linear counting: Whang, Vander-Zanden, Taylor, ACM TODS 15, 1990).
//
//   line, a cache line:   tag | window   448 bits
//                         77c2 | 41      31 bits set: some 32 ports of 192.0.2.80 since this window began
//
// A window is ten seconds; then it begins anew. Of two lines that an address may have, a line of an old window makes
// way, or else the one in which fewest bits are set, if they are few: so a flood of sources that are made up pushes out
// its own, and not a scan. All workers share the lines; a bit may be lost when two of them begin one at once.
#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <span>

#include "base/cell.h"
#include "base/hash.h"
#include "base/time.h"

namespace culvert {

class ScanMeters {
 public:
  static constexpr std::uint32_t kBits = 448;
  static constexpr Now kWindowNs = 10 * kNanosecondsPerSecond;
  static constexpr std::uint32_t kLines = 16384;
  /// The most that can be told apart from more: nine of ten bits are set then.
  static constexpr std::uint32_t kMostThings = 1000;

  struct alignas(kCacheLine) Line {
    std::atomic<std::uint64_t> who{0};  ///< tag << 32 | window; 0: nobody ever
    std::array<std::atomic<std::uint64_t>, kBits / 64> seen{};
  };
  static_assert(sizeof(Line) == kCacheLine);

  /// Bits that are set after so many different things; for thresholds, which control computes.
  static std::uint32_t bits_of(std::uint32_t things) {
    const double share = 1 - std::exp(-static_cast<double>(things) / kBits);
    return static_cast<std::uint32_t>(std::lround(share * kBits));
  }

  /// Memory of zeros; outlives it.
  explicit ScanMeters(std::span<Line> lines) noexcept : lines_(lines) {}

  /// `who` has tried `what`, both keyed hashes: the bits that are set in this window. 0 when there is no line for it.
  std::uint32_t note(std::uint64_t who, std::uint64_t what, Now now) noexcept;

  std::span<const Line> lines() const noexcept { return lines_; }
  /// Whether the line is somebody's in the window of now.
  static bool in_use(const Line& line, Now now) noexcept {
    const std::uint64_t who = line.who.load(std::memory_order_relaxed);
    return who != 0 && static_cast<std::uint32_t>(who) == static_cast<std::uint32_t>(now / kWindowNs);
  }

 private:
  Line* line(std::uint64_t who, std::uint32_t window) noexcept;
  static std::uint32_t bits(const Line& line) noexcept;

  std::span<Line> lines_;
};

}  // namespace culvert
