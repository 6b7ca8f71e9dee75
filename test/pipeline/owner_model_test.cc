// SPDX-License-Identifier: Apache-2.0
// Random zones, rules of NAT, routes and workers: a session is begun as the pipeline does it, by the worker that
// its first packet finds, with a port of that worker. Whatever belongs to it must find the same worker.
#include <arpa/inet.h>
#include <string>

#include "packet/icmp.h"
#include "packet/icmpv6.h"
#include "packet/parse.h"
#include "pipeline/route_stage.h"
#include "pipeline/translator.h"
#include "pipeline/way_out.h"
#include "test/pipeline/owner_world.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

enum class Kind { kTcp, kUdp, kSctp, kEcho, kGre, kEsp };

/// A packet from one end to the other; of an echo both ports are the identifier.
struct Way {
  bool ipv4;
  Kind kind;
  std::string source, destination;
  std::uint16_t source_port, destination_port;
  bool answer;

  Way reversed() const { return {ipv4, kind, destination, source, destination_port, source_port, !answer}; }
};

PacketBuilder ip(bool ipv4, const std::string& source, const std::string& destination, bool ethernet,
                 int protocol = -1) {
  PacketBuilder builder;
  if (ethernet) builder.ethernet();
  return ipv4 ? builder.ipv4(source, destination, {.protocol = protocol})
              : builder.ipv6(source, destination, {.next_header = protocol});
}

Bytes bytes_of(const Way& way, bool ethernet = true) {
  PacketBuilder builder = ip(way.ipv4, way.source, way.destination, ethernet, way.kind == Kind::kEsp ? 50 : -1);
  const std::uint32_t id = std::uint32_t{way.source_port} << 16;
  switch (way.kind) {
    case Kind::kTcp:
      return builder.tcp(way.source_port, way.destination_port).payload(20).build();
    case Kind::kUdp:
      return builder.udp(way.source_port, way.destination_port).payload(20).build();
    case Kind::kSctp:
      return builder.sctp(way.source_port, way.destination_port).payload(20).build();
    case Kind::kEcho:
      if (way.ipv4) return builder.icmp(way.answer ? kIcmpEchoReply : kIcmpEcho, 0, id).payload(20).build();
      return builder.icmpv6(way.answer ? kIcmpv6EchoReply : kIcmpv6Echo, 0, id).payload(20).build();
    case Kind::kGre:
      return builder.gre(0x0800).payload(20).build();
    case Kind::kEsp:
      return builder.payload(40).build();
  }
  return {};
}

/// An error about a packet, to who sent it.
Bytes error_about(const Way& way) {
  const std::string router = way.ipv4 ? "192.0.2.77" : "2001:db8:77::1";
  PacketBuilder builder = ip(way.ipv4, router, way.source, true);
  const Bytes quote = bytes_of(way, false);
  return way.ipv4 ? builder.icmp(kIcmpTimeExceeded).payload(quote).build()
                  : builder.icmpv6(kIcmpv6TimeExceeded).payload(quote).build();
}

std::string text_of(const void* address, bool ipv4) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, address, text.data(), text.size());
  return text.data();
}

/// What has this key, of the same protocol as `like`.
template <typename Tuple>
Way way_of(const Tuple& key, const Way& like, bool answer) {
  return {like.ipv4,
          like.kind,
          text_of(&key.source, like.ipv4),
          text_of(&key.destination, like.ipv4),
          key.source_port.host(),
          key.destination_port.host(),
          answer};
}

/// Between hosts of two networks; the source's route leads to one interface.
Way some_way(std::size_t from, OwnerWorld& world) {
  const bool ipv4 = world.chance(50);
  const auto kind = static_cast<Kind>(world.pick(6));
  auto source_port = static_cast<std::uint16_t>(world.pick(0x10000));
  std::uint16_t destination_port = source_port;
  if (kind == Kind::kGre || kind == Kind::kEsp) {
    source_port = destination_port = 0;
  } else if (kind != Kind::kEcho) {
    destination_port = static_cast<std::uint16_t>(world.pick(0x10000));
  }
  const std::size_t to = world.pick(kExternalNetwork);
  std::string destination = host(ipv4, to, 1 + world.pick(250));
  if (world.chance(30)) {  // to what a rule may have outside
    const bool of_a_pool = world.chance(30);
    destination =
        host(ipv4, kExternalNetwork, of_a_pool ? world.pick(kExternals) : kFirstFixed + world.pick(3 * kFixed));
    const bool has_ports = kind == Kind::kTcp || kind == Kind::kUdp || kind == Kind::kSctp;
    if (has_ports) destination_port = static_cast<std::uint16_t>(kForwardedPorts.first + world.pick(64));
  }
  return {ipv4, kind, host(ipv4, from, 1 + world.pick(250)), destination, source_port, destination_port, false};
}

/// A packet where it came in, parsed.
struct Arrival {
  Arrival(Bytes of, InterfaceIndex ingress) : bytes(std::move(of)) {
    packet = &burst.append();
    packet->data = bytes.data();
    packet->length = static_cast<std::uint16_t>(bytes.size());
    packet->ingress = ingress;
    parse(*packet, {});
    REQUIRE(packet->verdict == Verdict::kNone);
  }

  Bytes bytes;
  Burst burst;
  Packet* packet;
};

HashKey owner_key() {
  return HashKey::from_seed(7);
}

WorkerIndex owner_of(const Bytes& bytes, InterfaceIndex ingress, OwnerWorld& world) {
  Arrival arrival(bytes, ingress);
  SessionOwners(0, world.workers, owner_key(), world.hash).sort(arrival.burst, world.context());
  if (arrival.packet->verdict == Verdict::kNone) return 0;
  REQUIRE(arrival.packet->verdict == Verdict::kHandOff);
  REQUIRE(arrival.packet->next_hop < world.workers);
  return static_cast<WorkerIndex>(arrival.packet->next_hop);
}

/// Whether a datagram that was put together, whose first fragment has these ports, is this worker's.
bool owns_datagram(WorkerIndex worker, const Way& way, InterfaceIndex ingress, OwnerWorld& world) {
  Arrival arrival(bytes_of(way), ingress);
  return SessionOwners(worker, world.workers, owner_key(), world.hash)
      .owns(arrival.burst.packets(), 100, world.context());
}

struct Coverage {
  int translated = 0, kept = 0, refused = 0, redirected = 0, fixed = 0;
};

/// A session from a packet that has come in, and all that belongs to it.
template <typename Tuple>
void follow(const Way& way, const Tuple& key, Packet& packet, OwnerWorld& world, Coverage& coverage) {
  const Context context = world.context();
  const InterfaceIndex in = packet.ingress;
  const WorkerIndex owner = owner_of(bytes_of(way), in, world);
  SessionStart<Tuple> start;
  start.original.key = key;
  start.original.zone = world.stateful().zone_of(in);
  const DestinationNat& destinations = *world.stateful().destination_nat;
  const DestinationRule* rule = destinations.find(key, start.original.zone);
  // To an external address without a rule nothing begins.
  if (rule == nullptr && world.stateful().is_external(key.destination)) return;
  const Tuple meant = rule == nullptr ? key : DestinationNat::translated(*rule, key).value();
  route_to(packet, meant.destination, context);
  const NextHopView hop = settle_way_out(packet, context);
  if (hop.kind != NextHopKind::kForward && hop.kind != NextHopKind::kGlean) return;  // nothing begins
  const InterfaceIndex out = hop.interface;
  start.reply.key = meant.reversed();
  start.reply.zone = world.stateful().zone_of(out);
  NatBindings bindings(world.ports(owner));
  Translator translator(&bindings, HashKey::from_seed(world.pick(1000)));
  if (translator.begin(start, {*world.stateful().source_nat, destinations, out, false, 0}).refused !=
      DropReason::kNone) {
    ++coverage.refused;
    return;
  }
  const bool translated = (start.flags & kFlowTranslated) != 0;
  ++(translated ? coverage.translated : coverage.kept);
  coverage.redirected += rule != nullptr ? 1 : 0;
  coverage.fixed += destinations.find_static(key, start.reply.zone) != nullptr ? 1 : 0;
  INFO(way.source << " -> " << way.destination << ", kind " << static_cast<int>(way.kind) << ", zones "
                  << int{start.original.zone} << " -> " << int{start.reply.zone} << ", translated " << translated);
  const Way reply = way_of(start.reply.key, way, true);
  REQUIRE(owner_of(bytes_of(reply), out, world) == owner);
  REQUIRE(owner_of(error_about(reply.reversed()), out, world) == owner);  // as it left
  REQUIRE(owner_of(error_about(way.reversed()), in, world) == owner);     // of the answer, as it left
  REQUIRE(owns_datagram(owner, way, in, world));
  REQUIRE(owns_datagram(owner, reply, out, world));
  static_cast<void>(translator.give_back(start));
}

}  // namespace

TEST_CASE("all packets of a session find one worker, whether it is translated or not") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  OwnerWorld world(seed);
  Coverage coverage;
  for (int round = 0; round < 2000; ++round) {
    world.change();
    for (int i = 0; i < 100; ++i) {
      const std::size_t from = world.pick(kInterfaces);
      const Way way = some_way(from, world);
      Arrival first(bytes_of(way), static_cast<InterfaceIndex>(from));
      if (way.ipv4) {
        follow(way, five_tuple4(*first.packet), *first.packet, world, coverage);
      } else {
        follow(way, five_tuple6(*first.packet), *first.packet, world, coverage);
      }
    }
  }
  CHECK(coverage.translated > 5000);
  CHECK(coverage.kept > 50000);
  CHECK(coverage.redirected > 1000);
  CHECK(coverage.fixed > 100);
  CHECK(coverage.refused < coverage.translated);
}

TEST_CASE("an inside host's sessions have one worker, and hosts are shared out") {
  OwnerWorld world(1);
  world.workers = 8;
  for (InterfaceIndex i = 0; i < kInterfaces; ++i) world.stateful().zone[i] = static_cast<Zone>(i + 1);
  SourceRule rule;
  rule.from = NatZones{1} << 1;
  rule.to = NatZones{1} << 2;
  rule.action = SourceAction::kPool;
  world.stateful().translated_zones = translated_zones({&rule, 1});
  std::array<int, 8> share{};
  for (std::size_t number = 1; number < 250; ++number) {
    const Way way{true, Kind::kUdp, host(true, 0, number), host(true, 1, 9), 4000, 53, false};
    const WorkerIndex owner = owner_of(bytes_of(way), 0, world);
    ++share[owner];
    for (std::uint16_t port = 1; port < 20; ++port) {
      Way other = way;
      other.source_port = port;
      other.destination = host(true, 1, port);
      CHECK(owner_of(bytes_of(other), 0, world) == owner);
    }
    // What it sends to an external address is no answer: nothing from outside ever comes in there.
    Way hairpin = way;
    hairpin.destination = host(true, kExternalNetwork, 1);
    CHECK(owner_of(bytes_of(hairpin), 0, world) == owner);
  }
  for (const int hosts : share) CHECK(hosts > 10);
}

TEST_CASE("the zones of rules by family, without those that keep the source") {
  std::array<SourceRule, 3> rules{};
  rules[0].from = rules[0].to = NatZones{0b1100};
  rules[1].from = NatZones{0b0010};
  rules[1].to = NatZones{0b1001};
  rules[1].action = SourceAction::kPool;
  rules[2].from = kAnyNatZone;
  rules[2].to = NatZones{0b0100};
  rules[2].action = SourceAction::kInterface;
  rules[2].ipv6 = true;
  const auto [ipv4, ipv6] = translated_zones(rules);
  CHECK(ipv4.any());
  CHECK(ipv4.inside == 0b0010);
  CHECK(ipv4.outside == 0b1001);
  CHECK(ipv4.translates(1, 0));
  CHECK(ipv4.translates(1, 3));
  CHECK(!ipv4.translates(3, 1));
  CHECK(!ipv4.takes_part(2));
  CHECK(ipv4.is_only_inside(1));
  CHECK(!ipv4.is_only_inside(3));
  CHECK(ipv6.translates(63, 2));
  CHECK(!ipv6.is_only_inside(2));
  CHECK(!translated_zones({}).front().any());
}
