// SPDX-License-Identifier: Apache-2.0
// What a worker asks control: "a packet waits for this neighbour". Control asks the kernel (control/netlink), and the
// answer comes back through the next-hop table and the LPM, never as a message.
#pragma once

#include "base/spsc.h"
#include "packet/address.h"
#include "packet/packet.h"
#include "routes/next_hop.h"

namespace culvert {

struct NeighborRequest {
  NetworkKind network = NetworkKind::kNone;
  NextHopIndex next_hop = 0;  ///< kForward entry: its gateway; kGlean entry: `address` on `interface`
  InterfaceIndex interface = kNoInterface;
  Ipv6Address address;  ///< IPv4 in the first four bytes
};

inline constexpr std::size_t kNeighborRequests = 256;
using NeighborRequestQueue = SpscRing<NeighborRequest, kNeighborRequests>;

}  // namespace culvert
