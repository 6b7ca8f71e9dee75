// SPDX-License-Identifier: Apache-2.0
// ICMP through the firewall: echo has sessions of its own, errors pass when they are about a packet of a session.
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

struct Message {
  std::uint8_t type, code;
  std::uint32_t rest;
};

constexpr Message kErrors4[] = {{3, 3, 0}, {3, 1, 0}, {11, 0, 0}, {3, 4, 1280}, {12, 0, 0}};
constexpr Message kErrors6[] = {{1, 4, 0}, {1, 0, 0}, {3, 0, 0}, {2, 0, 1280}, {4, 0, 0}};

std::span<const Message> errors_of(const Family& family) {
  return family.ipv4 ? std::span<const Message>(kErrors4) : std::span<const Message>(kErrors6);
}

/// An error about `packet`, of which it quotes the first `quoted` bytes, from a router on the way.
PacketBuilder error_about(const Bytes& packet, const Family& family, const char* to, const Message& error,
                          std::size_t quoted = 1000) {
  const Bytes quote = slice(packet, kEthernet, std::min(quoted, packet.size() - kEthernet));
  PacketBuilder builder = ip_packet(family, family.ipv4 ? "192.0.2.77" : "2001:db8:77::1", to);
  return family.ipv4 ? builder.icmp(error.type, error.code, error.rest).payload(quote)
                     : builder.icmpv6(error.type, error.code, error.rest).payload(quote);
}

}  // namespace

TEST_CASE("an echo request begins a session, and only its reply passes the other way") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    CHECK(firewall.fate(echo(from_server(family), family, false, 7), kInternet) == "icmp_unsolicited");
    CHECK(firewall.fate(echo(from_client(family), family, false, 7)) == "icmp_unsolicited");
    CHECK(firewall.evaluations() == 0);
    CHECK(firewall.fate(echo(from_client(family), family, true, 7)) == "passed");
    CHECK(firewall.fate(echo(from_client(family), family, true, 7, 2)) == "passed");
    CHECK(firewall.fate(echo(from_server(family), family, false, 7, 2), kInternet) == "passed");
    CHECK(firewall.fate(echo(from_server(family), family, false, 8), kInternet) == "icmp_unsolicited");
    // Requests by the way of the answers, and answers by the way of the requests.
    CHECK(firewall.fate(echo(from_server(family), family, true, 7), kInternet) == "icmp_unsolicited");
    CHECK(firewall.fate(echo(from_client(family), family, false, 7)) == "icmp_unsolicited");
    CHECK(firewall.evaluations() == 1);
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("other queries begin nothing, also with the identifier of an echo session") {
  const Family& v4 = kFamilies[0];
  const Family& v6 = kFamilies[1];
  Firewall firewall;
  REQUIRE(firewall.fate(echo(from_client(v4), v4, true, 7)) == "passed");
  REQUIRE(firewall.fate(echo(from_client(v6), v6, true, 7)) == "passed");
  for (const std::uint32_t id : {7U << 16, 9U << 16}) {
    for (const std::uint8_t type : {std::uint8_t{13}, std::uint8_t{17}, std::uint8_t{42}}) {
      CHECK(firewall.fate(from_client(v4).icmp(type, 0, id).payload(12)) == "icmp_unsolicited");
    }
    CHECK(firewall.fate(from_client(v6).icmpv6(160, 0, id)) == "icmp_unsolicited");
  }
  CHECK(firewall.fate(from_client(v4).icmp(9)) == "icmp_unsolicited");
  CHECK(firewall.count() == 2);
}

TEST_CASE("errors about a session's packets pass to their sender, in both directions") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Bytes there = from_client(family).udp(1024, 53).payload(40).build();
    const Bytes back = from_server(family).udp(53, 1024).payload(40).build();
    for (const Message& error : errors_of(family)) {
      CHECK(firewall.fate(error_about(there, family, family.client, error), kInternet) == "icmp_unrelated");
    }
    REQUIRE(firewall.fate(there) == "passed");
    for (const Message& error : errors_of(family)) {
      CHECK(firewall.fate(error_about(there, family, family.client, error), kInternet) == "passed");
      CHECK(firewall.fate(error_about(back, family, family.server, error), kTrust) == "passed");
      // The least that RFC 792 has quoted.
      CHECK(firewall.fate(error_about(there, family, family.client, error, family.ipv4 ? 28 : 48), kInternet) ==
            "passed");
    }
    CHECK(firewall.count() == 1);
    CHECK(firewall.evaluations() == 1);
  }
}

TEST_CASE("after a change of the policy errors wait until it has been asked about their session") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Bytes there = from_client(family).udp(1024, 53).payload(40).build();
    const auto error = error_about(there, family, family.client, errors_of(family)[0]);
    REQUIRE(firewall.fate(there) == "passed");
    REQUIRE(firewall.fate(error, kInternet) == "passed");
    firewall.use(trust_goes_out());
    CHECK(firewall.fate(error, kInternet) == "icmp_unrelated");
    REQUIRE(firewall.fate(there) == "passed");
    CHECK(firewall.fate(error, kInternet) == "passed");
    firewall.use(rules({}));
    CHECK(firewall.fate(error, kInternet) == "icmp_unrelated");
  }
}

TEST_CASE("errors pass unchanged but for their TTL") {
  const Family& family = kFamilies[0];
  Firewall firewall;
  const Bytes there = from_client(family).udp(1024, 53).payload(40).build();
  REQUIRE(firewall.fate(there) == "passed");
  const Bytes error = error_about(there, family, family.client, kErrors4[0]).build();
  REQUIRE(firewall.fate(error, kInternet) == "passed");
  const auto got = firewall.sent(kTrust)[0];
  REQUIRE(got.size() == error.size());
  CHECK(slice(got, kEthernet + 12) == slice(error, kEthernet + 12));
  CHECK(get8(got, kEthernet + 8) == 63);
}

TEST_CASE("an error to anybody but the sender of what it quotes is dropped") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Bytes there = from_client(family).udp(1024, 53).payload(40).build();
    REQUIRE(firewall.fate(there) == "passed");
    const char* other = family.ipv4 ? "198.18.0.3" : "2001:db8::3";
    const Message& error = errors_of(family)[0];
    CHECK(firewall.fate(error_about(there, family, other, error), kInternet) == "icmp_unrelated");
    CHECK(firewall.fate(error_about(there, family, family.server, error), kTrust) == "icmp_unrelated");
  }
}

TEST_CASE("an error about a segment needs a number that its sender can have sent") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    REQUIRE(connection.from_client_fate(kTcpSyn, 1000) == "passed");
    const Message& error = errors_of(family)[1];
    const auto fate = [&](std::uint32_t sequence, std::size_t quoted = 1000) {
      return firewall.fate(
          error_about(connection.client(kTcpAck, sequence, 5001), family, family.client, error, quoted), kInternet);
    };
    CHECK(fate(1000) == "passed");
    CHECK(fate(2000) == "icmp_unrelated");
    CHECK(fate(999) == "icmp_unrelated");
    REQUIRE(connection.from_server_fate(kTcpSyn | kTcpAck, 5000, 1001) == "passed");
    REQUIRE(connection.from_client_fate(kTcpAck, 1001, 5001, 500) == "passed");
    CHECK(fate(1001) == "passed");
    CHECK(fate(1501) == "passed");
    CHECK(fate(1502) == "icmp_unrelated");
    CHECK(fate(1001U + 100'000) == "icmp_unrelated");
    CHECK(fate(1001U - 100'000) == "icmp_unrelated");
    CHECK(firewall.count() == 1);
    CHECK(connection.from_client_fate(kTcpAck, 1501, 5001, 10) == "passed");
  }
}

TEST_CASE("redirects never pass") {
  const Family& v4 = kFamilies[0];
  const Family& v6 = kFamilies[1];
  Firewall firewall;
  const Bytes there = from_client(v4).udp(1024, 53).payload(40).build();
  REQUIRE(firewall.fate(there) == "passed");
  CHECK(firewall.fate(error_about(there, v4, v4.client, {5, 1, 0xc0000263}), kInternet) == "icmp_unsolicited");
  CHECK(firewall.fate(from_server(v6).icmpv6(137).payload(32), kInternet) == "icmp_unsolicited");
}

TEST_CASE("a quote that names no flow is worth nothing") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Bytes there = from_client(family).udp(1024, 53).payload(40).build();
    REQUIRE(firewall.fate(there) == "passed");
    const Message& error = errors_of(family)[0];
    const std::size_t header = family.ipv4 ? 20 : 40;
    for (const std::size_t quoted : {std::size_t{0}, std::size_t{8}, header, header + 3}) {
      CHECK(firewall.fate(error_about(there, family, family.client, error, quoted), kInternet) == "icmp_quote_bad");
    }
    Bytes wrong_version = there;
    set8(wrong_version, kEthernet, family.ipv4 ? 0x65 : 0x46);
    CHECK(firewall.fate(error_about(wrong_version, family, family.client, error), kInternet) == "icmp_quote_bad");
  }
}

TEST_CASE("an error neither ends its session nor prolongs it") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Bytes there = from_client(family).udp(1024, 53).payload(40).build();
    REQUIRE(firewall.fate(there) == "passed");
    firewall.wait(50'000);
    CHECK(firewall.fate(error_about(there, family, family.client, errors_of(family)[0]), kInternet) == "passed");
    CHECK(firewall.count() == 1);
    firewall.wait(11'000);
    CHECK(firewall.count() == 0);
  }
}
