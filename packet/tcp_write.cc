// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_write.h"

#include <cstring>
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

constexpr std::uint8_t kOurTtl = 64;

std::uint32_t size_of(const TcpContent& content) noexcept {
  return static_cast<std::uint32_t>(sizeof(TcpHeader)) + content.options.size();
}

/// Header and options with a checksum of zero.
void write_tcp(std::byte* start, Be16 source_port, Be16 destination_port, const TcpContent& content) noexcept {
  TcpHeader header{};
  header.source_port = source_port;
  header.destination_port = destination_port;
  header.sequence = Be32(content.sequence);
  header.acknowledgment = Be32(content.acknowledgment);
  header.data_offset = static_cast<std::uint8_t>(size_of(content) / 4 << 4);
  header.flags = content.flags;
  header.window = Be16(content.window);
  store(start, header);
  std::memcpy(start + sizeof(TcpHeader), content.options.data(), content.options.size());
}

/// The IP header; how long it is.
std::uint32_t write_network(std::byte* start, const FiveTuple4& tuple, std::uint32_t tcp_size) noexcept {
  Ipv4Header header{};
  header.version_length = 0x45;
  header.total_length = Be16(static_cast<std::uint16_t>(kIpv4HeaderSize + tcp_size));
  // Never fragmented, so the identification need not be unique (RFC 6864 4.1).
  header.fragment = Be16(kIpv4DontFragment);
  header.ttl = kOurTtl;
  header.protocol = kProtocolTcp;
  header.source = tuple.source;
  header.destination = tuple.destination;
  store(start, header);
  view<Ipv4Header>(start).checksum = checksum_of(ones_sum(start, kIpv4HeaderSize));
  return kIpv4HeaderSize;
}
std::uint32_t write_network(std::byte* start, const FiveTuple6& tuple, std::uint32_t tcp_size) noexcept {
  Ipv6Header header{};
  header.version_class_label = Be32(6U << 28);
  header.payload_length = Be16(static_cast<std::uint16_t>(tcp_size));
  header.next_header = kProtocolTcp;
  header.hop_limit = kOurTtl;
  header.source = tuple.source;
  header.destination = tuple.destination;
  store(start, header);
  return kIpv6HeaderSize;
}

/// Writes what stands behind the Ethernet header and its tags, and makes `packet` the view of it.
template <typename Tuple>
void write_packet(Packet& packet, std::uint32_t network_offset, std::uint8_t vlan_tags, const Tuple& tuple,
                  const TcpContent& content) noexcept {
  const std::uint32_t tcp_size = size_of(content);
  std::byte* network = packet.data + network_offset;
  const std::uint32_t header = write_network(network, tuple, tcp_size);
  std::byte* tcp = network + header;
  write_tcp(tcp, tuple.source_port, tuple.destination_port, content);
  const OnesSum pseudo = pseudo_header_sum(tuple.source, tuple.destination, kProtocolTcp, tcp_size);
  view<TcpHeader>(tcp).checksum = checksum_of(pseudo + ones_sum(tcp, tcp_size));
  Packet made;
  made.data = packet.data;
  made.frame = packet.frame;
  made.length = static_cast<std::uint16_t>(network_offset + header + tcp_size);
  made.ingress = packet.ingress;
  made.network_offset = static_cast<std::uint16_t>(network_offset);
  made.network_length = static_cast<std::uint16_t>(header + tcp_size);
  made.transport_offset = static_cast<std::uint16_t>(network_offset + header);
  made.flags = kFlagTransport | kFlagDontFragment | kFlagGenerated;
  made.network = header == kIpv4HeaderSize ? NetworkKind::kIpv4 : NetworkKind::kIpv6;
  made.protocol = kProtocolTcp;
  made.vlan_tags = vlan_tags;
  made.tcp_flags = content.flags;
  made.source_port = tuple.source_port;
  made.destination_port = tuple.destination_port;
  packet = made;
}

template <typename Tuple>
bool write_fresh(Packet& packet, std::uint16_t ether_type, std::uint32_t network_size, const Tuple& tuple,
                 const TcpContent& content) noexcept {
  if (packet.length < kEthernetHeaderSize + network_size + size_of(content)) return false;
  store(packet.data, EthernetHeader{{}, {}, Be16(ether_type)});
  write_packet(packet, kEthernetHeaderSize, 0, tuple, content);
  return true;
}

/// Bytes of the frame, from the Ethernet header on.
std::uint32_t answer_length(const Packet& segment, const TcpContent& content) noexcept {
  const bool version4 = segment.network == NetworkKind::kIpv4;
  return segment.network_offset + (version4 ? kIpv4HeaderSize : kIpv6HeaderSize) + size_of(content);
}

/// `packet` has the segment's Ethernet header and tags, or is the segment.
void write_answer(Packet& packet, const Packet& segment, const TcpContent& content) noexcept {
  auto& ethernet = view<EthernetHeader>(packet.data);
  std::swap(ethernet.destination, ethernet.source);
  if (segment.network == NetworkKind::kIpv4) {
    write_packet(packet, segment.network_offset, segment.vlan_tags, five_tuple4(segment).reversed(), content);
  } else {
    write_packet(packet, segment.network_offset, segment.vlan_tags, five_tuple6(segment).reversed(), content);
  }
}

bool fits(const Packet& packet, std::uint32_t length, const FrameRoom& room) noexcept {
  return length <= static_cast<std::size_t>(room.end - packet.data);
}

}  // namespace

bool answer_tcp(Packet& packet, const TcpContent& content, const FrameRoom& room) noexcept {
  CULVERT_ASSERT(packet.protocol == kProtocolTcp && packet.has(kFlagTransport));
  if (!fits(packet, answer_length(packet, content), room)) return false;
  write_answer(packet, packet, content);
  return true;
}

bool answer_tcp_at(Packet& packet, const Packet& segment, const TcpContent& content) noexcept {
  CULVERT_ASSERT(segment.protocol == kProtocolTcp && segment.has(kFlagTransport));
  if (packet.length < answer_length(segment, content)) return false;
  std::memcpy(packet.data, segment.data, segment.network_offset);
  packet.ingress = segment.ingress;
  write_answer(packet, segment, content);
  return true;
}

bool replace_tcp(Packet& packet, const TcpContent& content, const FrameRoom& room) noexcept {
  CULVERT_ASSERT(packet.protocol == kProtocolTcp && packet.has(kFlagTransport));
  const std::uint32_t length = packet.transport_offset + size_of(content);
  if (!fits(packet, length, room)) return false;
  const auto network_length = static_cast<std::uint16_t>(length - packet.network_offset);
  if (packet.network == NetworkKind::kIpv4) {
    auto& header = view<Ipv4Header>(packet.network_header());
    const Be16 total(network_length);
    header.checksum = ChecksumDelta().replace(header.total_length, total).apply(header.checksum);
    header.total_length = total;
  } else {
    auto& header = view<Ipv6Header>(packet.network_header());
    header.payload_length = Be16(static_cast<std::uint16_t>(network_length - kIpv6HeaderSize));
  }
  packet.length = static_cast<std::uint16_t>(length);
  packet.network_length = network_length;
  packet.tcp_flags = content.flags;
  write_tcp(packet.transport_header(), packet.source_port, packet.destination_port, content);
  write_transport_checksum(packet);
  return true;
}

bool tcp_segment_at(Packet& packet, const FiveTuple4& tuple, const TcpContent& content) noexcept {
  return write_fresh(packet, kEtherTypeIpv4, kIpv4HeaderSize, tuple, content);
}
bool tcp_segment_at(Packet& packet, const FiveTuple6& tuple, const TcpContent& content) noexcept {
  return write_fresh(packet, kEtherTypeIpv6, kIpv6HeaderSize, tuple, content);
}

}  // namespace culvert
