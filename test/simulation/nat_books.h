// SPDX-License-Identifier: Apache-2.0
// What sessions hold outside, by what a reader sees of them, beside what pools and mappings say of themselves: a port
// is taken when one session has it alone, or when one inside endpoint's mapping has it for all of its sessions; and
// nothing else is taken.
#pragma once

#include <map>

#include "nat/external_addresses.h"
#include "sessions/nat_mappings.h"
#include "test/support/catch.h"
#include "test/support/rig.h"

namespace culvert::test {

class NatBooks {
 public:
  /// `slots`: external addresses that are published.
  NatBooks(Rig& rig, WorkerIndex workers, std::size_t slots) : rig_(rig), workers_(workers), slots_(slots) {}

  void check() {
    held_.clear();
    std::uint64_t seen = 0, sessions = 0;
    for (WorkerIndex worker = 0; worker < workers_; ++worker) {
      seen += look<FiveTuple4>(worker) + look<FiveTuple6>(worker);
      sessions += rig_.shard(worker).size();
    }
    REQUIRE(seen == sessions);
    REQUIRE(ports_used() == held_.size());
    std::uint64_t mapped = 0;
    for (const auto& [outside, holder] : held_) mapped += holder.mapped ? 1 : 0;
    // Mappings, and the permits that found no place in them.
    REQUIRE(entries() >= mapped);
    most_mapped_ = std::max(most_mapped_, mapped);
    most_alone_ = std::max<std::uint64_t>(most_alone_, held_.size() - mapped);
    for (const auto& [outside, holder] : held_) most_shared_ = std::max(most_shared_, holder.sessions);
  }

  /// Nobody has anything.
  void check_empty() {
    check();
    REQUIRE(held_.empty());
    REQUIRE(entries() == 0);
    for (WorkerIndex worker = 0; worker < workers_; ++worker) REQUIRE(rig_.shard(worker).size() == 0);
  }

  std::uint64_t most_mapped() const { return most_mapped_; }  ///< at once: ports of mappings
  std::uint64_t most_alone() const { return most_alone_; }    ///< and of one session each
  std::uint64_t most_shared() const { return most_shared_; }  ///< sessions of one port

 private:
  struct Outside {
    Ipv6Address address;
    PortKind kind;
    std::uint16_t port;
    friend auto operator<=>(const Outside&, const Outside&) = default;
  };
  struct Holder {
    Ipv6Address address;  ///< the inside endpoint
    std::uint16_t port;
    bool mapped;
    std::uint64_t sessions;
  };

  template <typename Tuple>
  std::uint64_t look(WorkerIndex worker) {
    const auto views = rig_.sessions<Tuple>(worker);
    for (const auto& view : views) {
      if (view.original.head.has(kFlowHoldsPort)) hold(view.original.key, view.reply.key, view.original.info, worker);
    }
    for (const auto& view : views) {
      if (!view.original.head.has(kFlowHoldsPort) || (view.original.info.nat & kNatMapped) == 0) continue;
      auto& mappings = rig_.bindings(worker).mappings<Tuple>();
      const FlowSlot mapping = mappings.of_outside(view.reply.key);
      REQUIRE(mapping != kNoFlow);
      REQUIRE(mappings.sessions(mapping) == held_.at(outside_of(view.reply.key)).sessions);
    }
    return views.size();
  }

  template <typename Tuple>
  static Outside outside_of(const Tuple& reply) {
    return {mapped(reply.destination), *port_kind(reply.protocol), reply.destination_port.host()};
  }

  template <typename Tuple>
  void hold(const Tuple& original, const Tuple& reply, const FlowInfo& info, WorkerIndex worker) {
    const Outside outside = outside_of(reply);
    const bool is_mapped = (info.nat & kNatMapped) != 0;
    const Holder fresh{mapped(original.source), original.source_port.host(), is_mapped, 0};
    const auto [found, first] = held_.emplace(outside, fresh);
    Holder& holder = found->second;
    INFO("port " << outside.port << " of worker " << int{worker});
    if (first) {
      REQUIRE(owner_of_port(outside.port, workers_) == worker);
      const auto slot = rig_.external_ports(worker).find(mapped(reply.destination));
      REQUIRE(slot.has_value());
      REQUIRE(rig_.external_ports(worker).pool(*slot, outside.kind).taken(outside.port));
    } else {
      // Only an inside endpoint shares a port, with itself.
      REQUIRE((is_mapped && holder.mapped));
      REQUIRE((holder.address == fresh.address && holder.port == fresh.port));
    }
    ++holder.sessions;
  }

  std::uint64_t ports_used() {
    std::uint64_t used = 0;
    for (WorkerIndex worker = 0; worker < workers_; ++worker) {
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        for (std::size_t kind = 0; kind < kPortKinds; ++kind) {
          used += rig_.external_ports(worker).pool(slot, static_cast<PortKind>(kind)).used();
        }
      }
    }
    return used;
  }
  std::uint64_t entries() {
    std::uint64_t count = 0;
    for (WorkerIndex worker = 0; worker < workers_; ++worker) {
      NatBindings& bindings = rig_.bindings(worker);
      count += bindings.mappings<FiveTuple4>().size() + bindings.mappings<FiveTuple6>().size();
    }
    return count;
  }

  Rig& rig_;
  WorkerIndex workers_;
  std::size_t slots_;
  std::map<Outside, Holder> held_;
  std::uint64_t most_mapped_ = 0, most_alone_ = 0, most_shared_ = 0;
};

}  // namespace culvert::test
