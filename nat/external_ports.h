// SPDX-License-Identifier: Apache-2.0
// A worker's ports of all external addresses (external_addresses.h): TCP ports, UDP ports, ICMP identifiers and SCTP
// ports of each, a PortPool apart.
//
// A new configuration takes no time, however many addresses it has: a pool is brought up to date when it is asked next.
//
// While a process runs, a session keeps its port whatever is configured: it only gives it back. A session of an earlier
// run asks for its port by take_exactly(), and that follows the configuration: a port of an address without a slot,
// out of its range, or of the host is refused, and the session ends (sessions/session_shard.h). So control need not
// know what was configured before it started, and no address is retired then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/cell.h"
#include "nat/external_addresses.h"
#include "nat/port_pool.h"

namespace culvert {

struct ExternalPool {
  PortPool ports;
  std::uint32_t version = 0;  ///< of the address that it is made for; 0: none yet
};

class ExternalPorts {
 public:
  /// `pools`, `gauges`: kPortKinds for each slot; they outlive it. What gauges say: ports that are taken, as many as
  /// can be (0 until somebody asks), and how often none was to be had.
  ExternalPorts(std::span<ExternalPool> pools, std::span<Gauge> gauges) noexcept : pools_(pools), gauges_(gauges) {}

  /// The addresses from now on; they outlive this, or the next call. They have no more slots than there are pools for,
  /// and an address of which ports are taken keeps its slot.
  void use(const ExternalAddresses& addresses) noexcept;

  /// A port that is as wished, else any other of its class, else any (RFC 4787 REQ-3a: recommended).
  std::optional<std::uint16_t> take(std::size_t slot, PortKind kind, PortWish wish, std::uint64_t random) noexcept;
  /// That port, if it can be given: it is free, ours, in the range and not the host's.
  bool take_exactly(std::size_t slot, PortKind kind, std::uint16_t port) noexcept;
  bool take_exactly(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept;
  /// That port of an address which has a slot.
  void give_back(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept;
  /// Nobody's, when no slot has it.
  std::optional<std::size_t> find(const Ipv6Address& address) const noexcept { return addresses_->find(address); }
  const Ipv6Address& address(std::size_t slot) const noexcept { return (*addresses_)[slot].address; }

  /// Up to date.
  PortPool& pool(std::size_t slot, PortKind kind) noexcept;

 private:
  static std::size_t place(std::size_t slot, PortKind kind) noexcept {
    return slot * kPortKinds + static_cast<std::size_t>(kind);
  }
  void observe(std::size_t slot, PortKind kind) noexcept;

  static constexpr ExternalAddresses kNobody{};

  std::span<ExternalPool> pools_;
  std::span<Gauge> gauges_;
  const ExternalAddresses* addresses_ = &kNobody;
};

}  // namespace culvert
