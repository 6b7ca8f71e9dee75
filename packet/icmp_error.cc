// SPDX-License-Identifier: Apache-2.0
#include "packet/icmp_error.h"

#include <algorithm>
#include <array>

#include "packet/checksum.h"
#include "packet/ethernet.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

namespace culvert {
namespace {

constexpr std::uint32_t kIcmpHeaderSize = sizeof(IcmpHeader);
constexpr std::uint32_t kLargestIpv4Error = 576;
constexpr std::uint32_t kLargestIpv6Error = kIpv6MinimumMtu;
constexpr std::uint8_t kErrorTtl = 64;
/// RFC 1812 4.3.2.5: precedence 6 (internetwork control), the other bits as in the packet; ECN not (RFC 3168 18).
constexpr std::uint8_t kErrorPrecedence = 0xc0;
constexpr std::uint8_t kServiceBits = 0x1c;

struct TypeCode {
  std::uint8_t type;
  std::uint8_t code;
};

TypeCode icmp_type(IcmpErrorKind kind) noexcept {
  switch (kind) {
    case IcmpErrorKind::kTimeExceeded:
      return {kIcmpTimeExceeded, 0};
    case IcmpErrorKind::kReassemblyTime:
      return {kIcmpTimeExceeded, 1};
    case IcmpErrorKind::kNetworkUnreachable:
      return {kIcmpUnreachable, kIcmpCodeNet};
    case IcmpErrorKind::kHostUnreachable:
      return {kIcmpUnreachable, kIcmpCodeHost};
    case IcmpErrorKind::kPortUnreachable:
      return {kIcmpUnreachable, kIcmpCodePort};
    case IcmpErrorKind::kProhibited:
      return {kIcmpUnreachable, kIcmpCodeProhibited};
    case IcmpErrorKind::kTooBig:
      break;
  }
  return {kIcmpUnreachable, kIcmpCodeFragmentationNeeded};
}

TypeCode icmpv6_type(IcmpErrorKind kind) noexcept {
  switch (kind) {
    case IcmpErrorKind::kTimeExceeded:
      return {kIcmpv6TimeExceeded, 0};
    case IcmpErrorKind::kReassemblyTime:
      return {kIcmpv6TimeExceeded, 1};
    case IcmpErrorKind::kNetworkUnreachable:
      return {kIcmpv6Unreachable, kIcmpv6CodeNoRoute};
    case IcmpErrorKind::kHostUnreachable:
      return {kIcmpv6Unreachable, kIcmpv6CodeAddress};
    case IcmpErrorKind::kPortUnreachable:
      return {kIcmpv6Unreachable, kIcmpv6CodePort};
    case IcmpErrorKind::kProhibited:
      return {kIcmpv6Unreachable, kIcmpv6CodeProhibited};
    case IcmpErrorKind::kTooBig:
      break;
  }
  return {kIcmpv6PacketTooBig, 0};
}

bool may_answer_ipv4(const Packet& packet) noexcept {
  const auto& header = view<Ipv4Header>(packet.network_header());
  const Ipv4Address source = header.source;
  // RFC 1122 3.2.2: a source that "does not define a single host"; 0/8 means "this network" (RFC 1122 3.2.1.3).
  if ((source.value.host() >> 24) == 0 || source.is_loopback() || source.is_multicast() || source.is_broadcast()) {
    return false;
  }
  return !header.destination.is_multicast() && !header.destination.is_broadcast();
}

bool may_answer_ipv6(const Packet& packet) noexcept {
  const auto& header = view<Ipv6Header>(packet.network_header());
  // RFC 4443 2.4 e; redirects are not errors by their type, but get none either (e.2).
  if (packet.protocol == kProtocolIcmpv6 && packet.has(kFlagTransport) &&
      view<IcmpHeader>(packet.transport_header()).type == kIcmpv6Redirect) {
    return false;
  }
  if (header.source.is_unspecified() || header.source.is_loopback() || header.source.is_multicast()) return false;
  return !header.destination.is_multicast();
}

/// What is made of a packet: where things go in the frame.
struct Layout {
  std::byte* data;         ///< the new Ethernet header
  std::uint32_t ethernet;  ///< bytes of it, tags included
  std::uint32_t network;   ///< bytes of the new IP header
  std::uint32_t quote;     ///< bytes of the old packet

  std::byte* network_start() const noexcept { return data + ethernet; }
  std::byte* icmp_start() const noexcept { return network_start() + network; }
  std::byte* quote_start() const noexcept { return icmp_start() + kIcmpHeaderSize; }
};

/// Enough of a packet for its sender to know it again: the IP header and 8 bytes (RFC 792).
std::uint32_t smallest_quote(const Packet& packet) noexcept {
  const std::uint32_t header = packet.network == NetworkKind::kIpv4
                                   ? view<Ipv4Header>(packet.network_header()).header_length()
                                   : kIpv6HeaderSize;
  return std::min<std::uint32_t>(header + 8, packet.network_length);
}

/// Chooses the place: the quote stays where it is when the headroom holds the new headers, else everything goes to the
/// room's begin. False: too small.
bool plan(const Packet& packet, const FrameRoom& room, Layout& layout) noexcept {
  const bool version4 = packet.network == NetworkKind::kIpv4;
  layout.ethernet = packet.network_offset;
  layout.network = version4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  const std::uint32_t grown = layout.network + kIcmpHeaderSize;
  const std::uint32_t headers = layout.ethernet + grown;
  const auto headroom = static_cast<std::size_t>(packet.data - room.begin);
  layout.data = headroom >= grown ? packet.data - grown : room.begin;
  const auto space = static_cast<std::size_t>(room.end - layout.data);
  if (space < headers + smallest_quote(packet)) return false;
  const std::uint32_t largest = (version4 ? kLargestIpv4Error : kLargestIpv6Error) - grown;
  const auto fits = static_cast<std::uint32_t>(std::min<std::size_t>(space - headers, largest));
  layout.quote = std::min<std::uint32_t>(fits, packet.network_length);
  return true;
}

/// The sum of the ICMP message: its header with a zero checksum, and the quote.
OnesSum message_sum(const Layout& layout) noexcept {
  return ones_sum(layout.icmp_start(), kIcmpHeaderSize + layout.quote);
}

void write_ipv4(const Layout& layout, const IcmpError& error) noexcept {
  const auto& quoted = view<Ipv4Header>(layout.quote_start());
  const TypeCode type = icmp_type(error.kind);
  IcmpHeader icmp{type.type, type.code, Be16(), Be16(), Be16()};
  if (error.kind == IcmpErrorKind::kTooBig) icmp.sequence = Be16(error.mtu);
  store(layout.icmp_start(), icmp);
  view<IcmpHeader>(layout.icmp_start()).checksum = checksum_of(message_sum(layout));

  Ipv4Header header{};
  header.version_length = 0x45;
  header.type_of_service = static_cast<std::uint8_t>(kErrorPrecedence | (quoted.type_of_service & kServiceBits));
  header.total_length = Be16(static_cast<std::uint16_t>(layout.network + kIcmpHeaderSize + layout.quote));
  // Never fragmented, so the identification need not be unique (RFC 6864 4.1).
  header.fragment = Be16(kIpv4DontFragment);
  header.ttl = kErrorTtl;
  header.protocol = kProtocolIcmp;
  header.source = error.ipv4_source;
  header.destination = quoted.source;
  store(layout.network_start(), header);
  view<Ipv4Header>(layout.network_start()).checksum = checksum_of(ones_sum(layout.network_start(), kIpv4HeaderSize));
}

void write_ipv6(const Layout& layout, const IcmpError& error) noexcept {
  const auto& quoted = view<Ipv6Header>(layout.quote_start());
  const TypeCode type = icmpv6_type(error.kind);
  const std::uint32_t mtu = error.kind == IcmpErrorKind::kTooBig ? error.mtu : 0;
  store(layout.icmp_start(), Icmpv6TooBig{type.type, type.code, Be16(), Be32(mtu)});

  Ipv6Header header{};
  header.version_class_label = Be32(6U << 28);
  header.payload_length = Be16(static_cast<std::uint16_t>(kIcmpHeaderSize + layout.quote));
  header.next_header = kProtocolIcmpv6;
  header.hop_limit = kErrorTtl;
  header.source = error.ipv6_source;
  header.destination = quoted.source;
  store(layout.network_start(), header);
  const OnesSum pseudo =
      pseudo_header_sum(header.source, header.destination, kProtocolIcmpv6, kIcmpHeaderSize + layout.quote);
  view<IcmpHeader>(layout.icmp_start()).checksum = checksum_of(pseudo + message_sum(layout));
}

}  // namespace

bool may_answer(const Packet& packet) noexcept {
  if (packet.network == NetworkKind::kNone) return false;
  if (packet.has(kFlagIcmpError) || packet.has(kFlagGroupFrame) || packet.has(kFlagGenerated)) return false;
  if (packet.has(kFlagSourceLinkLocal)) return false;
  const bool ipv4 = packet.network == NetworkKind::kIpv4;
  if (packet.has(kFlagFragment) && !packet.has(kFlagFirstFragment)) {
    // IPv6 allows it, but of ICMPv6 nobody can tell from here whether it is an error.
    if (ipv4 || packet.protocol == kProtocolIcmpv6) return false;
  }
  return ipv4 ? may_answer_ipv4(packet) : may_answer_ipv6(packet);
}

bool build_icmp_error(Packet& packet, const IcmpError& error, const FrameRoom& room) noexcept {
  Layout layout{};
  if (!plan(packet, room, layout)) return false;
  // The tags are needed first when things move towards the end; at most 22 bytes.
  std::array<std::byte, kEthernetHeaderSize + kMaxVlanTags * kVlanTagSize> ethernet;
  std::memcpy(ethernet.data(), packet.data, layout.ethernet);
  if (packet.network_header() != layout.quote_start()) {
    std::memmove(layout.quote_start(), packet.network_header(), layout.quote);
  }
  std::memcpy(layout.data, ethernet.data(), layout.ethernet);
  auto& header = view<EthernetHeader>(layout.data);
  header.destination = error.destination_mac;
  header.source = error.source_mac;

  const bool version4 = packet.network == NetworkKind::kIpv4;
  version4 ? write_ipv4(layout, error) : write_ipv6(layout, error);
  Packet made;
  made.data = layout.data;
  made.frame = packet.frame;
  made.length = static_cast<std::uint16_t>(layout.ethernet + layout.network + kIcmpHeaderSize + layout.quote);
  made.ingress = packet.ingress;
  made.network_offset = packet.network_offset;
  made.network_length = static_cast<std::uint16_t>(made.length - layout.ethernet);
  made.transport_offset = static_cast<std::uint16_t>(layout.ethernet + layout.network);
  made.flags = kFlagTransport | kFlagIcmpError | kFlagDontFragment | kFlagGenerated;
  made.network = packet.network;
  made.protocol = version4 ? kProtocolIcmp : kProtocolIcmpv6;
  made.vlan_tags = packet.vlan_tags;
  packet = made;
  return true;
}

}  // namespace culvert
