// SPDX-License-Identifier: Apache-2.0
#include "packet/translate.h"

#include <type_traits>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/sctp.h"
#include "packet/transport_checksum.h"
#include "packet/udp.h"

namespace culvert {
namespace {

template <typename Tuple>
using HeaderOf = std::conditional_t<std::is_same_v<Tuple, FiveTuple4>, Ipv4Header, Ipv6Header>;

template <typename Field>
void replace(Field& field, const Field& value, ChecksumDelta& delta) noexcept {
  delta.replace(field, value);
  field = value;
}

/// Addresses of an IP header, and the IPv4 header's checksum; returns what a pseudo-header's sum changes by.
template <typename Tuple>
ChecksumDelta set_addresses(std::byte* start, const Tuple& to) noexcept {
  auto& header = view<HeaderOf<Tuple>>(start);
  ChecksumDelta delta;
  replace(header.source, to.source, delta);
  replace(header.destination, to.destination, delta);
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) header.checksum = delta.apply(header.checksum);
  return delta;
}

/// The ports of a TCP, UDP or SCTP header.
template <typename Tuple>
ChecksumDelta set_ports(std::byte* start, const Tuple& to) noexcept {
  auto& header = view<UdpHeader>(start);  // they are in one place
  ChecksumDelta delta;
  replace(header.source_port, to.source_port, delta);
  replace(header.destination_port, to.destination_port, delta);
  return delta;
}

/// CRC32c is linear: the sum of what has changed, zeros behind it, is what the sum changes by.
void follow_crc(std::byte* start, Be32 old_ports, std::uint32_t length) noexcept {
  constexpr std::byte kZeros[256]{};
  const Be32 changed = Be32::from_wire(old_ports.wire() ^ load<Be32>(start).wire());
  const auto extend = [](const std::byte* bytes, std::size_t count, std::uint32_t sum) {
    return ~crc32c(bytes, count, ~sum);  // without the inversions before and after
  };
  std::byte bytes[sizeof(changed)];
  store(bytes, changed);
  std::uint32_t sum = extend(bytes, sizeof(bytes), 0);
  for (std::uint32_t left = length - static_cast<std::uint32_t>(sizeof(bytes)); left > 0;) {
    const std::uint32_t count = left < sizeof(kZeros) ? left : static_cast<std::uint32_t>(sizeof(kZeros));
    sum = extend(kZeros, count, sum);
    left -= count;
  }
  auto& checksum = view<SctpHeader>(start).checksum;
  store(checksum.data(), load<std::uint32_t>(checksum.data()) ^ sum);
}

/// Whether an ICMP message has an identifier, which goes with the session.
template <typename Tuple>
bool is_query(const std::byte* start) noexcept {
  const auto type = view<IcmpHeader>(start).type;
  return std::is_same_v<Tuple, FiveTuple4> ? is_icmp_query(type) : is_icmpv6_query(type);
}

template <typename Tuple>
inline constexpr std::uint8_t kIcmpOf = std::is_same_v<Tuple, FiveTuple4> ? kProtocolIcmp : kProtocolIcmpv6;

/// What a checksum in the quoted packet, or the error's own, gets.
void follow(Be16& checksum, const ChecksumDelta& delta, ChecksumDelta& outer) noexcept {
  replace(checksum, delta.apply(checksum), outer);
}

/// RFC 768: a sum that comes out as zero is written as 0xffff, and zero says that there is none.
void follow_udp(Be16& checksum, const ChecksumDelta& delta, ChecksumDelta& outer) noexcept {
  if (checksum.wire() == 0) return;
  const Be16 sum = delta.apply(checksum);
  replace(checksum, sum.wire() == 0 ? Be16(0xffff) : sum, outer);
}

/// Of UDP-Lite, which has no zero (RFC 3828 3.1), and of DCCP, for which it is the same number.
void follow_addresses(std::byte* start, const ChecksumDelta& addresses) noexcept {
  ChecksumDelta nobody;
  follow_udp(view<UdpHeader>(start).checksum, addresses, nobody);
}

/// Transport header: ports or identifier, and the checksum if `available` bytes hold it. `addresses`: what the
/// pseudo-header has changed by. Returns what the bytes of the header have changed by, together.
template <typename Tuple>
ChecksumDelta set_transport(std::byte* start, std::uint32_t available, const Tuple& to,
                            const ChecksumDelta& addresses) noexcept {
  ChecksumDelta outer;
  ChecksumDelta delta = addresses;
  if (to.protocol == kIcmpOf<Tuple>) {
    if constexpr (std::is_same_v<Tuple, FiveTuple4>) delta = {};  // RFC 792: no pseudo-header
    ChecksumDelta identifier;
    if (is_query<Tuple>(start)) replace(view<IcmpHeader>(start).identifier, to.source_port, identifier);
    outer.add(identifier);
    follow(view<IcmpHeader>(start).checksum, delta.add(identifier), outer);
    return outer;
  }
  const std::uint32_t field = checksum_field_offset(to.protocol);
  outer = set_ports(start, to);
  if (available < field + sizeof(Be16)) return outer;
  delta.add(outer);
  auto& checksum = view<Be16>(start + field);
  if (to.protocol == kProtocolUdp) {
    follow_udp(checksum, delta, outer);
  } else {
    follow(checksum, delta, outer);
  }
  return outer;
}

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolSctp;
}

template <typename Tuple>
void translate_packet(Packet& packet, const Tuple& to, std::uint32_t transport_length) noexcept {
  const ChecksumDelta addresses = set_addresses(packet.network_header(), to);
  if (!packet.has(kFlagTransport)) return;
  std::byte* start = packet.transport_header();
  const std::uint32_t here = packet.network_offset + std::uint32_t{packet.network_length} - packet.transport_offset;
  if (packet.protocol == kProtocolSctp) {
    const auto old_ports = load<Be32>(start);
    set_ports(start, to);
    follow_crc(start, old_ports, transport_length != 0 ? transport_length : here);
  } else if (has_ports(packet.protocol) || packet.protocol == kIcmpOf<Tuple>) {
    set_transport(start, here, to, addresses);
  } else {
    if (packet.protocol == kProtocolUdpLite || packet.protocol == kProtocolDccp) follow_addresses(start, addresses);
    return;
  }
  if (packet.protocol == kIcmpOf<Tuple> && !is_query<Tuple>(start)) return;
  packet.source_port = to.source_port;
  packet.destination_port = to.destination_port;
}

template <typename Tuple>
void translate_quote(Packet& packet, const IcmpQuote& quote, const Tuple& to) noexcept {
  std::byte* network = packet.data + quote.network_offset;
  ChecksumDelta outer;
  ChecksumDelta addresses;
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
    const Be16 before = view<Ipv4Header>(network).checksum;
    addresses = set_addresses(network, to);
    outer.replace(before, view<Ipv4Header>(network).checksum);
  } else {
    addresses = set_addresses(network, to);
  }
  outer.add(addresses);
  if (quote.has_ports) {
    std::byte* start = packet.data + quote.transport_offset;
    if (to.protocol == kProtocolSctp) {
      outer.add(set_ports(start, to));  // nobody can check a sum over what is not quoted
    } else {
      outer.add(set_transport(start, quote.transport_length, to, addresses));
    }
  }
  auto& icmp = view<IcmpHeader>(packet.transport_header());
  icmp.checksum = outer.apply(icmp.checksum);
}

}  // namespace

void translate_any(Packet& packet, const FiveTuple4& to, std::uint32_t transport_length) noexcept {
  translate_packet(packet, to, transport_length);
}
void translate_any(Packet& packet, const FiveTuple6& to, std::uint32_t transport_length) noexcept {
  translate_packet(packet, to, transport_length);
}

void translate_quoted(Packet& packet, const IcmpQuote& quote, const FiveTuple4& to) noexcept {
  translate_quote(packet, quote, to);
}
void translate_quoted(Packet& packet, const IcmpQuote& quote, const FiveTuple6& to) noexcept {
  translate_quote(packet, quote, to);
}

}  // namespace culvert
