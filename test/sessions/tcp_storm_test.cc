// SPDX-License-Identifier: Apache-2.0
// Blind attackers, counted: what somebody gets who knows addresses and ports and guesses the rest.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "sessions/tcp_state.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

using Random = std::mt19937_64;

Random random_of_run() {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return Random(seed);
}

/// An established connection in which both ends announce windows of `units` << `scale` bytes.
struct Connection {
  explicit Connection(std::uint16_t units, int scale) {
    const auto offered = static_cast<std::int8_t>(scale);
    TcpSegment syn;
    syn.sequence = 1000;
    syn.flags = kTcpSyn;
    syn.window = units;
    syn.window_scale = offered;
    TcpSegment syn_ack = syn;
    syn_ack.sequence = 5000;
    syn_ack.acknowledgment = 1001;
    syn_ack.flags = kTcpSyn | kTcpAck;
    TcpSegment ack = segment_of(kTcpAck, 1001, 5001, 0, units);
    tcp_open(client, server, syn, TcpPickUp::kOnlySyn);
    tcp_track(server, client, syn_ack, again);
    tcp_track(client, server, ack, again);
    tcp_track(server, client, segment_of(kTcpAck, 5001, 1001, 0, units), again);
  }

  static TcpSegment segment_of(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment,
                               std::uint16_t payload, std::uint16_t window) {
    TcpSegment segment;
    segment.flags = flags;
    segment.sequence = sequence;
    segment.acknowledgment = acknowledgment;
    segment.payload = payload;
    segment.window = window;
    return segment;
  }

  TcpState state() const { return tcp_state_of(client, server); }
  /// Do both ends still get their next segments through?
  bool works() {
    const bool sends =
        tcp_track(client, server, segment_of(kTcpAck, 1001, 5001, 1000, 10), again).action == TcpAction::kPass;
    return sends &&
           tcp_track(server, client, segment_of(kTcpAck, 5001, 2001, 1000, 10), again).action == TcpAction::kPass;
  }

  TcpSide client;
  TcpSide server;
  std::uint32_t again = 0;
};

struct Count {
  int believed = 0;
  int unbelieved = 0;
  int dropped = 0;
};

/// Forges `number` segments with these flags, as the client and as the server.
Count storm(Connection& connection, std::uint8_t flags, int number, Random& random) {
  Count count;
  for (int i = 0; i < number; ++i) {
    const auto sequence = static_cast<std::uint32_t>(random());
    if (sequence == 1001 || sequence == 5001) continue;  // who hits it is not blind
    const TcpSegment segment = Connection::segment_of(flags, sequence, static_cast<std::uint32_t>(random()),
                                                      (flags & kTcpPsh) != 0 ? 100 : 0, 65535);
    TcpSide& from = i % 2 == 0 ? connection.client : connection.server;
    TcpSide& to = i % 2 == 0 ? connection.server : connection.client;
    const TcpOutcome outcome = tcp_track(from, to, segment, connection.again);
    count.believed += outcome.action == TcpAction::kPass || outcome.action == TcpAction::kRenew;
    count.unbelieved += outcome.action == TcpAction::kPassUnbelieved;
    count.dropped += outcome.action == TcpAction::kDrop;
  }
  return count;
}

TEST_CASE("two thousand blind resets end nothing") {
  Random random = random_of_run();
  Connection connection(500, 7);
  const Count count = storm(connection, kTcpRst, 2000, random);
  CHECK(count.believed == 0);
  CHECK(count.dropped > 1900);  // 130 KB of 4 GB pass to their receiver
  CHECK(connection.state() == TcpState::kEstablished);
  CHECK(connection.works());
}

TEST_CASE("two thousand blind segments with data are dropped and move nothing") {
  Random random = random_of_run();
  Connection connection(500, 7);
  for (const int flags : {kTcpAck | 0, kTcpAck | kTcpPsh, kTcpAck | kTcpFin}) {
    const Count count = storm(connection, static_cast<std::uint8_t>(flags), 2000, random);
    CHECK(count.dropped == 2000);
  }
  CHECK(connection.works());
}

TEST_CASE("two thousand blind SYNs pass to their receiver and open nothing") {
  Random random = random_of_run();
  Connection connection(500, 7);
  const Count count = storm(connection, kTcpSyn, 2000, random);
  CHECK(count.unbelieved == 2000);
  CHECK(storm(connection, kTcpSyn | kTcpAck, 2000, random).believed == 0);
  CHECK(connection.state() == TcpState::kEstablished);
  CHECK(connection.works());
}

TEST_CASE("resets in SYN-SENT and SYN-ACKs that answer nothing neither end nor open a connection") {
  Random random = random_of_run();
  Connection connection(500, 7);
  TcpSegment syn = Connection::segment_of(kTcpSyn, 0x12345678, 0, 0, 64000);
  tcp_open(connection.client, connection.server, syn, TcpPickUp::kOnlySyn);
  int dropped = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto guess = static_cast<std::uint32_t>(random());
    if (guess == 0x12345679) continue;
    const std::uint8_t flags = i % 2 == 0 ? kTcpRst | kTcpAck : kTcpSyn | kTcpAck;
    const TcpSegment forged = Connection::segment_of(flags, static_cast<std::uint32_t>(random()), guess, 0, 64000);
    dropped += tcp_track(connection.server, connection.client, forged, connection.again).action == TcpAction::kDrop;
  }
  CHECK(dropped >= 1999);
  CHECK(connection.state() == TcpState::kSynSent);
}

TEST_CASE("of all numbers in and around the window one single reset is believed") {
  int believed = 0;
  int unbelieved = 0;
  int dropped = 0;
  for (int distance = -70'000; distance < 70'000; ++distance) {
    Connection connection(500, 7);
    const TcpSegment reset = Connection::segment_of(kTcpRst, 1001U + static_cast<std::uint32_t>(distance), 0, 0, 0);
    const TcpOutcome outcome = tcp_track(connection.client, connection.server, reset, connection.again);
    believed += outcome.action == TcpAction::kPass;
    unbelieved += outcome.action == TcpAction::kPassUnbelieved;
    dropped += outcome.action == TcpAction::kDrop;
  }
  CHECK(believed == 1);
  CHECK(unbelieved == 65536 + 64000 + 2 * 2);  // the reach below, the window above, the probes
  CHECK(believed + unbelieved + dropped == 140'000);
}

TEST_CASE("who knows the acknowledgment but not the sequence number is believed as often as the window is large") {
  Random random = random_of_run();
  const Connection connection(1024, 14);  // 16 MB
  constexpr int kTries = 2'000'000;
  int believed = 0;
  for (int i = 0; i < kTries; ++i) {
    Connection copy = connection;
    const TcpSegment forged = Connection::segment_of(kTcpAck, static_cast<std::uint32_t>(random()), 5001, 0, 1024);
    believed += tcp_track(copy.client, copy.server, forged, copy.again).action == TcpAction::kPass;
  }
  const double window = 1024.0 * 16384.0;
  const double chance = (2 * window + 5) / 4294967296.0;
  const double expected = chance * kTries;
  std::printf("%d of %d believed, %.0f expected\n", believed, kTries, expected);
  CHECK(std::abs(believed - expected) < 7 * std::sqrt(expected));
}

TEST_CASE("whatever segments come, a connection that was opened never counts as half-open again") {
  // A shard's limit of half-open sessions is asked once, when a session begins.
  Random random = random_of_run();
  static constexpr std::uint8_t kKinds[] = {kTcpSyn,           kTcpSyn | kTcpAck, kTcpAck,          kTcpAck | kTcpPsh,
                                            kTcpAck | kTcpFin, kTcpRst,           kTcpRst | kTcpAck};
  int opened = 0;
  for (int i = 0; i < 20'000; ++i) {
    Connection connection(500, 7);
    if (i % 2 == 0) {
      const TcpSegment syn = Connection::segment_of(kTcpSyn, 1000, 0, 0, 500);
      tcp_open(connection.client, connection.server, syn, TcpPickUp::kOnlySyn);
    }
    for (int sent = 0; sent < 40; ++sent) {
      if (random() % 16 == 0) tcp_learn(connection.client, connection.server);
      const bool was_half_open = is_half_open(connection.state());
      const bool as_client = random() % 2 == 0;
      const auto sequence = static_cast<std::uint32_t>((as_client ? 1000 : 5000) + random() % 3);
      const auto acknowledged = static_cast<std::uint32_t>((as_client ? 5000 : 1000) + random() % 3);
      const std::uint8_t flags = kKinds[random() % std::size(kKinds)];
      const TcpSegment segment = Connection::segment_of(
          flags, sequence, acknowledged, static_cast<std::uint16_t>((flags & kTcpPsh) != 0 ? 1 : 0), 500);
      TcpSide& from = as_client ? connection.client : connection.server;
      TcpSide& to = as_client ? connection.server : connection.client;
      if (tcp_track(from, to, segment, connection.again).action == TcpAction::kRenew) break;
      const bool now_half_open = is_half_open(connection.state());
      REQUIRE((was_half_open || !now_half_open));
      opened += was_half_open && !now_half_open;
    }
  }
  CHECK(opened > 1000);
}

}  // namespace
}  // namespace culvert::test
