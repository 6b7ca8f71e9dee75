// SPDX-License-Identifier: Apache-2.0
// Gives a packet other addresses and ports. Checksums follow by what has changed (RFC 1624, RFC 3022 4.2), so a packet
// that was broken on its way stays as broken, and no payload is read.
//
//   198.18.0.2:5060 -> 192.0.2.1:5060   translate(packet, {198.18.1.1:40000 -> 192.0.2.1:5060})
//   198.18.1.1:40000 -> 192.0.2.1:5060  IPv4 and UDP checksums agree as they did before
//
// TCP, UDP and SCTP have ports; of ICMP queries both "ports" are the identifier. Of every other protocol only addresses
// change, and of UDP-Lite and DCCP the checksum that covers them. A UDP checksum of zero stays (RFC 768). Of fragments
// only the first has ports and a checksum.
//
// An ICMP error is translated in two steps: the packet that it quotes, which went the other way and is translated back
// (RFC 5508 4, 7), and its own addresses.
#pragma once

#include <cstddef>
#include <type_traits>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/five_tuple.h"
#include "packet/icmp_quote.h"
#include "packet/packet.h"
#include "packet/tcp.h"
#include "packet/udp.h"

namespace culvert {

/// translate() of whatever packet.
void translate_any(Packet& packet, const FiveTuple4& to, std::uint32_t transport_length) noexcept;
void translate_any(Packet& packet, const FiveTuple6& to, std::uint32_t transport_length) noexcept;

/// Addresses of an IP header, and the IPv4 header's checksum; returns what a pseudo-header's sum changes by, folded.
template <typename Address>
std::uint16_t put_addresses(std::byte* start, const Address& source, const Address& destination) noexcept {
  constexpr bool kIpv4 = std::is_same_v<Address, Ipv4Address>;
  auto& header = view<std::conditional_t<kIpv4, Ipv4Header, Ipv6Header>>(start);
  ChecksumDelta delta;
  delta.replace(header.source, source).replace(header.destination, destination);
  header.source = source;
  header.destination = destination;
  const std::uint16_t folded = delta.folded();
  if constexpr (kIpv4) header.checksum = ChecksumDelta::apply_folded(header.checksum, folded);
  return folded;
}

/// Ports of TCP or UDP, and the checksum, which is at `field`.
inline void put_ports(Packet& packet, std::byte* field, Be16 source, Be16 destination,
                      std::uint16_t addresses) noexcept {
  std::byte* start = packet.transport_header();
  const Be32 ports = Be32::from_wire(source.wire() | std::uint32_t{destination.wire()} << 16);
  ChecksumDelta delta = ChecksumDelta::from_folded(addresses);
  delta.replace(load<Be32>(start), ports);
  store(start, ports);
  packet.source_port = source;
  packet.destination_port = destination;
  const auto checksum = load<Be16>(field);
  const bool udp = packet.protocol == kProtocolUdp;
  if (udp && checksum.wire() == 0) return;  // RFC 768: there is none
  const Be16 sum = delta.apply(checksum);
  store(field, udp && sum.wire() == 0 ? Be16(0xffff) : sum);
}

/// translate() of TCP and UDP, which most packets are. False, and nothing is changed: it is another one, or a fragment
/// without the whole header. Inline with what the caller has in registers: translated packets pay for every copy.
template <typename Address>
[[gnu::always_inline]] inline bool translate_plain(Packet& packet, const Address& source, const Address& destination,
                                                   Be16 source_port, Be16 destination_port) noexcept {
  const bool tcp = packet.protocol == kProtocolTcp;
  const bool plain = (tcp || packet.protocol == kProtocolUdp) && packet.has(kFlagTransport);
  const std::size_t field =
      packet.transport_offset + (tcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum));
  const std::size_t end = packet.network_offset + std::size_t{packet.network_length};
  if (!plain || field + sizeof(Be16) > end) [[unlikely]]
    return false;
  const std::uint16_t addresses = put_addresses(packet.network_header(), source, destination);
  put_ports(packet, packet.data + field, source_port, destination_port, addresses);
  return true;
}

/// `packet` is parsed; afterwards it is as if it had come like this. `transport_length`: bytes of transport header and
/// data, of the whole datagram if this is its first fragment (only SCTP's checksum depends on it); 0: what is here.
template <typename Tuple>
void translate(Packet& packet, const Tuple& to, std::uint32_t transport_length = 0) noexcept {
  if (translate_plain(packet, to.source, to.destination, to.source_port, to.destination_port)) return;
  translate_any(packet, to, transport_length);
}

/// The packet that an ICMP error quotes gets the addresses and ports of `to`, as far as it is quoted; `quote` is the
/// error's, without refusal, and keeps what it says of places and lengths. The error's own checksum follows.
void translate_quoted(Packet& packet, const IcmpQuote& quote, const FiveTuple4& to) noexcept;
void translate_quoted(Packet& packet, const IcmpQuote& quote, const FiveTuple6& to) noexcept;

}  // namespace culvert
