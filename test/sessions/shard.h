// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sessions/session_shard.h"
#include "test/sessions/connections.h"
#include "test/sessions/tables.h"
#include "test/support/catch.h"

namespace culvert::test {

/// A shard with its memory, and what its users do to it.
struct Shard {
  explicit Shard(SessionLimits limits)
      : ipv4(limits.sessions),
        ipv6(limits.sessions),
        shard({ipv4.view(), ipv6.view()}, limits, HashKey::from_seed(1), cells, now) {}

  template <typename Tuple>
  auto admit(std::uint64_t number, FlowKind kind = FlowKind::kUdp, const TcpSides& sides = {}) {
    auto start = start_of(shard.table<Tuple>(), tuple_of<Tuple>(number), kind);
    start.original.tcp = sides.original;
    start.reply.tcp = sides.reply;
    return shard.admit(start, timeouts, now);
  }
  template <typename Tuple>
  FlowSlot admit_tcp(std::uint64_t number, TcpState state) {
    return admit<Tuple>(number, FlowKind::kTcp, tcp_sides(state)).slot;
  }
  template <typename Tuple>
  bool has(std::uint64_t number) {
    const Tuple key = tuple_of<Tuple>(number);
    auto& table = shard.table<Tuple>();
    return table.flows().find(key, table.hash(key)) != kNoFlow;
  }
  template <typename Tuple>
  FlowHead& reply(FlowSlot slot) {
    auto& table = shard.table<Tuple>();
    return table.entry(table.entry(slot).head.peer).head;
  }
  /// A packet of either side.
  template <typename Tuple>
  void answer(FlowSlot slot) {
    ++shard.table<Tuple>().entry(slot).head.packets_and_policy;
    ++reply<Tuple>(slot).packets_and_policy;
  }
  /// The session's tracking comes to another state.
  template <typename Tuple>
  void become(FlowSlot slot, TcpState state) {
    const bool half_open = shard.is_half_open<Tuple>(slot);
    const TcpSides sides = tcp_sides(state);
    shard.table<Tuple>().entry(slot).head.tcp = sides.original;
    reply<Tuple>(slot).tcp = sides.reply;
    shard.tcp_changed<Tuple>(slot, half_open, timeouts);
  }
  /// How many half-open sessions there really are.
  template <typename Tuple>
  std::uint32_t count_half_open() {
    std::uint32_t count = 0;
    auto& table = shard.table<Tuple>();
    for (FlowSlot slot = 0; slot < table.flows().slots(); ++slot)
      if (table.flows().used(slot) && table.original_of(slot) == slot) count += shard.is_half_open<Tuple>(slot);
    return count;
  }
  void check_counts() {
    shard.publish();
    REQUIRE(cells.created.read() ==
            shard.size() + cells.expired.read() + cells.evicted.read() + cells.cleared.read() + cells.renewed.read());
    REQUIRE(shard.half_open() == count_half_open<FiveTuple4>() + count_half_open<FiveTuple6>());
    REQUIRE(cells.sessions.used.read() == shard.size());
    REQUIRE(cells.half_open.used.read() == shard.half_open());
    REQUIRE(cells.sessions.peak.read() <= cells.sessions.max.read());
    REQUIRE(cells.half_open.peak.read() <= cells.half_open.max.read());
  }

  Now now = seconds(1000);
  SessionMemory<FiveTuple4> ipv4;
  SessionMemory<FiveTuple6> ipv6;
  SessionCells cells;
  SessionShard shard;
  SessionTimeouts timeouts;
};

}  // namespace culvert::test
