// SPDX-License-Identifier: Apache-2.0
#include "packet/partial_checksum.h"

#include "base/bytes.h"
#include "packet/ipv4.h"
#include "packet/transport_checksum.h"

namespace culvert {

bool complete_partial_checksum(Packet& packet) noexcept {
  if (!packet.has(kFlagTransport) || packet.has(kFlagRoutePending) || packet.is_part()) return false;
  const std::byte* field = packet.transport_header() + checksum_field_offset(packet.protocol);
  if (packet.protocol == kProtocolTcp || packet.protocol == kProtocolUdp) {
    if (load<std::uint16_t>(field) != folded_pseudo_header(packet)) return false;
  } else if (packet.protocol != kProtocolSctp || load<std::uint32_t>(field) != 0) {
    return false;
  }
  write_transport_checksum(packet);
  packet.flags = static_cast<std::uint16_t>(packet.flags | kFlagPartialChecksum);
  return true;
}

}  // namespace culvert
