// SPDX-License-Identifier: Apache-2.0
// Source NAT with several workers: whatever queue a packet comes in by, it leaves as if there were one worker.
#include "test/packet/packets.h"
#include "test/pipeline/translating.h"

using namespace culvert;
using namespace culvert::test;

namespace {

struct Shared : Translating {
  static RigConfig with_workers(WorkerIndex workers) {
    RigConfig config;
    config.workers = workers;
    return config;
  }
  explicit Shared(WorkerIndex count, bool keep_port = false) : Translating({}, with_workers(count)), workers(count) {
    for (NatPool& pool : pools) pool.keep_port = keep_port;
    apply();
  }

  /// What comes out where others leave than come in, of packets that come in one after the other; those of one queue
  /// side by side.
  std::vector<Bytes> outcome(const std::vector<Bytes>& packets, InterfaceIndex from, std::size_t queue) {
    const InterfaceIndex to = from == kTrust ? kInternet : kTrust;
    for (std::uint16_t i = 0; i < workers; ++i) sent(to, i).clear();
    for (const Bytes& packet : packets) REQUIRE(lane(from, static_cast<std::uint16_t>(queue % workers)).inject(packet));
    turns(6);
    CHECK(unaccounted_packets() == 0);
    CHECK(unaccounted_frames() == 0);
    std::vector<Bytes> left;
    for (std::uint16_t i = 0; i < workers; ++i) {
      for (std::size_t at = 0; at < sent(to, i).size(); ++at) left.push_back(slice(sent(to, i)[at], 0));
    }
    return left;
  }
  Bytes one(const PacketBuilder& packet, InterfaceIndex from, std::size_t queue) {
    const std::vector<Bytes> left = outcome({packet.build()}, from, queue);
    REQUIRE(left.size() == 1);
    return left[0];
  }

  /// Of all sessions.
  std::uint64_t bytes_counted(bool ipv4) {
    std::uint64_t bytes = 0;
    for (WorkerIndex worker = 0; worker < workers; ++worker) {
      const auto add = [&](const auto& sessions) {
        for (const auto& view : sessions) bytes += view.original.head.bytes + view.reply.head.bytes;
      };
      ipv4 ? add(sessions<FiveTuple4>(worker)) : add(sessions<FiveTuple6>(worker));
    }
    return bytes;
  }
  std::uint64_t all_sessions() {
    std::uint64_t count = 0;
    for (WorkerIndex worker = 0; worker < workers; ++worker) count += shard(worker).size();
    return count;
  }

  WorkerIndex workers;
};

std::string client(const Family& family, std::size_t number) {
  return (family.ipv4 ? "198.18.0." : "2001:db8::") + std::to_string(number);
}

PacketBuilder between(const Family& family, const std::string& source, const std::string& destination) {
  return ip_packet(family, source.c_str(), destination.c_str());
}

std::uint16_t port_of(const Bytes& packet) {
  Bytes copy = packet;
  return parsed(copy).source_port.host();
}

/// A UDP datagram of 2000 bytes in three fragments, of which the first has another TTL.
std::vector<Bytes> cut(const Family& family, const std::string& source, const std::string& destination,
                       std::uint16_t from, std::uint16_t to, std::uint16_t id, std::uint8_t first_ttl = 64) {
  const Bytes whole =
      slice(between(family, source, destination).udp(from, to).payload(2000).build(), family.transport());
  std::vector<Bytes> pieces;
  for (std::uint32_t at = 0; at < whole.size(); at += 800) {
    const std::size_t size = std::min<std::size_t>(800, whole.size() - at);
    const bool more = at + size < whole.size();
    const std::uint8_t ttl = at == 0 ? first_ttl : 64;
    PacketBuilder builder;
    builder.ethernet();
    if (family.ipv4) {
      builder.ipv4(source, destination,
                   {.ttl = ttl, .id = id, .more_fragments = more, .offset = at, .protocol = kProtocolUdp});
    } else {
      builder.ipv6(source, destination, {.hop_limit = ttl}).fragment(at, more, id, kProtocolUdp);
    }
    pieces.push_back(builder.payload(slice(whole, at, size)).build());
  }
  return pieces;
}

std::vector<std::string> hex_of(const std::vector<Bytes>& packets) {
  std::vector<std::string> text;
  text.reserve(packets.size());
  for (const Bytes& packet : packets) text.push_back(to_hex(packet));
  return text;
}

}  // namespace

TEST_CASE("sessions find their worker from either side, and so do errors about them") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : {WorkerIndex{2}, WorkerIndex{3}, WorkerIndex{5}}) {
      Shared nat(workers);
      std::size_t queue = 0;
      for (std::size_t host = 2; host < 12; ++host) {
        for (std::uint16_t port = 4000; port < 4004; ++port) {
          const std::string inside = client(family, host);
          const Bytes out = nat.one(between(family, inside, family.server).udp(port, 53).payload(9), kTrust, queue++);
          const std::uint16_t outside = port_of(out);
          const Bytes back =
              nat.one(between(family, family.server, external(family)).udp(53, outside), kInternet, queue++);
          CHECK(slice(back, kEthernet + (family.ipv4 ? 16 : 24), family.ipv4 ? 4 : 16) ==
                slice(between(family, family.server, inside).build(), kEthernet + (family.ipv4 ? 16 : 24),
                      family.ipv4 ? 4 : 16));
          PacketBuilder error = between(family, family.server, external(family));
          family.ipv4 ? error.icmp(3, 3) : error.icmpv6(1, 4);
          const Bytes told = nat.one(error.payload(slice(out, kEthernet)), kInternet, queue++);
          CHECK(told.size() > back.size());
        }
        const auto gre = [](PacketBuilder ip) { return ip.gre(0x0800).payload(20); };
        const std::string other = family.ipv4 ? "198.18.1." : "2001:db8:1::";
        const std::string server = other + std::to_string(host);
        nat.one(gre(between(family, client(family, host), server)), kTrust, queue++);
        nat.one(gre(between(family, server, external(family))), kInternet, queue++);
      }
      CHECK(nat.all_sessions() == 50);
      CHECK(nat.sum(&PipelineCells::policy_evaluations) == 50);
      CHECK(nat.sum(&PipelineCells::handed_out) > 0);
    }
  }
}

TEST_CASE("fragments that change hands leave as those that don't, both ways") {
  for (const Family& family : kFamilies) {
    // The port is kept by the worker that deals it out, so that both can be compared; each host tries one of either.
    Shared alone(1, true), shared(2, true);
    int compared = 0;
    std::uint16_t id = 0;
    for (std::size_t host = 2; host < 18; ++host) {
      for (const std::size_t block : {2 * host, 2 * host + 1}) {
        const auto port = static_cast<std::uint16_t>(100 * kPortBlock + block * kPortBlock);
        const std::vector<Bytes> out = cut(family, client(family, host), family.server, port, 53, ++id);
        const std::vector<Bytes> expected = alone.outcome(out, kTrust, id);
        const std::vector<Bytes> got = shared.outcome(out, kTrust, id);
        REQUIRE(expected.size() == 3);
        REQUIRE(got.size() == 3);
        const auto answer = [&](const Bytes& first) {
          return cut(family, family.server, external(family), 53, port_of(first), id);
        };
        const std::vector<Bytes> expected_back = alone.outcome(answer(expected[0]), kInternet, id);
        const std::vector<Bytes> got_back = shared.outcome(answer(got[0]), kInternet, id);
        REQUIRE(expected_back.size() == 3);
        CHECK(hex_of(got_back) == hex_of(expected_back));
        REQUIRE(port_of(expected[0]) == port);
        if (port_of(got[0]) != port) continue;
        CHECK(hex_of(got) == hex_of(expected));
        ++compared;
      }
    }
    CHECK(compared == 16);
    CHECK(shared.sum(&PipelineCells::handed_out) > 0);
    CHECK(shared.all_sessions() == alone.all_sessions());
    CHECK(shared.bytes_counted(family.ipv4) == alone.bytes_counted(family.ipv4));
  }
}

TEST_CASE("what may not leave with its datagram does not leave, whoever put it together") {
  for (const Family& family : kFamilies) {
    for (const WorkerIndex workers : {WorkerIndex{1}, WorkerIndex{2}}) {
      Shared nat(workers);
      for (std::uint16_t id = 1; id <= 16; ++id) {
        const std::string inside = client(family, std::size_t{1} + id);
        // The first one's time is up: there is no session for those behind it.
        CHECK(nat.outcome(cut(family, inside, family.server, 4000, 53, id, 1), kTrust, id).empty());
        // The last one comes from outside.
        std::vector<Bytes> pieces = cut(family, inside, family.server, 4000, 53, static_cast<std::uint16_t>(id + 100));
        REQUIRE(nat.lane(kInternet, static_cast<std::uint16_t>(id % workers)).inject(pieces.back()));
        pieces.pop_back();
        CHECK(nat.outcome(pieces, kTrust, id).size() == 2);
      }
      CHECK(nat.drops(DropReason::kDatagramSpoiled) == 32);
      CHECK(nat.drops(DropReason::kSessionZone) == 16);
      CHECK(nat.all_sessions() == 16);
    }
  }
}
