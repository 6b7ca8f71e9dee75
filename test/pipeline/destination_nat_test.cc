// SPDX-License-Identifier: Apache-2.0
// Sessions that go to another destination than they say, and hosts with an address outside: what comes out where, with
// several numbers of workers.
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "test/pipeline/redirecting.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// The one packet that comes out, by its ends; "nothing".
template <typename Builder>
std::string arrives(Redirecting& nat, const Family& family, const Builder& packet, InterfaceIndex from,
                    InterfaceIndex to) {
  auto packets = nat.come_out(packet, from, to);
  if (packets.empty()) return "nothing";
  REQUIRE(packets.size() == 1);
  return ends(packets[0], family);
}

PacketBuilder with_ports(PacketBuilder ip, std::uint8_t protocol, std::uint16_t from, std::uint16_t to, bool first) {
  if (protocol == kProtocolUdp) return ip.udp(from, to).payload(20);
  if (protocol == kProtocolSctp) return ip.sctp(from, to, 5).payload(20);
  if (first) return ip.tcp(from, to, syn(1000));
  return ip.tcp(from, to, {.flags = kTcpSyn | kTcpAck, .sequence = 5000, .acknowledgment = 1001, .window = 64000});
}

/// An error of this kind about a packet (without its Ethernet header), from a router to whoever sent it.
PacketBuilder error(const Family& family, const char* router, const char* to, const PacketBuilder& about) {
  const Bytes quoted = slice(about.build(), kEthernet);
  PacketBuilder ip = ip_packet(family, router, to);
  return family.ipv4 ? ip.icmp(kIcmpTimeExceeded).payload(quoted) : ip.icmpv6(kIcmpv6TimeExceeded).payload(quoted);
}

/// The packet that an error quotes, behind an Ethernet header.
Bytes quoted(const Bytes& error, const Family& family) {
  Bytes packet = slice(error, 0, kEthernet);
  append(packet, std::span<const std::byte>(error).subspan(family.transport() + 8));
  return packet;
}
std::string source(const Bytes& packet, const Family& family) {
  return to_hex(std::span<const std::byte>(packet).subspan(kEthernet + (family.ipv4 ? 12 : 8), family.ipv4 ? 4 : 16));
}

}  // namespace

TEST_CASE("a port outside is a service inside, and its answers come from where they were asked") {
  for (const Family& family : kFamilies) {
    for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp, kProtocolSctp}) {
      for (const WorkerIndex workers : kWorkerCounts) {
        INFO(int{protocol} << ", " << int{workers} << " workers" << (family.ipv4 ? " IPv4" : " IPv6"));
        Redirecting nat({forwarded(family, protocol)}, workers);
        for (std::uint16_t port = 3000; port < 3008; ++port) {
          const auto there =
              with_ports(ip_packet(family, family.server, external(family)), protocol, port, kOutsidePort, true);
          CHECK(arrives(nat, family, there, kInternet, kTrust) ==
                ends(family, family.server, port, family.client, kInsidePort));
          const auto back = with_ports(from_client(family), protocol, kInsidePort, port, false);
          CHECK(arrives(nat, family, back, kTrust, kInternet) ==
                ends(family, external(family), kOutsidePort, family.server, port));
        }
      }
    }
  }
}

TEST_CASE("the policy is asked about the destination that a session gets") {
  for (const Family& family : kFamilies) {
    const auto packet = ip_packet(family, family.server, external(family)).udp(3000, kOutsidePort).payload(20);
    Redirecting nat({forwarded(family, kProtocolUdp)});
    CHECK(nat.fate(packet, kInternet) == "passed");
    Rule outside_port = rule(kZoneInternet, kZoneTrust, RuleAction::kPermit, {service(kProtocolUdp, kOutsidePort)});
    nat.redirect({forwarded(family, kProtocolUdp)}, rules({outside_port}));
    // Also of the session that there is.
    CHECK(nat.fate(packet, kInternet) == "policy_changed");
    CHECK(nat.fate(packet, kInternet) == "policy_deny");
  }
}

TEST_CASE("what no rule is for is not forwarded") {
  for (const Family& family : kFamilies) {
    Redirecting nat({forwarded(family, kProtocolUdp)});
    const auto to_port = [&](std::uint16_t port) {
      return ip_packet(family, family.server, external(family)).udp(3000, port).payload(20);
    };
    CHECK(nat.fate(to_port(kOutsidePort + 1), kInternet) == "nat_no_mapping");
    CHECK(nat.fate(ip_packet(family, family.server, external(family)).tcp(3000, kOutsidePort, syn(1)), kInternet) ==
          "nat_no_mapping");
    CHECK(nat.fate(to_port(kOutsidePort), kInternet) == "passed");
  }
}

TEST_CASE("a session ends when its rule goes, or leads elsewhere") {
  for (const Family& family : kFamilies) {
    Redirecting nat({forwarded(family, kProtocolUdp)});
    const auto packet = ip_packet(family, family.server, external(family)).udp(3000, kOutsidePort).payload(20);
    const auto answer = from_client(family).udp(kInsidePort, 3000).payload(20);
    REQUIRE(nat.fate(packet, kInternet) == "passed");
    nat.redirect({forwarded(family, kProtocolUdp)});
    CHECK(nat.fate(answer) == "passed");  // the same again
    DestinationRule other = forwarded(family, kProtocolUdp);
    const AddressNumber elsewhere = number(family, "198.18.0.3", "2001:db8::3");
    other.addresses = AddressMap::all_to_one(other.addresses.outside(), elsewhere);
    nat.redirect({other});
    CHECK(nat.fate(answer) == "policy_changed");
    CHECK(arrives(nat, family, packet, kInternet, kTrust) ==
          ends(family, family.server, 3000, neighbor(family), kInsidePort));
    nat.redirect({});
    CHECK(nat.fate(packet, kInternet) == "policy_changed");
    CHECK(nat.fate(packet, kInternet) == "nat_no_mapping");
  }
}

TEST_CASE("errors about both directions reach who sent the packet, and name what he knows") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkerCounts) {
      INFO(int{workers} << " workers" << (family.ipv4 ? " IPv4" : " IPv6"));
      Redirecting nat({forwarded(family, kProtocolUdp)}, workers);
      const auto there = ip_packet(family, family.server, external(family)).udp(3000, kOutsidePort).payload(20);
      const auto back = from_client(family).udp(kInsidePort, 3000).payload(20);
      REQUIRE(nat.come_out(there, kInternet, kTrust).size() == 1);
      REQUIRE(nat.come_out(back, kTrust, kInternet).size() == 1);
      const char* router = family.ipv4 ? "198.18.0.77" : "2001:db8::77";
      // As it left for inside; told to the server by the address that it spoke to.
      const auto inside = error(family, router, family.server,
                                ip_packet(family, family.server, family.client).udp(3000, kInsidePort).payload(20));
      auto told = nat.come_out(inside, kTrust, kInternet);
      REQUIRE(told.size() == 1);
      CHECK(ends(quoted(told[0], family), family) == ends(family, family.server, 3000, external(family), kOutsidePort));
      CHECK(source(told[0], family) == source(ip_packet(family, external(family), family.server).build(), family));
      // About the answer, as it left outside.
      const char* far_router = family.ipv4 ? "198.18.1.77" : "2001:db8:1::77";
      const auto outside =
          error(family, far_router, external(family),
                ip_packet(family, external(family), family.server).udp(kOutsidePort, 3000).payload(20));
      told = nat.come_out(outside, kInternet, kTrust);
      REQUIRE(told.size() == 1);
      CHECK(ends(quoted(told[0], family), family) == ends(family, family.client, kInsidePort, family.server, 3000));
    }
  }
}

TEST_CASE("a host inside reaches a forwarded port, and the service sees the external address") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkerCounts) {
      INFO(int{workers} << " workers" << (family.ipv4 ? " IPv4" : " IPv6"));
      Redirecting nat({forwarded(family, kProtocolUdp)}, workers);
      for (std::uint16_t port = 7000; port < 7006; ++port) {
        auto there = nat.come_out(
            ip_packet(family, neighbor(family), external(family)).udp(port, kOutsidePort).payload(8), kTrust, kTrust);
        REQUIRE(there.size() == 1);
        const std::uint16_t as = parsed(there[0]).source_port.host();
        CHECK(ends(there[0], family) == ends(family, external(family), as, family.client, kInsidePort));
        CHECK(arrives(nat, family, ip_packet(family, family.client, external(family)).udp(kInsidePort, as).payload(8),
                      kTrust, kTrust) == ends(family, external(family), kOutsidePort, neighbor(family), port));
      }
    }
  }
}

TEST_CASE("a static address: sessions begin on both sides and keep their ports") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkerCounts) {
      INFO(int{workers} << " workers" << (family.ipv4 ? " IPv4" : " IPv6"));
      Redirecting nat({of_the_client(family)}, workers, everywhere());
      for (std::uint16_t port = 4000; port < 4006; ++port) {
        CHECK(arrives(nat, family, from_client(family).udp(port, 53).payload(8), kTrust, kInternet) ==
              ends(family, fixed(family), port, family.server, 53));
        CHECK(arrives(nat, family, ip_packet(family, family.server, fixed(family)).udp(53, port).payload(8), kInternet,
                      kTrust) == ends(family, family.server, 53, family.client, port));
        CHECK(arrives(nat, family, ip_packet(family, family.server, fixed(family)).udp(9, port).payload(8), kInternet,
                      kTrust) == ends(family, family.server, 9, family.client, port));
        CHECK(arrives(nat, family, ip_packet(family, family.client, family.server).udp(port, 9).payload(8), kTrust,
                      kInternet) == ends(family, fixed(family), port, family.server, 9));
      }
      // Protocols without ports, and echo.
      CHECK(nat.come_out(ip_packet(family, family.server, fixed(family)).gre(0x0800).payload(20), kInternet, kTrust)
                .size() == 1);
      CHECK(nat.come_out(from_client(family).gre(0x0800).payload(20), kTrust, kInternet).size() == 1);
      CHECK(nat.come_out(echo(ip_packet(family, family.server, fixed(family)), family, true, 77), kInternet, kTrust)
                .size() == 1);
      CHECK(nat.come_out(echo(from_client(family), family, false, 77), kTrust, kInternet).size() == 1);
      // Who has none leaves with the pool's.
      auto other =
          nat.come_out(ip_packet(family, neighbor(family), family.server).udp(5, 53).payload(8), kTrust, kInternet);
      REQUIRE(other.size() == 1);
      CHECK(ends(other[0], family) ==
            ends(family, external(family), parsed(other[0]).source_port.host(), family.server, 53));
    }
  }
}

TEST_CASE("a host inside reaches another one by its static address") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkerCounts) {
      INFO(int{workers} << " workers" << (family.ipv4 ? " IPv4" : " IPv6"));
      Redirecting nat({of_the_client(family)}, workers, everywhere());
      auto there =
          nat.come_out(ip_packet(family, neighbor(family), fixed(family)).udp(7000, 5060).payload(8), kTrust, kTrust);
      REQUIRE(there.size() == 1);
      const std::uint16_t as = parsed(there[0]).source_port.host();
      CHECK(ends(there[0], family) == ends(family, external(family), as, family.client, 5060));
      CHECK(arrives(nat, family, ip_packet(family, family.client, external(family)).udp(5060, as).payload(8), kTrust,
                    kTrust) == ends(family, fixed(family), 5060, neighbor(family), 7000));
    }
  }
}

TEST_CASE("a prefix is translated without touching what lies behind the addresses") {
  const Family& family = kFamilies[1];
  const AddressNumber inside{0x20010db800000000, 0}, outside{0x20010db800090000, 0};
  const auto range = [](const AddressNumber& first) { return NatRange{first, {first.high | 0xffff, ~0ULL}}; };
  DestinationRule prefix;
  prefix.from = NatZones{1} << kZoneInternet;
  prefix.ipv6 = true;
  prefix.both_ways = true;
  prefix.addresses = AddressMap::neutral(range(outside), range(inside), 48);
  for (const WorkerIndex workers : kWorkerCounts) {
    Redirecting nat({prefix}, workers, everywhere());
    const Bytes sent = from_client(family).udp(4000, 53).payload(8).build();
    const auto out = nat.come_out(from_client(family).udp(4000, 53).payload(8), kTrust, kInternet);
    REQUIRE(out.size() == 1);
    // 2001:db8::2 is 2001:db8:9:fff6::2: nine less.
    CHECK(ends(out[0], family) == ends(family, "2001:db8:9:fff6::2", 4000, family.server, 53));
    const std::size_t transport = family.transport();
    CHECK(to_hex(std::span<const std::byte>(out[0]).subspan(transport)) ==
          to_hex(std::span<const std::byte>(sent).subspan(transport)));
    CHECK(arrives(nat, family, ip_packet(family, family.server, "2001:db8:9:fff6::2").udp(53, 4000).payload(8),
                  kInternet, kTrust) == ends(family, family.server, 53, family.client, 4000));
  }
}
