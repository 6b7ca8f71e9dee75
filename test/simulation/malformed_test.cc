// SPDX-License-Identifier: Apache-2.0
// Mutated packets through whole workers on memory lanes: 100,000 of them, a million where there is time
// (CULVERT_TEST_TIER, or CULVERT_PACKETS). Each is a sample of a shape that the parser knows, with bytes changed, cut,
// repeated or spliced, and half of them aimed at a route and given a right header checksum, so that they get past the
// first look. After every turn the books close, and whatever left is a packet that a slower second parser accepts.
#include <algorithm>
#include <cstdio>
#include <set>

#include "test/packet/reference_parser.h"
#include "test/packet/samples.h"
#include "test/simulation/environment.h"
#include "test/simulation/mutations.h"
#include "test/simulation/verdicts.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"
#include "test/support/rig.h"

namespace culvert::test {
namespace {

constexpr std::uint64_t kPacketsPerTurn = 64;

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : dice_(seed), samples_(sample_packets()), mutations_(dice_, samples_) {
    for (const bool whole : {true, false}) {
      const PacketBuilder to = PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.2.9", {.dont_fragment = whole});
      samples_.push_back(PacketBuilder(to).udp(1, 2).payload(1400).build());
    }
    samples_.push_back(PacketBuilder().ethernet().ipv6().udp(1, 2).payload(1400).build());
    PacketBuilder too_deep = PacketBuilder().ethernet().ipv6();
    for (int i = 0; i < 12; ++i) too_deep.destination_options();
    samples_.push_back(too_deep.udp(1, 2).build());
  }

  std::uint64_t pick(std::uint64_t below) { return dice_.pick(below); }

  Bytes next() {
    Bytes bytes = samples_[pick(samples_.size())];
    if (pick(4) == 0) aim(bytes);
    for (std::uint64_t changes = pick(5); changes > 0; --changes) mutations_.change(bytes);
    if (pick(4) == 0) aim(bytes);
    if (pick(2) == 0) fix_ipv4_checksum(bytes);
    bytes.resize(std::min(bytes.size(), Mutations::kMostBytes));
    return bytes;
  }

 private:
  void aim(Bytes& bytes) {
    static const Ipv4Address kTo[] = {ip4("198.18.0.9"),  ip4("198.18.1.9"), ip4("198.18.2.9"), ip4("198.18.3.9"),
                                      ip4("198.18.4.9"),  ip4("198.18.5.9"), ip4("198.18.6.9"), ip4("198.18.7.9"),
                                      ip4("203.0.114.4"), ip4("192.0.2.9"),  ip4("169.254.0.9")};
    static const Ipv6Address kTo6[] = {ip6("2001:db8::9"), ip6("2001:db8:1::9"), ip6("2001:db8:2::9"),
                                       ip6("2001:db8:9::9"), ip6("fe80::9")};
    if (bytes.size() >= 34 && get16(bytes, 12) == 0x0800) {
      put(bytes, 30, std::as_bytes(std::span(&kTo[pick(std::size(kTo))], 1)));
      if (pick(8) == 0) set8(bytes, 22, 1);
    } else if (bytes.size() >= 54 && get16(bytes, 12) == 0x86dd) {
      put(bytes, 38, std::as_bytes(std::span(&kTo6[pick(std::size(kTo6))], 1)));
      if (pick(8) == 0) set8(bytes, 21, 1);
    }
  }
  static void put(Bytes& bytes, std::size_t at, std::span<const std::byte> field) {
    std::copy(field.begin(), field.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }

  Dice dice_;
  std::vector<Bytes> samples_;
  Mutations mutations_;
};

/// A route of every kind, for the destinations of Mutator::aim.
void add_routes(Rig& rig) {
  const MultipathMember members[] = {{rig.forward("203.0.113.1/32", 1, test_mac(1)), 1},
                                     {rig.forward("203.0.113.2/32", 0, test_mac(2)), 3}};
  rig.multipath("203.0.114.0/24", members);
  rig.forward("198.18.0.0/24", 0, test_mac(0xa0));
  rig.forward("198.18.1.0/24", 1, test_mac(0xa1));
  rig.forward("198.18.2.0/24", 1, test_mac(0xa2), 576);
  rig.unresolved("198.18.3.0/24", 1);
  rig.special("198.18.4.0/24", NextHopKind::kLocal);
  rig.special("198.18.5.0/24", NextHopKind::kUnreachable);
  rig.special("198.18.6.0/24", NextHopKind::kBlackhole);
  rig.special("198.18.7.0/24", NextHopKind::kProhibit);
  rig.forward("2001:db8::/64", 0, test_mac(0xa0));
  rig.forward("2001:db8:1::/64", 1, test_mac(0xa1), 1280);
  rig.special("2001:db8:2::/64", NextHopKind::kLocal);
}

Totals run(const RigConfig& config, std::uint64_t packets, std::uint64_t seed) {
  std::printf("CULVERT_SEED=%llu, %llu packets, %u workers, partial checksums %s\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(packets), config.workers,
              config.partial_checksums ? "finished" : "not looked for");
  INFO("CULVERT_SEED=" << seed);
  Rig rig(config);
  add_routes(rig);
  if (config.workers > 1) rig.remove_lane(1, 1);  // its worker hands over what goes there
  Mutator mutator(seed);
  rig.turn();
  for (std::uint64_t arrived = 0; arrived < packets;) {
    for (std::uint64_t i = 0; i < kPacketsPerTurn && arrived < packets; ++i) {
      const auto queue = static_cast<std::uint16_t>(mutator.pick(config.queues));
      // False: that fill ring is empty until the next turn. The packet did not arrive, so it does not count.
      if (rig.lane(0, queue).inject(mutator.next())) ++arrived;
    }
    rig.take_requests();
    rig.turn(mutator.pick(64) == 0 ? 100 * kNanosecondsPerMillisecond : 20'000);
    REQUIRE(rig.unaccounted_packets() == 0);
    REQUIRE(rig.unaccounted_frames() == 0);
    check_sent(rig, config);
  }
  rig.turns(300, 20 * kNanosecondsPerMillisecond);
  check_sent(rig, config);
  return check_end(rig, packets);
}

std::uint64_t packets_for_this_tier() {
  return from_environment("CULVERT_PACKETS", has_time() ? 1'000'000 : 100'000);
}

/// The mutations must get everywhere, or nothing was shown.
void check_reach(const Totals& totals) {
  CHECK(totals.forwarded > 0);
  CHECK(totals.punted > 0);
  CHECK(totals.generated > 0);
  // Everything that a packet's bytes and its route can be refused for; the other reasons are full rings and lost links.
  for (auto reason = static_cast<std::size_t>(DropReason::kNone) + 1; reason < kDropReasons; ++reason) {
    const auto each = static_cast<DropReason>(reason);
    if (each > DropReason::kPacketTooBig) continue;
    INFO(drop_reason_text(each).name);
    CHECK(totals.reasons.contains(each));
  }
}

TEST_CASE("a million mutated packets: each is forwarded, dropped with a reason, punted or held, and none crashes") {
  RigConfig config;
  config.queues = 1;
  check_reach(run(config, packets_for_this_tier(), seed_from_environment()));
}

TEST_CASE("the same between workers that hand packets over, on lanes that finish partial checksums") {
  RigConfig config;
  config.workers = config.queues = 2;
  config.partial_checksums = true;
  const Totals totals = run(config, packets_for_this_tier() / 4, seed_from_environment());
  CHECK(totals.handed_out > 0);
}

}  // namespace
}  // namespace culvert::test
