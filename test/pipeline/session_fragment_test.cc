// SPDX-License-Identifier: Apache-2.0
// Datagrams that come in fragments: held until they are whole, then decided about as one.
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

struct Ends {
  const char* source;
  const char* destination;
};

PacketBuilder piece_of(const Family& family, const Ends& ends, int protocol, const Bytes& transport, std::size_t offset,
                       std::size_t size, std::uint16_t id) {
  const bool more = offset + size < transport.size();
  const auto at = static_cast<std::uint32_t>(offset);
  PacketBuilder builder;
  builder.ethernet();
  if (family.ipv4) {
    builder.ipv4(ends.source, ends.destination, {.id = id, .more_fragments = more, .offset = at, .protocol = protocol});
  } else {
    builder.ipv6(ends.source, ends.destination).fragment(at, more, id, protocol);
  }
  return builder.payload(slice(transport, offset, size));
}

/// The fragments of a whole packet from one end to the other, each with `size` bytes of data.
std::vector<Bytes> cut(const Family& family, const Ends& ends, int protocol, const Bytes& whole, std::size_t size,
                       std::uint16_t id = 7) {
  const Bytes transport = slice(whole, family.transport());
  std::vector<Bytes> pieces;
  for (std::size_t offset = 0; offset < transport.size(); offset += size) {
    const std::size_t length = std::min(size, transport.size() - offset);
    pieces.push_back(piece_of(family, ends, protocol, transport, offset, length, id).build());
  }
  return pieces;
}

std::vector<Bytes> client_datagram(const Family& family, std::size_t size = 800, std::uint16_t id = 7) {
  return cut(family, {family.client, family.server}, 17, from_client(family).udp(1024, 53).payload(2000).build(), size,
             id);
}
std::vector<Bytes> server_datagram(const Family& family) {
  return cut(family, {family.server, family.client}, 17, from_server(family).udp(53, 1024).payload(2000).build(), 800);
}

void pass_all(Firewall& firewall, const std::vector<Bytes>& pieces, InterfaceIndex interface = kTrust) {
  for (const Bytes& piece : pieces) firewall.pass(piece, interface);
}

}  // namespace

TEST_CASE("fragments wait for each other and leave together, in order, as one session") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const std::vector<Bytes> pieces = client_datagram(family);
    REQUIRE(pieces.size() == 3);
    CHECK(firewall.fate(pieces[2]) == "held");
    CHECK(firewall.fate(pieces[0]) == "held");
    CHECK(firewall.sum(&PipelineCells::held) == 2);
    CHECK(firewall.sent(kInternet).size() == 0);
    CHECK(firewall.evaluations() == 0);
    firewall.pass(pieces[1]);
    REQUIRE(firewall.sent(kInternet).size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      // Only the MAC addresses and the TTL, with its checksum, are others.
      const auto got = firewall.sent(kInternet)[i];
      REQUIRE(got.size() == pieces[i].size());
      CHECK(slice(got, kEthernet + 12) == slice(pieces[i], kEthernet + 12));
      CHECK(get8(got, 5) == 0xa1);
    }
    CHECK(firewall.sum(&PipelineCells::held) == 0);
    CHECK(firewall.count() == 1);
    CHECK(firewall.evaluations() == 1);
    pass_all(firewall, server_datagram(family), kInternet);
    CHECK(firewall.sent(kTrust).size() == 3);
    CHECK(firewall.fate(from_server(family).udp(53, 1024).payload(9), kInternet) == "passed");
    CHECK(firewall.count() == 1);
    CHECK(firewall.evaluations() == 1);
  }
}

TEST_CASE("a datagram counts in its session with all its fragments") {
  const Family& family = kFamilies[0];
  Firewall firewall;
  pass_all(firewall, client_datagram(family));
  pass_all(firewall, client_datagram(family, 800, 8));
  const auto sessions = firewall.sessions<FiveTuple4>();
  REQUIRE(sessions.size() == 1);
  CHECK(sessions[0].original.head.packets() == 6);
  CHECK(sessions[0].original.head.bytes == 2 * (2008 + 3 * 20));
}

TEST_CASE("what the policy denies is dropped with all its fragments, what it rejects is answered once") {
  for (const Family& family : kFamilies) {
    Firewall firewall(rules(
        {rule(kZoneTrust, kZoneInternet, RuleAction::kReject), rule(kZoneInternet, kZoneTrust, RuleAction::kDeny)}));
    pass_all(firewall, server_datagram(family), kInternet);
    CHECK(firewall.drops(DropReason::kPolicyDeny) == 3);
    pass_all(firewall, client_datagram(family));
    CHECK(firewall.drops(DropReason::kPolicyReject) == 3);
    CHECK(firewall.sent(kTrust).size() == 1);
    CHECK(firewall.sent(kInternet).size() == 0);
    CHECK(firewall.evaluations() == 2);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("a fragment larger than the next link is cut again, or for IPv6 answered") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.forward(family.ipv4 ? "198.18.1.0/24" : "2001:db8:1::/64", kInternet, test_mac(0xa1),
                     family.ipv4 ? 500 : 1280);
    pass_all(firewall, client_datagram(family, family.ipv4 ? 800 : 1400));
    if (family.ipv4) {
      std::size_t data = 0;
      for (std::size_t i = 0; i < firewall.sent(kInternet).size(); ++i) {
        CHECK(firewall.sent(kInternet)[i].size() <= kEthernet + 500);
        data += get16(firewall.sent(kInternet)[i], kEthernet + 2) - 20U;
      }
      CHECK(data == 2008);
    } else {
      CHECK(firewall.drops(DropReason::kPacketTooBig) == 1);
      CHECK(firewall.sent(kTrust).size() == 1);
    }
    CHECK(firewall.unaccounted_packets() == 0);
    CHECK(firewall.unaccounted_frames() == 0);
  }
}

TEST_CASE("a datagram with bytes that two fragments claim is dropped whole") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const Bytes transport = slice(from_client(family).udp(1024, 53).payload(2000).build(), family.transport());
    const Ends ends{family.client, family.server};
    CHECK(firewall.fate(piece_of(family, ends, 17, transport, 0, 800, 7)) == "held");
    firewall.pass(piece_of(family, ends, 17, transport, 792, 800, 7).build());
    firewall.turns(3);
    CHECK(firewall.drops(DropReason::kFragmentOverlap) == 2);
    CHECK(firewall.fate(piece_of(family, ends, 17, transport, 1600, 408, 7)) == "datagram_spoiled");
    CHECK(firewall.sum(&PipelineCells::held) == 0);
    CHECK(firewall.sent(kInternet).size() == 0);
  }
}

TEST_CASE("a datagram that never becomes whole is dropped in time, also when there is no policy any more") {
  for (const bool router : {false, true}) {
    for (const Family& family : kFamilies) {
      Firewall firewall;
      CHECK(firewall.fate(client_datagram(family)[0]) == "held");
      CHECK(firewall.fate(client_datagram(family)[2]) == "held");
      firewall.turns(18, 100 * kNanosecondsPerMillisecond);
      CHECK(firewall.sum(&PipelineCells::held) == 2);
      if (router) firewall.use_no_policy();
      firewall.turns(router ? 2 : 4, 100 * kNanosecondsPerMillisecond);
      CHECK(firewall.drops(DropReason::kFragmentTimeout) == 2);
      CHECK(firewall.sum(&PipelineCells::held) == 0);
      CHECK(firewall.unaccounted_packets() == 0);
      CHECK(firewall.unaccounted_frames() == 0);
    }
  }
}

TEST_CASE("fragments in a router go their way one by one") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.use_no_policy();
    for (const Bytes& piece : client_datagram(family)) CHECK(firewall.fate(piece) == "passed");
  }
}

TEST_CASE("a TCP segment in fragments counts with all its data") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Connection connection(firewall, family);
    connection.establish();
    pass_all(firewall,
             cut(family, {family.client, family.server}, 6, connection.client(kTcpAck, 1001, 5001, 2000), 800));
    CHECK(firewall.sent(kInternet).size() == 2 + 3);
    CHECK(connection.from_server_fate(kTcpAck, 5001, 3002) == "tcp_out_of_window");
    CHECK(connection.from_server_fate(kTcpAck, 5001, 3001) == "passed");
    const Bytes echo_request = echo(from_client(family), family, true, 9).payload(1500).build();
    pass_all(firewall, cut(family, {family.client, family.server}, family.ipv4 ? 1 : 58, echo_request, 800));
    CHECK(firewall.sent(kInternet).size() == 2 + 3 + 2);
    CHECK(firewall.count() == 2);
  }
}

TEST_CASE("fragments of one burst, beside packets that are whole") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    firewall.turn();
    std::uint16_t id = 1;
    for (; id <= 12; ++id) {
      for (const Bytes& piece : client_datagram(family, 800, id)) REQUIRE(firewall.lane(kTrust).inject(piece));
      REQUIRE(firewall.lane(kTrust).inject(from_client(family).udp(id, 9).build()));
    }
    firewall.turns(3);
    CHECK(firewall.sent(kInternet).size() == 12 * 4);
    CHECK(firewall.count() == 13);
    CHECK(firewall.unaccounted_packets() == 0);
    CHECK(firewall.unaccounted_frames() == 0);
  }
}

TEST_CASE("more fragments than may wait: the oldest datagrams go, and nothing is lost unsaid") {
  for (const Family& family : kFamilies) {
    RigConfig config;
    config.fragments = 16;
    Firewall firewall(trust_goes_out(), config);
    for (std::uint16_t id = 1; id <= 100; ++id) {
      const Ends ends{family.client, family.server};
      const Bytes transport = slice(from_client(family).udp(1024, 53).payload(100).build(), family.transport());
      firewall.pass(piece_of(family, ends, 17, transport, 0, 64, id).build());
      CHECK(firewall.sum(&PipelineCells::held) <= 16);
    }
    firewall.turns(3);
    CHECK(firewall.worker().cells().pipeline.fragments.failures.read() > 0);
    CHECK(firewall.drops() + firewall.sum(&PipelineCells::held) == 100);
  }
}

TEST_CASE("a worker that stops gives back what waits for the rest of its datagram") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(client_datagram(family)[0]) == "held");
    REQUIRE(firewall.fate(client_datagram(family)[1]) == "held");
    firewall.tell(0, Command{CommandKind::kStop});
    CHECK(firewall.drops(DropReason::kWorkerStopping) == 2);
    CHECK(firewall.unaccounted_packets() == 0);
    const auto& budget = firewall.worker().cells().budget;
    CHECK(budget.holders[static_cast<std::size_t>(FrameHolder::kPool)].read() == budget.home.read());
  }
}
