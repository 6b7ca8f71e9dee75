// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/parse.h"
#include "test/support/bytes.h"

namespace culvert::test {

/// A parsed view of bytes that the caller keeps alive.
inline Packet parsed(std::span<std::byte> bytes, const ParseContext& context = {}) {
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  parse(packet, context);
  return packet;
}

/// What a packet holds now.
inline Bytes bytes_in(const Packet& packet) {
  return slice(std::span<const std::byte>(packet.data, packet.length), 0);
}

}  // namespace culvert::test
