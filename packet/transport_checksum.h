// SPDX-License-Identifier: Apache-2.0
// The checksums of TCP, UDP, ICMP, ICMPv6 and SCTP of a parsed packet. None is defined over a fragment: those say
// kUnknown and are left alone (an atomic fragment is a whole packet).
#pragma once

#include <cstdint>

#include "packet/packet.h"

namespace culvert {

enum class ChecksumState : std::uint8_t {
  kRight,
  kWrong,
  kAbsent,   ///< UDP over IPv4 with a checksum of zero (RFC 768); over IPv6 that is kWrong (RFC 8200 8.1)
  kUnknown,  ///< a fragment, a packet with kFlagRoutePending (RFC 8200 8.1), or a protocol without a known checksum
};

/// `packet` has been parsed and not dropped.
ChecksumState verify_transport_checksum(const Packet& packet) noexcept;

/// Computes the checksum over the packet as it is and writes it. False, and nothing written, where verify says
/// kUnknown. A UDP checksum that comes out as zero is written as 0xffff (RFC 768).
bool write_transport_checksum(Packet& packet) noexcept;

/// The pseudo-header sum of a TCP, UDP or ICMPv6 packet, folded, as it lies in memory. UDP counts its own length.
std::uint16_t folded_pseudo_header(const Packet& packet) noexcept;

/// Offset of the checksum field from the transport header's first byte; TCP, UDP, ICMP, ICMPv6, SCTP.
std::uint32_t checksum_field_offset(std::uint8_t protocol) noexcept;

}  // namespace culvert
