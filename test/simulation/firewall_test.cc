// SPDX-License-Identifier: Apache-2.0
// A firewall in a random world (conversations.h), with a virtual clock, policies and routes that change, and room for
// few sessions. After every turn: each frame has one holder and each packet one fate, sessions made = there are +
// ended, and whatever left was allowed, as somebody judges who reads the rules one by one and remembers what he has
// seen leave. The seed is printed; CULVERT_SEED repeats a run, CULVERT_TURNS makes it longer.
#include <cstdio>
#include <optional>
#include <set>
#include <tuple>

#include "packet/icmp_quote.h"
#include "test/packet/packets.h"
#include "test/policy/reference_policy.h"
#include "test/simulation/conversations.h"
#include "test/simulation/environment.h"
#include "test/simulation/log_books.h"
#include "test/support/catch.h"
#include "test/support/rig.h"

namespace culvert::test {
namespace {

constexpr std::uint64_t kMostPerTurn = 24;

struct End {
  PolicyKey::Address address;
  std::uint16_t port = 0;

  auto words() const { return std::tuple(address.high, address.low, port); }
};

/// A packet's tuple as the judge thinks of it.
struct Tuple {
  NetworkKind network = NetworkKind::kNone;
  std::uint8_t protocol = 0;
  End source, destination;

  Tuple reversed() const { return {network, protocol, destination, source}; }
  Tuple without_ports() const {
    Tuple tuple = *this;
    tuple.source.port = tuple.destination.port = 0;
    tuple.protocol = 0;
    return tuple;
  }
  bool operator<(const Tuple& other) const { return words() < other.words(); }

 private:
  std::tuple<NetworkKind, std::uint8_t, decltype(End{}.words()), decltype(End{}.words())> words() const {
    return {network, protocol, source.words(), destination.words()};
  }
};

template <typename FiveTuple>
Tuple tuple_of(const FiveTuple& tuple) {
  constexpr bool kIpv4 = std::is_same_v<FiveTuple, FiveTuple4>;
  return {kIpv4 ? NetworkKind::kIpv4 : NetworkKind::kIpv6,
          tuple.protocol,
          {PolicyKey::address_of(tuple.source), tuple.source_port.host()},
          {PolicyKey::address_of(tuple.destination), tuple.destination_port.host()}};
}

Tuple tuple_of_packet(const Packet& packet) {
  return packet.network == NetworkKind::kIpv4 ? tuple_of(datagram_tuple4(packet)) : tuple_of(datagram_tuple6(packet));
}

bool is_icmp(const Tuple& tuple) {
  return tuple.protocol == (tuple.network == NetworkKind::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6);
}

/// Who may send a packet: of echo, requests and replies know their way.
enum class Speaker { kAnybody, kRequester, kReplier, kNobody };

Speaker speaker_of(const Packet& packet, const Tuple& tuple) {
  if (!is_icmp(tuple)) return Speaker::kAnybody;
  const bool ipv4 = packet.network == NetworkKind::kIpv4;
  const std::uint8_t type = get8({packet.transport_header(), 1}, 0);
  if (type == (ipv4 ? 8 : 128)) return Speaker::kRequester;
  return type == (ipv4 ? 0 : 129) ? Speaker::kReplier : Speaker::kNobody;
}

/// Reads the rules one by one, and remembers what has left as the first direction of a session.
class Judge {
 public:
  void use(const RuleSet& rules) {
    rules_ = rules;
    policy_.emplace(rules_);
  }

  bool permits(const Tuple& tuple, Zone from, Zone to) const {
    PolicyKey key;
    key.network = tuple.network;
    key.from = from;
    key.to = to;
    key.protocol = tuple.protocol;
    key.source = tuple.source.address;
    key.destination = tuple.destination.address;
    key.source_port = tuple.source.port;
    key.destination_port = tuple.destination.port;
    if (is_icmp(tuple)) {
      key.source_port = 0;
      key.destination_port = tuple.network == NetworkKind::kIpv4 ? 8 << 8 : 128 << 8;
    }
    const RuleIndex rule = policy_->decide(key);
    return rule != kDefaultRule && rules_.rules[rule].action == RuleAction::kPermit;
  }

  /// Whether a packet may have come in from one zone and left to the other.
  bool allows(const Packet& packet, Zone from, Zone to) {
    if (packet.has(kFlagIcmpError)) return allows_error(packet);
    const Tuple tuple =
        packet.network == NetworkKind::kIpv4 ? tuple_of(datagram_tuple4(packet)) : tuple_of(datagram_tuple6(packet));
    if (packet.is_part() && !packet.has(kFlagFirstFragment)) return datagrams_.contains(tuple.without_ports());
    const Speaker speaker = speaker_of(packet, tuple);
    const bool first_direction = speaker != Speaker::kReplier && permits(tuple, from, to);
    const bool answer =
        speaker != Speaker::kRequester && opened_.contains(tuple.reversed()) && permits(tuple.reversed(), to, from);
    if (speaker == Speaker::kNobody) return false;
    if (first_direction) opened_.insert(tuple);
    if ((first_direction || answer) && packet.is_part()) datagrams_.insert(tuple.without_ports());
    return first_direction || answer;
  }

  /// For people: why it is not allowed.
  std::string opinion(const Packet& packet, Zone from, Zone to) const {
    const Tuple tuple = tuple_of_packet(packet);
    return std::string(permits(tuple, from, to) ? "permitted" : "denied") + ", its reverse " +
           (permits(tuple.reversed(), to, from) ? "permitted" : "denied") + ", a session " +
           (opened_.contains(tuple) ? "" : "not ") + "seen, of its reverse " +
           (opened_.contains(tuple.reversed()) ? "" : "not ") + "seen";
  }

  std::size_t opened() const { return opened_.size(); }
  std::uint64_t errors = 0;

 private:
  bool allows_error(const Packet& packet) {
    IcmpQuote quote;
    if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone) return false;
    const Tuple quoted = packet.network == NetworkKind::kIpv4 ? tuple_of(quote.tuple4) : tuple_of(quote.tuple6);
    ++errors;
    return opened_.contains(quoted) || opened_.contains(quoted.reversed());
  }

  RuleSet rules_;
  std::optional<ReferencePolicy> policy_;
  std::set<Tuple> opened_;
  std::set<Tuple> datagrams_;  ///< between whom fragments may pass
};

class World {
 public:
  World(Rig& rig, std::uint64_t seed) : rig_(rig), talk_(seed) {
    for (InterfaceIndex i = 0; i < Conversations::kInterfaces; ++i) {
      const std::string number = std::to_string(i);
      rig_.forward("198.18." + number + ".0/24", i, test_mac(static_cast<std::uint8_t>(i + 1)));
      rig_.forward("2001:db8:" + number + "::/64", i, test_mac(static_cast<std::uint8_t>(i + 1)));
    }
    move_network();
    change_policy();
  }

  void step() {
    const auto interface = static_cast<InterfaceIndex>(talk_.pick(Conversations::kInterfaces));
    // No more than a turn takes up, so that all that leaves in it has come in here.
    std::size_t room = kBurstSize;
    for (std::uint64_t i = talk_.pick(kMostPerTurn); i > 0; --i) {
      const std::vector<Bytes> packets = talk_.next(interface);
      if (packets.size() > room) break;
      room -= packets.size();
      for (const Bytes& packet : packets) rig_.lane(interface).inject(packet);
    }
    const std::uint64_t resets = rig_.sum(&PipelineCells::tcp_resets_sent);
    rig_.turn(talk_.chance(1) ? 5 * kNanosecondsPerSecond : 200'000);
    std::uint64_t unexplained_resets = 0;
    // An answer may have come in behind its request, and leave by an interface that is looked at before.
    for_all_sent([&](std::span<const std::byte> sent, InterfaceIndex egress) {
      Bytes bytes = slice(sent, 0);
      judge_.allows(parsed(bytes), zone_of(interface), zone_of(egress));
    });
    for_all_sent([&](std::span<const std::byte> sent, InterfaceIndex egress) {
      if (!allowed(sent, interface, egress)) ++unexplained_resets;
    });
    for (InterfaceIndex egress = 0; egress < Conversations::kInterfaces; ++egress) rig_.sent(egress).clear();
    CHECK(unexplained_resets <= rig_.sum(&PipelineCells::tcp_resets_sent) - resets);
    if (talk_.chance(2)) move_network();
    if (talk_.chance(2)) change_policy();
  }

  Judge& judge() noexcept { return judge_; }

 private:
  template <typename Look>
  void for_all_sent(Look&& look) {
    for (InterfaceIndex egress = 0; egress < Conversations::kInterfaces; ++egress) {
      for (std::size_t i = 0; i < rig_.sent(egress).size(); ++i) look(rig_.sent(egress)[i], egress);
    }
  }
  Zone zone_of(InterfaceIndex interface) const { return static_cast<Zone>(interface + 1); }

  /// False: a reset that only we can have made.
  bool allowed(std::span<const std::byte> sent, InterfaceIndex ingress, InterfaceIndex egress) {
    Bytes bytes = slice(sent, 0);
    const Packet packet = parsed(bytes);
    REQUIRE(packet.verdict == Verdict::kNone);
    if (packet.has(kFlagIcmpError) && is_ours(packet)) return true;
    if (judge_.allows(packet, zone_of(ingress), zone_of(egress))) return true;
    // The fragment that makes a datagram whole may come in elsewhere than its first one.
    for (InterfaceIndex other = 0; packet.is_part() && other < Conversations::kInterfaces; ++other) {
      if (judge_.allows(packet, zone_of(other), zone_of(egress))) return true;
    }
    INFO("in at " << ingress << ", out at " << egress << ", "
                  << judge_.opinion(packet, zone_of(ingress), zone_of(egress)) << ": " << to_hex(bytes));
    REQUIRE((packet.protocol == kProtocolTcp && (packet.tcp_flags & kTcpRst) != 0));
    return false;
  }

  bool is_ours(const Packet& packet) const {
    for (InterfaceIndex i = 0; i < Conversations::kInterfaces; ++i) {
      const InterfaceSnapshot& interface = rig_.snapshot().interfaces[i];
      if (packet.network == NetworkKind::kIpv4 ? view<Ipv4Header>(packet.network_header()).source == *interface.ipv4
                                               : view<Ipv6Header>(packet.network_header()).source == *interface.ipv6) {
        return true;
      }
    }
    return false;
  }

  void move_network() {
    talk_.moving_at = static_cast<InterfaceIndex>(talk_.pick(Conversations::kInterfaces));
    rig_.forward("198.18.9.0/24", talk_.moving_at, test_mac(9));
    rig_.forward("2001:db8:9::/64", talk_.moving_at, test_mac(9));
  }

  void change_policy() {
    using Check = decltype(StatefulSnapshot::reverse_path)::value_type;
    RuleSet rules;
    rules.log_default = true;
    rules.prefixes = {{{Prefix4(ip4("198.18.9.0"), 24)}, {Prefix6(ip6("2001:db8:9::"), 64)}},
                      {{Prefix4(ip4("198.18.1.4"), 30)}, {Prefix6(ip6("2001:db8:1::4"), 126)}},
                      {{Prefix4(ip4("198.18.0.0"), 16)}, {Prefix6(ip6("2001:db8::"), 32)}}};
    for (std::uint64_t i = talk_.pick(8); i > 0; --i) rules.rules.push_back(random_rule());
    for (auto& check : rig_.settings.reverse_path) check = static_cast<Check>(talk_.pick(3));
    rig_.settings.tcp_pick_up = talk_.chance(30);
    judge_.use(rules);
    rig_.use(rules);
  }

  Rule random_rule() {
    Rule rule;
    rule.name = "rule";
    rule.log_open = rule.log_close = true;
    if (talk_.chance(60)) rule.from = ZoneMask{1} << (1 + talk_.pick(3));
    if (talk_.chance(60)) rule.to = ZoneMask{1} << (1 + talk_.pick(3));
    if (talk_.chance(25)) rule.sources = {static_cast<std::uint32_t>(talk_.pick(3))};
    if (talk_.chance(25)) rule.destinations = {static_cast<std::uint32_t>(talk_.pick(3))};
    if (talk_.chance(50)) {
      constexpr std::uint8_t kProtocols[] = {kProtocolTcp, kProtocolUdp, kProtocolIcmp, kProtocolIcmpv6, 47};
      ServiceMatch service;
      service.protocol = kProtocols[talk_.pick(std::size(kProtocols))];
      if (service.protocol == kProtocolTcp || service.protocol == kProtocolUdp) {
        service.destination = {0, static_cast<std::uint16_t>(talk_.chance(50) ? 100 : 65535)};
      }
      rule.services = {service};
    }
    rule.action = talk_.chance(70) ? RuleAction::kPermit : talk_.chance(50) ? RuleAction::kReject : RuleAction::kDeny;
    return rule;
  }

  Rig& rig_;
  Conversations talk_;
  Judge judge_;
};

/// Sessions that a reader sees, and how many of them are half open.
template <typename FiveTuple>
void count_sessions(const Rig& rig, std::uint32_t& all, std::uint32_t& half_open) {
  for (const auto& session : rig.sessions<FiveTuple>()) {
    ++all;
    if (handshake_open(session.original.head, session.reply.head)) ++half_open;
  }
}

void check_sessions(Rig& rig) {
  const SessionCells& cells = rig.session_cells();
  const std::uint64_t ended = cells.expired.read() + cells.evicted.read() + cells.cleared.read() + cells.renewed.read();
  REQUIRE(cells.created.read() == rig.shard().size() + ended);
  std::uint32_t all = 0;
  std::uint32_t half_open = 0;
  count_sessions<FiveTuple4>(rig, all, half_open);
  count_sessions<FiveTuple6>(rig, all, half_open);
  REQUIRE(all == rig.shard().size());
  REQUIRE(half_open == rig.shard().half_open());
}

void simulate(std::uint32_t sessions, std::uint32_t half_open, std::uint32_t fragments) {
  const std::uint64_t seed = seed_from_environment();
  const std::uint64_t turns = from_environment("CULVERT_TURNS", 6000);
  std::printf("seed %llu, %llu turns, %u sessions\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(turns), sessions);
  RigConfig config;
  config.interfaces = Conversations::kInterfaces;
  config.sessions = sessions;
  config.half_open = half_open;
  config.fragments = fragments;
  Rig rig(config);
  World world(rig, seed);
  LogBooks log;
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    world.step();
    REQUIRE(rig.unaccounted_packets() == 0);
    REQUIRE(rig.unaccounted_frames() == 0);
    log.read(rig);
    if (turn % 64 == 0) check_sessions(rig);
  }
  check_sessions(rig);
  // The world was not so bad that nothing happened.
  const SessionCells& cells = rig.session_cells();
  CHECK(rig.sum(&PipelineCells::forwarded) > turns);
  CHECK(world.judge().opened() > turns / 10);
  CHECK(world.judge().errors > 0);
  CHECK(log.begun(SessionRecordKind::kRejected) > 0);
  CHECK(log.begun(SessionRecordKind::kDenied) > 0);
  CHECK(log.ended(SessionEnd::kPolicyChanged) > 0);
  CHECK(cells.expired.read() > 0);
  CHECK(cells.cleared.read() > 0);
  CHECK(cells.renewed.read() > 0);
  CHECK(rig.sum(&PipelineCells::tcp_resets_sent) > 0);
  for (const DropReason reason :
       {DropReason::kPolicyDeny, DropReason::kPolicyReject, DropReason::kPolicyChanged, DropReason::kSessionZone,
        DropReason::kReversePath, DropReason::kTcpNoSession, DropReason::kTcpOutOfWindow, DropReason::kIcmpUnrelated,
        DropReason::kIcmpUnsolicited, DropReason::kIcmpQuoteBad, DropReason::kFragmentOverlap}) {
    INFO(drop_reason_text(reason).name);
    CHECK(rig.drops(reason) > 0);
  }
  // All that lives by time goes with time.
  rig.turns(4200, kNanosecondsPerSecond);
  check_sessions(rig);
  CHECK(rig.shard().size() == 0);
  CHECK(rig.sum(&PipelineCells::held) == 0);
}

}  // namespace

TEST_CASE("nothing leaves a firewall that its policy does not allow, and nothing is lost unsaid") {
  simulate(4096, 2048, 256);
}

TEST_CASE("the same with room for few sessions and few fragments") {
  simulate(96, 24, 32);
}

}  // namespace culvert::test
