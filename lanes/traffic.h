// SPDX-License-Identifier: Apache-2.0
// Made-up traffic for memory lanes. Flow i of F goes from an address of `sources` to one of `destinations`:
//
//   source       sources + i mod source_count, port 1024 + i / source_count mod 64512
//   destination  destinations + hash(seed, i) mod destination_count, port 80
//
// so that F flows are F different tuples as long as source_count * 64512 >= F, and destinations walk a routing table at
// random. Every packet of a list is valid: lengths, IPv4 header and L4 checksums (over a payload of zeros).
#pragma once

#include <cstdint>

#include "lanes/packet_list.h"
#include "packet/address.h"
#include "packet/packet.h"

namespace culvert {

enum class TrafficSizes : std::uint8_t {
  kFixed,  ///< every packet `length` bytes
  kImix,   ///< 7 x 60, 4 x 590, 1 x 1514 bytes (64, 594, 1518 on the wire: the simple IMIX of RFC 6985 appendix)
};

struct TrafficConfig {
  std::uint32_t flows = 1;  ///< each is at least one packet of the list
  TrafficSizes sizes = TrafficSizes::kFixed;
  std::uint16_t length = 64;  ///< from the Ethernet header, without FCS; raised to what the headers need
  NetworkKind network = NetworkKind::kIpv4;
  std::uint8_t protocol = 17;  ///< 17 UDP or 6 TCP (ACK)
  bool headers_only = false;   ///< store the first 128 bytes only: cheaper to replay, payload undefined
  bool shuffled = true;        ///< the list's order is drawn from the seed
  std::uint64_t seed = 1;
  MacAddress source_mac{{2, 0, 0, 0, 0, 1}}, destination_mac{{2, 0, 0, 0, 0, 2}};
  Ipv4Address sources{Be32(0xc6120001)};       ///< 198.18.0.1
  Ipv4Address destinations{Be32(0xc6130001)};  ///< 198.19.0.1
  Ipv6Address sources6{{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  Ipv6Address destinations6{{0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  std::uint32_t source_count = 1024;
  std::uint32_t destination_count = 1024;
};

/// A list of `flows` packets (IMIX: the next multiple of 12), one a flow.
PacketList make_traffic(const TrafficConfig& config);

}  // namespace culvert
