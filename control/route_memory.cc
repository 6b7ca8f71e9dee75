// SPDX-License-Identifier: Apache-2.0
#include "control/route_memory.h"

#include <algorithm>

#include "base/bytes.h"

namespace culvert {
namespace {

constexpr std::size_t kMultipathGroups = 1024;

/// A group is 512 bytes and holds a /24 with longer prefixes: one for each neighbour in the worst case, and as many
/// again for the kernel's own long prefixes.
Lpm4Limits ipv4_limits(const LimitsConfig& limits) {
  const auto groups = std::max<std::uint32_t>(8192, 2 * limits.neighbors);
  return {limits.routes_ipv4 + limits.neighbors,
          std::min<std::uint32_t>(groups, static_cast<std::uint32_t>(Lpm4::kMaxGroups))};
}

Lpm6Limits ipv6_limits(const LimitsConfig& limits) {
  const std::uint32_t prefixes = limits.routes_ipv6 + limits.neighbors;
  return {prefixes, 2 * prefixes};
}

}  // namespace

RouteMemory::RouteMemory(const LimitsConfig& limits, HugePages huge_pages, std::uint64_t before)
    : ipv4_memory_(Mapping::anonymous(Lpm4::memory_size(ipv4_limits(limits)), huge_pages, "the IPv4 routing table")),
      ipv6_memory_(Mapping::anonymous(Lpm6::memory_size(ipv6_limits(limits)), huge_pages, "the IPv6 routing table")),
      next_hop_memory_(Mapping::anonymous(limits.next_hops * sizeof(NextHopTable::Entry), huge_pages, "next hops")),
      group_memory_(Mapping::anonymous(kMultipathGroups * sizeof(NextHopTable::Group), huge_pages, "multipath groups")),
      ipv4_(ipv4_memory_.bytes(), ipv4_limits(limits)),
      ipv6_(ipv6_memory_.bytes(), ipv6_limits(limits)),
      next_hops_(array_over<NextHopTable::Entry>(next_hop_memory_.bytes()).first(limits.next_hops),
                 array_over<NextHopTable::Group>(group_memory_.bytes()).first(kMultipathGroups)),
      ipv4_writer_(ipv4_, ipv4_limits(limits)),
      ipv6_writer_(ipv6_, ipv6_limits(limits)),
      allocator_(next_hops_),
      generation_(before + 1),
      sink_(ipv4_writer_, ipv6_writer_, allocator_, next_hops_) {}

void RouteMemory::clear_peaks() noexcept {
  ipv4_writer_.clear_peaks();
  ipv6_writer_.clear_peaks();
  allocator_.clear_peaks();
}

void RouteMemory::reclaim(const WorkerGroup& workers) {
  if (announced_ != 0) {
    if (!workers.passed(moment_)) return;
    sink_.reclaim(announced_);
    announced_ = 0;
  }
  if (!sink_.has_retired()) return;
  announced_ = sink_.announce();
  moment_ = workers.moment();
}

}  // namespace culvert
