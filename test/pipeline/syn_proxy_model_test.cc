// SPDX-License-Identifier: Apache-2.0
// Whole connections of two endpoints that know nothing of the SYN proxy between them, over a network that loses,
// doubles and overtakes on both sides of it: everything arrives, and no genuine segment is dropped by tracking.
// CULVERT_SEED repeats a run.
#include <cstdio>
#include <cstdlib>
#include <map>

#include "test/pipeline/proxied.h"
#include "test/sessions/tcp_endpoint.h"

namespace culvert::test {
namespace {

struct Network {
  unsigned lost_per_mille, doubled_per_mille;
  Tick jitter;
};

class Connections {
 public:
  Connections(const Family& family, Random& random) : family_(family), random_(random), door_(firewall_, family) {}

  /// One connection from its SYN to its last acknowledgment; how long it took.
  Tick play(const EndpointConfig& client, const EndpointConfig& server, const Network& network) {
    ++port_;
    network_ = network;
    travelling_.clear();
    Endpoint one(client, random_()), two(server, random_());
    for (Tick now = 0; now < kLongest; ++now) {
      one.tick(now);
      two.tick(now);
      for (const TcpSegment& segment : one.take_sent()) travel(now, {true, false, packet_of(true, segment)});
      for (const TcpSegment& segment : two.take_sent()) travel(now, {false, false, packet_of(false, segment)});
      while (!travelling_.empty() && travelling_.begin()->first <= now) {
        const Item item = travelling_.begin()->second;
        travelling_.erase(travelling_.begin());
        if (!item.behind) {
          cross(now, item);
        } else {
          Bytes bytes = item.packet;
          (item.to_server ? two : one).receive(tcp_segment_of(parsed(bytes)), now);
        }
      }
      if (!one.is_done() || !two.is_done()) continue;
      CHECK(one.received() == server.to_send);
      CHECK(two.received() == client.to_send);
      return now;
    }
    return kLongest;
  }

  static constexpr Tick kLongest = 100'000;
  /// But those that the proxy dropped on purpose.
  std::uint64_t drops() const { return firewall_.drops() - firewall_.drops(DropReason::kSynProxyWaits); }
  std::uint64_t segments() const { return segments_; }

 private:
  struct Item {
    bool to_server;
    bool behind;  ///< the firewall
    Bytes packet;
  };

  Bytes packet_of(bool from_client, const TcpSegment& segment) const {
    TcpFields fields{segment.flags, segment.sequence, segment.acknowledgment, segment.window};
    if (segment.window_scale >= 0) append(fields.options, hex("01 0303"));
    if (segment.window_scale >= 0) append8(fields.options, static_cast<std::uint32_t>(segment.window_scale));
    if (segment.sack_permitted) append(fields.options, hex("0101 0402"));
    if (segment.has_sack) {
      append(fields.options, hex("01 01 050a"));
      append32(fields.options, segment.sack_edge - 1);
      append32(fields.options, segment.sack_edge);
    }
    PacketBuilder builder = from_client ? culvert::test::from_client(family_) : from_server(family_);
    const std::uint16_t source = from_client ? port_ : 443, destination = from_client ? 443 : port_;
    return builder.tcp(source, destination, fields).payload(segment.payload).build();
  }

  void travel(Tick now, const Item& item) {
    if (random_() % 1000 < network_.lost_per_mille) return;
    const int copies = random_() % 1000 < network_.doubled_per_mille ? 2 : 1;
    for (int i = 0; i < copies; ++i) travelling_.emplace(now + 1 + random_() % (network_.jitter + 1), item);
  }

  bool has_session(const Bytes& packet) {
    Bytes bytes = packet;
    const Packet view = parsed(bytes);
    const auto has = [this](const auto& tuple) {
      auto& sessions = firewall_.shard().table<std::remove_cvref_t<decltype(tuple)>>();
      return sessions.flows().find(tuple, sessions.hash(tuple)) != kNoFlow;
    };
    return family_.ipv4 ? has(five_tuple4(view)) : has(five_tuple6(view));
  }

  void cross(Tick now, const Item& item) {
    ++segments_;
    if (item.to_server && !has_session(item.packet)) {
      const std::uint8_t flags = get8(item.packet, family_.transport() + 13);
      if ((flags & kTcpSyn) != 0) {
        travel(now, {false, true, door_.answer(item.packet)});
      } else if (const Bytes syn = door_.accept(item.packet); !syn.empty()) {
        travel(now, {true, true, syn});
      }
      return;
    }
    firewall_.pass(item.packet, item.to_server ? kTrust : kInternet);
    for (const InterfaceIndex interface : {kTrust, kInternet}) {
      PacketCapture& sent = firewall_.sent(interface);
      for (std::size_t i = 0; i < sent.size(); ++i) travel(now, {interface == kInternet, true, slice(sent[i], 0)});
      sent.clear();
    }
  }

  Firewall firewall_;
  Family family_;
  Random& random_;
  ProxyDoor door_;
  Network network_{};
  std::multimap<Tick, Item> travelling_;
  std::uint16_t port_ = 1024;
  std::uint64_t segments_ = 0;
};

EndpointConfig random_endpoint(Random& random) {
  EndpointConfig config;
  config.initial_sequence = static_cast<std::uint32_t>(random());
  if (random() % 3 == 0) config.initial_sequence = 0U - config.initial_sequence % 20'000;
  config.buffer = random() % 2 == 0 ? 4000 + static_cast<std::uint32_t>(random() % 60'000) : 65536U << random() % 5;
  config.scale = random() % 4 == 0 ? -1 : static_cast<int>(random() % 15);
  while (config.scale > 0 && config.buffer >> config.scale < 4) --config.scale;
  config.sack = random() % 4 != 0;
  config.mss = 500 + static_cast<std::uint32_t>(random() % 901);  // with SACK, in the MTU of both
  config.to_send = random() % 6 == 0 ? random() % 3 : random() % 60'000;
  config.reads_per_mille = random() % 3 == 0 ? 100 : 500;
  config.probes_below = random() % 2 == 0;
  return config;
}

TEST_CASE("connections through a SYN proxy carry everything to its end") {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  std::uint64_t segments = 0;
  for (const Family& family : kFamilies) {
    Connections connections(family, random);
    for (int i = 0; i < 150; ++i) {
      INFO("CULVERT_SEED=" << seed << ", connection " << i << " ipv4 " << family.ipv4);
      EndpointConfig client = random_endpoint(random);
      client.active = true;
      const EndpointConfig server = random_endpoint(random);
      constexpr Network kNetworks[] = {{0, 0, 0}, {20, 10, 3}, {80, 100, 5}};
      REQUIRE(connections.play(client, server, kNetworks[random() % 3]) < Connections::kLongest);
      REQUIRE(connections.drops() == 0);
    }
    segments += connections.segments();
  }
  std::printf("%llu segments\n", static_cast<unsigned long long>(segments));
}

}  // namespace
}  // namespace culvert::test
