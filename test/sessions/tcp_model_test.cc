// SPDX-License-Identifier: Apache-2.0
// Random connections of endpoints that know nothing of tracking: no genuine segment is dropped, whatever the network
// does to it, and no forged one of somebody who cannot see the numbers is believed. CULVERT_SEED repeats a run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "test/sessions/tcp_path.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

std::uint64_t seed_of_run() {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

/// Sequence numbers begin anywhere, but often right below the wrap.
std::uint32_t random_sequence(Random& random) {
  const auto number = static_cast<std::uint32_t>(random());
  return random() % 3 == 0 ? 0U - number % 200'000 : number;
}

EndpointConfig random_endpoint(Random& random, bool small) {
  EndpointConfig config;
  config.initial_sequence = random_sequence(random);
  config.buffer =
      small || random() % 2 == 0 ? 1 + static_cast<std::uint32_t>(random() % 65535) : 65536U << random() % 7;
  config.scale = random() % 4 == 0 ? -1 : static_cast<int>(random() % 15);
  while (config.scale > 0 && config.buffer >> config.scale < 4) --config.scale;  // else it could announce nothing
  config.sack = random() % 4 != 0;
  config.mss = 100 + static_cast<std::uint32_t>(random() % 1361);
  config.to_send = random() % 6 == 0 ? random() % 3 : random() % 400'000;
  config.reads_per_mille = random() % 3 == 0 ? 30 : 500;
  config.probes_below = random() % 2 == 0;
  return config;
}

NetworkConfig random_network(Random& random) {
  static constexpr unsigned kLosses[] = {0, 2, 20, 80};
  static constexpr unsigned kDoubles[] = {0, 10, 100};
  return {kLosses[random() % 4], kDoubles[random() % 3], random() % 5};
}

/// A connection that is longer than this does not end: a fault of the endpoints or of what was dropped.
constexpr Tick kLongest = 400'000;

/// The sum over all connections of a test.
struct Sums {
  std::uint64_t genuine = 0;
  std::uint64_t unbelieved = 0;
  std::uint64_t connections = 0;
  std::uint64_t simultaneous = 0;
};

/// Plays connections until `wanted` genuine segments have passed; `each_tick(path, random)` disturbs.
template <typename EachTick>
Sums play_connections(std::uint64_t seed, std::uint64_t wanted, bool small, const EachTick& each_tick) {
  Sums sums;
  Random random(seed);
  while (sums.genuine < wanted) {
    const std::uint64_t connection = random();
    INFO("CULVERT_SEED=" << seed << ", connection " << sums.connections);
    EndpointConfig client = random_endpoint(random, small);
    EndpointConfig server = random_endpoint(random, small);
    // A tiny window takes a round trip, or a slow reader, for each of its fillings.
    client.to_send = std::min<std::uint64_t>(client.to_send, 300ULL * server.buffer);
    server.to_send = std::min<std::uint64_t>(server.to_send, 300ULL * client.buffer);
    client.active = true;
    server.active = random() % 5 == 0;
    sums.simultaneous += server.active;
    Path path(client, server, random_network(random), connection);
    while (!path.is_done() && path.now() < kLongest && path.first_false_drop().empty()) {
      path.step();
      each_tick(path, random);
    }
    REQUIRE(path.first_false_drop() == "");
    REQUIRE(path.is_done());
    REQUIRE(path.client().received() == server.to_send);
    REQUIRE(path.server().received() == client.to_send);
    sums.genuine += path.genuine();
    sums.unbelieved += path.unbelieved();
    ++sums.connections;
  }
  std::printf("%llu connections, %llu genuine segments, %llu of them passed unbelieved, %llu simultaneous opens\n",
              static_cast<unsigned long long>(sums.connections), static_cast<unsigned long long>(sums.genuine),
              static_cast<unsigned long long>(sums.unbelieved), static_cast<unsigned long long>(sums.simultaneous));
  return sums;
}

constexpr std::uint64_t kWanted = 1'000'000;

TEST_CASE("no genuine segment of a million is dropped, whatever the network does") {
  const Sums sums = play_connections(seed_of_run(), kWanted, false, [](Path&, Random&) {});
  CHECK(sums.connections > 100);
  CHECK(sums.simultaneous > 10);
  CHECK(sums.unbelieved < sums.genuine / 100);
}

TEST_CASE("every connection that is seen whole ends in TIME-WAIT") {
  std::uint64_t ended = 0;
  const Sums sums = play_connections(seed_of_run(), kWanted / 10, false, [&ended](Path& path, Random&) {
    if (path.is_done()) ended += path.state() == TcpState::kTimeWait;
  });
  CHECK(ended == sums.connections);
}

TEST_CASE("after times without tracking no genuine segment is dropped either") {
  std::uint64_t times = 0;
  const Sums sums = play_connections(seed_of_run(), kWanted / 2, false, [&times](Path& path, Random& random) {
    if (!path.is_open() || random() % 300 != 0) return;
    ++times;
    path.look_away(1 + random() % 200);
    // Half of the times the session is gone as well, and picked up in mid-stream; but not while a SYN may come that
    // begins a session which nobody continues.
    if (random() % 2 == 0 && path.genuine() > 100) path.forget();
  });
  CHECK(sums.connections > 50);
  CHECK(times > 100);
}

/// Forges segments of a session from outside, with numbers drawn at random.
class Attacker {
 public:
  void attack(Path& path, Random& random) {
    // While a session is being opened or is over there is nothing to take.
    if (path.state() != TcpState::kEstablished) return;
    const bool as_client = random() % 2 == 0;
    TcpSide& from = as_client ? path.client_side() : path.server_side();
    TcpSide& to = as_client ? path.server_side() : path.client_side();
    static constexpr std::uint8_t kKinds[] = {kTcpAck, kTcpAck | kTcpPsh, kTcpAck | kTcpFin,
                                              kTcpRst, kTcpSyn,           kTcpSyn | kTcpAck};
    TcpSegment segment;
    segment.flags = kKinds[random() % std::size(kKinds)];
    segment.sequence = static_cast<std::uint32_t>(random());
    segment.acknowledgment = static_cast<std::uint32_t>(random());
    segment.payload = (segment.flags & (kTcpAck | kTcpPsh)) != 0 ? 10 : 0;
    segment.window = 65535;
    const TcpSide from_before = from;
    const TcpSide to_before = to;
    const TcpOutcome outcome = tcp_track(from, to, segment, path.again());
    ++forged_;
    dropped_ += outcome.action == TcpAction::kDrop;
    const bool changed = differs(from, from_before) || differs(to, to_before);
    believed_ += outcome.action == TcpAction::kPass || outcome.action == TcpAction::kRenew || changed;
  }

  std::uint64_t forged() const { return forged_; }
  std::uint64_t dropped() const { return dropped_; }
  std::uint64_t believed() const { return believed_; }

 private:
  static bool differs(const TcpSide& a, const TcpSide& b) {
    const unsigned facts = (a.bits ^ b.bits) & ~unsigned{kTcpSideAgain};
    return a.end != b.end || a.acked != b.acked || a.window != b.window || facts != 0;
  }

  std::uint64_t forged_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t believed_ = 0;
};

// With windows of 64 KB a forged segment with data is believed with a chance of 3e-5 (its sequence number) times 3e-5
// (its acknowledgment), and a reset with 5e-10: in all, about one run in ten thousand has one.
TEST_CASE("a storm of forged segments in the middle of connections is not believed and disturbs nothing") {
  Attacker attacker;
  const Sums sums = play_connections(seed_of_run(), kWanted / 4, true, [&attacker](Path& path, Random& random) {
    for (int i = 0; i < 2; ++i) attacker.attack(path, random);
  });
  std::printf("%llu forged segments, %llu dropped, %llu believed\n", static_cast<unsigned long long>(attacker.forged()),
              static_cast<unsigned long long>(attacker.dropped()),
              static_cast<unsigned long long>(attacker.believed()));
  CHECK(sums.connections > 10);
  CHECK(attacker.forged() > 20'000);
  CHECK(attacker.believed() == 0);
}

}  // namespace
}  // namespace culvert::test
