// SPDX-License-Identifier: Apache-2.0
// IPv4 in the general path of the parser: RFC 791, addresses by RFC 1122 3.2.1.3 and RFC 1812 5.3.7 (like the kernel,
// without 0.0.0.1-0.255.255.255 and 240.0.0.0/4, which have become usable).
#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/ipv4.h"
#include "packet/parse_detail.h"

namespace culvert::parse_detail {
namespace {

DropReason check_addresses(Packet& packet, Ipv4Address source, Ipv4Address destination) noexcept {
  if (source.is_unspecified() || source.is_loopback() || source.is_multicast() || source.is_broadcast()) {
    return DropReason::kSourceMartian;
  }
  if (destination.is_unspecified() || destination.is_loopback()) return DropReason::kDestinationMartian;
  if (destination.is_multicast() || destination.is_broadcast()) return DropReason::kMulticast;
  if (destination.is_link_local()) return DropReason::kDestinationLinkLocal;
  if (source.is_link_local()) set(packet, kFlagSourceLinkLocal);
  return DropReason::kNone;
}

/// RFC 791 3.1: type, length (of the whole option), data; end and no-operation are one byte.
DropReason walk_options(Packet& packet, const std::byte* options, std::uint32_t length) noexcept {
  std::uint32_t at = 0;
  while (at < length) {
    const auto type = load<std::uint8_t>(options + at);
    if (type == kOptionEnd) break;
    if (type == kOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= length) return DropReason::kIpv4Options;
    const std::uint32_t size = load<std::uint8_t>(options + at + 1);
    if (size < 2 || size > length - at) return DropReason::kIpv4Options;
    if (type == kOptionLooseSourceRoute || type == kOptionStrictSourceRoute) {
      set(packet, kFlagSourceRoute);
      set(packet, kFlagRoutePending);
    }
    if (type == kOptionRouterAlert) set(packet, kFlagRouterAlert);
    at += size;
  }
  return DropReason::kNone;
}

}  // namespace

DropReason parse_ipv4(Packet& packet) noexcept {
  const std::uint32_t available = static_cast<std::uint32_t>(packet.length) - packet.network_offset;
  if (available < kIpv4HeaderSize) return DropReason::kIpv4Truncated;
  const std::byte* start = packet.network_header();
  const auto& header = view<Ipv4Header>(start);
  const std::uint32_t header_length = header.header_length();
  if (header.version() != 4 || header_length < kIpv4HeaderSize) return DropReason::kIpv4HeaderLength;
  if (available < header_length) return DropReason::kIpv4Truncated;
  const std::uint32_t total_length = header.total_length.host();
  if (total_length > available || total_length < header_length) return DropReason::kIpv4TotalLength;
  if (fold_sum(ones_sum(start, header_length)) != 0xffff) return DropReason::kIpv4Checksum;

  packet.network = NetworkKind::kIpv4;
  packet.network_length = static_cast<std::uint16_t>(total_length);
  packet.protocol = header.protocol;
  DropReason reason = DropReason::kNone;
  if (header_length > kIpv4HeaderSize) {
    set(packet, kFlagIpv4Options);
    reason = walk_options(packet, start + kIpv4HeaderSize, header_length - kIpv4HeaderSize);
    if (reason != DropReason::kNone) return reason;
  }
  reason = check_addresses(packet, header.source, header.destination);
  if (reason != DropReason::kNone) return reason;

  const std::uint16_t fragment = header.fragment.host();
  if ((fragment & kIpv4DontFragment) != 0) set(packet, kFlagDontFragment);
  if ((fragment & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0) {
    const std::uint32_t offset = (fragment & kIpv4OffsetMask) * kFragmentUnit;
    reason = check_fragment(packet, offset, total_length - header_length, header_length,
                            (fragment & kIpv4MoreFragments) != 0);
    if (reason != DropReason::kNone || offset != 0) return reason;
  }
  return parse_transport(packet, packet.network_offset + header_length, packet.network_offset + total_length);
}

}  // namespace culvert::parse_detail
