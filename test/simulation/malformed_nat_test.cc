// SPDX-License-Identifier: Apache-2.0
// Mutated packets through a firewall with policy, screens, fragments, source NAT and destination NAT, and two workers:
// of dialogues that go through it (dialogues.h), half of the packets are changed, answers, ICMP errors with their
// quotes and fragments too, so that what is wrong belongs to sessions that are there. After every turn the books close,
// what left is a packet that a slower second parser accepts, and no address inside shows outside; ports are taken by
// sessions and mappings alone. 100,000 packets, a million where there is time (CULVERT_TEST_TIER, or CULVERT_PACKETS).
#include <cstdio>

#include "sessions/scan_meters.h"
#include "test/packet/samples.h"
#include "test/pipeline/redirecting.h"
#include "test/simulation/dialogues.h"
#include "test/simulation/environment.h"
#include "test/simulation/leaks.h"
#include "test/simulation/mutations.h"
#include "test/simulation/nat_books.h"
#include "test/simulation/verdicts.h"

namespace culvert::test {
namespace {

constexpr WorkerIndex kWorkers = 2;
constexpr std::uint64_t kPacketsPerTurn = 64;

/// Another host than the client has an address outside for itself.
DestinationRule fixed_host(const Family& family) {
  DestinationRule rule = of_the_client(family);
  const AddressNumber outside = number(family, "198.18.1.120", "2001:db8:1::120");
  const AddressNumber inside = number(family, "198.18.0.5", "2001:db8::5");
  rule.addresses = AddressMap::in_order({outside, outside}, {inside, inside});
  return rule;
}

std::vector<DestinationRule> destinations() {
  std::vector<DestinationRule> list;
  for (const Family& family : kFamilies) {
    for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp, kProtocolSctp}) {
      list.push_back(forwarded(family, protocol));
    }
    list.push_back(fixed_host(family));
  }
  return list;
}

RuleSet policy() {
  RuleSet set = to_port_80();
  set.rules.push_back(rule(kZoneInternet, kZoneTrust, RuleAction::kReject, {service(kProtocolTcp, 22)}));
  set.rules.push_back(rule(kZoneInternet, kZoneTrust, RuleAction::kPermit, {service(kProtocolUdp, 53)}));
  for (Rule& rule : set.rules) rule.log_open = rule.log_close = true;
  return set;
}

/// Most hosts inside have a mapping for each of their endpoints, some a port for each session.
struct Guarded : Redirecting {
  Guarded() : Redirecting(destinations(), kWorkers, policy()) {
    for (const std::size_t family : {0U, 1U}) {
      SourceRule alone = nat_rules[family];
      alone.mapping = NatMapping::kAddressAndPortDependent;
      alone.any_source = false;
      alone.sources = {&some_hosts[family], 1};
      nat_rules.insert(nat_rules.begin(), alone);
    }
    for (SourceRule& nat_rule : nat_rules) nat_rule.log = NatLog::kSessions;
    for (const Zone zone : {kZoneTrust, kZoneInternet}) {
      ZoneScreens& screens = settings.screens[zone];
      screens.on = kPacketScreens | kCountingScreens | mask_of(Screen::kSynFlood);
      screens.alarm = mask_of(Screen::kTinyFragment);  // most fragments here are
      screens.icmp_to = screens.udp_to = MeterRate::per_second(200);
      screens.syn = MeterRate::per_second(40);
      screens.scan_bits = screens.sweep_bits = static_cast<std::uint16_t>(ScanMeters::bits_of(60));
      settings.limits[zone].sessions_per_source = 100;
    }
    settings.reverse_path[kTrust] = ReversePathCheck::kStrict;
    forward("0.0.0.0/0", kInternet, test_mac(0xde));
    forward("::/0", kInternet, test_mac(0xde));
    special("198.18.1.1/32", NextHopKind::kLocal);
    special("2001:db8:1::1/128", NextHopKind::kLocal);
    redirect(destinations(), policy());
  }

  std::array<NatRange, 2> some_hosts{
      NatRange{number(kFamilies[0], "198.18.0.8", ""), number(kFamilies[0], "198.18.0.13", "")},
      NatRange{number(kFamilies[1], "", "2001:db8::8"), number(kFamilies[1], "", "2001:db8::13")}};
};

/// Half of the packets are changed: of ICMP errors mostly what they quote.
class Spoiler {
 public:
  explicit Spoiler(Dice& dice) : dice_(dice), samples_(sample_packets()), mutations_(dice, samples_) {}

  void maybe_spoil(Bytes& packet) {
    if (dice_.chance(50)) return;
    Bytes copy = packet;
    const Packet view = parsed(copy);
    std::size_t first = 0, end = 74;
    if (view.verdict == Verdict::kNone && view.has(kFlagIcmpError) && dice_.chance(80)) {
      first = view.transport_offset + std::size_t{8};
      end = first + (view.network == NetworkKind::kIpv4 ? 28 : 48);
    }
    for (std::uint64_t changes = 1 + dice_.pick(3); changes > 0; --changes) mutations_.change(packet, first, end);
    if (dice_.chance(70)) fix_ipv4_checksum(packet);
    packet.resize(std::min(packet.size(), Mutations::kMostBytes));
  }

 private:
  Dice& dice_;
  std::vector<Bytes> samples_;
  Mutations mutations_;
};

struct Seen {
  std::uint64_t translated = 0;  ///< left with an external address
  std::uint64_t came_in = 0;     ///< from the internet, to a host inside
  std::uint64_t errors_in = 0, errors_out = 0;
};

/// Has a look at everything that has left.
void look_at_sent(Guarded& rig, const RigConfig& config, Dialogues& dialogues, const Leaks& leaks, Seen& seen) {
  check_sent(rig, config, [&](std::span<const std::byte> packet, InterfaceIndex interface) {
    dialogues.see(packet, interface);
    Bytes bytes = slice(packet, 0);
    const Packet view = parsed(bytes);
    const bool error = view.has(kFlagIcmpError);
    if (interface == kInternet) {
      const std::string source = source_text(view);
      const bool external = source == "198.18.1.100" || source == "2001:db8:1::100";
      seen.translated += external ? 1 : 0;
      seen.errors_out += external && error ? 1 : 0;
      if (leaks.shows_in(packet)) FAIL("an address inside shows outside: " << to_hex(packet));
    } else {
      seen.came_in += error ? 0 : 1;
      seen.errors_in += error ? 1 : 0;
    }
  });
}

void check_reach(const Rig& rig, const Totals& totals, const Seen& seen, const NatBooks& books) {
  std::printf(
      "  translated %llu, came in %llu, errors out %llu, in %llu; at once %llu ports of mappings, %llu of one "
      "session, %llu sessions of one port\n",
      static_cast<unsigned long long>(seen.translated), static_cast<unsigned long long>(seen.came_in),
      static_cast<unsigned long long>(seen.errors_out), static_cast<unsigned long long>(seen.errors_in),
      static_cast<unsigned long long>(books.most_mapped()), static_cast<unsigned long long>(books.most_alone()),
      static_cast<unsigned long long>(books.most_shared()));
  CHECK(seen.translated > totals.forwarded / 10);
  CHECK(seen.came_in > totals.forwarded / 10);
  CHECK(seen.errors_in > 0);
  CHECK(seen.errors_out > 0);
  CHECK(totals.handed_out > 0);
  CHECK(totals.punted > 0);
  CHECK(books.most_mapped() > 50);
  CHECK(books.most_alone() > 50);
  CHECK(books.most_shared() > 2);
  CHECK(rig.sum(&PipelineCells::syn_cookies_sent) > 0);
  CHECK(rig.sum(&PipelineCells::syn_cookies_accepted) > 0);
  for (const DropReason reason :
       {DropReason::kIpv4Checksum, DropReason::kFragmentBad, DropReason::kFragmentOverlap,
        DropReason::kFragmentDuplicate, DropReason::kFragmentTimeout, DropReason::kReversePath, DropReason::kPolicyDeny,
        DropReason::kPolicyReject, DropReason::kTcpNoSession, DropReason::kTcpFlags, DropReason::kTcpOutOfWindow,
        DropReason::kIcmpUnsolicited, DropReason::kIcmpQuoteBad, DropReason::kIcmpUnrelated, DropReason::kScreenNoFlags,
        DropReason::kScreenSynFin, DropReason::kNatNoMapping, DropReason::kNatFiltered}) {
    INFO(drop_reason_text(reason).name);
    CHECK(totals.reasons.contains(reason));
  }
}

/// Records are taken, as control does it; else the log would be full, and say nothing more.
void take_records(Rig& rig) {
  SessionRecord record;
  for (WorkerIndex worker = 0; worker < kWorkers; ++worker) {
    while (rig.shard(worker).log().take(record)) {
    }
  }
}

}  // namespace

TEST_CASE("mutated packets of translated sessions: each has one fate, and no address inside shows outside") {
  const std::uint64_t seed = seed_from_environment();
  const std::uint64_t packets = from_environment("CULVERT_PACKETS", has_time() ? 1'000'000 : 100'000);
  std::printf("CULVERT_SEED=%llu, %llu packets, %u workers, NAT\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(packets), kWorkers);
  INFO("CULVERT_SEED=" << seed);
  RigConfig config;
  config.workers = config.queues = kWorkers;
  Guarded rig;
  Dialogues dialogues(seed, 2);
  Dice& dice = dialogues.dice();
  Spoiler spoiler(dice);
  Leaks leaks(1, Leaks::Own::kSecret);
  NatBooks books(rig, kWorkers, rig.addresses.size());
  Seen seen;
  std::uint64_t arrived = 0;
  for (std::uint64_t turn = 0; arrived < packets; ++turn) {
    for (const std::uint64_t before = arrived; arrived < std::min(packets, before + kPacketsPerTurn);) {
      const InterfaceIndex interface = dice.chance(50) ? kTrust : kInternet;
      for (Bytes& packet : dialogues.next(interface)) {
        spoiler.maybe_spoil(packet);
        if (arrived == packets || !rig.lane(interface, static_cast<std::uint16_t>(turn % 2)).inject(packet)) continue;
        ++arrived;
        if (interface == kInternet) leaks.note_arrival(packet);
      }
    }
    rig.turn(dice.pick(32) == 0 ? dice.pick(20) * kNanosecondsPerSecond : 200'000);
    REQUIRE(rig.unaccounted_packets() == 0);
    REQUIRE(rig.unaccounted_frames() == 0);
    look_at_sent(rig, config, dialogues, leaks, seen);
    take_records(rig);
    if (turn % 16 == 0) books.check();
  }
  rig.turns(300, 20 * kNanosecondsPerMillisecond);
  look_at_sent(rig, config, dialogues, leaks, seen);
  check_reach(rig, check_end(rig, packets), seen, books);
  // All that lives by time goes with time.
  rig.turns(8000, kNanosecondsPerSecond);
  books.check_empty();
}

}  // namespace culvert::test
