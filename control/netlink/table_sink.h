// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/netlink/route_sink.h"
#include "routes/lpm4_writer.h"
#include "routes/lpm6_writer.h"
#include "routes/next_hop_allocator.h"

namespace culvert {

/// The mirror's way into the tables that workers read. What it unlinks waits until the workers have acknowledged:
///
///   if (sink.has_retired()) { epoch = sink.announce(); tell the workers; }   ... all acknowledge: sink.reclaim(epoch)
class TableSink : public RouteSink {
 public:
  /// The only writer of these tables; all of them outlive it.
  TableSink(Lpm4Writer& ipv4, Lpm6Writer& ipv6, NextHopAllocator& next_hops, NextHopTable& table)
      : ipv4_(ipv4), ipv6_(ipv6), next_hops_(next_hops), table_(table) {}

  bool set_route(const IpPrefix& prefix, NextHopIndex index) override;
  void remove_route(const IpPrefix& prefix) override;
  std::optional<NextHopIndex> allocate(const NextHopSpec& spec) override;
  std::optional<NextHopIndex> allocate_group(std::span<const WeightedHop> members) override;
  std::optional<NextHopIndex> change_group(NextHopIndex index, std::span<const WeightedHop> members) override;
  void release(NextHopIndex index) override;
  void set_neighbor(NextHopIndex index, const MacAddress& mac) override { table_.set_neighbor(index, mac); }
  void forget_neighbor(NextHopIndex index) override { table_.forget_neighbor(index); }
  std::uint64_t room_made() const override { return room_made_; }
  std::size_t free_entries() const override;
  std::size_t free_groups() const override;

  /// Something was unlinked since the last announce().
  bool has_retired() const noexcept { return retired_; }
  /// Closes the open epoch: the number that workers must acknowledge.
  Epoch announce() noexcept {
    retired_ = false;
    return epochs_.announce();
  }
  /// Every worker has acknowledged this epoch: what was unlinked up to it is free again.
  void reclaim(Epoch acknowledged);

 private:
  Lpm4Writer& ipv4_;
  Lpm6Writer& ipv6_;
  NextHopAllocator& next_hops_;
  NextHopTable& table_;
  EpochCounter epochs_;
  std::uint64_t room_made_ = 0;
  bool retired_ = false;
};

}  // namespace culvert
