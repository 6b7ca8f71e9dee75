// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "packet/address.h"
#include "packet/packet.h"
#include "pipeline/stateful.h"

namespace culvert {

/// What the pipeline needs to know of one interface.
struct InterfaceSnapshot {
  bool present = false;  ///< this number is in use and the kernel has the link
  bool up = false;       ///< administratively up with carrier
  std::uint32_t ifindex = 0;
  std::uint16_t mtu = 0;  ///< bytes of IP
  MacAddress mac;
  /// Source addresses of the ICMP errors that we send out of here (RFC 1812 4.3.2.4); none: another interface's.
  std::optional<Ipv4Address> ipv4;
  std::optional<Ipv6Address> ipv6;  ///< a global one when there is one, else link-local
};

/// One immutable compiled configuration. Control builds it, sends the pointer to each worker, waits for every
/// acknowledgement, then frees the one before. Routes and neighbours are not in here: they change too often and live
/// in tables that control writes in place (routes/).
struct Snapshot {
  std::uint64_t generation = 0;
  std::array<InterfaceSnapshot, kMaxInterfaces> interfaces{};
  /// An address of this host that others can reach it by, on whatever link (often lo): the source of ICMP errors when
  /// no interface has a better one.
  std::optional<Ipv4Address> host_ipv4;
  std::optional<Ipv6Address> host_ipv6;
  std::uint32_t icmp_errors_per_second = 1000;  ///< per worker, all kinds together (RFC 1812 4.3.2.8, RFC 4443 2.4 f)
  std::uint32_t neighbor_timeout_ms = 3000;     ///< how long a packet waits for its neighbour
  std::uint64_t idle_spin_ns = 50'000;          ///< how long a worker without work spins before it sleeps
  std::optional<StatefulSnapshot> stateful;     ///< there when the configuration has a policy
};

}  // namespace culvert
