// SPDX-License-Identifier: Apache-2.0
// Both directions of a session, the errors about it and its fragments find one worker, from the packet alone.
#include <fmt/format.h>
#include <map>
#include <random>
#include <set>

#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/parse.h"
#include "packet/rss_hash.h"
#include "pipeline/session_owner.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

using namespace culvert;
using test::Bytes;
using test::PacketBuilder;

namespace {

const HashKey kKey = HashKey::from_seed(7);

/// Where the worker 0 of so many sends this packet; 0 when it keeps it.
WorkerIndex owner_of(Bytes bytes, WorkerIndex workers, OwnerHash hash = OwnerHash::kKeyed) {
  Burst burst;
  Packet& packet = burst.append();
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  parse(packet, {});
  REQUIRE(packet.verdict == Verdict::kNone);
  SessionOwners(0, workers, kKey, hash).sort(burst);
  if (packet.verdict == Verdict::kNone) return 0;
  REQUIRE(packet.verdict == Verdict::kHandOff);
  REQUIRE(packet.next_hop < workers);
  return static_cast<WorkerIndex>(packet.next_hop);
}

struct Ends {
  std::string one, two;
  std::uint16_t one_port, two_port;
  Ends reversed() const { return {two, one, two_port, one_port}; }
};

Ends random_ends(std::mt19937_64& random, bool ipv6) {
  const auto address = [&] {
    const auto a = random() % 256, b = random() % 256;
    return ipv6 ? fmt::format("2001:db8:{:x}::{:x}", a, b + 1) : fmt::format("198.18.{}.{}", a, b);
  };
  return {address(), address(), static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
}

PacketBuilder network(const Ends& ends, bool ethernet = true) {
  PacketBuilder builder;
  if (ethernet) builder.ethernet();
  if (ends.one.find(':') == std::string::npos) return builder.ipv4(ends.one, ends.two);
  return builder.ipv6(ends.one, ends.two);
}

bool is_ipv6(const Ends& ends) {
  return ends.one.find(':') != std::string::npos;
}

/// An error of `router` about a packet of `ends`, to who sent it.
Bytes error_about(const Ends& ends, const std::string& router) {
  const Bytes quoted = network(ends, false).udp(ends.one_port, ends.two_port).payload(20).build();
  PacketBuilder error = network({router, ends.one, 0, 0});
  if (is_ipv6(ends)) return error.icmpv6(kIcmpv6TimeExceeded).payload(quoted).build();
  return error.icmp(kIcmpTimeExceeded).payload(quoted).build();
}

}  // namespace

TEST_CASE("both directions of a session, and errors about either, belong to one worker") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4000; ++round) {
    const Ends ends = random_ends(random, round % 2 == 0);
    const auto workers = static_cast<WorkerIndex>(2 + random() % 15);
    const OwnerHash hash = random() % 2 == 0 ? OwnerHash::kKeyed : OwnerHash::kRss;
    const auto udp = [&](const Ends& way) {
      return owner_of(network(way).udp(way.one_port, way.two_port).payload(20).build(), workers, hash);
    };
    const WorkerIndex owner = udp(ends);
    const Ends back = ends.reversed();
    REQUIRE(udp(back) == owner);
    const std::string router = is_ipv6(ends) ? "2001:db8:ffff::1" : "198.19.0.1";
    REQUIRE(owner_of(error_about(ends, router), workers, hash) == owner);
    REQUIRE(owner_of(error_about(back, router), workers, hash) == owner);
  }
}

TEST_CASE("an echo request and its reply belong to one worker") {
  for (std::uint32_t id = 0; id < 200; ++id) {
    const Ends ends{"198.18.0.2", "198.18.1.2", 0, 0};
    const WorkerIndex owner = owner_of(network(ends).icmp(kIcmpEcho, 0, id << 16 | 1).build(), 7);
    CHECK(owner_of(network(ends.reversed()).icmp(kIcmpEchoReply, 0, id << 16 | 1).build(), 7) == owner);
  }
}

TEST_CASE("the fragments of a datagram belong to one worker until they are whole") {
  std::set<WorkerIndex> owners;
  for (std::uint16_t id = 0; id < 200; ++id) {
    const auto part = [&](std::uint32_t offset, bool more) {
      const test::Ipv4Fields fields{.id = id, .more_fragments = more, .offset = offset, .protocol = 17};
      PacketBuilder builder = PacketBuilder().ethernet().ipv4("198.18.0.2", "198.18.1.2", fields);
      return offset == 0 ? builder.udp(1000, 2000).payload(1000).build() : builder.payload(1000).build();
    };
    const WorkerIndex first = owner_of(part(0, true), 8);
    CHECK(owner_of(part(1008, true), 8) == first);
    CHECK(owner_of(part(2008, false), 8) == first);
    owners.insert(first);
  }
  CHECK(owners.size() == 8);
}

TEST_CASE("sessions are shared out evenly, also those that an attacker numbers in a row") {
  std::map<WorkerIndex, int> share;
  for (std::uint32_t port = 0; port < 16000; ++port) {
    const Ends ends{"198.18.0.2", "198.18.1.2", static_cast<std::uint16_t>(port), 80};
    ++share[owner_of(network(ends).udp(ends.one_port, ends.two_port).build(), 8)];
  }
  for (const auto& [worker, count] : share) {
    INFO("worker " << worker);
    CHECK(count > 1700);
    CHECK(count < 2300);
  }
  CHECK(share.size() == 8);
}

TEST_CASE("a worker keeps all that a NIC with the symmetric key and an equal table sends to its queue") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4000; ++round) {
    const Ends ends = random_ends(random, round % 2 == 0);
    const auto workers = static_cast<WorkerIndex>(1U << (1 + random() % 4));
    const std::uint32_t table = 128U << random() % 5;
    PacketBuilder builder = network(ends);
    switch (random() % 3) {
      case 0:
        builder.udp(ends.one_port, ends.two_port);
        break;
      case 1:
        builder.tcp(ends.one_port, ends.two_port);
        break;
      default:
        builder.sctp(ends.one_port, ends.two_port);
    }
    Bytes bytes = builder.payload(20).build();
    Packet packet;
    packet.data = bytes.data();
    packet.length = static_cast<std::uint16_t>(bytes.size());
    parse(packet, {});
    const std::uint32_t hash =
        is_ipv6(ends) ? symmetric_rss_hash(five_tuple6(packet)) : symmetric_rss_hash(five_tuple4(packet));
    const std::uint32_t queue = hash % table % workers;  // ethtool -X ... equal workers
    REQUIRE(owner_of(bytes, workers, OwnerHash::kRss) == queue);
  }
}
