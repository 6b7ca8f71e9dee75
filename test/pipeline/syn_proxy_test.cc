// SPDX-License-Identifier: Apache-2.0
// Connections whose handshake a SYN proxy has done: what each end gets.
#include "packet/transport_checksum.h"
#include "test/pipeline/proxied.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint32_t kClient = Proxied::kClient, kServer = Proxied::kServer;
constexpr std::uint32_t kClientClock = Proxied::kClientClock, kServerClock = Proxied::kServerClock;
constexpr std::uint8_t kAck = kTcpAck, kSyn = kTcpSyn, kRst = kTcpRst, kFin = kTcpFin;
constexpr std::uint8_t kSynAck = kTcpSyn | kTcpAck;

/// The last packet that left, without its Ethernet header.
std::string last(Firewall& firewall, InterfaceIndex interface) {
  PacketCapture& sent = firewall.sent(interface);
  return sent.size() == 0 ? "" : to_hex(slice(sent[sent.size() - 1], kEthernet));
}
std::string ip_of(const Bytes& packet) {
  return to_hex(slice(packet, kEthernet));
}
/// Written by us: with TTL 64 and DF, and no number that is of use to anybody.
std::string ours(const Family& family, const TcpFields& fields) {
  PacketBuilder builder;
  family.ipv4 ? builder.ipv4(family.client, family.server, {.id = 0, .dont_fragment = true})
              : builder.ipv6(family.client, family.server);
  return to_hex(builder.tcp(1024, 443, fields).build());
}

}  // namespace

TEST_CASE("a SYN dropped as syn_cookie becomes our SYN-ACK, and its ACK the client's SYN") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    const Bytes syn_ack = connection.answer();
    CHECK(get8(syn_ack, family.transport() + 13) == kSynAck);
    CHECK(get16(syn_ack, family.transport() + 14) == 0);
    CHECK(connection.cells().syn_cookies_sent.read() == 1);
    CHECK(connection.cells().generated.read() == 1);
    CHECK(connection.cells().drops[kTrust][static_cast<std::size_t>(DropReason::kScreenSynFlood)].read() == 1);
    const Bytes syn = connection.admit(7);
    const std::uint32_t mss = family.ipv4 ? 1460 : 1440;
    Bytes options = Proxied::syn_options(kClientClock, 0, 7);
    set16(options, 2, mss);
    CHECK(ip_of(syn) == ip_of(connection.client(kSyn, kClient, 0, 502 << 7, options)));
    CHECK(firewall.shard().half_open() == 1);
  }
}

TEST_CASE("the server's SYN-ACK becomes a window for the client and an ACK for the server") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.admit();
    const Bytes options = Proxied::syn_options(kServerClock, kClientClock, 9);
    CHECK(firewall.fate(connection.server(kSynAck, kServer, kClient + 1, 65160, options), kInternet) == "passed");
    const Bytes opened = connection.server(kAck, connection.cookie() + 1, kClient + 1, 65160 >> 7,
                                           Proxied::stamps(connection.clock(), kClientClock), 0, 63);
    CHECK(last(firewall, kTrust) == ip_of(opened));
    CHECK(last(firewall, kInternet) ==
          ours(family, {kAck, kClient + 1, kServer + 1, 502, Proxied::stamps(kClientClock, kServerClock)}));
    CHECK(firewall.sent(kTrust).size() == 1);
    CHECK(firewall.sent(kInternet).size() == 1);
    CHECK(firewall.shard().half_open() == 0);
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("segments are shifted in both directions, and tracked as the server counts") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.establish();
    const std::uint32_t ours = connection.cookie() + 1, theirs = kServer + 1, client = kClient + 1;
    const std::uint32_t clock = connection.clock();
    const auto to_server = [&](const Bytes& sent, const Bytes& arrives) {
      CHECK(firewall.fate(sent) == "passed");
      CHECK(last(firewall, kInternet) == ip_of(arrives));
    };
    const auto to_client = [&](const Bytes& sent, const Bytes& arrives) {
      CHECK(firewall.fate(sent, kInternet) == "passed");
      CHECK(last(firewall, kTrust) == ip_of(arrives));
    };
    to_server(connection.client(kAck, client, ours, 502, Proxied::stamps(20, clock), 100),
              connection.client(kAck, client, theirs, 502, Proxied::stamps(20, kServerClock), 100, 63));
    to_client(connection.server(kAck, theirs, client + 100, 30, Proxied::stamps(kServerClock + 9, 20), 1000),
              connection.server(kAck, ours, client + 100, 120, Proxied::stamps(clock + 9, 20), 1000, 63));
    to_client(connection.server(kAck, theirs + 2000, client + 100, 30, Proxied::stamps(kServerClock + 9, 20), 1000),
              connection.server(kAck, ours + 2000, client + 100, 120, Proxied::stamps(clock + 9, 20), 1000, 63));
    const auto sack = [](std::uint32_t left) {
      Bytes options = hex("0101 050a");
      append32(options, left);
      append32(options, left + 1000);
      return options;
    };
    to_server(connection.client(kAck, client + 100, ours + 1000, 502, sack(ours + 2000)),
              connection.client(kAck, client + 100, theirs + 1000, 502, sack(theirs + 2000), 0, 63));
    CHECK(firewall.fate(connection.client(kAck, client + 100, ours + 70'000, 502)) == "tcp_out_of_window");
    // What the client could not know is refused.
    CHECK(firewall.fate(connection.client(kAck, client + 100, theirs + 1000, 502)) == "tcp_out_of_window");
    CHECK(firewall.fate(connection.server(kAck, ours + 3000, client + 100, 30, {}, 10), kInternet) ==
          "tcp_out_of_window");
    to_client(connection.server(kAck | kFin, theirs + 3000, client + 100, 30),
              connection.server(kAck | kFin, ours + 3000, client + 100, 120, {}, 0, 63));
    to_server(connection.client(kRst | kAck, client + 100, ours + 3001, 0),
              connection.client(kRst | kAck, client + 100, theirs + 3001, 0, {}, 0, 63));
    CHECK(firewall.fate(connection.client(kAck, client + 100, ours + 3001, 502)) == "tcp_closed");
    firewall.wait(12'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("a server that repeats its SYN-ACK reaches the client, whose ACK reaches it") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.establish();
    const Bytes options = Proxied::syn_options(kServerClock, kClientClock, 9);
    CHECK(firewall.fate(connection.server(kSynAck, kServer, kClient + 1, 65160, options), kInternet) == "passed");
    const Bytes shifted = Proxied::syn_options(connection.clock(), kClientClock, 9);
    const Bytes repeated = connection.server(kSynAck, connection.cookie(), kClient + 1, 65160, shifted, 0, 63);
    CHECK(last(firewall, kTrust) == ip_of(repeated));
    CHECK(firewall.fate(connection.client(kAck, kClient + 1, connection.cookie() + 1, 502)) == "passed");
    CHECK(last(firewall, kInternet) == ip_of(connection.client(kAck, kClient + 1, kServer + 1, 502, {}, 0, 63)));
  }
}

TEST_CASE("a refusal of the server reaches the client with its numbers") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.admit();
    CHECK(firewall.fate(connection.server(kRst | kAck, 0, kClient + 2, 0), kInternet) == "tcp_out_of_window");
    CHECK(firewall.fate(connection.server(kRst | kAck, 0, kClient + 1, 0), kInternet) == "passed");
    const Bytes refusal = connection.server(kRst | kAck, connection.cookie() + 1, kClient + 1, 0, {}, 0, 63);
    CHECK(last(firewall, kTrust) == ip_of(refusal));
    CHECK(firewall.shard().half_open() == 0);
    CHECK(firewall.fate(connection.client(kAck, kClient, connection.cookie() + 1, 502)) == "syn_proxy_waits");
    firewall.wait(12'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("while the server has not answered, the client's probes become its SYN again and nothing else passes") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    const std::string syn = ip_of(connection.admit());
    const std::uint32_t ours = connection.cookie() + 1;
    const Bytes stamps = Proxied::stamps(kClientClock, connection.clock());
    const auto sent = [&] {
      Bytes seen = slice(firewall.sent(kInternet)[firewall.sent(kInternet).size() - 1], 0);
      if (family.ipv4) set16(seen, kEthernet + 10, get16(seen, kEthernet + 10) - 0x100);
      set8(seen, kEthernet + (family.ipv4 ? 8 : 7), 64);
      return ip_of(seen);
    };
    CHECK(firewall.fate(connection.client(kAck, kClient, ours, 502, stamps)) == "passed");
    CHECK(sent() == syn);
    CHECK(firewall.fate(connection.client(kAck, kClient + 1, ours, 502, stamps, 1)) == "passed");
    CHECK(sent() == syn);
    CHECK(firewall.fate(connection.client(kAck, kClient + 2, ours, 502, stamps, 1)) == "syn_proxy_waits");
    CHECK(firewall.fate(connection.client(kAck, kClient + 1, ours + 1, 502, stamps)) == "syn_proxy_waits");
    CHECK(firewall.fate(connection.client(kSyn, kClient, 0, 502)) == "syn_proxy_waits");
    CHECK(firewall.fate(connection.server(kSyn, kServer, 0, 502), kInternet) == "syn_proxy_waits");
    CHECK(firewall.fate(connection.server(kSynAck, kServer, kClient + 9, 502), kInternet) == "tcp_handshake");
    Bytes wrong = connection.server(kSynAck, kServer, kClient + 1, 502);
    wrong.back() ^= std::byte{1};
    CHECK(firewall.fate(wrong, kInternet) == "syn_proxy_waits");
    CHECK(firewall.shard().half_open() == 1);
    CHECK(firewall.count() == 1);
    firewall.wait(25'000);
    CHECK(firewall.count() == 0);
  }
}

TEST_CASE("an older connection that the server still has is reset in the client's name") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.admit();
    firewall.pass(connection.server(kAck, 70'000, 90'000, 502), kInternet);
    CHECK(last(firewall, kInternet) == ours(family, {kRst, 90'000, 0, 0}));
    CHECK(firewall.sent(kTrust).size() == 0);
    CHECK(firewall.fate(connection.client(kAck, kClient, connection.cookie() + 1, 502)) == "passed");
    CHECK(firewall.fate(connection.server(kSynAck, kServer, kClient + 1, 502), kInternet) == "passed");
  }
}

TEST_CASE("a client that gives up while the server is asked takes the session with it") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.admit();
    CHECK(firewall.fate(connection.client(kRst, kClient + 500'000, 0, 0)) == "tcp_out_of_window");
    CHECK(firewall.fate(connection.client(kRst, kClient + 1, 0, 0)) == "passed");
    CHECK(last(firewall, kInternet) == ip_of(connection.client(kRst, kClient + 1, 0, 0, {}, 0, 63)));
    firewall.wait(12'000);
    CHECK(firewall.count() == 0);
  }
}

namespace {

/// An error about `packet` from a router on the way to `to`.
Bytes error_about(const Bytes& packet, const Family& family, const char* to) {
  const Bytes quote = slice(packet, kEthernet);
  PacketBuilder builder = ip_packet(family, family.ipv4 ? "192.0.2.77" : "2001:db8:77::1", to);
  return family.ipv4 ? builder.icmp(3, 1).payload(quote).build() : builder.icmpv6(1, 0).payload(quote).build();
}

}  // namespace

TEST_CASE("an ICMP error about a shifted segment quotes to its sender what that has sent") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.establish();
    const std::uint32_t ours = connection.cookie() + 1, theirs = kServer + 1, client = kClient + 1;
    const Bytes data = connection.server(kAck, theirs, client, 30, {}, 100);
    REQUIRE(firewall.fate(data, kInternet) == "passed");
    const Bytes as_client_knows = connection.server(kAck, ours, client, 30, {}, 100);
    CHECK(firewall.fate(error_about(as_client_knows, family, family.server), kTrust) == "passed");
    Bytes quoted = as_client_knows;
    set32(quoted, family.transport() + 4, theirs);
    Bytes seen = slice(firewall.sent(kInternet)[firewall.sent(kInternet).size() - 1], 0);
    CHECK(to_hex(slice(seen, family.transport() + 8)) == ip_of(quoted));
    CHECK(verify_transport_checksum(parsed(seen)) == ChecksumState::kRight);
    CHECK(firewall.fate(error_about(data, family, family.server), kTrust) == "icmp_unrelated");
    const Bytes request = connection.client(kAck, client, ours, 502, {}, 100);
    REQUIRE(firewall.fate(request) == "passed");
    CHECK(firewall.fate(error_about(connection.client(kAck, client, theirs, 502, {}, 100), family, family.client),
                        kInternet) == "passed");
  }
}

TEST_CASE("an ICMP error of ours about a shifted segment quotes what the server has sent") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.establish();
    CHECK(firewall.fate(connection.server(kAck, kServer + 1, kClient + 1, 30, {}, 100, 1), kInternet) == "ttl_expired");
    const Bytes seen = slice(firewall.sent(kInternet)[firewall.sent(kInternet).size() - 1], 0);
    CHECK(get32(seen, family.transport() + 8 + (family.ipv4 ? 20 : 40) + 4) == kServer + 1);
  }
}

TEST_CASE("sessions of one packet burst: SYN-ACK, its repetition, data and a reset") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    Proxied connection(firewall, family);
    connection.admit();
    firewall.turn();
    const Bytes options = Proxied::syn_options(kServerClock, kClientClock, 9);
    const Bytes burst[] = {connection.server(kSynAck, kServer, kClient + 1, 65160, options),
                           connection.server(kSynAck, kServer, kClient + 1, 65160, options),
                           connection.server(kAck, kServer + 1, kClient + 1, 30, {}, 10),
                           connection.server(kRst, kServer + 11, 0, 0)};
    for (const Bytes& packet : burst) REQUIRE(firewall.lane(kInternet).inject(packet));
    firewall.turns(2);
    CHECK(firewall.sent(kTrust).size() == 4);
    CHECK(firewall.sent(kInternet).size() == 1);
    CHECK(last(firewall, kTrust) == ip_of(connection.server(kRst, connection.cookie() + 11, 0, 0, {}, 0, 63)));
    CHECK(firewall.unaccounted_packets() == 0);
    CHECK(firewall.unaccounted_frames() == 0);
    CHECK(firewall.sum(&PipelineCells::generated) == 1);
  }
}
