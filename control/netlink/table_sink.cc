// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/table_sink.h"

#include <vector>

namespace culvert {
namespace {

std::vector<MultipathMember> as_members(std::span<const WeightedHop> hops) {
  std::vector<MultipathMember> members;
  members.reserve(hops.size());
  for (const WeightedHop& hop : hops) members.push_back({hop.index, hop.weight});
  return members;
}

std::optional<NextHopIndex> as_optional(const Result<NextHopIndex>& result) {
  return result ? std::optional<NextHopIndex>(*result) : std::nullopt;
}

Prefix4 as_prefix4(const IpPrefix& prefix) {
  return {prefix.address.ipv4(), prefix.written_length()};
}
Prefix6 as_prefix6(const IpPrefix& prefix) {
  return {prefix.address.high, prefix.address.low, prefix.length};
}

std::uint64_t free_in(const Gauge& gauge) {
  return gauge.max.read() - gauge.used.read();
}

}  // namespace

bool TableSink::set_route(const IpPrefix& prefix, NextHopIndex index) {
  if (prefix.is_ipv4()) return ipv4_.insert(as_prefix4(prefix), index).has_value();
  retired_ = true;  // nodes on the way are replaced by copies
  return ipv6_.insert(as_prefix6(prefix), index, epochs_.open()).has_value();
}

void TableSink::remove_route(const IpPrefix& prefix) {
  retired_ = true;
  const bool was_there = prefix.is_ipv4() ? ipv4_.remove(as_prefix4(prefix), epochs_.open())
                                          : ipv6_.remove(as_prefix6(prefix), epochs_.open());
  if (was_there) ++room_made_;
}

std::optional<NextHopIndex> TableSink::allocate(const NextHopSpec& spec) {
  const Ipv6Address gateway = spec.gateway.ipv6();
  return as_optional(next_hops_.acquire({spec.interface, gateway, spec.mtu, spec.kind}));
}

std::optional<NextHopIndex> TableSink::allocate_group(std::span<const WeightedHop> members) {
  return as_optional(next_hops_.acquire_multipath(as_members(members)));
}

std::optional<NextHopIndex> TableSink::change_group(NextHopIndex index, std::span<const WeightedHop> members) {
  retired_ = true;
  return as_optional(next_hops_.change_multipath(index, as_members(members), epochs_.open()));
}

void TableSink::release(NextHopIndex index) {
  retired_ = true;
  next_hops_.release(index, epochs_.open());
}

std::size_t TableSink::free_entries() const {
  return free_in(next_hops_.entry_gauge());
}
std::size_t TableSink::free_groups() const {
  return free_in(next_hops_.group_gauge());
}

void TableSink::reclaim(Epoch acknowledged) {
  const std::uint64_t before = free_in(ipv4_.group_gauge()) + free_in(ipv6_.unit_gauge());
  ipv4_.reclaim(acknowledged);
  ipv6_.reclaim(acknowledged);
  next_hops_.reclaim(acknowledged);
  // Only what came free: an IPv6 prefix that did not fit closes an epoch, too, and would ask for its next try itself.
  if (free_in(ipv4_.group_gauge()) + free_in(ipv6_.unit_gauge()) > before) ++room_made_;
}

}  // namespace culvert
