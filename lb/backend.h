// SPDX-License-Identifier: Apache-2.0
// Backends, as the tables of this folder know them: who one is, how much it weighs in a pool, and how much of its part
// it takes at the moment.
//
//   name    a keyed hash of its address: all that is decided about a backend is decided by it, so that nodes that share
//           the seed decide alike, in whatever order their configurations name the backends
//   weight  its part of the pool's flows, as configured: what tables are built from
//   share   what it takes of its part now: nothing while it is down, all when it is up, between them in a slow start.
//           No table changes when a share does
#pragma once

#include <cstdint>

#include "base/siphash.h"
#include "packet/address.h"

namespace culvert {

/// Of a backend among all that the caller has: where its share is.
using BackendNumber = std::uint16_t;
inline constexpr BackendNumber kNoBackend = 0xffff;

inline constexpr std::uint8_t kMostWeight = 100;

/// In 65536ths. 0: it gets no new flow (down, paused, standing by, disabled, draining).
using BackendShare = std::uint32_t;
inline constexpr BackendShare kWholeShare = 65536;

/// A backend of a pool. No two of a pool have the same name.
struct PoolBackend {
  std::uint64_t name = 0;  ///< backend_name()
  BackendNumber number = 0;
  std::uint8_t weight = kMostWeight;  ///< 0 to kMostWeight; 0: it gets nothing, whatever its share
};

/// The name of the backend with this address. `seed`: secret, and shared by the nodes that decide alike. The hash is
/// the same on every machine and in every build, unlike those of base/hash.h.
inline std::uint64_t backend_name(const SipKey& seed, const Ipv6Address& address) noexcept {
  return siphash<2>(seed, {address.high(), address.low()});
}
/// That of the IPv4-mapped address (RFC 4291 2.5.5.2).
inline std::uint64_t backend_name(const SipKey& seed, Ipv4Address address) noexcept {
  return siphash<2>(seed, {0, std::uint64_t{address.value.wire()} << 32 | 0xffff'0000});
}

}  // namespace culvert
