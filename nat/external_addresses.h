// SPDX-License-Identifier: Apache-2.0
// The external addresses of a configuration, each at its place (slot), as all workers see them. Control makes it:
//
//   slot 0  198.18.1.1      ports 1024 to 32767, without 8080 TCP, where the host listens
//   slot 1  198.18.1.2      no ports: nobody is to have it any more, but sessions still do
//   slot 2  nobody
//
// An address keeps its slot for as long as any worker may have a session with one of its ports; when culvertd starts
// nobody has one yet. Both families; IPv4 addresses are mapped (RFC 4291 2.5.5.2).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "nat/port_pool.h"
#include "packet/address.h"
#include "packet/packet.h"

namespace culvert {

/// Of what a session can hold one.
enum class PortKind : std::uint8_t { kTcp, kUdp, kIcmp, kSctp };
inline constexpr std::size_t kPortKinds = 4;

/// Nothing: packets of this protocol have no ports, and only their addresses are translated.
std::optional<PortKind> port_kind(std::uint8_t protocol) noexcept;

/// Bit z: zone z; as the policy numbers them.
using NatZones = std::uint64_t;
inline constexpr NatZones kAnyNatZone = ~NatZones{0};

/// ::ffff:a.b.c.d
Ipv6Address mapped(Ipv4Address address) noexcept;
inline const Ipv6Address& mapped(const Ipv6Address& address) noexcept {
  return address;
}

/// A port that is the host's own.
struct HostPort {
  PortKind kind = PortKind::kTcp;
  std::uint16_t port = 0;

  friend constexpr auto operator<=>(const HostPort&, const HostPort&) noexcept = default;
};

struct ExternalAddress {
  Ipv6Address address;  ///< unspecified: nobody has the slot
  PoolRange range;
  std::span<const HostPort> excluded{};  ///< of the range, and never given
  std::uint32_t version = 1;             ///< another one than before when anything above is different; never 0
  InterfaceIndex home = kNoInterface;    ///< where packets to it come in; none: nobody says
  NatZones outside = kAnyNatZone;        ///< where sessions leave with it: answers to it come from nowhere else
};

inline constexpr std::size_t kMaxExternalAddresses = 4096;

/// Whether the host itself listens there.
bool is_of_host(const ExternalAddress& external, PortKind kind, std::uint16_t port) noexcept;

/// Lives as long as the memory that it was given, and never changes.
class ExternalAddresses {
 public:
  static constexpr std::size_t places_for(std::size_t slots) noexcept { return std::bit_ceil(2 * slots + 1); }

  constexpr ExternalAddresses() noexcept = default;
  /// No address has two slots. `places`: places_for(slots), written here.
  ExternalAddresses(std::span<const ExternalAddress> slots, std::span<std::uint16_t> places) noexcept;

  std::size_t size() const noexcept { return slots_.size(); }
  const ExternalAddress& operator[](std::size_t slot) const noexcept { return slots_[slot]; }
  /// Nobody's, when no slot has it.
  std::optional<std::size_t> find(const Ipv6Address& address) const noexcept;

 private:
  std::span<const ExternalAddress> slots_;
  std::span<const std::uint16_t> places_;  ///< a hash table of slots, plus one; 0 is free; a power of two
};

}  // namespace culvert
