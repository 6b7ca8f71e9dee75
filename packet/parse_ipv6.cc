// SPDX-License-Identifier: Apache-2.0
// IPv6 in the general path of the parser: RFC 8200; the whole header chain must be in the packet or in the first
// fragment (RFC 7112); addresses by RFC 4291 2.5 and RFC 6890.
#include "base/bytes.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/parse.h"
#include "packet/parse_detail.h"

namespace culvert::parse_detail {
namespace {

/// ::ffff:a.b.c.d is for programs, never for the wire (RFC 6890 table 20).
bool is_mapped(const Ipv6Address& address) noexcept {
  return address.high() == 0 && (address.low() & 0xffffffff) == 0xffff0000;
}

DropReason check_addresses(Packet& packet, const Ipv6Address& source, const Ipv6Address& destination) noexcept {
  if (source.is_multicast()) return DropReason::kSourceMartian;
  if (source.high() == 0 && (source.is_unspecified() || source.is_loopback() || is_mapped(source))) {
    return DropReason::kSourceMartian;
  }
  if (destination.is_multicast()) return DropReason::kMulticast;
  if (destination.high() == 0 &&
      (destination.is_unspecified() || destination.is_loopback() || is_mapped(destination))) {
    return DropReason::kDestinationMartian;
  }
  if (destination.is_link_local()) return DropReason::kDestinationLinkLocal;
  if (source.is_link_local()) set(packet, kFlagSourceLinkLocal);
  return DropReason::kNone;
}

/// RFC 8200 4.2: type, length (of the data), data; Pad1 is one byte.
DropReason walk_hop_by_hop(Packet& packet, const std::byte* options, std::uint32_t length) noexcept {
  std::uint32_t at = 0;
  for (int count = 0; at < length; ++count) {
    if (count == kMaxHopByHopOptions) return DropReason::kIpv6ExtensionTooMany;
    const auto type = load<std::uint8_t>(options + at);
    if (type == kOptionPad1) {
      ++at;
      continue;
    }
    if (length - at < 2) return DropReason::kIpv6ExtensionBad;
    const std::uint32_t size = 2U + load<std::uint8_t>(options + at + 1);
    if (size > length - at) return DropReason::kIpv6ExtensionBad;
    if (type == kOptionIpv6RouterAlert) set(packet, kFlagRouterAlert);
    at += size;
  }
  return DropReason::kNone;
}

/// Where the walk along the header chain stands.
struct Chain {
  std::uint32_t offset;
  std::uint32_t end;
  std::uint8_t next;
  bool first = true;      ///< right behind the IPv6 header
  bool fragment = false;  ///< a fragment header was seen
  bool done = false;      ///< what remains is not a header chain
};

/// Next header, length, reserved, index, sequence number (RFC 4302 2).
constexpr std::uint32_t kSmallestAuthentication = 12;

/// Where a hop-by-hop header's options begin.
constexpr std::uint32_t kExtensionStart = sizeof(Ipv6Extension);

bool is_extension(std::uint8_t next) noexcept {
  return next == kNextHopByHop || next == kNextRouting || next == kNextFragment || next == kNextAuthentication ||
         next == kNextDestinationOptions;
}

DropReason step_fragment(Packet& packet, Chain& chain) noexcept {
  if (chain.fragment) return DropReason::kIpv6ExtensionBad;
  chain.fragment = true;
  chain.first = false;
  const auto& header = view<Ipv6FragmentHeader>(packet.data + chain.offset);
  const std::uint32_t offset = header.offset.host() & kIpv6OffsetMask;
  const std::uint32_t before = chain.offset - packet.network_offset - kIpv6HeaderSize;
  chain.next = header.next_header;
  chain.offset += sizeof(Ipv6FragmentHeader);
  chain.done = offset != 0;
  packet.protocol = chain.next;
  return check_fragment(packet, offset, chain.end - chain.offset, before,
                        (header.offset.host() & kIpv6MoreFragments) != 0);
}

/// One extension header; RFC 8200 4.1: hop-by-hop only first.
DropReason step(Packet& packet, Chain& chain) noexcept {
  if (chain.end - chain.offset < kFragmentUnit) return DropReason::kIpv6ExtensionTruncated;
  if (chain.next == kNextFragment) return step_fragment(packet, chain);
  if (chain.next == kNextHopByHop && !chain.first) return DropReason::kIpv6ExtensionBad;
  const std::byte* start = packet.data + chain.offset;
  const auto& header = view<Ipv6Extension>(start);
  const std::uint32_t size = chain.next == kNextAuthentication ? header.authentication_size() : header.size();
  if (chain.next == kNextAuthentication && size < kSmallestAuthentication) return DropReason::kIpv6ExtensionBad;
  if (size > chain.end - chain.offset) return DropReason::kIpv6ExtensionTruncated;
  if (chain.next == kNextHopByHop) {
    const DropReason reason = walk_hop_by_hop(packet, start + kExtensionStart, size - kExtensionStart);
    if (reason != DropReason::kNone) return reason;
  }
  if (chain.next == kNextRouting) {
    const auto& routing = view<Ipv6RoutingHeader>(start);
    if (routing.type == kRoutingTypeSource) set(packet, kFlagSourceRoute);
    if (routing.segments_left != 0) set(packet, kFlagRoutePending);
  }
  chain.next = header.next_header;
  chain.offset += size;
  chain.first = false;
  return DropReason::kNone;
}

}  // namespace

DropReason parse_ipv6(Packet& packet) noexcept {
  const std::uint32_t available = static_cast<std::uint32_t>(packet.length) - packet.network_offset;
  if (available < kIpv6HeaderSize) return DropReason::kIpv6Truncated;
  const auto& header = view<Ipv6Header>(packet.network_header());
  if (header.version() != 6) return DropReason::kIpv6Truncated;
  const std::uint32_t network_length = kIpv6HeaderSize + header.payload_length.host();
  if (network_length > available) return DropReason::kIpv6PayloadLength;

  packet.network = NetworkKind::kIpv6;
  packet.network_length = static_cast<std::uint16_t>(network_length);
  set(packet, kFlagDontFragment);
  DropReason reason = check_addresses(packet, header.source, header.destination);
  if (reason != DropReason::kNone) return reason;

  Chain chain{packet.network_offset + kIpv6HeaderSize, packet.network_offset + network_length, header.next_header};
  for (int count = 0; is_extension(chain.next); ++count) {
    if (count == kMaxIpv6Extensions) return DropReason::kIpv6ExtensionTooMany;
    set(packet, kFlagIpv6Extensions);
    reason = step(packet, chain);
    if (reason != DropReason::kNone || chain.done) return reason;
  }
  packet.protocol = chain.next;
  return parse_transport(packet, chain.offset, chain.end);
}

}  // namespace culvert::parse_detail
