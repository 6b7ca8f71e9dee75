// SPDX-License-Identifier: Apache-2.0
// Which ports are the host's own, so that NAT never gives them behind an address that the host has, too: an answer to
// the host would be taken for a session's, or somebody inside could be reached where a service of the host was meant
// (CVE-2021-3773).
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "control/netlink/ip_prefix.h"
#include "nat/external_addresses.h"

namespace culvert {

/// A socket of this host that waits for packets: TCP that listens, UDP, SCTP that listens.
struct BoundPort {
  PortKind kind = PortKind::kTcp;
  IpAddress address;  ///< unspecified: any of the host's
  std::uint16_t port = 0;

  friend constexpr auto operator<=>(const BoundPort&, const BoundPort&) noexcept = default;
};

/// All of them now, in this network namespace (sock_diag(7)). Errors: the kernel does not answer.
Result<std::vector<BoundPort>> bound_ports();

/// Those that a packet to this address reaches, within the range: sorted, none twice.
std::vector<HostPort> ports_at(const IpAddress& address, PoolRange range, std::span<const BoundPort> bound);

/// The larger range of ports from 1024 which the kernel does not give sockets that ask for any
/// (net.ipv4.ip_local_port_range); kNoPorts: it gives all.
PoolRange ports_beside_kernel();
/// The same, when the kernel gives `first` to `last`.
PoolRange ports_beside(std::uint16_t first, std::uint16_t last) noexcept;

}  // namespace culvert
