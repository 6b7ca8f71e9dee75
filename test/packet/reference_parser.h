// SPDX-License-Identifier: Apache-2.0
// A second parser, slow and plain: it cuts the packet into copies, reads every byte with a bounds check that throws,
// knows none of packet/'s headers, and says what packet/parse.h must say. The rules are written down twice, so a
// mistake has to be made twice.
#pragma once

#include "packet/packet.h"
#include "test/support/bytes.h"

namespace culvert::test {

struct ReferenceFields {
  DropReason reason = DropReason::kNone;
  NetworkKind network = NetworkKind::kNone;
  unsigned vlan_tags = 0;
  unsigned network_offset = 0;
  unsigned network_length = 0;
  unsigned transport_offset = 0;  ///< 0 without kFlagTransport
  unsigned protocol = 0;
  unsigned tcp_flags = 0;
  unsigned source_port = 0;
  unsigned destination_port = 0;
  unsigned flags = 0;

  friend bool operator==(const ReferenceFields&, const ReferenceFields&) = default;
};

/// What parse() must make of a frame, without partial checksums.
ReferenceFields reference_parse(std::span<const std::byte> frame);

/// What parse() made of it, in the same form; all zero but the reason for a dropped packet.
ReferenceFields fields_of(const Packet& packet);

std::string to_text(const ReferenceFields& fields);

/// True if the checksum of the TCP, UDP, ICMP, ICMPv6 or SCTP message in an accepted frame is right, by the naive sum.
bool reference_checksum_right(std::span<const std::byte> frame, const ReferenceFields& fields);

}  // namespace culvert::test
