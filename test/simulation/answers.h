// SPDX-License-Identifier: Apache-2.0
// What the world makes of a packet that has left: the answer of its destination, an error of a router on its way, the
// same packet in fragments. All of it is taken from the packet as it is: what it was before it was translated, nobody
// here knows. Answers to answers are a connection, from the handshake to its end.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <string>
#include <vector>

#include "packet/ipv4.h"
#include "packet/packet.h"
#include "packet/tcp.h"
#include "test/packet/packets.h"
#include "test/simulation/dice.h"
#include "test/support/packet_builder.h"

namespace culvert::test {

/// Of a parsed packet, as text.
inline std::string source_text(const Packet& packet) {
  const bool ipv4 = packet.network == NetworkKind::kIpv4;
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, packet.network_header() + (ipv4 ? 12 : 8), text.data(), text.size());
  return text.data();
}
inline std::string destination_text(const Packet& packet) {
  const bool ipv4 = packet.network == NetworkKind::kIpv4;
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, packet.network_header() + (ipv4 ? 16 : 24), text.data(), text.size());
  return text.data();
}

class Answers {
 public:
  explicit Answers(Dice& dice) : dice_(dice) {}

  /// Empty when there is none.
  Bytes answer_to(Bytes packet) {
    const Packet view = parsed(packet);
    if (view.verdict != Verdict::kNone || view.is_part() || view.has(kFlagIcmpError)) return {};
    PacketBuilder builder = ip(view.network, destination_text(view), source_text(view));
    const std::uint16_t from = view.destination_port.host();
    const std::uint16_t to = view.source_port.host();
    switch (view.protocol) {
      case kProtocolTcp:
        return answer_to_segment(packet, view, builder);
      case kProtocolUdp:
        return builder.udp(from, to).payload(dice_.pick(300)).build();
      case kProtocolSctp:
        return builder.sctp(from, to).payload(dice_.pick(100)).build();
      case kProtocolIcmp:
      case kProtocolIcmpv6:
        return echo_reply(view, builder);
      default:
        return builder.gre(0x0800).payload(30).build();
    }
  }

  /// To the packet's source. Empty when it is no packet.
  Bytes error_about(Bytes packet, const std::string& router4, const std::string& router6) {
    const Packet view = parsed(packet);
    if (view.verdict != Verdict::kNone) return {};
    const Bytes quote = slice(packet, view.network_offset, dice_.chance(10) ? dice_.pick(48) : std::size_t{120});
    if (view.network == NetworkKind::kIpv4) {
      constexpr std::uint8_t kTypes[] = {3, 3, 11, 12, 5, 4};
      PacketBuilder builder = ip(view.network, router4, source_text(view));
      const std::uint8_t type = kTypes[dice_.pick(std::size(kTypes))];
      return builder.icmp(type, static_cast<std::uint8_t>(dice_.pick(5))).payload(quote).build();
    }
    constexpr std::uint8_t kTypes[] = {1, 2, 3, 4};
    PacketBuilder builder = ip(view.network, router6, source_text(view));
    return builder.icmpv6(kTypes[dice_.pick(std::size(kTypes))], 0, 1280).payload(quote).build();
  }

  /// Up to six fragments in any order; sometimes one is missing, comes twice, or overlaps. What can't be cut stays as
  /// it is.
  std::vector<Bytes> cut(const Bytes& packet) {
    Bytes bytes = packet;
    const Packet view = parsed(bytes);
    const bool ipv4 = view.network == NetworkKind::kIpv4;
    const std::size_t header = ipv4 ? 20 : 40;
    const bool plain = view.verdict == Verdict::kNone && view.has(kFlagTransport) && !view.has(kFlagFragment) &&
                       view.transport_offset == view.network_offset + header;
    if (!plain) return {packet};
    const Bytes transport = slice(bytes, view.transport_offset, view.network_length - header);
    const std::size_t size = (transport.size() / (2 + dice_.pick(5)) / 8 + 1) * 8;
    const auto id = static_cast<std::uint16_t>(dice_.chance(25) ? dice_.pick(4) : dice_.number());
    std::vector<Bytes> pieces;
    for (std::size_t offset = 0; offset < transport.size(); offset += size) {
      const std::size_t length = std::min(size, transport.size() - offset);
      const bool more = offset + length < transport.size();
      const auto at = static_cast<std::uint32_t>(dice_.chance(2) && offset > 8 ? offset - 8 : offset);
      PacketBuilder piece;
      piece.ethernet();
      if (ipv4) {
        piece.ipv4(source_text(view), destination_text(view),
                   {.id = id, .more_fragments = more, .offset = at, .protocol = view.protocol});
      } else {
        piece.ipv6(source_text(view), destination_text(view)).fragment(at, more, id, view.protocol);
      }
      pieces.push_back(piece.payload(slice(transport, offset, length)).build());
    }
    for (std::size_t i = pieces.size(); i > 1; --i) std::swap(pieces[i - 1], pieces[dice_.pick(i)]);
    if (dice_.chance(10)) pieces.pop_back();
    if (dice_.chance(5) && !pieces.empty()) pieces.push_back(pieces[0]);
    return pieces;
  }

 private:
  static PacketBuilder ip(NetworkKind network, const std::string& source, const std::string& destination) {
    PacketBuilder builder;
    builder.ethernet();
    return network == NetworkKind::kIpv4 ? builder.ipv4(source, destination) : builder.ipv6(source, destination);
  }

  Bytes echo_reply(const Packet& view, PacketBuilder& builder) {
    if (!view.has(kFlagTransport)) return {};
    const bool ipv4 = view.network == NetworkKind::kIpv4;
    const std::span<const std::byte> message(view.transport_header(), 8);
    if (get8(message, 0) != (ipv4 ? 8 : 128)) return {};
    ipv4 ? builder.icmp(0, 0, get32(message, 4)) : builder.icmpv6(129, 0, get32(message, 4));
    return builder.payload(16).build();
  }

  /// What comes next in the connection: the end of the handshake, data, an acknowledgment, an end.
  Bytes answer_to_segment(const Bytes& packet, const Packet& view, PacketBuilder& builder) {
    if (!view.has(kFlagTransport) || (view.tcp_flags & kTcpRst) != 0) return {};
    const std::size_t at = view.transport_offset;
    const std::size_t header = std::size_t{get8(packet, at + 12)} / 16 * 4;
    const std::size_t data = view.network_offset + view.network_length - at - header;
    const bool ends = (view.tcp_flags & kTcpFin) != 0;
    TcpFields fields{.flags = kTcpAck, .sequence = dice_.number()};
    if ((view.tcp_flags & kTcpAck) != 0) fields.sequence = get32(packet, at + 8);
    fields.acknowledgment = get32(packet, at + 4) + static_cast<std::uint32_t>(data);
    if ((view.tcp_flags & kTcpSyn) != 0) ++fields.acknowledgment;
    if (ends) ++fields.acknowledgment;
    std::size_t more = 0;
    if ((view.tcp_flags & (kTcpSyn | kTcpAck)) == kTcpSyn) {
      fields.flags = kTcpSyn | kTcpAck;
    } else if (ends ? dice_.chance(70) : dice_.chance(8)) {
      fields.flags = kTcpFin | kTcpAck;
    } else if (dice_.chance(3)) {
      fields.flags = kTcpRst;
    } else if (!ends) {
      more = dice_.pick(300);
    }
    return builder.tcp(view.destination_port.host(), view.source_port.host(), fields).payload(more).build();
  }

  Dice& dice_;
};

}  // namespace culvert::test
