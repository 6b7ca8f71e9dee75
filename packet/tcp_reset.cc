// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_reset.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "packet/checksum.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/tcp.h"
#include "packet/transport_checksum.h"

namespace culvert {
namespace {

constexpr std::uint8_t kResetTtl = 64;
constexpr std::uint32_t kTcpSize = sizeof(TcpHeader);

/// RFC 9293 3.5.2, groups 1 and 2.
TcpResetNumbers numbers_for(const Packet& packet) noexcept {
  const auto& segment = view<TcpHeader>(packet.transport_header());
  if ((segment.flags & kTcpAck) != 0) return {segment.acknowledgment.host(), 0, false};
  const std::uint32_t end = packet.network_offset + std::uint32_t{packet.network_length};
  std::uint32_t length = end - packet.transport_offset - segment.header_length();
  if ((segment.flags & kTcpSyn) != 0) ++length;
  if ((segment.flags & kTcpFin) != 0) ++length;
  return {0, segment.sequence.host() + length, true};
}

template <typename Tuple>
void write_tcp(std::byte* start, const Tuple& tuple, const TcpResetNumbers& numbers) noexcept {
  TcpHeader header{};
  header.source_port = tuple.source_port;
  header.destination_port = tuple.destination_port;
  header.sequence = Be32(numbers.sequence);
  if (numbers.acknowledges) header.acknowledgment = Be32(numbers.acknowledgment);
  header.data_offset = kTcpSize / 4 << 4;
  header.flags = static_cast<std::uint8_t>(kTcpRst | (numbers.acknowledges ? kTcpAck : 0));
  store(start, header);
  const OnesSum pseudo = pseudo_header_sum(tuple.source, tuple.destination, kProtocolTcp, kTcpSize);
  view<TcpHeader>(start).checksum = checksum_of(pseudo + ones_sum(start, kTcpSize));
}

/// The IP header; how long it is.
std::uint32_t write_network(std::byte* start, const FiveTuple4& tuple) noexcept {
  Ipv4Header header{};
  header.version_length = 0x45;
  header.total_length = Be16(kIpv4HeaderSize + kTcpSize);
  // Never fragmented, so the identification need not be unique (RFC 6864 4.1).
  header.fragment = Be16(kIpv4DontFragment);
  header.ttl = kResetTtl;
  header.protocol = kProtocolTcp;
  header.source = tuple.source;
  header.destination = tuple.destination;
  store(start, header);
  view<Ipv4Header>(start).checksum = checksum_of(ones_sum(start, kIpv4HeaderSize));
  return kIpv4HeaderSize;
}
std::uint32_t write_network(std::byte* start, const FiveTuple6& tuple) noexcept {
  Ipv6Header header{};
  header.version_class_label = Be32(6U << 28);
  header.payload_length = Be16(kTcpSize);
  header.next_header = kProtocolTcp;
  header.hop_limit = kResetTtl;
  header.source = tuple.source;
  header.destination = tuple.destination;
  store(start, header);
  return kIpv6HeaderSize;
}

/// Writes what stands behind the Ethernet header and its tags, and makes `packet` the view of it.
template <typename Tuple>
void write_reset(Packet& packet, std::uint32_t network_offset, std::uint8_t vlan_tags, const Tuple& tuple,
                 const TcpResetNumbers& numbers) noexcept {
  std::byte* network = packet.data + network_offset;
  const std::uint32_t header = write_network(network, tuple);
  write_tcp(network + header, tuple, numbers);
  Packet made;
  made.data = packet.data;
  made.frame = packet.frame;
  made.length = static_cast<std::uint16_t>(network_offset + header + kTcpSize);
  made.ingress = packet.ingress;
  made.network_offset = static_cast<std::uint16_t>(network_offset);
  made.network_length = static_cast<std::uint16_t>(header + kTcpSize);
  made.transport_offset = static_cast<std::uint16_t>(network_offset + header);
  made.flags = kFlagTransport | kFlagDontFragment | kFlagGenerated;
  made.network = header == kIpv4HeaderSize ? NetworkKind::kIpv4 : NetworkKind::kIpv6;
  made.protocol = kProtocolTcp;
  made.vlan_tags = vlan_tags;
  made.tcp_flags = view<TcpHeader>(network + header).flags;
  made.source_port = tuple.source_port;
  made.destination_port = tuple.destination_port;
  packet = made;
}

template <typename Tuple>
bool write_fresh(Packet& packet, std::uint16_t ether_type, std::uint32_t network_size, const Tuple& tuple,
                 const TcpResetNumbers& numbers) noexcept {
  if (packet.length < kEthernetHeaderSize + network_size + kTcpSize) return false;
  store(packet.data, EthernetHeader{{}, {}, Be16(ether_type)});
  write_reset(packet, kEthernetHeaderSize, 0, tuple, numbers);
  return true;
}

}  // namespace

bool may_reset(const Packet& packet) noexcept {
  if (packet.protocol != kProtocolTcp || !packet.has(kFlagTransport) || packet.is_part()) return false;
  if ((packet.tcp_flags & kTcpRst) != 0) return false;
  if (packet.has(kFlagGroupFrame) || packet.has(kFlagGenerated) || packet.has(kFlagSourceLinkLocal)) return false;
  // 0/8 means "this network" (RFC 1122 3.2.1.3); parse has dropped all others that are no single host.
  const bool version4 = packet.network == NetworkKind::kIpv4;
  if (version4 && (view<Ipv4Header>(packet.network_header()).source.value.host() >> 24) == 0) return false;
  // Unknown with stops left on a source route: the header's destination is not the end that would answer.
  return verify_transport_checksum(packet) == ChecksumState::kRight;
}

void build_tcp_reset(Packet& packet) noexcept {
  CULVERT_ASSERT(packet.protocol == kProtocolTcp && packet.has(kFlagTransport));
  // All that the reset is made of is read before it is written over it; a TCP segment is at least as long.
  const TcpResetNumbers numbers = numbers_for(packet);
  auto& ethernet = view<EthernetHeader>(packet.data);
  std::swap(ethernet.destination, ethernet.source);
  if (packet.network == NetworkKind::kIpv4) {
    write_reset(packet, packet.network_offset, packet.vlan_tags, five_tuple4(packet).reversed(), numbers);
  } else {
    write_reset(packet, packet.network_offset, packet.vlan_tags, five_tuple6(packet).reversed(), numbers);
  }
}

bool tcp_reset_at(Packet& packet, const FiveTuple4& tuple, const TcpResetNumbers& numbers) noexcept {
  return write_fresh(packet, kEtherTypeIpv4, kIpv4HeaderSize, tuple, numbers);
}
bool tcp_reset_at(Packet& packet, const FiveTuple6& tuple, const TcpResetNumbers& numbers) noexcept {
  return write_fresh(packet, kEtherTypeIpv6, kIpv6HeaderSize, tuple, numbers);
}

}  // namespace culvert
