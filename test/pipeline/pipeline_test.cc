// SPDX-License-Identifier: Apache-2.0
// Packets in, verdict, packets out: one worker on memory lanes, interface 0 in, interface 1 out.
#include "packet/five_tuple.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "test/pipeline/router.h"

using namespace culvert;
using test::Bytes;
using test::kEthernet;
using test::PacketBuilder;
using test::Router;

namespace {

PacketBuilder udp4(std::uint8_t ttl = 64) {
  return PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2", {.ttl = ttl}).udp(1000, 2000);
}
PacketBuilder udp6(std::uint8_t hop_limit = 64) {
  return PacketBuilder().ethernet().ipv6("2001:db8::2", "2001:db8:1::2", {.hop_limit = hop_limit}).udp(1000, 2000);
}

std::uint8_t at(std::span<const std::byte> packet, std::size_t offset) {
  return static_cast<std::uint8_t>(packet[offset]);
}

}  // namespace

TEST_CASE("an IPv4 packet leaves with new MAC addresses, one TTL less and a right checksum") {
  Router router;
  router.pass(udp4().payload(100).build());
  REQUIRE(router.sent(1).size() == 1);
  // The builder writes the checksum with code of its own.
  const Bytes want = PacketBuilder()
                         .ethernet("02:00:00:00:00:a1", "02:00:00:00:01:01")
                         .ipv4("198.18.0.2", "198.18.1.2", {.ttl = 63})
                         .udp(1000, 2000)
                         .payload(100)
                         .build();
  const auto got = router.sent(1)[0];
  CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end()));
  CHECK(router.sum(&PipelineCells::forwarded) == 1);
}

TEST_CASE("an IPv6 packet leaves with one hop less and is not changed otherwise") {
  Router router;
  router.pass(udp6().payload(100).build());
  REQUIRE(router.sent(1).size() == 1);
  const Bytes want = PacketBuilder()
                         .ethernet("02:00:00:00:00:a1", "02:00:00:00:01:01")
                         .ipv6("2001:db8::2", "2001:db8:1::2", {.hop_limit = 63})
                         .udp(1000, 2000)
                         .payload(100)
                         .build();
  const auto got = router.sent(1)[0];
  CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end()));
}

TEST_CASE("TTL 1 is answered with time exceeded from the interface where it came in") {
  Router router;
  router.pass(udp4(1).payload(40).build());
  CHECK(router.sent(1).size() == 0);
  REQUIRE(router.sent(0).size() == 1);
  const auto answer = router.sent(0)[0];
  const auto& ip = view<Ipv4Header>(answer.data() + kEthernet);
  CHECK(ip.source == Ipv4Address{Be32(0xc6120001)});
  CHECK(ip.destination == Ipv4Address{Be32(0xc6120002)});
  CHECK(ip.protocol == 1);
  CHECK(at(answer, kEthernet + 20) == 11);
  CHECK(router.drops(DropReason::kTtlExpired) == 1);
  CHECK(router.sum(&PipelineCells::generated) == 1);
}

TEST_CASE("hop limit 1 is answered with ICMPv6 time exceeded") {
  Router router;
  router.pass(udp6(1).payload(40).build());
  REQUIRE(router.sent(0).size() == 1);
  const auto answer = router.sent(0)[0];
  CHECK(view<Ipv6Header>(answer.data() + kEthernet).next_header == 58);
  CHECK(at(answer, kEthernet + 40) == 3);
}

TEST_CASE("ICMP errors come from an address that their receiver can answer, link-local only when there is no other") {
  const Ipv6Address link_local{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77}};
  const Ipv6Address of_lo{{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  const Ipv4Address lo4{Be32(0xc0000263)};
  Router router;
  Snapshot& snapshot = router.snapshot();
  const auto answer6 = [&]() -> std::optional<Ipv6Address> {
    router.sent(0).clear();
    router.pass(udp6(1).payload(40).build());
    if (router.sent(0).size() != 1) return std::nullopt;
    return view<Ipv6Header>(router.sent(0)[0].data() + kEthernet).source;
  };
  const auto answer4 = [&]() -> std::optional<Ipv4Address> {
    router.sent(0).clear();
    router.pass(udp4(1).payload(40).build());
    if (router.sent(0).size() != 1) return std::nullopt;
    return view<Ipv4Header>(router.sent(0)[0].data() + kEthernet).source;
  };
  snapshot.interfaces[0].ipv6 = link_local;
  CHECK(answer6() == snapshot.interfaces[1].ipv6);
  snapshot.interfaces[1].ipv6 = link_local;
  snapshot.host_ipv6 = of_lo;
  CHECK(answer6() == of_lo);
  snapshot.host_ipv6.reset();
  CHECK(answer6() == link_local);
  snapshot.interfaces[0].ipv6.reset();
  CHECK_FALSE(answer6().has_value());  // another link's link-local address names nobody here

  snapshot.interfaces[0].ipv4 = Ipv4Address{Be32(0xa9fe0001)};
  CHECK(answer4() == snapshot.interfaces[1].ipv4);
  snapshot.interfaces[0].ipv4.reset();
  snapshot.interfaces[1].ipv4.reset();
  CHECK_FALSE(answer4().has_value());
  snapshot.host_ipv4 = lo4;  // a router whose links have no addresses of their own
  CHECK(answer4() == lo4);
}

TEST_CASE("an ICMP error about an ICMP error is never sent") {
  Router router;
  router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2", {.ttl = 1}).icmp(3, 1).payload(28).build());
  CHECK(router.sent(0).size() == 0);
  CHECK(router.drops(DropReason::kTtlExpired) == 1);
}

TEST_CASE("answers stop at the configured rate and what is suppressed is counted") {
  Router router;
  router.snapshot().icmp_errors_per_second = 10;
  for (int i = 0; i < 30; ++i) router.pass(udp4(1).build());
  CHECK(router.sent(0).size() == 10);
  CHECK(router.sum(&PipelineCells::icmp_errors_suppressed) == 20);
  CHECK(router.drops(DropReason::kTtlExpired) == 30);
}

TEST_CASE("special routes drop with their own reason, and tell the sender where the RFC says so") {
  struct Row {
    NextHopKind kind;
    DropReason reason;
    int icmp_code;  // of destination unreachable; -1: silence
  };
  const Row rows[] = {{NextHopKind::kBlackhole, DropReason::kRouteBlackhole, -1},
                      {NextHopKind::kUnreachable, DropReason::kRouteUnreachable, 1},
                      {NextHopKind::kProhibit, DropReason::kRouteProhibit, 13}};
  for (const Row& row : rows) {
    Router router;
    router.special("203.0.113.0/24", row.kind);
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build());
    CHECK(router.drops(row.reason) == 1);
    REQUIRE(router.sent(0).size() == (row.icmp_code < 0 ? 0U : 1U));
    if (row.icmp_code >= 0) CHECK(at(router.sent(0)[0], kEthernet + 21) == row.icmp_code);
  }
}

TEST_CASE("no route at all is network unreachable") {
  Router router;
  router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build());
  CHECK(router.drops(DropReason::kNoRoute) == 1);
  REQUIRE(router.sent(0).size() == 1);
  CHECK(at(router.sent(0)[0], kEthernet + 21) == 0);
}

TEST_CASE("a packet to an address of this host is punted as it came") {
  Router router;
  router.special("198.18.9.1/32", NextHopKind::kLocal);
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.9.1").udp(1, 2).payload(9).build();
  router.pass(packet);
  REQUIRE(router.punted().size() == 1);
  CHECK(std::equal(router.punted()[0].begin(), router.punted()[0].end(), packet.begin() + kEthernet, packet.end()));
  CHECK(router.sum(&PipelineCells::punted) == 1);
}

TEST_CASE("what the kernel does not take from the tun is a drop") {
  Router router;
  router.special("198.18.9.1/32", NextHopKind::kLocal);
  router.punts_delivered = false;
  router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.9.1").udp(1, 2).build());
  CHECK(router.sum(&PipelineCells::punted) == 0);
  CHECK(router.drops(DropReason::kPuntFailed) == 1);
}

TEST_CASE("a drop of a packet that we made is nobody's, also when it was on its way to the tun") {
  Router router;
  router.special("198.18.0.2/32", NextHopKind::kLocal);
  router.punts_delivered = false;
  router.pass(udp4(1).build());  // answered, and the answer goes to this host
  const auto& drops = router.worker().cells().pipeline.drops;
  CHECK(drops[0][static_cast<std::size_t>(DropReason::kTtlExpired)].read() == 1);
  CHECK(drops[0][static_cast<std::size_t>(DropReason::kPuntFailed)].read() == 0);
  CHECK(drops[kMaxInterfaces][static_cast<std::size_t>(DropReason::kPuntFailed)].read() == 1);
}

TEST_CASE("DF and larger than the next link: fragmentation needed, with its MTU") {
  Router router;
  router.forward("198.18.1.0/24", 1, test_mac(0xa1), 1000);
  router.pass(PacketBuilder()
                  .ethernet()
                  .ipv4("198.18.0.2", "198.18.1.2", {.dont_fragment = true})
                  .udp(1, 2)
                  .payload(1200)
                  .build());
  CHECK(router.drops(DropReason::kPacketTooBig) == 1);
  REQUIRE(router.sent(0).size() == 1);
  const auto answer = router.sent(0)[0];
  CHECK(at(answer, kEthernet + 20) == 3);
  CHECK(at(answer, kEthernet + 21) == 4);
  CHECK(load<Be16>(answer.data() + kEthernet + 26).host() == 1000);
}

TEST_CASE("an IPv6 packet larger than the next link: packet too big") {
  Router router;
  router.forward("2001:db8:1::/64", 1, test_mac(0xa1), 1300);
  router.pass(udp6().payload(1400).build());
  REQUIRE(router.sent(0).size() == 1);
  const auto answer = router.sent(0)[0];
  CHECK(at(answer, kEthernet + 40) == 2);
  CHECK(load<Be32>(answer.data() + kEthernet + 44).host() == 1300);
}

TEST_CASE("without DF it leaves as fragments that fit, each ready to send") {
  Router router;
  router.forward("198.18.1.0/24", 1, test_mac(0xa1), 600);
  router.pass(udp4().payload(1400).build());
  REQUIRE(router.sent(1).size() == 3);
  std::size_t data = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto piece = router.sent(1)[i];
    const auto& ip = view<Ipv4Header>(piece.data() + kEthernet);
    CHECK(piece.size() <= 600 + kEthernet);
    CHECK(ip.ttl == 63);
    CHECK(at(piece, 5) == 0xa1);
    data += ip.total_length.host() - 20U;
  }
  CHECK(data == 1408);
  CHECK(router.sum(&PipelineCells::generated) == 2);
  CHECK(router.sum(&PipelineCells::fragmented) == 1);
}

TEST_CASE("packets that are cut leave in the order in which they came, also those that wait for the next burst") {
  Router router;
  router.forward("198.18.1.0/24", 1, test_mac(0xa1), 500);
  router.turn();
  for (std::uint16_t id = 0; id < 40; ++id) {
    REQUIRE(router.lane(0).inject(
        PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2", {.id = id}).udp(1, 2).payload(1400).build()));
  }
  router.turns(2);
  REQUIRE(router.sent(1).size() == 40 * 3);
  for (std::uint16_t i = 0; i < 40 * 3; ++i) CHECK(test::get16(router.sent(1)[i], kEthernet + 4) == i / 3);
  CHECK(router.unaccounted_packets() == 0);
  CHECK(router.unaccounted_frames() == 0);
}

TEST_CASE("a packet that cannot be cut waits for room, behind fragments that fill the burst") {
  Router router;
  router.forward("203.0.113.0/24", 1, test_mac(0xa2), 60);  // less than any link carries
  router.forward("198.18.1.0/24", 1, test_mac(0xa1), 500);
  router.turn();
  // 16 packets of four pieces each are 64.
  for (int i = 0; i < 16; ++i) REQUIRE(router.lane(0).inject(udp4().payload(1700).build()));
  REQUIRE(router.lane(0).inject(
      PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).payload(1400).build()));
  router.turns(2);
  CHECK(router.sent(1).size() == kBurstSize);
  CHECK(router.drops(DropReason::kFragmentationFailed) == 1);
  CHECK(router.unaccounted_packets() == 0);
  CHECK(router.unaccounted_frames() == 0);
}

TEST_CASE("a packet for an unknown neighbour waits, asks once, and leaves when it is known") {
  Router router;
  const NextHopIndex gateway = router.unresolved("203.0.113.0/24", 1);
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build();
  router.pass(packet);
  router.pass(packet);
  CHECK(router.sum(&PipelineCells::held) == 2);
  const auto requests = router.take_requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].next_hop == gateway);
  router.resolve(gateway, test_mac(0xb1));
  router.turns(2);
  REQUIRE(router.sent(1).size() == 2);
  CHECK(at(router.sent(1)[0], 5) == 0xb1);
  CHECK(at(router.sent(1)[0], kEthernet + 8) == 63);
  CHECK(router.sum(&PipelineCells::held) == 0);
  CHECK(router.unaccounted_packets() == 0);
}

TEST_CASE("an on-link destination is asked for by its own address and leaves by its host route") {
  Router router;
  router.special("198.18.2.0/24", NextHopKind::kGlean, 1);
  router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.2.7").udp(1, 2).build());
  const auto requests = router.take_requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].interface == 1);
  CHECK(load<Be32>(requests[0].address.bytes.data()).host() == 0xc6120207);
  router.forward("198.18.2.7/32", 1, test_mac(0xc7));
  router.turns(2);
  REQUIRE(router.sent(1).size() == 1);
  CHECK(at(router.sent(1)[0], 5) == 0xc7);
}

TEST_CASE("a neighbour that never answers: the packet is dropped in time and its sender told") {
  Router router;
  router.unresolved("203.0.113.0/24", 1);
  router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build());
  router.turns(35, 100 * kNanosecondsPerMillisecond);
  CHECK(router.drops(DropReason::kNeighborTimeout) == 1);
  REQUIRE(router.sent(0).size() == 1);
  CHECK(at(router.sent(0)[0], kEthernet + 21) == 1);
  CHECK(router.unaccounted_packets() == 0);
  CHECK(router.unaccounted_frames() == 0);
}

TEST_CASE("the pending queue is bounded: one neighbour has a share, and the oldest makes room") {
  RigConfig config;
  config.pending_packets = 100;
  Router router(config);
  router.unresolved("203.0.113.0/24", 1);
  const Bytes packet = PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build();
  for (int i = 0; i < 70; ++i) router.pass(packet);
  CHECK(router.sum(&PipelineCells::held) == kPendingPerNeighbor);
  CHECK(router.drops(DropReason::kNeighborPendingFull) == 70 - kPendingPerNeighbor);
  router.unresolved("203.0.114.0/24", 1);
  for (int i = 0; i < 60; ++i) {
    router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.114.9").udp(1, 2).build());
  }
  CHECK(router.sum(&PipelineCells::held) == 100);
}

TEST_CASE("multipath: both directions of a flow take the same member, many flows take both") {
  Router router;
  const NextHopIndex a = router.forward("203.0.113.1/32", 1, test_mac(0xe1));
  const NextHopIndex b = router.forward("203.0.113.2/32", 1, test_mac(0xe2));
  const MultipathMember members[] = {{a, 1}, {b, 1}};
  router.multipath("0.0.0.0/0", members);
  int through_a = 0;
  for (std::uint16_t port = 1; port <= 200; ++port) {
    router.sent(1).clear();
    router.pass(PacketBuilder().ethernet().ipv4("198.18.7.2", "203.0.114.9").udp(port, 80).build());
    router.pass(PacketBuilder().ethernet().ipv4("203.0.114.9", "198.18.7.2").udp(80, port).build());
    REQUIRE(router.sent(1).size() == 2);
    CHECK(at(router.sent(1)[0], 5) == at(router.sent(1)[1], 5));
    through_a += at(router.sent(1)[0], 5) == 0xe1 ? 1 : 0;
  }
  CHECK(through_a > 60);
  CHECK(through_a < 140);
}

TEST_CASE("a route out of an interface that Culvert does not own, or that is down, drops with that reason") {
  Router router;
  router.forward("203.0.113.0/24", 9, test_mac(1));
  router.pass(PacketBuilder().ethernet().ipv4("198.18.0.2", "203.0.113.9").udp(1, 2).build());
  CHECK(router.drops(DropReason::kInterfaceUnknown) == 1);
  router.snapshot().interfaces[1].up = false;
  router.pass(udp4().build());
  CHECK(router.drops(DropReason::kInterfaceDown) == 1);
}

TEST_CASE("a packet with only the pseudo-header sum is finished before it leaves") {
  RigConfig config;
  config.partial_checksums = true;
  Router router(config);
  router.pass(udp4().payload(64).checksum(test::BuildChecksum::kPartial).build());
  const Bytes want = PacketBuilder()
                         .ethernet("02:00:00:00:00:a1", "02:00:00:00:01:01")
                         .ipv4("198.18.0.2", "198.18.1.2", {.ttl = 63})
                         .udp(1000, 2000)
                         .payload(64)
                         .build();
  REQUIRE(router.sent(1).size() == 1);
  const auto got = router.sent(1)[0];
  CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end()));
  CHECK(router.sum(&PipelineCells::partial_checksums_completed) == 1);
}
