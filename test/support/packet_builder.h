// SPDX-License-Identifier: Apache-2.0
// Builds packets for tests, layer by layer; build() fills in EtherTypes, protocol numbers, lengths and checksums.
//
//   const Bytes syn = PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1").tcp(1024, 80, {.flags = kTcpSyn})
//                         .build();
//   const Bytes tagged = PacketBuilder().ethernet().vlan(7).ipv6("2001:db8::1", "2001:db8::2").hop_by_hop()
//                         .udp(53, 53).payload(100).build();
//
// Without ethernet() it builds an IP packet (for quotes). A field that must be wrong is poked afterwards (set8, set16).
// Layers nest: ipv4().gre(0x0800).ipv4().udp(). It writes bytes with its own simple code, not with packet/'s, so that
// it can judge packet/.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "test/support/bytes.h"

namespace culvert::test {

struct Ipv4Fields {
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t id = 0x1234;
  bool dont_fragment = false;
  bool more_fragments = false;
  std::uint32_t offset = 0;  ///< bytes, a multiple of 8
  Bytes options = {};        ///< padded with zeros to a multiple of 4
  int protocol = -1;         ///< -1: from the next layer
};

struct Ipv6Fields {
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;
  int next_header = -1;  ///< -1: from the next layer
};

struct TcpFields {
  std::uint8_t flags = 0x10;
  std::uint32_t sequence = 1, acknowledgment = 1;
  std::uint16_t window = 65535;
  Bytes options = {};  ///< padded with zeros to a multiple of 4
};

enum class BuildChecksum {
  kFull,
  kPartial,  ///< TCP, UDP: the folded pseudo-header sum, as Linux leaves it with CHECKSUM_PARTIAL; SCTP: zero
  kZero,
};

class PacketBuilder {
 public:
  PacketBuilder& ethernet(std::string_view destination = "02:00:00:00:00:02",
                          std::string_view source = "02:00:00:00:00:01");
  PacketBuilder& vlan(std::uint16_t id, std::uint16_t tag_type = 0x8100);
  PacketBuilder& ipv4(std::string_view source = "198.18.0.1", std::string_view destination = "198.18.1.1",
                      const Ipv4Fields& fields = {});
  PacketBuilder& ipv6(std::string_view source = "2001:db8::1", std::string_view destination = "2001:db8:1::1",
                      const Ipv6Fields& fields = {});

  // IPv6 extension headers; `next` as in Ipv6Fields.
  /// `options` are padded with PadN (or Pad1) to a multiple of 8 with the two bytes before.
  PacketBuilder& hop_by_hop(Bytes options = {}, int next = -1);
  PacketBuilder& destination_options(Bytes options = {}, int next = -1);
  /// `data`: what follows the first 4 bytes; padded with zeros.
  PacketBuilder& routing(std::uint8_t type, std::uint8_t segments_left, Bytes data, int next = -1);
  PacketBuilder& fragment(std::uint32_t offset, bool more, std::uint32_t id = 0x12345678, int next = -1);
  PacketBuilder& authentication(std::size_t icv_size = 12, int next = -1);

  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination, const TcpFields& fields = {});
  PacketBuilder& udp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code = 0, std::uint32_t rest = 0);
  PacketBuilder& icmpv6(std::uint8_t type, std::uint8_t code = 0, std::uint32_t rest = 0);
  PacketBuilder& sctp(std::uint16_t source, std::uint16_t destination, std::uint32_t tag = 0);
  PacketBuilder& udp_lite(std::uint16_t source, std::uint16_t destination);
  /// A header of 12 bytes.
  PacketBuilder& dccp(std::uint16_t source, std::uint16_t destination);
  /// `flags` announce 4 bytes each (0x8000, 0x2000, 0x1000), which are appended as zeros.
  PacketBuilder& gre(std::uint16_t protocol, std::uint16_t flags = 0);

  PacketBuilder& payload(Bytes bytes);
  PacketBuilder& payload(std::size_t size) { return payload(pattern(size)); }

  PacketBuilder& checksum(BuildChecksum mode);
  /// Bytes behind the IP packet, as short Ethernet frames have them.
  PacketBuilder& padding(std::size_t size);

  Bytes build() const;

 private:
  enum class Kind {
    kEthernet,
    kVlan,
    kIpv4,
    kIpv6,
    kExtension,
    kTcp,
    kUdp,
    kUdpLite,
    kDccp,
    kIcmp,
    kIcmpv6,
    kSctp,
    kGre,
    kPayload
  };
  struct Layer {
    Kind kind;
    Bytes bytes;
    int type = 0;   ///< EtherType or protocol number of this layer
    int next = -1;  ///< given number of the next one
  };

  PacketBuilder& add(Kind kind, Bytes bytes, int type, int next = -1);
  PacketBuilder& add_options(int type, Bytes options, int next);
  int next_type(std::size_t index) const;
  void finish_layer(std::size_t index, Bytes& packet, const std::vector<std::size_t>& offsets, std::size_t end) const;
  void finish_checksum(std::size_t index, Bytes& packet, const std::vector<std::size_t>& offsets,
                       std::size_t end) const;
  std::uint32_t pseudo_sum(std::size_t index, const Bytes& packet, const std::vector<std::size_t>& offsets,
                           std::size_t length) const;

  std::vector<Layer> layers_;
  BuildChecksum checksum_ = BuildChecksum::kFull;
  std::size_t padding_ = 0;
};

}  // namespace culvert::test
