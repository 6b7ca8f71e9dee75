// SPDX-License-Identifier: Apache-2.0
// Screens: each attack is dropped for its reason, raises an alarm when it should only do that, and passes where the
// zone has no screens. What the rules permit otherwise goes on.
#include <map>

#include "packet/tcp.h"
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint8_t kProtocolOfUdp = 17;

RuleSet both_ways() {
  return rules(
      {rule(kZoneTrust, kZoneInternet, RuleAction::kPermit), rule(kZoneInternet, kZoneTrust, RuleAction::kPermit)});
}

/// A part of a datagram with so many bytes of data.
Bytes part(const Family& family, std::uint8_t protocol, std::size_t data, std::uint32_t offset, bool more) {
  PacketBuilder builder;
  builder.ethernet();
  if (family.ipv4) {
    builder.ipv4(family.client, family.server, {.more_fragments = more, .offset = offset, .protocol = protocol});
  } else {
    builder.ipv6(family.client, family.server).fragment(offset, more, 0x1234, protocol);
  }
  return builder.payload(data).build();
}

Bytes segment(const Family& family, std::uint8_t flags, std::uint16_t port = 80) {
  return from_client(family).tcp(1024, port, {.flags = flags}).build();
}

struct Attack {
  Screen screen;
  Bytes packet;
  std::string without;  ///< what becomes of it without the screen
};

std::vector<Attack> attacks(const Family& family) {
  // Reverse paths are not checked here, so only the screen minds that a packet comes from where it goes.
  std::vector<Attack> list{
      {Screen::kLand, ip_packet(family, family.server, family.server).udp(7, 9).build(), "passed"},
      {Screen::kWinnuke, segment(family, kTcpUrg | kTcpAck, 139), "tcp_no_session"},
      {Screen::kSynFin, segment(family, kTcpSyn | kTcpFin), "tcp_flags"},
      {Screen::kNoFlags, segment(family, 0), "tcp_flags"},
      {Screen::kFinNoAck, segment(family, kTcpFin), "tcp_flags"},
      {Screen::kFinNoAck, segment(family, kTcpFin | kTcpPsh | kTcpUrg), "tcp_flags"},
      {Screen::kTinyFragment, part(family, kProtocolOfUdp, 40, 0, true), "held"},
  };
  if (family.ipv4) {
    PacketBuilder routed;
    routed.ethernet().ipv4(family.client, family.server, {.options = hex("83 07 04 c6 12 00 09")}).udp(1, 2);
    list.push_back({Screen::kSourceRoute, routed.build(), "source_route"});
  }
  return list;
}

ZoneScreens screens(ScreenMask on, ScreenMask alarm = 0) {
  ZoneScreens made;
  made.on = on;
  made.alarm = alarm;
  return made;
}

std::uint64_t alarms(Firewall& firewall, Screen screen) {
  return firewall.worker().cells().pipeline.screen_alarms[static_cast<std::size_t>(screen)].read();
}

}  // namespace

TEST_CASE("each attack is dropped by its screen and by no other") {
  for (const Family& family : kFamilies) {
    for (const Attack& attack : attacks(family)) {
      INFO(name_of(attack.screen) << (family.ipv4 ? ", IPv4" : ", IPv6"));
      Firewall open(both_ways());
      CHECK(open.fate(attack.packet) == attack.without);

      Firewall one;
      one.settings.screens[kZoneTrust] = screens(mask_of(attack.screen));
      one.use(both_ways());
      CHECK(one.fate(attack.packet) == drop_reason_text(reason_of(attack.screen)).name);

      Firewall others;
      others.settings.screens[kZoneTrust] = screens(kPacketScreens & ~mask_of(attack.screen));
      others.use(both_ways());
      CHECK(others.fate(attack.packet) == attack.without);

      Firewall elsewhere;
      elsewhere.settings.screens[kZoneInternet] = screens(kPacketScreens);
      elsewhere.use(both_ways());
      CHECK(elsewhere.fate(attack.packet) == attack.without);
    }
  }
}

TEST_CASE("a screen that only raises an alarm counts, and the packet goes on") {
  for (const Family& family : kFamilies) {
    for (const Attack& attack : attacks(family)) {
      INFO(name_of(attack.screen));
      Firewall firewall;
      firewall.settings.screens[kZoneTrust] = screens(kPacketScreens, mask_of(attack.screen));
      firewall.use(both_ways());
      CHECK(firewall.fate(attack.packet) == attack.without);
      CHECK(alarms(firewall, attack.screen) == 1);
    }
  }
}

TEST_CASE("what people send passes all screens") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.settings.screens.fill(screens(kPacketScreens));
    firewall.use(both_ways());
    Connection connection(firewall, family);
    connection.establish();
    CHECK(connection.from_client_fate(kTcpAck | kTcpPsh | kTcpUrg, Connection::kClientStart + 1,
                                      Connection::kServerStart + 1, 10) == "passed");
    CHECK(firewall.fate(from_client(family).udp(1, 2)) == "passed");
    CHECK(firewall.fate(echo(from_client(family), family, true, 7)) == "passed");
    // A last fragment may be as short as it likes.
    CHECK(firewall.fate(part(family, kProtocolOfUdp, 640, 0, true)) == "held");
    firewall.pass(part(family, kProtocolOfUdp, 8, 640, false));
    CHECK(firewall.sum(&PipelineCells::held) == 0);
  }
}

TEST_CASE("more packets of no session to one destination than a flood screen says are dropped; sessions go on") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    ZoneScreens flood = screens(mask_of(Screen::kUdpFlood) | mask_of(Screen::kIcmpFlood));
    flood.udp_to = MeterRate::per_second(100);
    flood.icmp_to = MeterRate::per_second(10);
    firewall.settings.screens[kZoneTrust] = flood;
    firewall.use(both_ways());
    CHECK(firewall.fate(from_client(family).udp(1, 53)) == "passed");
    std::map<std::string, int> udp, icmp;
    for (std::uint16_t port = 1000; port < 1200; ++port) ++udp[firewall.fate(from_client(family).udp(port, 53))];
    for (std::uint16_t id = 0; id < 40; ++id) ++icmp[firewall.fate(echo(from_client(family), family, true, id))];
    // A second's worth at once; the turns themselves take a few milliseconds.
    CHECK(udp["passed"] >= 99);
    CHECK(udp["passed"] <= 102);
    CHECK(udp["screen_udp_flood"] + udp["passed"] == 200);
    CHECK(icmp["passed"] >= 10);
    CHECK(icmp["passed"] <= 11);
    CHECK(icmp["screen_icmp_flood"] + icmp["passed"] == 40);
    // The session that there is, another destination, and TCP.
    CHECK(firewall.fate(from_client(family).udp(1, 53)) == "passed");
    const char* other = family.ipv4 ? "198.18.1.9" : "2001:db8:1:9::9";
    CHECK(firewall.fate(ip_packet(family, family.client, other).udp(1, 53)) != "screen_udp_flood");
    CHECK(firewall.fate(from_client(family).tcp(1, 80, {.flags = kTcpSyn})) == "passed");
    firewall.wait(500);
    int later = 0;
    for (std::uint16_t port = 3000; port < 3100; ++port) {
      later += firewall.fate(from_client(family).udp(port, 53)) == "passed" ? 1 : 0;
    }
    CHECK(later >= 49);
    CHECK(later <= 53);
  }
}

TEST_CASE("who tries many ports of one destination, or many destinations, is stopped for a while; others are not") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    ZoneScreens scan = screens(mask_of(Screen::kPortScan));
    scan.scan_bits = static_cast<std::uint16_t>(ScanMeters::bits_of(20));
    firewall.settings.screens[kZoneTrust] = scan;
    firewall.use(both_ways());
    int passed = 0;
    for (std::uint16_t port = 1; port <= 200; ++port) {
      const std::string fate = firewall.fate(from_client(family).tcp(1024, port, {.flags = kTcpSyn}));
      CHECK((fate == "passed" || fate == "screen_port_scan"));
      passed += fate == "passed" ? 1 : 0;
    }
    CHECK(passed >= 18);
    CHECK(passed <= 24);
    const char* other = family.ipv4 ? "198.18.0.7" : "2001:db8:0:7::7";
    CHECK(firewall.fate(ip_packet(family, other, family.server).tcp(1024, 1, {.flags = kTcpSyn})) == "passed");
    // One port, however often, is no scan.
    for (std::uint16_t port = 1; port <= 200; ++port) {
      CHECK(firewall.fate(ip_packet(family, other, family.server).tcp(port, 443, {.flags = kTcpSyn})) == "passed");
    }
    firewall.wait(10'000);
    CHECK(firewall.fate(from_client(family).tcp(1024, 300, {.flags = kTcpSyn})) == "passed");
  }
}

TEST_CASE("who tries many destinations is stopped for a while") {
  Firewall firewall;
  ZoneScreens sweep = screens(mask_of(Screen::kAddressSweep));
  sweep.sweep_bits = static_cast<std::uint16_t>(ScanMeters::bits_of(30));
  firewall.settings.screens[kZoneTrust] = sweep;
  firewall.use(both_ways());
  int stopped = 0;
  for (int host = 1; host <= 200; ++host) {
    const std::string to = "203.0.113." + std::to_string(host);
    const std::string fate = firewall.fate(ip_packet(kFamilies[0], "198.18.0.2", to.c_str()).udp(1, 161));
    stopped += fate == "screen_address_sweep" ? 1 : 0;
  }
  CHECK(stopped >= 164);
  CHECK(stopped <= 173);
  CHECK(firewall.fate(ip_packet(kFamilies[0], "198.18.0.3", "198.18.1.2").udp(1, 161)) == "passed");
}

TEST_CASE("IPv6 destinations of one network are different ones; a source that can't be there counts for nobody") {
  Firewall firewall;
  ZoneScreens sweep = screens(mask_of(Screen::kAddressSweep));
  sweep.sweep_bits = static_cast<std::uint16_t>(ScanMeters::bits_of(30));
  firewall.settings.screens[kZoneTrust] = sweep;
  firewall.settings.screens[kZoneInternet] = sweep;
  firewall.settings.reverse_path[kInternet] = ReversePathCheck::kStrict;
  firewall.use(both_ways());
  const auto try_hosts = [&firewall](const char* from, const std::string& network, InterfaceIndex interface) {
    std::map<std::string, int> fates;
    for (int host = 1; host <= 100; ++host) {
      const std::string to = network + std::to_string(host);
      ++fates[firewall.fate(ip_packet(kFamilies[1], from, to.c_str()).udp(1, 161), interface)];
    }
    return fates;
  };
  CHECK(try_hosts("2001:db8::7", "2001:db8::1:", kInternet)["reverse_path"] == 100);
  const auto fates = try_hosts("2001:db8::7", "2001:db8:1::", kTrust);
  CHECK(fates.at("screen_address_sweep") >= 62);
  CHECK(fates.at("screen_address_sweep") <= 74);
}
