// SPDX-License-Identifier: Apache-2.0
// Sessions are bounded: by number, by what is half open, by time, and the work that ends them by turn.
#include "packet/ipv4.h"
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

RigConfig with_room(std::uint32_t sessions, std::uint32_t half_open = 0) {
  RigConfig config;
  config.sessions = sessions;
  config.half_open = half_open;
  return config;
}

}  // namespace

TEST_CASE("a full table refuses new sessions, and those that are answered don't suffer") {
  for (const Family& family : kFamilies) {
    Firewall firewall(trust_goes_out(), with_room(64));
    for (std::uint16_t port = 1; port <= 64; ++port) {
      REQUIRE(firewall.fate(from_client(family).udp(port, 53)) == "passed");
      REQUIRE(firewall.fate(from_server(family).udp(53, port), kInternet) == "passed");
    }
    for (std::uint16_t port = 65; port <= 100; ++port) {
      CHECK(firewall.fate(from_client(family).udp(port, 53)) == "session_table_full");
    }
    CHECK(firewall.session_cells().sessions.failures.read() == 36);
    for (std::uint16_t port = 1; port <= 64; ++port) {
      CHECK(firewall.fate(from_server(family).udp(53, port), kInternet) == "passed");
    }
    CHECK(firewall.count() == 64);
    CHECK(firewall.session_cells().sessions.used.read() == 64);
    firewall.wait(62'000);
    CHECK(firewall.fate(from_client(family).udp(65, 53)) == "passed");
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("in a full table what nobody answered makes way") {
  for (const Family& family : kFamilies) {
    Firewall firewall(trust_goes_out(), with_room(64));
    for (std::uint16_t port = 1; port <= 32; ++port) {
      REQUIRE(firewall.fate(from_client(family).udp(port, 53)) == "passed");
      REQUIRE(firewall.fate(from_server(family).udp(53, port), kInternet) == "passed");
    }
    int passed = 0;
    for (std::uint16_t port = 33; port <= 1000; ++port) {
      const std::string fate = firewall.fate(from_client(family).udp(port, 53));
      CHECK((fate == "passed" || fate == "session_table_full"));
      passed += fate == "passed" ? 1 : 0;
      REQUIRE(firewall.shard().size() <= 64);
    }
    CHECK(passed > 500);
    CHECK(firewall.session_cells().evicted.read() == static_cast<std::uint64_t>(passed) - 32);
    for (std::uint16_t port = 1; port <= 32; ++port) {
      CHECK(firewall.fate(from_server(family).udp(53, port), kInternet) == "passed");
    }
    CHECK(firewall.count() == 64);
  }
}

TEST_CASE("a flood of SYNs has its own budget, and leaves connections and everything else alone") {
  for (const Family& family : kFamilies) {
    Firewall firewall(trust_goes_out(), with_room(256, 32));
    Connection connection(firewall, family);
    connection.establish();
    for (std::uint16_t port = 2000; port < 2500; ++port) {
      const std::string fate =
          firewall.fate(Connection(firewall, family, port).client(kTcpSyn, Connection::kClientStart));
      CHECK((fate == "passed" || fate == "session_half_open_full"));
      REQUIRE(firewall.shard().half_open() <= 32);
    }
    CHECK(firewall.shard().half_open() == 32);
    CHECK(firewall.count() == 33);
    CHECK(firewall.fate(from_client(family).udp(1, 53)) == "passed");
    CHECK(connection.from_client_fate(kTcpAck, Connection::kClientStart + 1, Connection::kServerStart + 1, 10) ==
          "passed");
    firewall.wait(22'000);
    CHECK(firewall.shard().half_open() == 0);
    CHECK(firewall.count() == 2);
  }
}

TEST_CASE("a session ends when nothing has passed for as long as its kind says") {
  for (const Family& family : kFamilies) {
    struct Row {
      PacketBuilder packet;
      std::uint64_t seconds;
    };
    const Row rows[] = {{from_client(family).udp(1024, 53), 60},
                        {echo(from_client(family), family, true, 7), 10},
                        {from_client(family).gre(0x0800).payload(20), 600},
                        {from_client(family).tcp(1024, 80, {.flags = kTcpSyn}), 20}};
    for (const Row& row : rows) {
      Firewall firewall;
      REQUIRE(firewall.fate(row.packet) == "passed");
      firewall.wait(row.seconds * 1000 - 500);
      CHECK(firewall.count() == 1);
      firewall.wait(1500);
      CHECK(firewall.count() == 0);
      CHECK(firewall.session_cells().expired.read() == 1);
    }
    Firewall firewall;
    Connection(firewall, family).establish();
    firewall.wait(3'599'000);
    CHECK(firewall.count() == 1);
    firewall.wait(2'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("packets of either direction prolong a session") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(from_client(family).udp(1024, 53)) == "passed");
    for (int i = 0; i < 4; ++i) {
      firewall.wait(50'000);
      REQUIRE(firewall.fate(from_server(family).udp(53, 1024), kInternet) == "passed");
      firewall.wait(50'000);
      REQUIRE(firewall.fate(from_client(family).udp(1024, 53)) == "passed");
    }
    CHECK(firewall.evaluations() == 1);
    CHECK(firewall.session_cells().created.read() == 1);
  }
}

TEST_CASE("what is dropped does not prolong a session") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    REQUIRE(connection.from_client_fate(kTcpSyn, 1000) == "passed");
    for (int i = 0; i < 20; ++i) {
      firewall.wait(1'000);
      connection.from_server_fate(kTcpAck, 5000, 900, 10);
      firewall.fate(from_client(family).tcp(1024, 443, {.flags = kTcpAck}), kInternet);
    }
    firewall.wait(1'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("many sessions that end at once cost each turn with packets a little, and idle turns the rest") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.turn();
    for (std::uint16_t port = 1; port <= 2000; ++port) {
      REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(port, 53).build()));
      if (port % 50 == 0) firewall.turns(2);
    }
    REQUIRE(firewall.count() == 2000);
    firewall.turns(4, 14'500 * kNanosecondsPerMillisecond);
    const std::uint64_t before = firewall.session_cells().looked_at.read();
    REQUIRE(firewall.count() == 2000);
    REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(3000, 53).build()));
    firewall.turn(3 * kNanosecondsPerSecond);
    CHECK(firewall.session_cells().looked_at.read() - before == 64);
    CHECK(firewall.count() == 2000 + 1 - 64);
    REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(3000, 53).build()));
    firewall.turn();
    CHECK(firewall.session_cells().looked_at.read() - before == 128);
    firewall.turn();
    CHECK(firewall.count() == 1);
  }
}
