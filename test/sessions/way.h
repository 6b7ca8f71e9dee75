// SPDX-License-Identifier: Apache-2.0
// How much memory an operation on a table of flows touches, counted in lines and not timed.
#pragma once

#include "test/sessions/tables.h"

namespace culvert::test {

/// Which buckets a hash leads to, one after the other: asked from a table that is empty but for those that were named.
template <typename Tuple>
class Way {
 public:
  /// Of tables with so many buckets.
  explicit Way(std::size_t buckets) : memory_(buckets), table_(memory_.bytes()) {}

  /// The lines that finding a key touches, or making sure that it isn't there: the tags of the buckets on the way to
  /// its slot (for none: as long as a counter says that some went on), and each entry with its tag.
  std::uint32_t lines_to(FlowMemory<Tuple>& flows, std::uint64_t hash, FlowSlot slot) {
    const std::uint16_t tag = static_cast<std::uint16_t>(hash) != 0 ? static_cast<std::uint16_t>(hash) : 0x8000;
    std::uint32_t lines = 0;
    visited_ = 0;
    while (visited_ < kFlowProbes) {
      const FlowSlot place = table_.reserve(hash);
      if (place == kNoFlow) break;
      table_.release(place, hash);
      const std::uint32_t bucket = place / 32;
      const FlowTags& line = flows.tags(bucket);
      const auto same = static_cast<std::uint32_t>(std::count(line.tag.begin(), line.tag.end(), tag));
      lines += 1 + same * kLinesPerEntry;
      // Full, so that the next answer is the next bucket.
      memory_.tags(bucket).tag.fill(1);
      buckets_[visited_++] = bucket;
      if (slot / 32 == bucket && slot != kNoFlow) break;
      if (slot == kNoFlow && ((line.passed >> (4 * (tag % 4))) & 15U) == 0) break;
    }
    for (std::uint32_t i = 0; i < visited_; ++i) memory_.tags(buckets_[i]).tag.fill(0);
    return lines;
  }
  std::uint32_t buckets() const { return visited_; }

 private:
  static constexpr std::uint32_t kLinesPerEntry = sizeof(FlowEntry<Tuple>) / kCacheLine;

  FlowMemory<Tuple> memory_;
  FlowTable<Tuple> table_;
  std::array<std::uint32_t, kFlowProbes> buckets_{};
  std::uint32_t visited_ = 0;
};

}  // namespace culvert::test
