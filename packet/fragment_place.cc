// SPDX-License-Identifier: Apache-2.0
#include "packet/fragment_place.h"

#include "base/check.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

namespace culvert {
namespace {

/// Packet::data to the fragment header. There is one, and parse has walked to it: all headers on the way are there.
std::uint32_t find_fragment_header(const Packet& packet) noexcept {
  std::uint32_t at = packet.network_offset + kIpv6HeaderSize;
  std::uint8_t kind = view<Ipv6Header>(packet.network_header()).next_header;
  while (kind != kNextFragment) {
    const auto& header = view<Ipv6Extension>(packet.data + at);
    at += kind == kNextAuthentication ? header.authentication_size() : header.size();
    kind = header.next_header;
  }
  return at;
}

void place_ipv4(const Packet& packet, FragmentPlace& place) noexcept {
  const auto& header = view<Ipv4Header>(packet.network_header());
  store(place.datagram.source.bytes.data(), header.source);
  store(place.datagram.destination.bytes.data(), header.destination);
  place.datagram.identification = Be32(header.identification.host());
  place.datagram.protocol = header.protocol;
  place.offset = static_cast<std::uint16_t>((header.fragment.host() & kIpv4OffsetMask) * kFragmentUnit);
  place.before = static_cast<std::uint16_t>(header.header_length());
  place.data_offset = static_cast<std::uint16_t>(packet.network_offset + header.header_length());
}

void place_ipv6(const Packet& packet, FragmentPlace& place) noexcept {
  const auto& header = view<Ipv6Header>(packet.network_header());
  const std::uint32_t at = find_fragment_header(packet);
  const auto& fragment = view<Ipv6FragmentHeader>(packet.data + at);
  place.datagram.source = header.source;
  place.datagram.destination = header.destination;
  place.datagram.identification = fragment.identification;
  place.offset = fragment.offset.host() & kIpv6OffsetMask;
  // The payload length of the whole counts extension headers, without the fragment header, which it won't have.
  place.before = static_cast<std::uint16_t>(at - packet.network_offset - kIpv6HeaderSize);
  place.header_offset = static_cast<std::uint16_t>(at);
  place.data_offset = static_cast<std::uint16_t>(at + sizeof(Ipv6FragmentHeader));
}

}  // namespace

FragmentPlace fragment_place(const Packet& packet, std::uint16_t vrf) noexcept {
  CULVERT_ASSERT(packet.is_part());
  FragmentPlace place;
  place.datagram.network = packet.network;
  place.datagram.vrf = vrf;
  packet.network == NetworkKind::kIpv4 ? place_ipv4(packet, place) : place_ipv6(packet, place);
  place.length =
      static_cast<std::uint16_t>(packet.network_offset + std::uint32_t{packet.network_length} - place.data_offset);
  place.last = packet.has(kFlagLastFragment);
  return place;
}

}  // namespace culvert
