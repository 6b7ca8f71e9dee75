// SPDX-License-Identifier: Apache-2.0
#include "sessions/scan_meters.h"

#include <bit>

namespace culvert {
namespace {

/// What makes way within its window: a source that has tried hardly anything.
constexpr std::uint32_t kFewBits = 2;

constexpr std::uint64_t name_of(std::uint64_t who, std::uint32_t window) noexcept {
  return (who | 1) << 32 | window;
}

}  // namespace

std::uint32_t ScanMeters::bits(const Line& line) noexcept {
  int bits = 0;
  for (const auto& word : line.seen) bits += std::popcount(word.load(std::memory_order_relaxed));
  return static_cast<std::uint32_t>(bits);
}

ScanMeters::Line* ScanMeters::line(std::uint64_t who, std::uint32_t window) noexcept {
  const auto count = static_cast<std::uint32_t>(lines_.size());
  const std::array<Line*, 2> lines{&lines_[fast_range(who, count)],
                                   &lines_[fast_range(who * 0x9e3779b97f4a7c15ULL, count)]};
  const std::uint64_t name = name_of(who, window);
  for (Line* line : lines) {
    if (line->who.load(std::memory_order_relaxed) == name) return line;
  }
  Line* weakest = nullptr;
  std::uint32_t weakest_bits = kFewBits + 1;
  for (Line* line : lines) {
    const auto its_window = static_cast<std::uint32_t>(line->who.load(std::memory_order_relaxed));
    const std::uint32_t its_bits = its_window != window ? 0 : bits(*line);
    if (its_bits >= weakest_bits) continue;
    weakest = line;
    weakest_bits = its_bits;
  }
  if (weakest == nullptr) return nullptr;
  weakest->who.store(name, std::memory_order_relaxed);
  for (auto& word : weakest->seen) word.store(0, std::memory_order_relaxed);
  return weakest;
}

std::uint32_t ScanMeters::note(std::uint64_t who, std::uint64_t what, Now now) noexcept {
  if (lines_.empty()) return 0;
  Line* line = this->line(who, static_cast<std::uint32_t>(now / kWindowNs));
  if (line == nullptr) return 0;
  const std::uint32_t bit = fast_range(what, kBits);
  line->seen[bit / 64].fetch_or(std::uint64_t{1} << bit % 64, std::memory_order_relaxed);
  return bits(*line);
}

}  // namespace culvert
