// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/cell.h"
#include "base/check.h"
#include "base/mapping.h"

namespace culvert {

/// The memory of one compiled table: one piece, filled once with copies of arrays, each at the begin of a cache line.
class TableMemory {
 public:
  /// From this size on it is a mapping with huge pages; smaller ones are within the processor's reach anyway, and heap
  /// memory that was used before costs no page faults.
  static constexpr std::size_t kMappedSize = std::size_t{4} << 20;

  template <typename T>
  static constexpr std::size_t size_of(const std::vector<T>& array) noexcept {
    return (array.size() * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
  }

  /// `size`: the sum of size_of() of what will be kept. Throws SetupError when there is no memory.
  explicit TableMemory(std::size_t size) {
    if (size >= kMappedSize) {
      mapping_ = Mapping::anonymous(size, HugePages::kTry, "firewall rules");
    } else {
      lines_.resize(size / kCacheLine);
    }
    free_ = size >= kMappedSize ? mapping_.bytes() : std::as_writable_bytes(std::span(lines_));
  }

  template <typename T>
  std::span<const T> keep(const std::vector<T>& array) {
    const std::size_t size = size_of(array);
    CULVERT_CHECK(size <= free_.size());
    const auto copy = array_over<T>(free_.first(array.size() * sizeof(T)));
    if (!array.empty()) std::memcpy(copy.data(), array.data(), copy.size_bytes());
    free_ = free_.subspan(size);
    return copy;
  }

  std::size_t size() const noexcept { return mapping_.size() + lines_.size() * kCacheLine; }
  PageKind pages() const noexcept { return mapping_.pages(); }

 private:
  struct alignas(kCacheLine) Line {
    std::byte bytes[kCacheLine];
  };

  Mapping mapping_;
  std::vector<Line> lines_;
  std::span<std::byte> free_;
};

}  // namespace culvert
