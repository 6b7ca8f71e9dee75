// SPDX-License-Identifier: Apache-2.0
#include "packet/transport_checksum.h"

#include <array>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/sctp.h"
#include "packet/udp.h"

namespace culvert {
namespace {

/// Bytes of transport header and data that its checksum covers.
std::uint32_t covered_length(const Packet& packet) noexcept {
  if (packet.protocol == kProtocolUdp) return view<UdpHeader>(packet.transport_header()).length.host();
  return static_cast<std::uint32_t>(packet.network_offset) + packet.network_length - packet.transport_offset;
}

OnesSum pseudo_header(const Packet& packet, std::uint32_t length) noexcept {
  if (packet.network == NetworkKind::kIpv4) {
    const auto& header = view<Ipv4Header>(packet.network_header());
    return pseudo_header_sum(header.source, header.destination, packet.protocol, length);
  }
  const auto& header = view<Ipv6Header>(packet.network_header());
  return pseudo_header_sum(header.source, header.destination, packet.protocol, length);
}

/// kFlagTransport, and not a part of a bigger packet.
bool has_whole_transport(const Packet& packet) noexcept {
  return packet.has(kFlagTransport) && !packet.has(kFlagRoutePending) && !packet.is_part();
}

bool has_checksum(const Packet& packet) noexcept {
  return has_whole_transport(packet) && packet.protocol != kProtocolGre;
}

/// The Internet checksum's sum over everything covered, the field included.
OnesSum full_sum(const Packet& packet) noexcept {
  const std::uint32_t length = covered_length(packet);
  const OnesSum sum = ones_sum(packet.transport_header(), length);
  return packet.protocol == kProtocolIcmp ? sum : sum + pseudo_header(packet, length);
}

/// CRC32c over the packet with zeros in place of the field.
std::array<std::byte, 4> sctp_checksum(const Packet& packet) noexcept {
  constexpr std::array<std::byte, 4> kZeros{};
  constexpr std::size_t kField = 8;
  const std::byte* start = packet.transport_header();
  std::uint32_t crc = crc32c(start, kField);
  crc = crc32c(kZeros.data(), kZeros.size(), crc);
  crc = crc32c(start + sizeof(SctpHeader), covered_length(packet) - sizeof(SctpHeader), crc);
  return std::bit_cast<std::array<std::byte, 4>>(crc);
}

}  // namespace

std::uint32_t checksum_field_offset(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case kProtocolTcp:
      return 16;
    case kProtocolUdp:
      return 6;
    case kProtocolSctp:
      return 8;
    default:
      return 2;
  }
}

std::uint16_t folded_pseudo_header(const Packet& packet) noexcept {
  return fold_sum(pseudo_header(packet, covered_length(packet)));
}

ChecksumState verify_transport_checksum(const Packet& packet) noexcept {
  if (!has_checksum(packet)) return ChecksumState::kUnknown;
  const std::byte* start = packet.transport_header();
  if (packet.protocol == kProtocolSctp) {
    const bool right = view<SctpHeader>(start).checksum == sctp_checksum(packet);
    return right ? ChecksumState::kRight : ChecksumState::kWrong;
  }
  if (packet.protocol == kProtocolUdp && view<UdpHeader>(start).checksum == Be16()) {
    return packet.network == NetworkKind::kIpv4 ? ChecksumState::kAbsent : ChecksumState::kWrong;
  }
  return fold_sum(full_sum(packet)) == 0xffff ? ChecksumState::kRight : ChecksumState::kWrong;
}

bool write_transport_checksum(Packet& packet) noexcept {
  if (!has_checksum(packet)) return false;
  std::byte* field = packet.transport_header() + checksum_field_offset(packet.protocol);
  if (packet.protocol == kProtocolSctp) {
    store(field, sctp_checksum(packet));
    return true;
  }
  store(field, Be16());
  Be16 checksum = checksum_of(full_sum(packet));
  if (packet.protocol == kProtocolUdp && checksum == Be16()) checksum = Be16(0xffff);
  store(field, checksum);
  return true;
}

}  // namespace culvert
