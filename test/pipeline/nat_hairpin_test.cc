// SPDX-License-Identifier: Apache-2.0
// Two hosts inside speak by what they have outside (RFC 4787 REQ-9), whatever worker has which of them.
#include "test/pipeline/endpoint_nat.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr WorkerIndex kWorkers[] = {1, 2, 5};

struct Inside : EndpointNat {
  explicit Inside(WorkerIndex count, NatFiltering filtering = NatFiltering::kEndpointIndependent)
      : EndpointNat(filtering, {}, with_workers(count)) {
    for (ExternalAddress& address : addresses) address.home = kInternet;
    apply();
  }

  std::uint16_t out(const Family& family, const char* from, std::uint16_t port) {
    auto packets = come_out(ip_packet(family, from, family.server).udp(port, 3478).payload(8), kTrust, kInternet);
    REQUIRE(packets.size() == 1);
    return parsed(packets[0]).source_port.host();
  }
  /// From one host inside to the external port of another: what arrives there.
  std::optional<Bytes> across(const Family& family, const char* from, std::uint16_t port, std::uint16_t to) {
    auto packets = come_out(ip_packet(family, from, test::external(family)).udp(port, to).payload(8), kTrust, kTrust);
    if (packets.empty()) return std::nullopt;
    REQUIRE(packets.size() == 1);
    return packets[0];
  }
};

}  // namespace

TEST_CASE("a host inside reaches another by its external port, and the answer comes back") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkers) {
      INFO(int{workers} << " workers" << (family.ipv4 ? " IPv4" : " IPv6"));
      Inside nat(workers);
      const std::uint16_t phone = nat.out(family, family.client, 5060);
      const std::uint16_t other = nat.out(family, neighbor(family), 7000);
      for (int round = 0; round < 6; ++round) {
        const auto there = nat.across(family, neighbor(family), 7000, phone);
        REQUIRE(there.has_value());
        // With the external source (REQ-9a), once less far.
        CHECK(ends(*there, family) == ends(family, external(family), other, family.client, 5060));
        CHECK(std::to_integer<int>((*there)[kEthernet + (family.ipv4 ? 8 : 7)]) == 63);
        const auto back = nat.across(family, family.client, 5060, other);
        REQUIRE(back.has_value());
        CHECK(ends(*back, family) == ends(family, external(family), phone, neighbor(family), 7000));
      }
      std::uint32_t sessions = 0;
      for (WorkerIndex worker = 0; worker < workers; ++worker) sessions += nat.shard(worker).size();
      CHECK(sessions == 4);  // two with the server, two of one another
    }
  }
}

TEST_CASE("a host reaches itself by its external port") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkers) {
      Inside nat(workers);
      const std::uint16_t port = nat.out(family, family.client, 5060);
      const auto there = nat.across(family, family.client, 5061, port);
      REQUIRE(there.has_value());
      Bytes copy = *there;
      const std::uint16_t other = parsed(copy).source_port.host();
      CHECK(ends(*there, family) == ends(family, external(family), other, family.client, 5060));
      const auto back = nat.across(family, family.client, 5060, other);
      REQUIRE(back.has_value());
      CHECK(ends(*back, family) == ends(family, external(family), port, family.client, 5061));
    }
  }
}

TEST_CASE("filtering holds for who speaks from inside, too") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkers) {
      Inside nat(workers, NatFiltering::kAddressDependent);
      const std::uint16_t phone = nat.out(family, family.client, 5060);
      const std::uint16_t other = nat.out(family, neighbor(family), 7000);
      CHECK(!nat.across(family, neighbor(family), 7000, phone).has_value());
      CHECK(nat.drops(DropReason::kNatFiltered) == 1);
      // Both have spoken to the external address now.
      CHECK(nat.across(family, family.client, 5060, other).has_value());
      CHECK(nat.across(family, neighbor(family), 7000, phone).has_value());
    }
  }
}

TEST_CASE("what nobody inside has turns back to nobody") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkers) {
      Inside nat(workers);
      const std::uint16_t phone = nat.out(family, family.client, 5060);
      CHECK(!nat.across(family, neighbor(family), 7000, static_cast<std::uint16_t>(phone ^ 1)).has_value());
      CHECK(nat.drops(DropReason::kNatNoMapping) == 1);
      // System ports are not the pool's, and fragments don't turn back.
      CHECK(!nat.across(family, neighbor(family), 7000, 80).has_value());
      CHECK(nat.drops(DropReason::kNatNoMapping) == 2);
    }
  }
}

TEST_CASE("a packet that may go no further does not turn back") {
  for (const Family& family : kFamilies) {
    Inside nat(1);
    const std::uint16_t phone = nat.out(family, family.client, 5060);
    CHECK(nat.fate(ip_packet(family, neighbor(family), external(family), 1).udp(7000, phone)) == "ttl_expired");
    REQUIRE(nat.across(family, neighbor(family), 7000, phone).has_value());
    CHECK(nat.fate(ip_packet(family, neighbor(family), external(family), 1).udp(7000, phone)) == "ttl_expired");
  }
}

TEST_CASE("a TCP connection between two hosts inside") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkers) {
      Inside nat(workers);
      const auto tcp = [&](const char* from, std::uint16_t port, std::uint16_t to, const TcpFields& fields) {
        auto packets = nat.come_out(ip_packet(family, from, external(family)).tcp(port, to, fields), kTrust, kTrust);
        return packets.size() == 1 ? parsed(packets[0]).source_port.host() : std::uint16_t{0};
      };
      auto opened = nat.come_out(from_client(family).tcp(5060, 443, syn(1)), kTrust, kInternet);
      REQUIRE(opened.size() == 1);
      const std::uint16_t port = parsed(opened[0]).source_port.host();
      const std::uint16_t other = tcp(neighbor(family), 7000, port, syn(1000));
      REQUIRE(other != 0);
      const TcpFields answer{.flags = kTcpSyn | kTcpAck, .sequence = 5000, .acknowledgment = 1001, .window = 64000};
      CHECK(tcp(family.client, 5060, other, answer) == port);
      const TcpFields ack{.flags = kTcpAck, .sequence = 1001, .acknowledgment = 5001, .window = 64000};
      CHECK(tcp(neighbor(family), 7000, port, ack) == other);
      // Both sessions follow it.
      const TcpFields forged{.flags = kTcpRst, .sequence = 900'000};
      CHECK(tcp(neighbor(family), 7000, port, forged) == 0);
      CHECK(nat.drops(DropReason::kTcpOutOfWindow) == 1);
    }
  }
}

TEST_CASE("an error about a packet that has turned back reaches its sender") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : kWorkers) {
      Inside nat(workers);
      const std::uint16_t phone = nat.out(family, family.client, 5060);
      nat.out(family, neighbor(family), 7000);
      const auto there = nat.across(family, neighbor(family), 7000, phone);
      REQUIRE(there.has_value());
      const Bytes quoted = slice(*there, kEthernet);
      auto error = ip_packet(family, family.client, external(family));
      if (family.ipv4) {
        error.icmp(3, 3, 0).payload(quoted);
      } else {
        error.icmpv6(1, 4, 0).payload(quoted);
      }
      auto packets = nat.come_out(error, kTrust, kTrust);
      REQUIRE(packets.size() == 1);
      const auto bytes = std::span<const std::byte>(packets[0]);
      const std::size_t length = family.ipv4 ? 4 : 16, at = kEthernet + (family.ipv4 ? 12 : 8);
      const Bytes sent = ip_packet(family, neighbor(family), external(family)).udp(7000, phone).build();
      // To the sender, from the external address, about the packet as it sent it.
      CHECK(to_hex(bytes.subspan(at, length)) == to_hex(std::span(sent).subspan(at + length, length)));
      CHECK(to_hex(bytes.subspan(at + length, length)) == to_hex(std::span(sent).subspan(at, length)));
      const std::size_t inner = family.transport() + 8;
      CHECK(to_hex(bytes.subspan(inner + at - kEthernet, 2 * length + 4)) ==
            to_hex(std::span(sent).subspan(at, 2 * length + 4)));
    }
  }
}
