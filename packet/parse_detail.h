// SPDX-License-Identifier: Apache-2.0
// What the files of the parser share; nobody else includes this.
#pragma once

#include <cstdint>

#include "packet/packet.h"
#include "packet/verdict.h"

namespace culvert::parse_detail {

/// Each continues where the one before stopped and returns kNone, or why the packet is dropped. On entry
/// network_offset is set, flags hold what is known so far and the other parse fields are zero.
DropReason parse_ipv4(Packet& packet) noexcept;
DropReason parse_ipv6(Packet& packet) noexcept;

/// The header of packet.protocol at `offset`; the packet ends at `end`. Not called for fragments that don't begin with
/// one.
DropReason parse_transport(Packet& packet, std::uint32_t offset, std::uint32_t end) noexcept;

/// A fragment's place: `offset` and `length` in bytes of its own data, `before` the bytes in front of it that count
/// against the 65535 of the whole. Sets the fragment flags.
DropReason check_fragment(Packet& packet, std::uint32_t offset, std::uint32_t length, std::uint32_t before,
                          bool more) noexcept;

inline void set(Packet& packet, PacketFlag flag) noexcept {
  packet.flags = static_cast<std::uint16_t>(packet.flags | flag);
}

}  // namespace culvert::parse_detail
