// SPDX-License-Identifier: Apache-2.0
// TCP connections through the firewall: what begins one, what it lets pass, how it ends.
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint32_t kClient = Connection::kClientStart;
constexpr std::uint32_t kServer = Connection::kServerStart;
constexpr std::uint8_t kSynAck = kTcpSyn | kTcpAck;

}  // namespace

TEST_CASE("a connection is half open until its handshake is done") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    CHECK(connection.from_client_fate(kTcpSyn, kClient) == "passed");
    CHECK(firewall.shard().half_open() == 1);
    CHECK(connection.from_server_fate(kSynAck, kServer, kClient + 1) == "passed");
    CHECK(firewall.shard().half_open() == 1);
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 1) == "passed");
    CHECK(firewall.shard().half_open() == 0);
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 1, 100) == "passed");
    CHECK(connection.from_server_fate(kTcpAck, kServer + 1, kClient + 101, 1000) == "passed");
    CHECK(firewall.count() == 1);
    CHECK(firewall.evaluations() == 1);
    CHECK(firewall.session_cells().half_open.used.read() == 0);
    CHECK(firewall.session_cells().half_open.peak.read() == 1);
  }
}

TEST_CASE("only a SYN begins a connection, and the policy isn't asked about anything else") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    CHECK(connection.from_client_fate(kTcpAck, kClient, kServer) == "tcp_no_session");
    CHECK(connection.from_client_fate(kSynAck, kClient, kServer) == "tcp_no_session");
    CHECK(connection.from_client_fate(kTcpRst, kClient) == "tcp_no_session");
    CHECK(connection.from_client_fate(kTcpFin | kTcpAck, kClient, kServer) == "tcp_no_session");
    CHECK(connection.from_client_fate(kTcpSyn | kTcpFin, kClient) == "tcp_flags");
    CHECK(connection.from_client_fate(kTcpSyn | kTcpRst, kClient) == "tcp_flags");
    CHECK(connection.from_client_fate(0, kClient) == "tcp_flags");
    CHECK(firewall.evaluations() == 0);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("mid-stream pick-up, when it is wanted, asks the policy and learns the numbers of both sides") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.settings.tcp_pick_up = true;
    firewall.use(trust_goes_out());
    Connection connection(firewall, family);
    CHECK(connection.from_server_fate(kTcpAck, kServer, kClient, 10) == "policy_deny");
    CHECK(connection.from_client_fate(kTcpAck, kClient, kServer, 100) == "passed");
    CHECK(connection.from_server_fate(kTcpAck, kServer, kClient + 100, 10) == "passed");
    CHECK(connection.from_client_fate(kTcpAck, kClient + 100, kServer + 10, 10) == "passed");
    CHECK(firewall.count() == 1);
    CHECK(firewall.shard().half_open() == 0);
    // Neither window scale is known, so a reset that is not exact fits, but closes nothing.
    CHECK(connection.from_client_fate(kTcpRst, kClient + 9'000'000) == "passed");
    CHECK(connection.from_server_fate(kTcpAck, kServer + 10, kClient + 110, 10) == "passed");
    CHECK(Connection(firewall, family, 1025).from_client_fate(kTcpRst, kClient) == "tcp_no_session");
  }
}

TEST_CASE("before the handshake is done nothing else passes") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    REQUIRE(connection.from_client_fate(kTcpSyn, kClient) == "passed");
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 1, 10) == "tcp_handshake");
    CHECK(connection.from_server_fate(kTcpAck, kServer, kClient + 1, 10) == "tcp_handshake");
    CHECK(connection.from_server_fate(kSynAck, kServer, kClient + 999) == "tcp_handshake");
    CHECK(connection.from_server_fate(kTcpRst, kServer) == "tcp_out_of_window");
    CHECK(connection.from_server_fate(kSynAck, kServer, kClient + 1) == "passed");
  }
}

TEST_CASE("a refused connection ends at once") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    REQUIRE(connection.from_client_fate(kTcpSyn, kClient) == "passed");
    CHECK(connection.from_server_fate(kTcpRst | kTcpAck, 0, kClient + 1) == "passed");
    CHECK(firewall.shard().half_open() == 0);
    firewall.wait(11'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("segments out of the window are dropped and change nothing") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    CHECK(connection.from_client_fate(kTcpAck, kClient + 200'000, kServer + 1, 10) == "tcp_out_of_window");
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 70'000) == "tcp_out_of_window");
    CHECK(connection.from_server_fate(kTcpAck, kServer - 200'000, kClient + 1, 10) == "tcp_out_of_window");
    CHECK(connection.from_client_fate(kTcpSyn | kTcpFin | kTcpAck, kClient + 1, kServer + 1) == "tcp_flags");
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 1, 10) == "passed");
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("a blind reset passes and closes nothing, and doesn't prolong the session either") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    CHECK(connection.from_server_fate(kTcpRst, kServer + 1000) == "passed");  // in the window: the client judges it
    CHECK(connection.from_server_fate(kTcpRst, kServer + 200'000) == "tcp_out_of_window");
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 1, 10) == "passed");
    firewall.wait(3'000'000);
    CHECK(connection.from_server_fate(kTcpRst, kServer + 1000) == "passed");
    CHECK(firewall.count() == 1);
    firewall.wait(602'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("a reset with the exact number closes the session ten seconds later") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    CHECK(connection.from_server_fate(kTcpRst, kServer + 1) == "passed");
    CHECK(connection.from_server_fate(kTcpAck, kServer + 1, kClient + 1, 10) == "tcp_closed");
    CHECK(connection.from_client_fate(kSynAck, kClient + 1, kServer + 1) == "tcp_closed");
    firewall.wait(9'000);
    CHECK(firewall.count() == 1);
    firewall.wait(2'000);
    CHECK(firewall.count() == 0);
    CHECK(firewall.session_cells().expired.read() == 1);
    CHECK(connection.from_client_fate(kTcpAck, kClient + 1, kServer + 1, 10) == "tcp_no_session");
  }
}

TEST_CASE("after FIN both ways the session lives on for half a minute, after one for four") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    connection.close();
    CHECK(connection.from_server_fate(kTcpFin | kTcpAck, kServer + 1, kClient + 2) == "passed");  // lost the last ACK
    Connection other(firewall, family, 1025);
    other.establish();
    REQUIRE(other.from_client_fate(kTcpFin | kTcpAck, kClient + 1, kServer + 1) == "passed");
    CHECK(other.from_server_fate(kTcpAck, kServer + 1, kClient + 2, 1000) == "passed");
    firewall.wait(29'000);
    CHECK(firewall.count() == 2);
    firewall.wait(2'000);
    CHECK(firewall.count() == 1);
    firewall.wait(207'000);
    CHECK(firewall.count() == 1);
    firewall.wait(4'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("a SYN in TIME-WAIT renews the session, and the policy is asked again") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    connection.close();
    CHECK(connection.from_client_fate(kTcpSyn, kClient + 70'000) == "passed");
    CHECK(firewall.session_cells().renewed.read() == 1);
    CHECK(firewall.evaluations() == 2);
    CHECK(firewall.shard().half_open() == 1);
    CHECK(connection.from_server_fate(kSynAck, kServer + 70'000, kClient + 70'001) == "passed");
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("what the policy of now denies is not renewed, though its session was kept") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    connection.close();
    firewall.settings.close_on_change = false;
    firewall.use(rules({}));
    CHECK(connection.from_server_fate(kTcpFin | kTcpAck, kServer + 1, kClient + 2) == "passed");
    CHECK(connection.from_client_fate(kTcpSyn, kClient + 70'000) == "policy_deny");
    CHECK(firewall.count() == 0);
    CHECK(firewall.session_cells().renewed.read() == 1);
  }
}

TEST_CASE("a server may open the next connection on the ports of one that is over, if the policy lets it") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    connection.close();
    CHECK(connection.from_server_fate(kTcpSyn, kServer + 70'000) == "policy_deny");
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("SYN, its reset and the next SYN within one burst") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Connection connection(firewall, family);
    firewall.turn();
    const Bytes burst[] = {connection.client(kTcpSyn, kClient), connection.client(kTcpSyn, kClient),
                           connection.client(kTcpRst, kClient + 1), connection.client(kTcpSyn, kClient + 9000),
                           connection.client(kTcpSyn, kClient + 9000)};
    for (const Bytes& packet : burst) REQUIRE(firewall.lane(kTrust).inject(packet));
    firewall.turns(2);
    CHECK(firewall.sent(kInternet).size() == 5);
    CHECK(firewall.session_cells().created.read() == 2);
    CHECK(firewall.session_cells().renewed.read() == 1);
    CHECK(firewall.evaluations() == 2);
    CHECK(firewall.shard().half_open() == 1);
    CHECK(firewall.count() == 1);
    CHECK(firewall.unaccounted_packets() == 0);
  }
}

TEST_CASE("SYNs with another number each renew the session within one burst") {
  Firewall firewall;
  const Connection connection(firewall, kFamilies[0]);
  firewall.turn();
  for (std::uint32_t i = 0; i < 64; ++i) {
    REQUIRE(firewall.lane(kTrust).inject(connection.client(kTcpSyn, kClient + 1000 * i)));
  }
  firewall.turns(2);
  CHECK(firewall.sent(kInternet).size() == 64);
  CHECK(firewall.session_cells().renewed.read() == 63);
  CHECK(firewall.shard().half_open() == 1);
  CHECK(firewall.count() == 1);
}
