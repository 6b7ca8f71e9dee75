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

/// By protocol: the shortest header of those that the straight path knows. A table, because a branch between TCP and
/// UDP is mispredicted whenever they come mixed.
constexpr std::array<std::uint8_t, 256> kShortestHeader = [] {
  std::array<std::uint8_t, 256> shortest{};
  shortest[kProtocolTcp] = kTcpLength;
  shortest[kProtocolUdp] = kUdpLength;
  return shortest;
}();

/// Headers that are fetched ahead of the one being parsed. Frames lie a power of two apart, so their headers share two
/// sets of the first-level cache: a whole burst fetched at once would push itself out again.
constexpr std::uint32_t kHeadersAhead = 8;

/// Ones' complement sum of a 20-byte header that lies in these integers is 0xffff (RFC 1071).
inline bool header_sum_right(std::uint64_t first, std::uint64_t second, std::uint32_t last) noexcept {
  const std::uint64_t sum = (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + (second >> 32) + last;
  const auto low = static_cast<std::uint32_t>(sum);
  auto folded = static_cast<std::uint32_t>(sum >> 32) + low;
  folded += folded < low ? 1 : 0;
  // Added to itself with halves exchanged, the upper half gets the sum of both and its carry.
  return (folded + std::rotl(folded, 16)) >> 16 == 0xffff;
}

/// The straight path: to a unicast MAC, no tag, IPv4 without options, no fragment, TCP or UDP, nothing wrong. False:
/// something differs; nothing was written.
inline bool parse_common(Packet& packet) noexcept {
  const std::byte* data = packet.data;
  if (packet.length < kCommonTransport + kUdpLength) return false;
  // EtherType, version with header length, and TOS in one load; the group bit of the destination MAC beside it.
  const std::uint32_t type = load<std::uint32_t>(data + 12) & 0x00ffffff;
  if (type != 0x00450008 || (load<std::uint8_t>(data) & 1) != 0) return false;

  const auto first = load<std::uint64_t>(data + kCommonNetwork);       // to the fragment field
  const auto second = load<std::uint64_t>(data + kCommonNetwork + 8);  // TTL, protocol, checksum, source
  const auto destination = load<std::uint32_t>(data + kCommonNetwork + 16);
  const std::uint64_t first_host = byte_swap(first);
  const std::uint32_t total_length = (first_host >> 32) & 0xffff;
  const auto protocol = static_cast<std::uint8_t>(second >> 8);
  const std::uint32_t shortest = kShortestHeader[protocol];
  const bool fragment = (first_host & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0;
  const std::uint32_t odd = kUnusualAddress[(second >> 32) & 0xff] | kUnusualAddress[destination & 0xff];
  if (shortest == 0 || fragment || odd != 0) return false;
  const std::uint32_t payload = total_length - kIpv4HeaderSize;
  if (total_length > packet.length - kCommonNetwork || total_length < kIpv4HeaderSize + shortest) return false;
  if (!header_sum_right(first, second, destination)) return false;

  // TCP: data offset and flags; UDP: length. A chosen place and a mask instead of a branch that a mix mispredicts.
  const std::uint32_t tcp_mask = 0U - static_cast<std::uint32_t>(protocol == kProtocolTcp);
  const std::uint32_t word = load<std::uint16_t>(data + kCommonTransport + 4 + (tcp_mask & 8));
  const std::uint32_t header = (tcp_mask & (word & 0xf0) >> 2) | (~tcp_mask & byte_swap(word) >> 16);
  if (header < shortest || header > payload) return false;

  const auto ports = load<std::array<Be16, 2>>(data + kCommonTransport);
  const std::uint32_t dont_fragment = (first_host & kIpv4DontFragment) != 0 ? kFlagDontFragment : 0;
  packet.network_offset = kCommonNetwork;
  packet.network_length = static_cast<std::uint16_t>(total_length);
  packet.transport_offset = kCommonTransport;
  packet.flags = static_cast<std::uint16_t>(kFlagTransport | dont_fragment);
  packet.network = NetworkKind::kIpv4;
  packet.protocol = protocol;
  packet.vlan_tags = 0;
  packet.tcp_flags = static_cast<std::uint8_t>(tcp_mask & word >> 8);
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

void parse_burst(Burst& burst, const ParseContext& context) noexcept {
  const std::uint32_t count = burst.size();
  for (std::uint32_t i = 0; i < std::min(count, kHeadersAhead); ++i) prefetch(burst[i].data);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i + kHeadersAhead < count) prefetch(burst[i + kHeadersAhead].data);
    parse_one(burst[i]);
  }
  if (context.partial_checksums) {
    for (Packet& packet : burst) finish_partial(packet, context);
  }
}

}  // namespace culvert
