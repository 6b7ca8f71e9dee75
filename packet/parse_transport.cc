// SPDX-License-Identifier: Apache-2.0
// The transport header and the place of a fragment, for IPv4 and IPv6 alike.
#include <array>

#include "base/bytes.h"
#include "packet/gre.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/ipv4.h"
#include "packet/parse_detail.h"
#include "packet/sctp.h"
#include "packet/tcp.h"
#include "packet/udp.h"

namespace culvert::parse_detail {
namespace {

void set_ports(Packet& packet, const std::byte* header) noexcept {
  const auto ports = load<std::array<Be16, 2>>(header);
  packet.source_port = ports[0];
  packet.destination_port = ports[1];
}

DropReason parse_icmp(Packet& packet, const std::byte* start) noexcept {
  const auto& header = view<IcmpHeader>(start);
  const bool version4 = packet.network == NetworkKind::kIpv4;
  if (version4 ? is_icmp_error(header.type) : is_icmpv6_error(header.type)) {
    set(packet, kFlagIcmpError);
  } else if (version4 ? is_icmp_query(header.type) : is_icmpv6_query(header.type)) {
    packet.source_port = packet.destination_port = header.identifier;
  }
  return DropReason::kNone;
}

DropReason parse_tcp(Packet& packet, const std::byte* start, std::uint32_t length) noexcept {
  const auto& header = view<TcpHeader>(start);
  const std::uint32_t header_length = header.header_length();
  if (header_length < sizeof(TcpHeader) || header_length > length) return DropReason::kTransportLength;
  packet.tcp_flags = header.flags;
  set_ports(packet, start);
  return DropReason::kNone;
}

DropReason parse_udp(Packet& packet, const std::byte* start, std::uint32_t length) noexcept {
  const std::uint32_t said = view<UdpHeader>(start).length.host();
  // A first fragment holds only a part of what the length counts.
  const bool whole = !packet.has(kFlagFragment) || packet.has(kFlagLastFragment);
  if (said < sizeof(UdpHeader) || (whole && said > length)) return DropReason::kTransportLength;
  set_ports(packet, start);
  return DropReason::kNone;
}

/// The part of the header that must be there; 0: a protocol that is carried without being looked at.
std::uint32_t smallest_header(const Packet& packet) noexcept {
  switch (packet.protocol) {
    case kProtocolTcp:
      return sizeof(TcpHeader);
    case kProtocolUdp:
      return sizeof(UdpHeader);
    case kProtocolIcmp:
      return packet.network == NetworkKind::kIpv4 ? sizeof(IcmpHeader) : 0;
    case kProtocolIcmpv6:
      return packet.network == NetworkKind::kIpv6 ? sizeof(IcmpHeader) : 0;
    case kProtocolSctp:
      return sizeof(SctpHeader);
    case kProtocolGre:
      return sizeof(GreHeader);
    case kProtocolDccp:
      return kDccpHeaderBytes;
    case kProtocolUdpLite:
      return kUdpLiteHeaderBytes;
    default:
      return 0;
  }
}

}  // namespace

DropReason parse_transport(Packet& packet, std::uint32_t offset, std::uint32_t end) noexcept {
  const std::uint32_t smallest = smallest_header(packet);
  if (smallest == 0) return DropReason::kNone;
  const std::uint32_t length = end - offset;
  if (length < smallest) return DropReason::kTransportTruncated;
  const std::byte* start = packet.data + offset;
  packet.transport_offset = static_cast<std::uint16_t>(offset);
  set(packet, kFlagTransport);
  switch (packet.protocol) {
    case kProtocolTcp:
      return parse_tcp(packet, start, length);
    case kProtocolUdp:
      return parse_udp(packet, start, length);
    case kProtocolSctp:
      set_ports(packet, start);
      return DropReason::kNone;
    case kProtocolGre:
      return length < view<GreHeader>(start).header_length() ? DropReason::kTransportTruncated : DropReason::kNone;
    case kProtocolDccp:
    case kProtocolUdpLite:
      return DropReason::kNone;
    default:
      return parse_icmp(packet, start);
  }
}

DropReason check_fragment(Packet& packet, std::uint32_t offset, std::uint32_t length, std::uint32_t before,
                          bool more) noexcept {
  set(packet, kFlagFragment);
  if (offset == 0) set(packet, kFlagFirstFragment);
  if (!more) set(packet, kFlagLastFragment);
  if (more && length % kFragmentUnit != 0) return DropReason::kFragmentBad;
  // A fragment that brings nothing only costs the receiver memory.
  if (length == 0 && (more || offset != 0)) return DropReason::kFragmentBad;
  if (before + offset + length > 0xffff) return DropReason::kFragmentBad;
  // The second fragment of a TCP header can only be meant to overwrite the flags of the first (RFC 1858 3.2.1, RFC
  // 3128).
  if (offset == kFragmentUnit && packet.protocol == kProtocolTcp) return DropReason::kFragmentBad;
  return DropReason::kNone;
}

}  // namespace culvert::parse_detail
