// SPDX-License-Identifier: Apache-2.0
#include "routes/lpm6.h"

#include <algorithm>

#include "base/check.h"
#include "base/prefetch.h"

namespace culvert {
namespace {

/// Addresses that walk down together: enough to keep the CPU's line-fill buffers busy.
constexpr std::size_t kStep = 64;

}  // namespace

Lpm6::Lpm6(std::span<std::byte> memory, const Lpm6Limits& limits) noexcept : unit_count_(limits.units) {
  CULVERT_CHECK(limits.units < kNodeBit && memory.size() >= memory_size(limits));
  const auto words = array_over<std::uint32_t>(memory);
  root_ = words.data();
  units_ = words.data() + kRootSlots;
}

void Lpm6::lookup(std::span<const Ipv6Address> addresses, std::span<NextHopIndex> results) const noexcept {
  const NextHopIndex default_index = default_next_hop();
  std::uint32_t* const units = units_;
  std::uint32_t* const root = root_;
  // Without a branch: a leaf prefetches the first unit, which is always near.
  const auto prefetch_node = [units](std::uint32_t link) {
    prefetch(units + std::size_t{link & ~kNodeBit & (0U - (link >> 31))} * kUnitWords);
  };
  for (std::size_t done = 0; done < addresses.size(); done += kStep) {
    const std::size_t count = std::min(kStep, addresses.size() - done);
    Halves halves[kStep];
    std::uint32_t link[kStep];
    std::uint8_t walking[kStep];
    std::size_t left = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Ipv6Address& address = addresses[done + i];
      halves[i] = {byte_swap(address.high()), byte_swap(address.low())};
      link[i] = read(root[halves[i][0] >> (64 - kRootBits)]);
      prefetch_node(link[i]);
      walking[left] = static_cast<std::uint8_t>(i);
      left += link[i] >> 31;
    }
    // Everyone goes down one node, those who are still walking stay.
    while (left > 0) {
      std::size_t stay = 0;
      for (std::size_t w = 0; w < left; ++w) {
        const std::size_t i = walking[w];
        const std::uint32_t next = step(units, link[i], halves[i]);
        prefetch_node(next);
        link[i] = next;
        walking[stay] = static_cast<std::uint8_t>(i);
        stay += next >> 31;
      }
      left = stay;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto index = static_cast<NextHopIndex>(link[i]);
      results[done + i] = index != kNoRouteIndex ? index : default_index;
    }
  }
}

}  // namespace culvert
