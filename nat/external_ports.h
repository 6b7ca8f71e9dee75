// SPDX-License-Identifier: Apache-2.0
// A worker's ports of all external addresses, by the place (slot) that control gave an address.
//
//   slot 0  198.18.1.1      TCP ports, UDP ports, ICMP identifiers, SCTP ports: a PortPool each
//   slot 1  198.18.1.2      ...
//
// An address keeps its slot as long as it is configured, whatever else changes. One that is not any more keeps it until
// its last port has come back, and gives no new ones. Both families; IPv4 addresses are mapped (RFC 4291 2.5.5.2).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "nat/port_pool.h"
#include "packet/address.h"

namespace culvert {

/// Of what a session can hold one.
enum class PortKind : std::uint8_t { kTcp, kUdp, kIcmp, kSctp };
inline constexpr std::size_t kPortKinds = 4;

/// Nothing: packets of this protocol have no ports, and only their addresses are translated.
std::optional<PortKind> port_kind(std::uint8_t protocol) noexcept;

/// ::ffff:a.b.c.d
Ipv6Address mapped(Ipv4Address address) noexcept;
inline const Ipv6Address& mapped(const Ipv6Address& address) noexcept {
  return address;
}

struct ExternalAddress {
  Ipv6Address address;  ///< unspecified: nobody has the slot
  PoolRange range;

  friend bool operator==(const ExternalAddress&, const ExternalAddress&) noexcept = default;
};

inline constexpr std::size_t kMaxExternalAddresses = 4096;

class ExternalPorts {
 public:
  /// All outlive it. `pools`: kPortKinds for each slot. `places`: places_for(slots).
  struct Memory {
    std::span<PortPool> pools;
    std::span<ExternalAddress> slots;
    std::span<std::uint16_t> places;
  };
  static constexpr std::size_t places_for(std::size_t slots) noexcept { return std::bit_ceil(2 * slots + 1); }

  explicit ExternalPorts(const Memory& memory) noexcept;

  /// The addresses that give ports from now on, by slot. A slot whose ports are not all back keeps its address: it is
  /// here again, or nobody's.
  void use(std::span<const ExternalAddress> addresses) noexcept;

  /// A port that is as wished, else any other of its class, else any (RFC 4787 REQ-3a: recommended).
  std::optional<std::uint16_t> take(std::size_t slot, PortKind kind, PortWish wish, std::uint64_t random) noexcept;
  bool take_exactly(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept;
  /// That port of an address which has a slot.
  void give_back(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept;
  /// Nobody's, when no slot has it.
  std::optional<std::size_t> find(const Ipv6Address& address) const noexcept;
  const Ipv6Address& address(std::size_t slot) const noexcept { return slots_[slot].address; }

  PortPool& pool(std::size_t slot, PortKind kind) noexcept {
    return pools_[slot * kPortKinds + static_cast<std::size_t>(kind)];
  }
  std::size_t slots() const noexcept { return slots_.size(); }

 private:
  bool idle(std::size_t slot) noexcept;
  void index() noexcept;

  std::span<PortPool> pools_;
  std::span<ExternalAddress> slots_;
  std::span<std::uint16_t> places_;  ///< a hash table of slots, plus one; 0 is free
};

}  // namespace culvert
