// SPDX-License-Identifier: Apache-2.0
#include "packet/parse.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.h"
#include "base/prefetch.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/parse_detail.h"
#include "packet/partial_checksum.h"

namespace culvert {
namespace {

/// First bytes of IPv4 addresses that the straight path leaves to the general one: 0, 127, 169 (link-local is in it),
/// 224 and up (multicast, broadcast).
constexpr std::array<std::uint8_t, 256> kUnusualAddress = [] {
  std::array<std::uint8_t, 256> unusual{};
  unusual[0] = unusual[127] = unusual[169] = 1;
  for (std::size_t byte = 224; byte < 256; ++byte) unusual[byte] = 1;
  return unusual;
}();

constexpr std::uint32_t kCommonNetwork = kEthernetHeaderSize;
constexpr std::uint32_t kCommonTransport = kCommonNetwork + kIpv4HeaderSize;
constexpr std::uint32_t kUdpLength = 8;
constexpr std::uint32_t kTcpLength = 20;

/// How the straight path reads the word that tells the transport header's length. Tables, because a branch between TCP
/// and UDP is mispredicted whenever they come mixed.
struct Transport {
  std::uint32_t shortest = 0x10000;  ///< bytes from the IP header on; no packet is as long as that of other protocols
  std::uint32_t word = 0;            ///< where it is, from the frame's first byte
  std::uint32_t shift = 0, mask = 0;
  std::uint32_t flags_mask = 0;
};
constexpr std::array<Transport, 256> kTransport = [] {
  std::array<Transport, 256> transport{};
  transport.fill(Transport{});  // g++ 12 leaves zeros behind the last element that is assigned
  // Data offset in units of 4 bytes: the word's first 4 bits. Flags: its last 8 (RFC 9293 3.1).
  transport[kProtocolTcp] = {kIpv4HeaderSize + kTcpLength, kCommonTransport + 12, 10, 0x3c, 0xff};
  transport[kProtocolUdp] = {kIpv4HeaderSize + kUdpLength, kCommonTransport + 4, 0, 0xffff, 0};
  return transport;
}();

/// Headers that are fetched ahead of the one being parsed. Frames lie a power of two apart, so their headers share two
/// sets of the first-level cache: a whole burst fetched at once would push itself out again.
constexpr std::uint32_t kHeadersAhead = 8;

/// Ones' complement sum of a 20-byte header that lies in these integers is 0xffff (RFC 1071).
inline bool header_sum_right(std::uint64_t first, std::uint64_t second, std::uint32_t last) noexcept {
  std::uint64_t sum = first + second;
  sum += sum < second ? 1 : 0;
  sum += last;
  sum += sum < last ? 1 : 0;
  // Added to itself with halves exchanged, the upper half gets the sum of both and its carry.
  const auto folded = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return folded + std::rotl(folded, 16) >= 0xffff0000;
}

/// The straight path: to a unicast MAC, no tag, IPv4 without options, no fragment, TCP or UDP, nothing wrong. False:
/// something differs; nothing was written.
inline bool parse_common(Packet& packet) noexcept {
  const std::byte* data = packet.data;
  const std::byte* network = data + kCommonNetwork;
  const std::uint32_t length = packet.length;
  if (length < kCommonTransport + kUdpLength) return false;
  // EtherType, version with header length, and TOS in one load; the group bit of the destination MAC beside it.
  const std::uint32_t type = load<std::uint32_t>(data + 12) & 0x00ffffff;
  if (type != 0x00450008 || (load<std::uint8_t>(data) & 1) != 0) return false;

  // Loads of single fields: they hit the first-level cache, and cost less than taking longer ones apart.
  const auto& header = view<Ipv4Header>(network);
  const std::uint32_t fragment = header.fragment.wire();
  if ((fragment & Be16(kIpv4MoreFragments | kIpv4OffsetMask).wire()) != 0) return false;
  if ((kUnusualAddress[load<std::uint8_t>(network + 12)] | kUnusualAddress[load<std::uint8_t>(network + 16)]) != 0)
    return false;
  const std::uint32_t total_length = header.total_length.host();
  const std::uint8_t protocol = header.protocol;
  const Transport& transport = kTransport[protocol];
  if (total_length > length - kCommonNetwork || total_length < transport.shortest) return false;
  if (!header_sum_right(load<std::uint64_t>(network), load<std::uint64_t>(network + 8),
                        load<std::uint32_t>(network + 16)))
    return false;

  const std::uint32_t word = load<Be16>(data + transport.word).host();
  const std::uint32_t to_payload = kIpv4HeaderSize + (word >> transport.shift & transport.mask);
  if (to_payload < transport.shortest || to_payload > total_length) return false;

  const auto ports = load<std::array<Be16, 2>>(data + kCommonTransport);
  const std::uint32_t dont_fragment = (fragment & Be16(kIpv4DontFragment).wire()) != 0 ? kFlagDontFragment : 0;
  packet.network_offset = kCommonNetwork;
  packet.network_length = static_cast<std::uint16_t>(total_length);
  packet.transport_offset = kCommonTransport;
  packet.flags = static_cast<std::uint16_t>(kFlagTransport | dont_fragment);
  packet.network = NetworkKind::kIpv4;
  packet.protocol = protocol;
  packet.vlan_tags = 0;
  packet.tcp_flags = static_cast<std::uint8_t>(word & transport.flags_mask);
  packet.source_port = ports[0];
  packet.destination_port = ports[1];
  return true;
}

/// Ethernet and its tags, then the rest of the general path.
DropReason parse_frame(Packet& packet) noexcept {
  packet.flags = 0;
  packet.network = NetworkKind::kNone;
  packet.protocol = packet.vlan_tags = packet.tcp_flags = 0;
  packet.network_length = packet.transport_offset = 0;
  packet.source_port = packet.destination_port = Be16();

  std::uint32_t offset = kEthernetHeaderSize;
  if (packet.length < offset) return DropReason::kEthernetTruncated;
  const auto& ethernet = view<EthernetHeader>(packet.data);
  if (ethernet.destination.is_group()) parse_detail::set(packet, kFlagGroupFrame);
  std::uint16_t type = ethernet.ether_type.host();
  while (is_vlan_type(type)) {
    if (packet.vlan_tags == kMaxVlanTags) return DropReason::kVlanTooMany;
    if (packet.length < offset + kVlanTagSize) return DropReason::kEthernetTruncated;
    type = view<VlanTag>(packet.data + offset).ether_type.host();
    offset += kVlanTagSize;
    ++packet.vlan_tags;
  }
  packet.network_offset = static_cast<std::uint16_t>(offset);
  if (type == kEtherTypeIpv4) return parse_detail::parse_ipv4(packet);
  if (type == kEtherTypeIpv6) return parse_detail::parse_ipv6(packet);
  return DropReason::kNotIp;
}

[[gnu::noinline]] void parse_general(Packet& packet) noexcept {
  const DropReason reason = parse_frame(packet);
  if (reason != DropReason::kNone) packet.drop(reason);
}

inline void parse_one(Packet& packet) noexcept {
  if (__builtin_expect(!parse_common(packet), 0)) parse_general(packet);
}

void finish_partial(Packet& packet, const ParseContext& context) noexcept {
  if (packet.verdict != Verdict::kDrop && complete_partial_checksum(packet) &&
      context.partial_checksums_completed != nullptr) {
    context.partial_checksums_completed->add();
  }
}

}  // namespace

void parse(Packet& packet, const ParseContext& context) noexcept {
  parse_one(packet);
  if (context.partial_checksums) finish_partial(packet, context);
}

std::uint64_t parse_burst(Burst& burst, const ParseContext& context) noexcept {
  const std::span<Packet> packets = burst.packets();
  for (const Packet& packet : packets.first(std::min<std::size_t>(packets.size(), kHeadersAhead)))
    prefetch(packet.data);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + kHeadersAhead < packets.size()) prefetch(packets[i + kHeadersAhead].data);
    bytes += packets[i].length;
    parse_one(packets[i]);
  }
  if (context.partial_checksums) {
    for (Packet& packet : packets) finish_partial(packet, context);
  }
  return bytes;
}

}  // namespace culvert
