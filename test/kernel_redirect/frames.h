// SPDX-License-Identifier: Apache-2.0
// Ethernet frames, put together layer by layer, for tables of packets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "packet/address.h"

namespace culvert::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint16_t kV4 = 0x0800, kV6 = 0x86dd, kArp = 0x0806, kVlan = 0x8100, kServiceVlan = 0x88a8;
inline constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132;

Ipv4Address v4(const std::string& text);
Ipv6Address v6(const std::string& text);

/// Layers are joined with +: ethernet(kV4) + ip4({...}) + ports(1024, 22).
Bytes operator+(Bytes front, const Bytes& back);

/// The destination of ethernet(): 02:00:00:00:00:01.
inline constexpr MacAddress kStation{{0x02, 0, 0, 0, 0, 1}};
Bytes ethernet(std::uint16_t type, std::uint8_t first_byte_of_destination = 0x02);
Bytes vlan(std::uint16_t id, std::uint16_t next);

struct Ip4 {
  std::string source = "198.18.0.7";
  std::string destination = "203.0.113.9";
  std::uint8_t protocol = kTcp;
  std::uint8_t header_words = 5;  ///< what the header says; options are added when it is more than 5
  std::uint16_t fragment = 0;     ///< flags and offset as on the wire: 0x2000 more fragments
  std::uint8_t version = 4;
};
Bytes ip4(const Ip4& header);

struct Ip6 {
  std::string source = "2001:db8:7::7";
  std::string destination = "2001:db8:9::9";
  std::uint8_t next = kTcp;
  std::uint8_t hop_limit = 64;
  std::uint8_t version = 6;
};
Bytes ip6(const Ip6& header);
/// An IPv6 extension header of 8 * (units + 1) bytes.
Bytes extension(std::uint8_t next, std::uint8_t units = 0);
/// An IPv6 fragment header: offset and flag as on the wire (0x0001 more fragments).
Bytes fragment6(std::uint8_t next, std::uint16_t offset_and_flag);
/// An authentication header of 24 bytes (RFC 4302, 2.2).
Bytes authentication(std::uint8_t next);

Bytes ports(std::uint16_t source, std::uint16_t destination);  ///< and 16 bytes more
Bytes icmp(std::uint8_t type);                                 ///< its first 8 bytes

}  // namespace culvert::test
