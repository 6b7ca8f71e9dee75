// SPDX-License-Identifier: Apache-2.0
// What a worker's translated sessions hold outside, from their begin to their end: a port alone, or a mapping that has
// the port for all sessions of an inside endpoint. A session says by kFlowHoldsPort and FlowInfo::nat which.
//
//   198.18.0.2:5060 -> 192.0.2.1:5060     mapping 198.18.0.2:5060 <-> 198.18.1.1:40000     port 40000
//   198.18.0.2:5060 -> 192.0.2.9:53       the same
//   198.18.0.2:9 -> 192.0.2.1 (ping)      none                                             identifier 1234
//
// Sessions are stored as if they had begun inside, whoever has spoken first: `original` is the key of packets from
// inside, `reply` that of packets from outside.
//
// Only the worker calls it. It is full when mappings and permits are as many as there may be; permits leave an eighth
// of that to mappings, for a session can do without one. With room for as many as there are sessions it is hardly ever.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "base/cell.h"
#include "nat/external_ports.h"
#include "sessions/nat_mappings.h"

namespace culvert {

class NatBindings {
 public:
  struct Memory {
    SessionTables tables;
    std::uint32_t most = 0;  ///< mappings and permits that each of them has room for, and that both have together
  };

  /// Each session has a port alone. All outlive it.
  explicit NatBindings(ExternalPorts& ports) noexcept : ports_(ports) {}
  /// `gauge`: of mappings and permits; failures: those that found no room.
  NatBindings(ExternalPorts& ports, const Memory& memory, const HashKey& key, Gauge& gauge, Now now) noexcept;

  ExternalPorts& ports() noexcept { return ports_; }
  /// There can be mappings.
  bool has_mappings() const noexcept { return tables_.has_value(); }
  /// With has_mappings().
  template <typename Tuple>
  NatMappings<Tuple>& mappings() noexcept {
    if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
      return tables_->ipv4;
    } else {
      return tables_->ipv6;
    }
  }

  /// A mapping for one session, whose port has been taken. kNoFlow: no room.
  template <typename Tuple>
  FlowSlot begin(const Tuple& original, const Tuple& reply, Now now) noexcept;
  /// An inside endpoint has sent the first packet of a session that has this mapping. What FlowInfo::nat has besides
  /// from now on. `permit`: its destination's address may speak first from now on.
  template <typename Tuple>
  std::uint8_t open(FlowSlot mapping, const Tuple& original, bool permit, Now now) noexcept;

  /// A session with kFlowHoldsPort has ended, or has not begun after all. True: its port is free now, and the log has
  /// that it was taken.
  template <typename Tuple>
  [[nodiscard]] bool give_back(const Tuple& original, const Tuple& reply, std::uint8_t nat) noexcept;

  /// A session of an earlier run holds the same again; what FlowInfo::nat is now. Nothing: it is not to be had.
  template <typename Tuple>
  std::optional<std::uint8_t> take_again(const Tuple& original, const Tuple& reply, std::uint8_t nat, Now now) noexcept;

  /// Once a turn: what readers see.
  void publish() noexcept {
    if (has_mappings()) tables_->gauge.observe(size());
  }
  void clear_peaks() noexcept {
    if (has_mappings()) tables_->gauge.clear_peak();
  }

 private:
  struct Tables {
    Tables(const Memory& memory, const HashKey& key, Gauge& mappings_gauge, Now now) noexcept
        : ipv4(memory.tables.ipv4, key, now),
          ipv6(memory.tables.ipv6, key, now),
          most(memory.most),
          gauge(mappings_gauge) {}

    NatMappings<FiveTuple4> ipv4;
    NatMappings<FiveTuple6> ipv6;
    std::uint32_t most;
    Gauge& gauge;
  };

  std::uint32_t size() const noexcept { return tables_->ipv4.size() + tables_->ipv6.size(); }
  template <typename Tuple>
  bool permit(FlowSlot mapping, const Tuple& original, Now now) noexcept;

  ExternalPorts& ports_;
  std::optional<Tables> tables_;
};

}  // namespace culvert
