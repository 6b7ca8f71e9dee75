// SPDX-License-Identifier: Apache-2.0
// ICMP errors about translated sessions, in both directions and by us, and datagrams in fragments.
#include <array>

#include "packet/ipv6.h"
#include "test/packet/packets.h"
#include "test/pipeline/translating.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr const char* kRouter4 = "192.0.2.77";
constexpr const char* kRouter6 = "2001:db8:77::1";

const char* router(const Family& family) {
  return family.ipv4 ? kRouter4 : kRouter6;
}

/// "Time exceeded" from `from` to `to` about a packet without its Ethernet header.
PacketBuilder exceeded(const Family& family, const char* from, const char* to, const Bytes& quote) {
  PacketBuilder builder = ip_packet(family, from, to);
  return family.ipv4 ? builder.icmp(11).payload(quote) : builder.icmpv6(3).payload(quote);
}

/// GRE, IP in IP, IPv6 in IP, ESP, AH.
constexpr std::array kOddProtocols = {47, 4, 41, 50, 51};

/// To the server, with 40 bytes of this protocol, which are an authentication header of 12 bytes and nothing that it
/// protects (RFC 4302 2).
PacketBuilder odd_packet(const Family& family, const char* from, int protocol, std::uint8_t ttl = 64) {
  PacketBuilder builder;
  builder.ethernet();
  family.ipv4 ? builder.ipv4(from, family.server, {.ttl = ttl, .protocol = protocol})
              : builder.ipv6(from, family.server, {.hop_limit = ttl, .next_header = protocol});
  Bytes data(40);
  data[0] = std::byte{59};
  data[1] = std::byte{1};
  return builder.payload(data);
}

Bytes without_ethernet(const Bytes& packet) {
  return slice(packet, kEthernet);
}

/// Compares what came out with a packet of another TTL, without Ethernet header.
void check_forwarded(const std::optional<Bytes>& out, const Family& family,
                     PacketBuilder (*build)(PacketBuilder, const Bytes&), const char* from, const char* to,
                     const Bytes& quote) {
  REQUIRE(out.has_value());
  const Bytes expected = build(ip_packet(family, from, to, 63), quote).build();
  CHECK(to_hex(without_ethernet(*out)) == to_hex(without_ethernet(expected)));
}

PacketBuilder exceeded4(PacketBuilder ip, const Bytes& quote) {
  return ip.icmp(11).payload(quote);
}
PacketBuilder exceeded6(PacketBuilder ip, const Bytes& quote) {
  return ip.icmpv6(3).payload(quote);
}
auto exceeded_of(const Family& family) {
  return family.ipv4 ? exceeded4 : exceeded6;
}

std::uint16_t port_of(const Bytes& packet) {
  Bytes copy = packet;
  return parsed(copy).source_port.host();
}

Bytes as_sent(const PacketBuilder& packet) {
  return without_ethernet(packet.build());
}

}  // namespace

TEST_CASE("an error from outside is told as its receiver knows the packet, to whom it is about") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const auto out = nat.through(from_client(family).udp(4000, 53).payload(12));
    REQUIRE(out.has_value());
    const auto in = nat.through(exceeded(family, router(family), external(family), without_ethernet(*out)), kInternet);
    check_forwarded(in, family, exceeded_of(family), router(family), family.client,
                    as_sent(from_client(family, 63).udp(4000, 53).payload(12)));
    CHECK(nat.count() == 1);
    // Another port than the session's: it is about nothing.
    Bytes other = without_ethernet(*out);
    const std::size_t port = family.ipv4 ? 20 : 40;
    other[port + 1] ^= std::byte{1};
    CHECK(nat.fate(exceeded(family, router(family), external(family), other), kInternet) == "icmp_unrelated");
    // About the session, but to somebody else.
    CHECK(nat.fate(exceeded(family, router(family), family.client, without_ethernet(*out)), kInternet) ==
          "icmp_unrelated");
  }
}

TEST_CASE("an error from inside shows neither the host nor a router before it") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const auto out = nat.through(from_client(family).udp(4000, 53));
    REQUIRE(out.has_value());
    const std::uint16_t port = port_of(*out);
    const auto answer =
        nat.through(ip_packet(family, family.server, external(family)).udp(53, port).payload(30), kInternet);
    REQUIRE(answer.has_value());
    const char* inside_router = family.ipv4 ? "198.18.0.99" : "2001:db8::99";
    for (const char* from : {family.client, inside_router}) {
      const auto error = nat.through(exceeded(family, from, family.server, without_ethernet(*answer)));
      check_forwarded(error, family, exceeded_of(family), external(family), family.server,
                      as_sent(ip_packet(family, family.server, external(family), 63).udp(53, port).payload(30)));
    }
  }
}

TEST_CASE("errors about protocols without ports, cut anywhere, pass or are dropped for what they say") {
  for (const Family& family : kFamilies) {
    const std::size_t header = family.ipv4 ? 20 : 40;
    for (const int protocol : kOddProtocols) {
      Translating nat;
      const auto out = nat.through(odd_packet(family, family.client, protocol));
      REQUIRE(out.has_value());
      const Bytes whole = without_ethernet(*out);
      // IPv6 walks through an authentication header, which has 12 bytes here.
      const std::size_t least = header + (!family.ipv4 && protocol == kNextAuthentication ? 12 : 0);
      const auto fate = [&](const Bytes& quote) {
        return nat.fate(exceeded(family, router(family), external(family), quote), kInternet);
      };
      for (std::size_t length = 0; length <= header + 28; ++length) {
        INFO((family.ipv4 ? "IPv4" : "IPv6") << ", protocol " << protocol << ", " << length << " bytes");
        CHECK(fate(slice(whole, 0, length)) == (length < least ? "icmp_quote_bad" : "passed"));
      }
      // To the host, about the packet that it has sent.
      const auto in =
          nat.through(exceeded(family, router(family), external(family), slice(whole, 0, header + 12)), kInternet);
      const Bytes sent = without_ethernet(odd_packet(family, family.client, protocol, 63).build());
      check_forwarded(in, family, exceeded_of(family), router(family), family.client, slice(sent, 0, header + 12));
      // Of another protocol, to somebody else, from somebody else: no session's.
      const std::size_t protocol_at = family.ipv4 ? 9 : 6, source_at = family.ipv4 ? 15 : 23;
      for (const std::size_t at : {source_at, header - 1}) {
        Bytes other = whole;
        other[at] ^= std::byte{1};
        CHECK(fate(other) == "icmp_unrelated");
      }
      Bytes other = whole;
      other[protocol_at] = std::byte{115};
      CHECK(fate(other) == "icmp_unrelated");
      // Errors neither refresh nor end it.
      CHECK(nat.count() == 1);
    }
  }
}

TEST_CASE("errors about protocols with ports, cut anywhere, pass or are dropped for what they say") {
  for (const Family& family : kFamilies) {
    const std::size_t header = family.ipv4 ? 20 : 40;
    Translating nat;
    const auto fate_of_cut = [&](const Bytes& out, std::size_t length) {
      const Bytes quote = slice(without_ethernet(out), 0, header + length);
      return nat.fate(exceeded(family, router(family), external(family), quote), kInternet);
    };
    const auto udp = nat.through(from_client(family).udp(4000, 53).payload(30));
    const auto tcp = nat.through(from_client(family).tcp(4001, 80, {kTcpSyn, 1000, 0}).payload(30));
    REQUIRE(udp.has_value());
    REQUIRE(tcp.has_value());
    for (std::size_t length = 0; length <= 28; ++length) {
      INFO((family.ipv4 ? "IPv4, " : "IPv6, ") << length << " bytes");
      CHECK(fate_of_cut(*udp, length) == (length < 4 ? "icmp_quote_bad" : "passed"));
      // Without a number nobody knows whether the segment can have been sent (RFC 5927 4.1).
      CHECK(fate_of_cut(*tcp, length) == (length < 4 ? "icmp_quote_bad" : length < 8 ? "icmp_unrelated" : "passed"));
    }
    Bytes late = *tcp;
    late[kEthernet + header + 4] ^= std::byte{0x40};
    CHECK(fate_of_cut(late, 8) == "icmp_unrelated");
    CHECK(nat.count() == 2);
  }
}

TEST_CASE("what we answer ourselves quotes the packet as its sender sent it") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const auto out = nat.through(from_client(family).udp(4000, 53));
    REQUIRE(out.has_value());
    const std::size_t before = nat.sent(kTrust).size();
    const Bytes last = from_client(family, 1).udp(4000, 53).payload(8).build();
    nat.pass(last, kTrust);
    REQUIRE(nat.sent(kTrust).size() == before + 1);
    const Bytes error = slice(nat.sent(kTrust)[before], 0);
    const std::size_t quote = kEthernet + (family.ipv4 ? 20 : 40) + 8;
    CHECK(to_hex(slice(error, quote, last.size() - kEthernet)) == to_hex(without_ethernet(last)));
    // And in the other direction: the server knows the external address only.
    const std::uint16_t port = port_of(*out);
    const std::size_t outside = nat.sent(kInternet).size();
    const Bytes answer = ip_packet(family, family.server, external(family), 1).udp(53, port).payload(8).build();
    nat.pass(answer, kInternet);
    REQUIRE(nat.sent(kInternet).size() == outside + 1);
    const Bytes told = slice(nat.sent(kInternet)[outside], 0);
    CHECK(to_hex(slice(told, quote, answer.size() - kEthernet)) == to_hex(without_ethernet(answer)));
  }
}

TEST_CASE("what we answer to a later fragment goes inside, too, and quotes it as it came") {
  const Family& family = kFamilies[1];  // of IPv4 only first fragments are answered (RFC 1812 4.3.2.7)
  Translating nat;
  const Bytes whole = slice(from_client(family).udp(4000, 53).payload(1000).build(), family.transport());
  const auto piece = [&](std::uint32_t offset, std::size_t size, std::uint8_t hop_limit) {
    return PacketBuilder()
        .ethernet()
        .ipv6(family.client, family.server, {.hop_limit = hop_limit})
        .fragment(offset, offset + size < whole.size(), 9, 17)
        .payload(slice(whole, offset, size))
        .build();
  };
  const Bytes last = piece(800, whole.size() - 800, 1);
  nat.pass(piece(0, 800, 64));
  nat.pass(last);
  nat.turns(2);
  CHECK(nat.sent(kInternet).size() == 1);
  REQUIRE(nat.sent(kTrust).size() == 1);
  const Bytes error = slice(nat.sent(kTrust)[0], 0);
  CHECK(to_hex(slice(error, kEthernet + 48, last.size() - kEthernet)) == to_hex(without_ethernet(last)));
}

TEST_CASE("a datagram in fragments is translated as one") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const Bytes whole = slice(from_client(family).udp(4000, 53).payload(2000).build(), family.transport());
    const auto piece = [&](std::size_t offset, std::size_t size) {
      const bool more = offset + size < whole.size();
      const auto at = static_cast<std::uint32_t>(offset);
      PacketBuilder builder = PacketBuilder().ethernet();
      family.ipv4 ? builder.ipv4(family.client, family.server, {.more_fragments = more, .offset = at, .protocol = 17})
                  : builder.ipv6(family.client, family.server).fragment(at, more, 9, 17);
      return builder.payload(slice(whole, offset, size)).build();
    };
    nat.pass(piece(1600, whole.size() - 1600));
    nat.pass(piece(0, 800));
    nat.pass(piece(800, 800));
    nat.turns(2);
    REQUIRE(nat.sent(kInternet).size() == 3);
    Bytes data;
    std::uint16_t port = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      Bytes bytes = slice(nat.sent(kInternet)[i], 0);
      const Packet packet = parsed(bytes);
      REQUIRE(packet.drop_reason == DropReason::kNone);
      if (i == 0) port = packet.source_port.host();
      const std::size_t header = family.transport() + (family.ipv4 ? 0 : 8);
      const Bytes part = slice(bytes, header);
      data.insert(data.end(), part.begin(), part.end());
      const std::size_t source = kEthernet + (family.ipv4 ? 12 : 8);
      const Bytes expected = ip_packet(family, external(family), family.server).udp(1, 1).build();
      CHECK(slice(bytes, source, family.ipv4 ? 4 : 16) == slice(expected, source, family.ipv4 ? 4 : 16));
    }
    // Put together it is the datagram with the other source, its checksum right.
    const Bytes expected = slice(ip_packet(family, external(family), family.server).udp(port, 53).payload(2000).build(),
                                 family.transport());
    CHECK(to_hex(data) == to_hex(expected));
    CHECK(nat.count() == 1);
  }
}
