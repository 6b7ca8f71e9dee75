// SPDX-License-Identifier: Apache-2.0
// Limits of a zone: sessions of a source, how fast it begins them, and how fast the zone does.
#include <arpa/inet.h>

#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

struct Limited : Firewall {
  Limited(const ZoneLimits& limits, const RigConfig& config = {}) : Firewall(trust_goes_out(), config) {
    forward("2001:db8::/48", kTrust, test_mac(0xa0));
    settings.limits[kZoneTrust] = limits;
    use(trust_goes_out());
  }
};

std::string source(const Family& family, int host) {
  return family.ipv4 ? "198.18.0." + std::to_string(host) : "2001:db8:0:" + std::to_string(host) + "::1";
}

PacketBuilder from(const Family& family, int host) {
  return ip_packet(family, source(family, host).c_str(), family.server);
}

/// How many of so many new sessions of this source passed; the others were refused for `reason`.
int passed(Limited& firewall, const Family& family, int host, std::uint16_t first_port, int count,
           const std::string& reason) {
  int passed = 0;
  for (int i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(first_port + i);
    const std::string fate = firewall.fate(from(family, host).udp(port, 53));
    CHECK((fate == "passed" || fate == reason));
    passed += fate == "passed" ? 1 : 0;
  }
  return passed;
}

template <typename Address>
Address address(int family, const std::string& text) {
  Address address;
  REQUIRE(inet_pton(family, text.c_str(), &address) == 1);
  return address;
}

std::uint64_t sessions_of(Firewall& firewall, const Family& family, int host) {
  AddressMeters& meters = firewall.meters().sources.meters();
  const MeterId id = family.ipv4 ? meters.id(MeterKind::kSource, address<Ipv4Address>(AF_INET, source(family, host)))
                                 : meters.id(MeterKind::kSource, address<Ipv6Address>(AF_INET6, source(family, host)));
  const AddressMeters::Place* place = meters.place(id, firewall.now());
  return place == nullptr ? 0 : AddressMeters::sessions_of(place->who.load());
}

}  // namespace

TEST_CASE("a source has as many sessions as it may, and another its own; ends make room") {
  for (const Family& family : kFamilies) {
    ZoneLimits limits;
    limits.sessions_per_source = 10;
    Limited firewall(limits);
    CHECK(passed(firewall, family, 2, 1000, 25, "source_sessions") == 10);
    CHECK(passed(firewall, family, 3, 1000, 5, "source_sessions") == 5);
    CHECK(sessions_of(firewall, family, 2) == 10);
    CHECK(sessions_of(firewall, family, 3) == 5);
    // A packet of a session that is there is not a new one.
    CHECK(firewall.fate(from(family, 2).udp(1000, 53)) == "passed");
    firewall.wait(70'000);
    CHECK(firewall.count() == 0);
    CHECK(sessions_of(firewall, family, 2) == 0);
    CHECK(passed(firewall, family, 2, 2000, 25, "source_sessions") == 10);
  }
}

TEST_CASE("addresses behind the same 64 bits are one source") {
  ZoneLimits limits;
  limits.sessions_per_source = 4;
  Limited firewall(limits);
  int passed = 0;
  for (int host = 1; host <= 20; ++host) {
    const std::string address = "2001:db8:0:5::" + std::to_string(host);
    passed += firewall.fate(ip_packet(kFamilies[1], address.c_str(), kFamilies[1].server).udp(1, 53)) == "passed";
  }
  CHECK(passed == 4);
}

TEST_CASE("sessions that are cleared, evicted or refused for another reason leave no count") {
  for (const Family& family : kFamilies) {
    ZoneLimits limits;
    limits.sessions_per_source = 1000;
    RigConfig config;
    config.sessions = 64;
    Limited firewall(limits, config);
    for (std::uint16_t port = 1; port <= 500; ++port) firewall.fate(from(family, 2).udp(port, 53));
    CHECK(firewall.session_cells().evicted.read() > 100);
    CHECK(sessions_of(firewall, family, 2) == firewall.shard().size());
    // Answered ones don't make way: now it is the table that refuses.
    for (std::uint16_t port = 1; port <= 500; ++port) {
      firewall.fate(ip_packet(family, family.server, source(family, 2).c_str()).udp(53, port), kInternet);
    }
    for (std::uint16_t port = 1000; port <= 1500; ++port) firewall.fate(from(family, 2).udp(port, 53));
    CHECK(firewall.drops(DropReason::kSessionTableFull) > 0);
    CHECK(sessions_of(firewall, family, 2) == firewall.shard().size());
  }
}

TEST_CASE("a source begins sessions at its rate, in bursts of a second's worth") {
  for (const Family& family : kFamilies) {
    ZoneLimits limits;
    limits.source_rate = MeterRate::per_second(50);
    Limited firewall(limits);
    const int at_once = passed(firewall, family, 2, 1000, 200, "source_rate");
    CHECK(at_once >= 50);
    CHECK(at_once <= 53);
    CHECK(passed(firewall, family, 3, 1000, 20, "source_rate") == 20);
    firewall.wait(500);
    const int later = passed(firewall, family, 2, 2000, 200, "source_rate");
    CHECK(later >= 25);
    CHECK(later <= 29);
  }
}

TEST_CASE("a zone begins sessions at its rate; one source that floods leaves the others theirs") {
  for (const Family& family : kFamilies) {
    ZoneLimits limits;
    limits.zone_rate = MeterRate::per_second(800);
    RigConfig config;
    config.sessions = 65'536;
    Limited firewall(limits, config);
    int flood = 0, others = 0;
    std::uint16_t port = 1000;
    // Four seconds: a flood of 4,000 a second, and twenty sources that begin 10 a second each.
    for (int tick = 0; tick < 400; ++tick) {
      flood += passed(firewall, family, 2, port, 40, "zone_rate");
      others += passed(firewall, family, 10 + tick % 20, static_cast<std::uint16_t>(5000 + tick), 2, "zone_rate");
      port = static_cast<std::uint16_t>(port + 40);
      firewall.turn(9'500'000);
    }
    // What the others leave is the flood's: the zone's rate is used, and not exceeded.
    CHECK(others >= 790);
    CHECK(flood + others <= 800 + 800 * 45 / 10);
    CHECK(flood + others >= 800 * 4);
  }
}

TEST_CASE("in a crowd a source begins as many at once as its share of a burst, whatever its own rate") {
  for (const Family& family : kFamilies) {
    ZoneLimits limits;
    limits.source_rate = MeterRate::per_second(50);
    limits.zone_rate = MeterRate::per_second(800);
    RigConfig config;
    config.sessions = 65'536;
    Limited firewall(limits, config);
    // Half of the zone's burst.
    for (int host = 20; host < 29; ++host) passed(firewall, family, host, 1000, 46, "zone_rate");
    // An eighth of 800 a second is 100, and an eighth of a second's worth 12.
    const int at_once = passed(firewall, family, 2, 1000, 40, "zone_rate");
    CHECK(at_once >= 12);
    CHECK(at_once <= 14);
  }
}

TEST_CASE("workers share what they count") {
  ZoneLimits limits;
  limits.sessions_per_source = 20;
  RigConfig config;
  config.workers = 2;
  config.sessions = 1024;
  Limited firewall(limits, config);
  for (std::uint16_t port = 1; port <= 100; ++port) {
    firewall.lane(0, port % 2).inject(from(kFamilies[0], 2).udp(port, 53).build());
    firewall.turns(3);
  }
  CHECK(firewall.shard(0).size() > 0);
  CHECK(firewall.shard(1).size() > 0);
  CHECK(firewall.shard(0).size() + firewall.shard(1).size() == 20);
  CHECK(firewall.drops(DropReason::kSourceSessions) == 80);
}
