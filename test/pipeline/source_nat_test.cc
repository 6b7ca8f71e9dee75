// SPDX-License-Identifier: Apache-2.0
// Sessions that leave with another source: what comes out is compared, byte by byte, with what should.
#include <set>

#include "test/packet/packets.h"
#include "test/pipeline/translating.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// A packet between two ends, as one protocol has it; of an echo the source's port is the identifier.
struct Protocol {
  const char* name;
  PortKind kind;
  PacketBuilder (*build)(PacketBuilder ip, const Family& family, std::uint16_t from, std::uint16_t to, bool request);
};

constexpr Protocol kProtocols[] = {
    {"UDP", PortKind::kUdp,
     [](PacketBuilder ip, const Family&, std::uint16_t from, std::uint16_t to, bool) {
       return ip.udp(from, to).payload(40);
     }},
    {"SCTP", PortKind::kSctp,
     [](PacketBuilder ip, const Family&, std::uint16_t from, std::uint16_t to, bool) {
       return ip.sctp(from, to, 5).payload(40);
     }},
    {"TCP", PortKind::kTcp,
     [](PacketBuilder ip, const Family&, std::uint16_t from, std::uint16_t to, bool request) {
       TcpFields syn{.flags = kTcpSyn, .sequence = 1000};
       const TcpFields syn_ack{.flags = kTcpSyn | kTcpAck, .sequence = 5000, .acknowledgment = 1001};
       return ip.tcp(from, to, request ? syn : syn_ack);
     }},
    {"echo", PortKind::kIcmp,
     [](PacketBuilder ip, const Family& family, std::uint16_t from, std::uint16_t to, bool request) {
       return echo(std::move(ip), family, request, request ? from : to);
     }},
};

/// The port, or the identifier, with which a packet left.
std::uint16_t port_of(const Bytes& packet) {
  Bytes copy = packet;
  return parsed(copy).source_port.host();
}

constexpr std::uint8_t kForwardedTtl = 63;

PacketBuilder between(const Family& family, const char* source, const char* destination, std::uint8_t ttl = 64) {
  return ip_packet(family, source, destination, ttl);
}

/// What the packet looks like when the router at 02:...:01:<interface> has sent it to 02:...:<neighbour>.
Bytes forwarded(const PacketBuilder& packet, const Bytes& as) {
  Bytes bytes = packet.build();
  std::copy(as.begin(), as.begin() + 12, bytes.begin());
  return bytes;
}

}  // namespace

TEST_CASE("a session leaves with the external address, and its answers find the way back") {
  for (const Family& family : kFamilies) {
    for (const Protocol& protocol : kProtocols) {
      INFO(protocol.name << (family.ipv4 ? " IPv4" : " IPv6"));
      Translating nat;
      const std::size_t slot = family.ipv4 ? 0 : 1;
      const auto out = nat.through(protocol.build(from_client(family), family, 4001, 53, true));
      REQUIRE(out.has_value());
      const std::uint16_t port = port_of(*out);
      if (protocol.kind != PortKind::kIcmp) CHECK((port % 2 == 1 && port >= kFirstUserPort));
      CHECK(to_hex(*out) ==
            to_hex(forwarded(
                protocol.build(between(family, external(family), family.server, kForwardedTtl), family, port, 53, true),
                *out)));
      CHECK(nat.ports_used(protocol.kind, slot) == 1);
      const auto back = nat.through(
          protocol.build(between(family, family.server, external(family)), family, 53, port, false), kInternet);
      REQUIRE(back.has_value());
      CHECK(to_hex(*back) ==
            to_hex(forwarded(
                protocol.build(between(family, family.server, family.client, kForwardedTtl), family, 53, 4001, false),
                *back)));
      CHECK(nat.count() == 1);
      CHECK(nat.evaluations() == 1);
    }
  }
}

TEST_CASE("other protocols are translated by address, one session of each to one other end") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const auto gre = [](PacketBuilder ip) { return ip.gre(0x0800).payload(20); };
    const auto out = nat.through(gre(from_client(family)));
    REQUIRE(out.has_value());
    CHECK(to_hex(*out) ==
          to_hex(forwarded(gre(between(family, external(family), family.server, kForwardedTtl)), *out)));
    const auto back = nat.through(gre(between(family, family.server, external(family))), kInternet);
    REQUIRE(back.has_value());
    CHECK(to_hex(*back) == to_hex(forwarded(gre(between(family, family.server, family.client, kForwardedTtl)), *back)));
    // The answers of another host's session would look the same.
    const char* other = family.ipv4 ? "198.18.0.3" : "2001:db8::3";
    CHECK(nat.fate(gre(between(family, other, family.server))) == "session_reply_taken");
  }
}

TEST_CASE("nobody comes in by somebody else's port") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const auto out = nat.through(from_client(family).udp(4000, 53).payload(9));
    REQUIRE(out.has_value());
    const std::uint16_t port = port_of(*out);
    const char* stranger = family.ipv4 ? "198.18.1.66" : "2001:db8:1::66";
    CHECK(nat.fate(between(family, stranger, external(family)).udp(53, port), kInternet) == "nat_no_mapping");
    CHECK(nat.fate(between(family, family.server, external(family)).udp(54, port), kInternet) == "nat_no_mapping");
    // Nor to the inside address itself, as if it were not translated.
    CHECK(nat.fate(from_server(family).udp(53, 4000), kInternet) == "policy_deny");
    CHECK(nat.count() == 1);
  }
}

TEST_CASE("every session has a port of its own; without one it is refused, and others go on") {
  for (const Family& family : kFamilies) {
    Translating nat({5000, 5004});
    std::set<std::uint16_t> ports;
    for (std::uint16_t source = 4000; source < 4005; ++source) {
      const auto out = nat.through(from_client(family).udp(source, 53));
      REQUIRE(out.has_value());
      ports.insert(port_of(*out));
    }
    CHECK(ports == std::set<std::uint16_t>{5000, 5001, 5002, 5003, 5004});
    CHECK(nat.fate(from_client(family).udp(4005, 53)) == "nat_ports_exhausted");
    CHECK(nat.fate(from_client(family).udp(4006, 54)) == "nat_ports_exhausted");  // another end is no excuse (REQ-3)
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "passed");
    CHECK(nat.fate(echo(from_client(family), family, true, 7)) == "passed");  // identifiers are not ports
    CHECK(nat.count() == 6);
    nat.wait(301'000);
    CHECK(nat.count() == 0);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 0);
    CHECK(nat.fate(from_client(family).udp(4005, 53)) == "passed");
  }
}

TEST_CASE("a session that finds no room holds no port") {
  RigConfig config;
  config.sessions = 64;
  for (const Family& family : kFamilies) {
    Translating nat({}, config);
    for (std::uint16_t source = 1; source <= 64; ++source) {
      const auto out = nat.through(from_client(family).udp(source, 53));
      REQUIRE(out.has_value());
      // Answered, so it makes way for nobody.
      const auto answer = between(family, family.server, external(family)).udp(53, port_of(*out));
      REQUIRE(nat.through(answer, kInternet).has_value());
    }
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 64);
    for (std::uint16_t source = 100; source < 200; ++source) {
      REQUIRE(nat.fate(from_client(family).udp(source, 53)) == "session_table_full");
    }
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 64);
  }
}

TEST_CASE("the inside port is kept where that is wanted, and it is free") {
  const Family& family = kFamilies[0];
  Translating nat;
  nat.pools[0].keep_port = true;
  nat.apply();
  CHECK(port_of(nat.through(from_client(family).udp(4000, 53)).value()) == 4000);
  CHECK(nat.ports_used(PortKind::kUdp) == 1);
  const auto other = nat.through(between(family, "198.18.0.3", family.server).udp(4000, 53));
  REQUIRE(other.has_value());
  CHECK(port_of(*other) != 4000);
  CHECK(port_of(*other) % 2 == 0);
  CHECK(nat.ports_used(PortKind::kUdp) == 2);
}

TEST_CASE("a host keeps its external address, and hosts spread over the pool's") {
  Translating nat;
  const Family& family = kFamilies[0];
  nat.addresses.clear();
  for (std::uint8_t number = 100; number < 108; ++number)
    nat.addresses.push_back({external_address(family, number), {}});
  nat.slots[0] = {0, 1, 2, 3, 4, 5, 6, 7};
  nat.apply();
  std::set<std::uint32_t> all;
  for (int host = 2; host < 34; ++host) {
    const std::string address = "198.18.0." + std::to_string(host);
    std::set<std::uint32_t> own;
    for (std::uint16_t port = 4000; port < 4004; ++port) {
      const auto out = nat.through(between(family, address.c_str(), family.server).udp(port, 53));
      REQUIRE(out.has_value());
      own.insert(load<Be32>(out->data() + kEthernet + 12).host());
    }
    CHECK(own.size() == 1);
    all.insert(*own.begin());
  }
  CHECK(all.size() >= 6);
}

TEST_CASE("a configuration that would translate otherwise ends sessions, and their ports come back") {
  for (const Family& family : kFamilies) {
    Translating nat;
    const std::size_t slot = family.ipv4 ? 0 : 1;
    REQUIRE(nat.through(from_client(family).udp(4000, 53)).has_value());
    nat.apply();
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "passed");  // the same again
    nat.addresses[slot].range = kNoPorts;
    nat.addresses.resize(4);
    nat.addresses[2 + slot] = {external_address(family, 107), {}};
    nat.slots[slot] = {static_cast<std::uint16_t>(2 + slot)};
    nat.apply();
    CHECK(nat.ports_used(PortKind::kUdp, slot) == 1);  // until its packet comes
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "policy_changed");
    CHECK(nat.ports_used(PortKind::kUdp, slot) == 0);
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "passed");
    CHECK(nat.ports_used(PortKind::kUdp, 2 + slot) == 1);
    nat.settings.source_nat = nullptr;
    nat.use(trust_goes_out());
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "policy_changed");
    CHECK(nat.ports_used(PortKind::kUdp, 2 + slot) == 0);
  }
}

TEST_CASE("the first rule that fits decides, and one can leave the source as it is") {
  const Family& family = kFamilies[0];
  Translating nat;
  static constexpr NatRange kExempt[] = {{{0, 0xc6120000}, {0, 0xc61200ff}}, {{0, 0xc6120100}, {0, 0xc612010f}}};
  SourceRule keep = nat.nat_rules[0];
  keep.action = SourceAction::kKeep;
  keep.any_destination = false;
  keep.destinations = kExempt;
  nat.nat_rules.insert(nat.nat_rules.begin(), keep);
  nat.apply();
  const auto plain = nat.through(from_client(family).udp(4000, 53));
  REQUIRE(plain.has_value());
  CHECK(to_hex(*plain) == to_hex(forwarded(from_client(family, kForwardedTtl).udp(4000, 53), *plain)));
  const auto translated = nat.through(between(family, family.client, "198.18.1.77").udp(4000, 53));
  REQUIRE(translated.has_value());
  CHECK(slice(*translated, kEthernet + 12, 4) == Bytes{std::byte{198}, std::byte{18}, std::byte{1}, std::byte{100}});
}

TEST_CASE("an interface without an address lets nothing out untranslated") {
  for (const Family& family : kFamilies) {
    Translating nat;
    for (SourceRule& rule : nat.nat_rules) rule.action = SourceAction::kInterface;
    for (auto& by_interface : nat.nat.interface_pool) by_interface.fill(kNoNatPool);
    nat.apply();
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "nat_no_address");
    nat.nat.interface_pool[family.ipv4 ? 0 : 1][kInternet] = family.ipv4 ? 0 : 1;
    nat.apply();
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "passed");
  }
}

TEST_CASE("a session whose packets would leave elsewhere, with an address that is wrong there, ends") {
  RigConfig config;
  config.interfaces = 3;
  for (const Family& family : kFamilies) {
    Translating nat({}, config);
    nat.settings.zone[2] = kZoneInternet;
    for (SourceRule& rule : nat.nat_rules) rule.action = SourceAction::kInterface;
    for (auto& by_interface : nat.nat.interface_pool) by_interface.fill(kNoNatPool);
    nat.nat.interface_pool[family.ipv4 ? 0 : 1][kInternet] = family.ipv4 ? 0 : 1;
    nat.apply();
    REQUIRE(nat.through(from_client(family).udp(4000, 53)).has_value());
    nat.forward(family.ipv4 ? "198.18.1.0/24" : "2001:db8:1::/64", 2, test_mac(0xa2));
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "policy_changed");
    CHECK(nat.sent(2).size() == 0);
    CHECK(nat.ports_used(PortKind::kUdp, family.ipv4 ? 0 : 1) == 0);
    CHECK(nat.fate(from_client(family).udp(4000, 53)) == "nat_no_address");
  }
}

TEST_CASE("pieces of a datagram whose first one goes no further don't leave without a session") {
  const Family& family = kFamilies[0];
  Translating nat;
  const Bytes whole = slice(from_client(family).udp(4000, 53).payload(1200).build(), family.transport());
  const auto piece = [&](std::size_t offset, std::size_t size, std::uint8_t ttl) {
    const Ipv4Fields fields{.ttl = ttl,
                            .more_fragments = offset + size < whole.size(),
                            .offset = static_cast<std::uint32_t>(offset),
                            .protocol = kProtocolUdp};
    return PacketBuilder()
        .ethernet()
        .ipv4(family.client, family.server, fields)
        .payload(slice(whole, offset, size))
        .build();
  };
  nat.pass(piece(0, 800, 1));
  nat.pass(piece(800, whole.size() - 800, 64));
  nat.turns(2);
  CHECK(nat.sent(kInternet).size() == 0);
  CHECK(nat.drops(DropReason::kDatagramSpoiled) == 1);
  CHECK(nat.count() == 0);
}

TEST_CASE("the log of a translated session says what it has outside, when it begins and when it ends") {
  for (const Family& family : kFamilies) {
    Translating nat;
    RuleSet logged = trust_goes_out();
    logged.rules[0].log_open = logged.rules[0].log_close = true;
    nat.use(logged);
    const auto out = nat.through(from_client(family).udp(4000, 53).payload(9));
    REQUIRE(out.has_value());
    nat.wait(301'000);
    for (const SessionRecordKind kind : {SessionRecordKind::kOpened, SessionRecordKind::kClosed}) {
      SessionRecord record;
      REQUIRE(nat.shard().log().take(record));
      CHECK(record.kind == kind);
      CHECK((record.translated && record.translated_port.host() == port_of(*out)));
      const std::size_t length = family.ipv4 ? 4 : 16;
      const auto written = std::span<const std::byte>(*out).subspan(kEthernet + (family.ipv4 ? 12 : 8), length);
      CHECK(to_hex(written) == to_hex(bytes_of(record.translated_source).first(length)));
    }
    CHECK(nat.fate(echo(from_client(family), family, true, 7)) == "passed");
  }
}
