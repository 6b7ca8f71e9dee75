// SPDX-License-Identifier: Apache-2.0
#include "packet/icmp_quote.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/parse.h"
#include "packet/tcp.h"

namespace culvert {
namespace {

constexpr std::uint32_t kPorts = 4;              ///< bytes of a transport header up to the end of its ports
constexpr std::uint32_t kTcpSequenceEnd = 8;     ///< up to the end of the sequence number
constexpr std::uint32_t kIcmpType = 1;           ///< up to the end of an ICMP type
constexpr std::uint32_t kIcmpIdentifierEnd = 6;  ///< up to the end of a query's identifier
/// An option's type and length, and an extension header's next header and length.
constexpr std::uint32_t kTypeAndLength = 2;

/// Where the walk stands. at <= end <= packet_end, all from Packet::data.
struct Walk {
  const std::byte* data;
  std::uint32_t at;
  std::uint32_t end;         ///< of the quoted packet's bytes that are there
  std::uint32_t packet_end;  ///< where the quoted packet would end, as its IP header says

  const std::byte* here() const noexcept { return data + at; }
  std::uint32_t left() const noexcept { return end - at; }
};

QuoteRefusal need(const Walk& walk, std::uint32_t bytes) noexcept {
  if (walk.packet_end - walk.at < bytes) return QuoteRefusal::kLength;
  return walk.left() < bytes ? QuoteRefusal::kTruncated : QuoteRefusal::kNone;
}

/// The bytes behind the error's header that belong to the quote: all, unless it says how many words there are in front
/// of its extensions (RFC 4884 4). 0: it says more than there are, or there are none.
std::uint32_t quote_length(const Packet& packet, std::uint32_t available) noexcept {
  const std::byte* start = packet.transport_header();
  const std::uint8_t type = view<IcmpHeader>(start).type;
  std::uint32_t said = 0;
  if (packet.network == NetworkKind::kIpv4) {
    const bool extensible = type == kIcmpUnreachable || type == kIcmpTimeExceeded || type == kIcmpParameterProblem;
    if (extensible) said = load<std::uint8_t>(start + 5) * 4U;
  } else if (type == kIcmpv6Unreachable || type == kIcmpv6TimeExceeded) {
    said = load<std::uint8_t>(start + 4) * 8U;
  }
  if (said > available) return 0;
  return said != 0 ? said : available;
}

/// The options of an IPv4 header, which are all there (RFC 791 3.1).
bool options_right(const std::byte* options, std::uint32_t length) noexcept {
  for (std::uint32_t at = 0; at < length;) {
    const auto type = load<std::uint8_t>(options + at);
    if (type == kOptionEnd) return true;
    if (type == kOptionNop) {
      ++at;
      continue;
    }
    if (length - at < kTypeAndLength) return false;
    const std::uint32_t size = load<std::uint8_t>(options + at + 1);
    if (size < kTypeAndLength || size > length - at) return false;
    at += size;
  }
  return true;
}

/// The options of a hop-by-hop header, which are all there (RFC 8200 4.2).
bool hop_by_hop_right(const std::byte* options, std::uint32_t length) noexcept {
  std::uint32_t at = 0;
  for (int count = 0; at < length; ++count) {
    if (count == kMaxHopByHopOptions) return false;
    if (load<std::uint8_t>(options + at) == kOptionPad1) {
      ++at;
      continue;
    }
    if (length - at < kTypeAndLength) return false;
    const std::uint32_t size = kTypeAndLength + load<std::uint8_t>(options + at + 1);
    if (size > length - at) return false;
    at += size;
  }
  return true;
}

/// One extension header but a fragment header: its size in `size`.
QuoteRefusal read_extension(const Walk& walk, std::uint8_t kind, std::uint32_t& size) noexcept {
  const auto& header = view<Ipv6Extension>(walk.here());
  size = kind == kNextAuthentication ? header.authentication_size() : header.size();
  // RFC 4302 2: its fixed part is 12 bytes.
  if (kind == kNextAuthentication && size < 12) return QuoteRefusal::kHeaders;
  const QuoteRefusal refusal = need(walk, size);
  if (refusal != QuoteRefusal::kNone) return refusal;
  if (kind == kNextHopByHop && !hop_by_hop_right(walk.here() + kTypeAndLength, size - kTypeAndLength)) {
    return QuoteRefusal::kHeaders;
  }
  return QuoteRefusal::kNone;
}

/// Walks to the upper-layer header, or behind the fragment header of a later fragment. `protocol` comes as the IPv6
/// header's next header and becomes the upper layer's.
QuoteRefusal walk_extensions(Walk& walk, std::uint8_t& protocol, bool& later_fragment) noexcept {
  const std::uint32_t first = walk.at;
  bool fragment = false;
  for (int count = 0;; ++count) {
    const bool known = protocol == kNextHopByHop || protocol == kNextRouting || protocol == kNextFragment ||
                       protocol == kNextAuthentication || protocol == kNextDestinationOptions;
    if (!known) return QuoteRefusal::kNone;
    if (count == kMaxIpv6Extensions) return QuoteRefusal::kHeaders;
    if (protocol == kNextHopByHop && walk.at != first) return QuoteRefusal::kHeaders;
    if (protocol == kNextFragment && fragment) return QuoteRefusal::kHeaders;
    QuoteRefusal refusal = need(walk, kFragmentUnit);  // the smallest of them
    if (refusal != QuoteRefusal::kNone) return refusal;
    std::uint32_t size = sizeof(Ipv6FragmentHeader);
    if (protocol == kNextFragment) {
      fragment = true;
      later_fragment = (view<Ipv6FragmentHeader>(walk.here()).offset.host() & kIpv6OffsetMask) != 0;
    } else {
      refusal = read_extension(walk, protocol, size);
      if (refusal != QuoteRefusal::kNone) return refusal;
    }
    protocol = view<Ipv6Extension>(walk.here()).next_header;
    walk.at += size;
    if (later_fragment) return QuoteRefusal::kNone;
  }
}

template <typename Tuple>
void set_ports(IcmpQuote& quote, Tuple& tuple, Be16 source, Be16 destination) noexcept {
  tuple.source_port = source;
  tuple.destination_port = destination;
  quote.has_ports = true;
}

template <typename Tuple>
QuoteRefusal read_icmp(const Walk& walk, bool version4, IcmpQuote& quote, Tuple& tuple) noexcept {
  QuoteRefusal refusal = need(walk, kIcmpType);
  if (refusal != QuoteRefusal::kNone) return refusal;
  const auto type = load<std::uint8_t>(walk.here());
  if (version4 ? is_icmp_error(type) : is_icmpv6_error(type)) return QuoteRefusal::kIcmpError;
  if (!(version4 ? is_icmp_query(type) : is_icmpv6_query(type))) return QuoteRefusal::kNone;
  refusal = need(walk, kIcmpIdentifierEnd);
  if (refusal != QuoteRefusal::kNone) return refusal;
  const auto identifier = load<Be16>(walk.here() + kIcmpIdentifierEnd - sizeof(Be16));
  set_ports(quote, tuple, identifier, identifier);
  return QuoteRefusal::kNone;
}

/// What the walk has come to; the tuple has the protocol.
template <typename Tuple>
QuoteRefusal read_transport(const Walk& walk, bool version4, IcmpQuote& quote, Tuple& tuple) noexcept {
  quote.transport_offset = static_cast<std::uint16_t>(walk.at);
  if (quote.later_fragment) return QuoteRefusal::kNone;
  quote.transport_length = static_cast<std::uint16_t>(walk.left());
  switch (tuple.protocol) {
    case kProtocolTcp:
    case kProtocolUdp:
    case kProtocolSctp:
      break;
    case kProtocolIcmp:
      return version4 ? read_icmp(walk, version4, quote, tuple) : QuoteRefusal::kNone;
    case kProtocolIcmpv6:
      return version4 ? QuoteRefusal::kNone : read_icmp(walk, version4, quote, tuple);
    default:
      return QuoteRefusal::kNone;
  }
  const QuoteRefusal refusal = need(walk, kPorts);
  if (refusal != QuoteRefusal::kNone) return refusal;
  const auto ports = load<std::array<Be16, 2>>(walk.here());
  set_ports(quote, tuple, ports[0], ports[1]);
  if (tuple.protocol == kProtocolTcp && walk.left() >= kTcpSequenceEnd) {
    quote.tcp_sequence = load<Be32>(walk.here() + kPorts).host();
    quote.has_tcp_sequence = true;
  }
  return QuoteRefusal::kNone;
}

/// The quoted packet ends `length` bytes behind its first one, or with the quote.
void set_end(Walk& walk, IcmpQuote& quote, std::uint32_t length) noexcept {
  walk.packet_end = walk.at + length;
  walk.end = std::min(walk.end, walk.packet_end);
  quote.network_length = static_cast<std::uint16_t>(walk.left());
}

QuoteRefusal read_ipv4(Walk walk, IcmpQuote& quote, std::uint16_t vrf) noexcept {
  if (walk.left() < kIpv4HeaderSize) return QuoteRefusal::kTruncated;
  const auto& header = view<Ipv4Header>(walk.here());
  const std::uint32_t header_length = header.header_length();
  const std::uint32_t total_length = header.total_length.host();
  if (header.version() != 4) return QuoteRefusal::kVersion;
  if (header_length < kIpv4HeaderSize || total_length < header_length) return QuoteRefusal::kLength;
  set_end(walk, quote, total_length);
  if (walk.left() < header_length) return QuoteRefusal::kTruncated;
  if (!options_right(walk.here() + kIpv4HeaderSize, header_length - kIpv4HeaderSize)) return QuoteRefusal::kHeaders;
  quote.tuple4 = {header.source, header.destination, {}, {}, header.protocol, 0, vrf};
  quote.later_fragment = (header.fragment.host() & kIpv4OffsetMask) != 0;
  walk.at += header_length;
  return read_transport(walk, true, quote, quote.tuple4);
}

QuoteRefusal read_ipv6(Walk walk, IcmpQuote& quote, std::uint16_t vrf) noexcept {
  if (walk.left() < kIpv6HeaderSize) return QuoteRefusal::kTruncated;
  const auto& header = view<Ipv6Header>(walk.here());
  if (header.version() != 6) return QuoteRefusal::kVersion;
  set_end(walk, quote, kIpv6HeaderSize + header.payload_length.host());
  quote.tuple6 = {header.source, header.destination, {}, {}, header.next_header, 0, vrf};
  walk.at += kIpv6HeaderSize;
  const QuoteRefusal refusal = walk_extensions(walk, quote.tuple6.protocol, quote.later_fragment);
  return refusal != QuoteRefusal::kNone ? refusal : read_transport(walk, false, quote, quote.tuple6);
}

}  // namespace

QuoteRefusal read_icmp_quote(const Packet& packet, IcmpQuote& quote, std::uint16_t vrf) noexcept {
  CULVERT_ASSERT(packet.has(kFlagIcmpError) && packet.has(kFlagTransport));
  quote = IcmpQuote{};
  // Parse has seen that the error's own 8 bytes are there.
  const std::uint32_t start = packet.transport_offset + std::uint32_t{sizeof(IcmpHeader)};
  const std::uint32_t available = packet.network_offset + std::uint32_t{packet.network_length} - start;
  const std::uint32_t length = quote_length(packet, available);
  if (length == 0) return available == 0 ? QuoteRefusal::kTruncated : QuoteRefusal::kLength;
  quote.network_offset = static_cast<std::uint16_t>(start);
  const Walk walk{packet.data, start, start + length, start + length};
  return packet.network == NetworkKind::kIpv4 ? read_ipv4(walk, quote, vrf) : read_ipv6(walk, quote, vrf);
}

}  // namespace culvert
