// SPDX-License-Identifier: Apache-2.0
#include "routes/lpm4.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/prefetch.h"

namespace culvert {
namespace {

std::uint32_t host_order(std::uint32_t address) noexcept {
  return address;
}
std::uint32_t host_order(Ipv4Address address) noexcept {
  return address.value.host();
}

/// Prefetches in flight: more than the CPU's line-fill buffers, small enough for the stack and the L1 cache.
constexpr std::size_t kStep = 64;

}  // namespace

Lpm4::Lpm4(std::span<std::byte> memory, const Lpm4Limits& limits) noexcept : group_count_(limits.groups) {
  CULVERT_CHECK(limits.groups <= kMaxGroups && memory.size() >= memory_size(limits));
  const auto words = array_over<std::uint16_t>(memory);
  slots_ = words.data();
  groups_ = words.data() + kSlots;
}

template <typename Address>
void Lpm4::lookup_all(std::span<const Address> addresses, std::span<NextHopIndex> results) const noexcept {
  const NextHopIndex default_index = default_next_hop();
  for (std::size_t done = 0; done < addresses.size(); done += kStep) {
    const std::size_t count = std::min(kStep, addresses.size() - done);
    const Address* address = addresses.data() + done;
    NextHopIndex* result = results.data() + done;
    for (std::size_t i = 0; i < count; ++i) prefetch(&slots_[host_order(address[i]) >> 8]);

    std::uint8_t in_group[kStep];
    std::size_t groups = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint16_t slot = read(slots_[host_order(address[i]) >> 8]);
      result[i] = slot != 0 ? slot : default_index;
      in_group[groups] = static_cast<std::uint8_t>(i);
      groups += slot >> 15;
    }
    for (std::size_t g = 0; g < groups; ++g)
      prefetch(&group_slot(result[in_group[g]], host_order(address[in_group[g]])));
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t i = in_group[g];
      const std::uint16_t slot = read(group_slot(result[i], host_order(address[i])));
      result[i] = slot != 0 ? slot : default_index;
    }
  }
}

void Lpm4::lookup(std::span<const std::uint32_t> host_order_addresses, std::span<NextHopIndex> results) const noexcept {
  lookup_all(host_order_addresses, results);
}

void Lpm4::lookup(std::span<const Ipv4Address> addresses, std::span<NextHopIndex> results) const noexcept {
  lookup_all(addresses, results);
}

}  // namespace culvert
