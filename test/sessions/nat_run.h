// SPDX-License-Identifier: Apache-2.0
// Translated sessions and their ports through the lives of several culvertds over one memory.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "packet/ipv4.h"
#include "sessions/session_shard.h"
#include "test/sessions/connections.h"
#include "test/sessions/tables.h"
#include "test/support/address_book.h"
#include "test/support/catch.h"
#include "test/support/port_memory.h"

namespace culvert::test {

/// Sessions of a protocol; `ports`: nothing when only addresses are translated.
struct NatProtocol {
  std::uint8_t number4 = 0, number6 = 0;
  FlowKind flow = FlowKind::kOther;
  std::optional<PortKind> ports;

  template <typename Tuple>
  std::uint8_t number() const {
    return std::is_same_v<Tuple, FiveTuple4> ? number4 : number6;
  }
};

inline constexpr NatProtocol kNatTcp{kProtocolTcp, kProtocolTcp, FlowKind::kTcp, PortKind::kTcp};
inline constexpr NatProtocol kNatUdp{kProtocolUdp, kProtocolUdp, FlowKind::kUdp, PortKind::kUdp};
inline constexpr NatProtocol kNatIcmp{kProtocolIcmp, kProtocolIcmpv6, FlowKind::kIcmp, PortKind::kIcmp};
inline constexpr NatProtocol kNatSctp{kProtocolSctp, kProtocolSctp, FlowKind::kOther, PortKind::kSctp};
inline constexpr NatProtocol kNatGre{kProtocolGre, kProtocolGre, FlowKind::kOther, std::nullopt};
inline constexpr NatProtocol kWithPorts[] = {kNatTcp, kNatUdp, kNatIcmp, kNatSctp};

/// 198.18.200.number or 2001:db8:ffff::number.
template <typename Tuple>
auto external_address(std::uint32_t number) {
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
    return Ipv4Address{Be32(0xc612c800U + number)};
  } else {
    Ipv6Address address;
    store(address.bytes.data(), Be64(0x20010db8ffff0000));
    store(address.bytes.data() + 8, Be64(number));
    return address;
  }
}

/// Both families' external addresses of these numbers.
inline std::vector<ExternalAddress> external_addresses(std::initializer_list<std::uint32_t> numbers,
                                                       PoolRange range = {2000, 2999},
                                                       std::span<const HostPort> excluded = {}) {
  std::vector<ExternalAddress> addresses;
  for (const std::uint32_t number : numbers) {
    addresses.push_back({mapped(external_address<FiveTuple4>(number)), range, excluded});
    addresses.push_back({mapped(external_address<FiveTuple6>(number)), range, excluded});
  }
  return addresses;
}

/// What outlives a run.
struct NatMemory {
  explicit NatMemory(SessionLimits session_limits)
      : limits(session_limits), ipv4(limits.sessions), ipv6(limits.sessions) {}

  SessionLimits limits;
  SessionMemory<FiveTuple4> ipv4;
  SessionMemory<FiveTuple6> ipv6;
  Now now = seconds(1000);
};

/// How a run goes with what was there.
enum class Begins { kEmpty, kInUse };

/// One worker's sessions in the life of one culvertd; without addresses it has no NAT.
class NatRun {
 public:
  using Addresses = std::optional<std::vector<ExternalAddress>>;

  NatRun(NatMemory& memory, Addresses addresses, Begins begins = Begins::kEmpty, WorkerIndex self = 0,
         WorkerIndex workers = 1)
      : memory_(memory),
        ports_(16, self, workers),
        mappings4_(memory.limits.sessions),
        mappings6_(memory.limits.sessions),
        bindings_(ports_.ports(), {mappings(), memory.limits.sessions}, HashKey::from_seed(2), mappings_gauge_,
                  memory.now),
        shard(view(memory, begins), memory.limits, HashKey::from_seed(1), cells, memory.now, nullptr,
              addresses.has_value() ? &bindings_ : nullptr) {
    if (addresses.has_value()) use(*std::move(addresses));
  }

  void use(std::vector<ExternalAddress> addresses) {
    slots_ = addresses.size();
    ports_.ports().use(book_.publish(std::move(addresses)));
  }
  ExternalPorts& ports() { return ports_.ports(); }
  NatBindings& bindings() { return bindings_; }

  template <typename Tuple>
  PortPool& pool(const NatProtocol& protocol, std::uint32_t address = 1) {
    return ports().pool(ports().find(mapped(external_address<Tuple>(address))).value(), protocol.ports.value());
  }

  /// A session that is translated to this port; whether it holds it is the caller's.
  template <typename Tuple>
  SessionStart<Tuple> translated(std::uint64_t number, const NatProtocol& protocol, std::uint16_t port,
                                 std::uint32_t address = 1) {
    Tuple key = tuple_of<Tuple>(number);
    key.protocol = protocol.number<Tuple>();
    if (protocol.ports == PortKind::kIcmp) key.destination_port = key.source_port;
    auto start = start_of(shard.table<Tuple>(), key, protocol.flow);
    start.reply.key.destination = external_address<Tuple>(address);
    start.flags = kFlowTranslated;
    if (protocol.ports.has_value()) {
      start.flags |= kFlowHoldsPort;
      start.reply.key.destination_port = Be16(port);
      if (protocol.ports == PortKind::kIcmp) start.reply.key.source_port = Be16(port);
    }
    start.reply.hash = shard.table<Tuple>().hash(start.reply.key);
    if (protocol.flow == FlowKind::kTcp) set_tcp(start, TcpState::kEstablished);
    return start;
  }
  template <typename Tuple>
  static void set_tcp(SessionStart<Tuple>& start, TcpState state) {
    const TcpSides sides = tcp_sides(state);
    start.original.tcp = sides.original;
    start.reply.tcp = sides.reply;
  }

  template <typename Tuple>
  FlowSlot admit(const SessionStart<Tuple>& start) {
    return shard.admit(start, SessionTimeouts(), memory_.now).slot;
  }
  /// As the pipeline does it.
  template <typename Tuple>
  FlowSlot begin(std::uint64_t number, const NatProtocol& protocol, std::uint16_t port, std::uint32_t address = 1) {
    if (protocol.ports.has_value()) REQUIRE(pool<Tuple>(protocol, address).take_exactly(port));
    const FlowSlot slot = admit(translated<Tuple>(number, protocol, port, address));
    REQUIRE(slot != kNoFlow);
    return slot;
  }
  /// One that is not translated.
  template <typename Tuple>
  FlowSlot begin_plain(std::uint64_t number) {
    return admit(start_of(shard.table<Tuple>(), tuple_of<Tuple>(number)));
  }
  template <typename Tuple>
  FlowSlot find(std::uint64_t number, const NatProtocol& protocol) {
    const Tuple key = translated<Tuple>(number, protocol, 0).original.key;
    return shard.table<Tuple>().flows().find(key, shard.table<Tuple>().hash(key));
  }

  void recover() { shard.recover(SessionTimeouts(), memory_.now); }
  /// Everything ends whose time has come within so many seconds.
  void pass(std::uint64_t duration_s) {
    for (const Now end = memory_.now + seconds(duration_s); memory_.now < end; memory_.now += seconds(5)) {
      while (shard.expiry_due(memory_.now)) shard.expire(memory_.now, SessionTimeouts(), 4096);
    }
  }

  /// Who holds a port has it alone, and nobody else has one; what is counted is there.
  void check() {
    Held held;
    const std::uint32_t half_open = look_at<FiveTuple4>(held) + look_at<FiveTuple6>(held);
    REQUIRE(shard.half_open() == half_open);
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      for (const NatProtocol& protocol : kWithPorts) {
        PortPool& pool = ports().pool(slot, *protocol.ports);
        const auto& of_pool = held[{slot, *protocol.ports}];
        REQUIRE(pool.used() == of_pool.size());
        for (const std::uint16_t port : of_pool) REQUIRE(pool.taken(port));
      }
    }
    REQUIRE(cells.created.read() ==
            shard.size() + cells.expired.read() + cells.evicted.read() + cells.cleared.read() + cells.renewed.read());
  }

 private:
  using Held = std::map<std::pair<std::size_t, PortKind>, std::set<std::uint16_t>>;

  static SessionShard::Memory view(NatMemory& memory, Begins begins) {
    SessionShard::Memory view{memory.ipv4.view(), memory.ipv6.view()};
    view.ipv4.in_use = view.ipv6.in_use = begins == Begins::kInUse;
    return view;
  }
  /// How many half-open sessions there are.
  template <typename Tuple>
  std::uint32_t look_at(Held& held) {
    auto& table = shard.table<Tuple>();
    std::uint32_t translated = 0, half_open = 0;
    for (FlowSlot slot = 0; slot < table.flows().slots(); ++slot) {
      if (!table.flows().used(slot) || table.original_of(slot) != slot) continue;
      const auto& entry = table.entry(slot);
      const Tuple& reply = table.entry(entry.head.peer).key;
      if (shard.is_half_open<Tuple>(slot)) ++half_open;
      if (!entry.head.has(kFlowTranslated)) continue;
      ++translated;
      if (!entry.head.has(kFlowHoldsPort)) continue;
      const auto external = ports().find(mapped(reply.destination));
      REQUIRE(external.has_value());
      REQUIRE(held[{*external, port_kind(reply.protocol).value()}].insert(reply.destination_port.host()).second);
    }
    REQUIRE(table.translated() == translated);
    return half_open;
  }

  SessionTables mappings() { return {mappings4_.view_without_wheel(), mappings6_.view_without_wheel()}; }

  NatMemory& memory_;
  AddressBook book_;
  PortMemory ports_;
  SessionMemory<FiveTuple4> mappings4_;
  SessionMemory<FiveTuple6> mappings6_;
  Gauge mappings_gauge_;
  NatBindings bindings_;
  std::size_t slots_ = 0;

 public:
  SessionCells cells;
  SessionShard shard;
};

}  // namespace culvert::test
