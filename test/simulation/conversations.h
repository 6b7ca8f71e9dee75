// SPDX-License-Identifier: Apache-2.0
// Clients and servers that talk at random through a firewall of three interfaces: TCP with its handshake, ends, resets
// and numbers that don't fit, UDP in datagrams whole and cut, echo, other protocols, and routers' ICMP errors about any
// of it. Network i lies behind interface i; a network of servers moves from one interface to another.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "packet/packet.h"
#include "packet/tcp.h"
#include "test/support/packet_builder.h"

namespace culvert::test {

class Conversations {
 public:
  static constexpr InterfaceIndex kInterfaces = 3;
  static constexpr unsigned kMovingNetwork = 9;

  explicit Conversations(std::uint64_t seed) : random_(seed), all_(300) {
    for (Conversation& one : all_) one = begin();
  }

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool chance(unsigned percent) { return pick(100) < percent; }

  /// Where the moving network is.
  InterfaceIndex moving_at = 1;

  /// Packets that come in at `interface` now: one, or the fragments of one, some of them mutated.
  std::vector<Bytes> next(InterfaceIndex interface) {
    // Now and then an end speaks where it does not live.
    const bool astray = chance(4);
    for (int tries = 0; tries < 100; ++tries) {
      Conversation& one = all_[pick(all_.size())];
      const bool from_client = pick(2) == 0;
      if (!astray && home_of(from_client ? one.client : one.server) != interface) continue;
      const bool in_pieces = one.kind == Kind::kUdp && !astray && chance(25);
      std::vector<Bytes> packets = in_pieces ? cut(one, from_client) : std::vector<Bytes>{speak(one, from_client)};
      for (Bytes& packet : packets) maybe_mutate(packet, in_pieces);
      if (chance(1)) one = begin();
      return packets;
    }
    return {};
  }

 private:
  enum class Kind { kTcp, kUdp, kEcho, kOther };

  struct Host {
    unsigned network, number;
  };
  struct Conversation {
    Kind kind = Kind::kUdp;
    bool ipv4 = true;
    Host client{}, server{};
    std::uint16_t client_port = 0, server_port = 0;
    std::uint32_t client_next = 0, server_next = 0;
    int phase = 0;
    Bytes last;  ///< for errors to quote
    bool last_from_client = true;
  };

  Conversation begin() {
    constexpr std::uint16_t kPorts[] = {25, 53, 80, 443};
    Conversation one;
    one.kind = static_cast<Kind>(chance(50) ? 0 : pick(4));
    one.ipv4 = chance(60);
    one.client = {static_cast<unsigned>(pick(kInterfaces)), static_cast<unsigned>(2 + pick(6))};
    do {
      one.server.network = chance(30) ? kMovingNetwork : static_cast<unsigned>(pick(kInterfaces));
    } while (one.server.network == one.client.network);
    one.server.number = static_cast<unsigned>(2 + pick(6));
    one.client_port = static_cast<std::uint16_t>(1024 + pick(40));
    one.server_port = kPorts[pick(std::size(kPorts))];
    one.client_next = static_cast<std::uint32_t>(random_());
    one.server_next = static_cast<std::uint32_t>(random_());
    return one;
  }

  InterfaceIndex home_of(const Host& host) const {
    return host.network == kMovingNetwork ? moving_at : static_cast<InterfaceIndex>(host.network);
  }
  static std::string address(const Host& host, bool ipv4) {
    const std::string network = std::to_string(host.network);
    const std::string number = std::to_string(host.number);
    return ipv4 ? "198.18." + network + "." + number : "2001:db8:" + network + "::" + number;
  }
  PacketBuilder ip(const std::string& source, const std::string& destination, bool ipv4) {
    const auto ttl = static_cast<std::uint8_t>(chance(2) ? 1 : 64);
    PacketBuilder builder;
    builder.ethernet();
    return ipv4 ? builder.ipv4(source, destination, {.ttl = ttl})
                : builder.ipv6(source, destination, {.hop_limit = ttl});
  }

  Bytes speak(Conversation& one, bool from_client) {
    if (chance(6) && !one.last.empty()) return error_about(one);
    const Host& source = from_client ? one.client : one.server;
    const Host& destination = from_client ? one.server : one.client;
    PacketBuilder builder = ip(address(source, one.ipv4), address(destination, one.ipv4), one.ipv4);
    const std::uint16_t from = from_client ? one.client_port : one.server_port;
    const std::uint16_t to = from_client ? one.server_port : one.client_port;
    switch (one.kind) {
      case Kind::kTcp:
        builder = segment(one, from_client, builder);
        break;
      case Kind::kUdp:
        builder.udp(from, to).payload(pick(100));
        break;
      case Kind::kEcho: {
        const std::uint32_t rest = std::uint32_t{one.client_port} << 16 | static_cast<std::uint32_t>(pick(9));
        const bool request = from_client != chance(5);
        one.ipv4 ? builder.icmp(request ? 8 : 0, 0, rest) : builder.icmpv6(request ? 128 : 129, 0, rest);
        builder.payload(16);
        break;
      }
      case Kind::kOther:
        builder.gre(0x0800).payload(30);
        break;
    }
    one.last = builder.build();
    one.last_from_client = from_client;
    return one.last;
  }

  /// Mostly what comes next, sometimes anything.
  PacketBuilder segment(Conversation& one, bool from_client, PacketBuilder builder) {
    std::uint32_t& mine = from_client ? one.client_next : one.server_next;
    const std::uint32_t theirs = from_client ? one.server_next : one.client_next;
    TcpFields fields{.flags = kTcpAck, .sequence = mine, .acknowledgment = theirs};
    std::size_t data = chance(50) ? pick(200) : 0;
    if (one.phase == 0 && from_client) {
      fields = {.flags = kTcpSyn, .sequence = mine++, .acknowledgment = 0};
      data = 0;
      one.phase = 1;
    } else if (one.phase == 1 && !from_client) {
      fields = {.flags = kTcpSyn | kTcpAck, .sequence = mine++, .acknowledgment = theirs};
      data = 0;
      one.phase = 2;
    } else if (one.phase >= 2 && chance(12)) {
      fields.flags = kTcpFin | kTcpAck;
      data = 0;
      ++mine;
      one.phase = one.phase >= 4 ? 0 : one.phase + 1;
    } else if (chance(3)) {
      fields.flags = kTcpRst;
      if (chance(50)) fields.sequence += static_cast<std::uint32_t>(pick(100'000));
      data = 0;
      if (chance(50)) one.phase = 0;
    } else if (chance(4)) {
      fields.sequence = static_cast<std::uint32_t>(random_());
      fields.flags = static_cast<std::uint8_t>(random_());
    } else {
      mine += static_cast<std::uint32_t>(data);
    }
    if (one.phase == 0 && chance(50)) mine += 200'000;  // the next connection's beginning
    const std::uint16_t from = from_client ? one.client_port : one.server_port;
    const std::uint16_t to = from_client ? one.server_port : one.client_port;
    return builder.tcp(from, to, fields).payload(data);
  }

  /// From a router anywhere, to whoever sent the last packet, or to somebody else.
  Bytes error_about(const Conversation& one) {
    const Host& sender = one.last_from_client != chance(10) ? one.client : one.server;
    PacketBuilder builder = ip(one.ipv4 ? "192.0.2.77" : "2001:db8:77::1", address(sender, one.ipv4), one.ipv4);
    const Bytes quote = slice(one.last, 14, chance(10) ? pick(40) : std::size_t{100});
    if (one.ipv4) {
      constexpr std::uint8_t kTypes[] = {3, 3, 11, 12, 5, 4};
      return builder.icmp(kTypes[pick(std::size(kTypes))], static_cast<std::uint8_t>(pick(5))).payload(quote).build();
    }
    constexpr std::uint8_t kTypes[] = {1, 2, 3, 4};
    return builder.icmpv6(kTypes[pick(std::size(kTypes))], 0, 1280).payload(quote).build();
  }

  /// A datagram in up to six fragments, in any order; sometimes one is missing, sent twice, or overlaps.
  std::vector<Bytes> cut(const Conversation& one, bool from_client) {
    const Host& source = from_client ? one.client : one.server;
    const Host& destination = from_client ? one.server : one.client;
    const std::string from = address(source, one.ipv4);
    const std::string to = address(destination, one.ipv4);
    PacketBuilder whole;
    whole.ethernet();
    one.ipv4 ? whole.ipv4(from, to) : whole.ipv6(from, to);
    const std::size_t payload = 200 + pick(1500);
    whole.udp(from_client ? one.client_port : one.server_port, from_client ? one.server_port : one.client_port)
        .payload(payload);
    const Bytes transport = slice(whole.build(), one.ipv4 ? 34 : 54);
    const std::size_t size = (transport.size() / (2 + pick(5)) / 8 + 1) * 8;
    const auto id = static_cast<std::uint16_t>(pick(4) == 0 ? pick(4) : random_());
    std::vector<Bytes> pieces;
    for (std::size_t offset = 0; offset < transport.size(); offset += size) {
      const std::size_t length = std::min(size, transport.size() - offset);
      const bool more = offset + length < transport.size();
      const auto at = static_cast<std::uint32_t>(chance(2) && offset > 8 ? offset - 8 : offset);
      PacketBuilder piece;
      piece.ethernet();
      if (one.ipv4) {
        piece.ipv4(from, to, {.id = id, .more_fragments = more, .offset = at, .protocol = 17});
      } else {
        piece.ipv6(from, to).fragment(at, more, id, 17);
      }
      pieces.push_back(piece.payload(slice(transport, offset, length)).build());
    }
    std::shuffle(pieces.begin(), pieces.end(), random_);
    if (chance(15)) pieces.pop_back();
    if (chance(5) && !pieces.empty()) pieces.push_back(pieces[0]);
    return pieces;
  }

  /// Fragments keep their headers, so that what completes a datagram came in where it did.
  void maybe_mutate(Bytes& packet, bool fragment) {
    constexpr std::size_t kHeaders = 54;
    if (!chance(10)) return;
    const std::size_t first = fragment ? kHeaders : 0;
    if (packet.size() <= first + 1) return;
    for (std::uint64_t changes = 1 + pick(3); changes > 0; --changes) {
      packet[first + pick(packet.size() - first)] = static_cast<std::byte>(random_());
    }
    if (!fragment && chance(20)) packet.resize(1 + pick(packet.size()));
  }

  std::mt19937_64 random_;
  std::vector<Conversation> all_;
};

}  // namespace culvert::test
