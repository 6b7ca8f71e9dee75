// SPDX-License-Identifier: Apache-2.0
// A thousand hosts behind NAT, and everybody outside, against a model that knows what RFC 4787 and RFC 5382 want and
// nothing of how it is done: sessions by their two ends, when each side has spoken last, and what NAT has shown so far.
//
//   - an inside endpoint has one external endpoint for as long as some session of it lives, and nobody else has that
//   - a host has one external address
//   - who may speak first is as the filtering says, and reaches the endpoint and nobody else
//   - only what the inside sends keeps UDP sessions; a session ends when its time is over, and not before
//   - a connection's port stays taken for four minutes after its last segment, however it ends
//
// What happens while a session is about to end, within kUnsure of its time, is not judged.
#include "test/pipeline/nat_model.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>

#include "test/pipeline/endpoint_nat.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint32_t kHosts = 1000, kAddresses = 4;
constexpr double kUnsure = 3;

class World {
 public:
  World(std::uint64_t seed, bool ipv4, WorkerIndex workers, NatFiltering filtering)
      : hosts_(ipv4), filtering_(filtering), random_(seed), nat_(filtering, {}, config(workers)) {
    for (std::uint8_t i = 1; i < kAddresses; ++i) {
      const auto number = static_cast<std::uint8_t>(100 + i);
      nat_.addresses.push_back({external_address(kFamilies[ipv4 ? 0 : 1], number), {}});
      nat_.slots[ipv4 ? 0 : 1].push_back(static_cast<std::uint16_t>(nat_.addresses.size() - 1));
    }
    nat_.apply();
    nat_.forward("198.18.8.0/21", kTrust, test_mac(0xa0));
    nat_.forward("198.18.16.0/21", kTrust, test_mac(0xa0));
    nat_.forward("2001:db8:8::/64", kTrust, test_mac(0xa0));
    now_ = seconds();
  }

  void step() {
    switch (pick(13)) {
      case 0:
        return pass(pick(60) == 0 ? 200.0 : static_cast<double>(1 + pick(12)));
      case 1:
      case 2:
      case 3:
        return from_outside(some_mapping(), some_remote());
      case 4:
      case 5:
        return answer();
      case 6:
        return close();
      case 7:
        return begin_another();
      default:
        return from_inside({static_cast<std::uint32_t>(pick(kHosts)), some_port(), pick(3) == 0}, some_remote());
    }
  }

  /// Everybody is silent until all is over.
  void end() {
    for (double left = kEstablishedTimeout + 60; left > 0; left -= 500) pass(500);
    REQUIRE(mappings_.empty());
    REQUIRE(count() == 0);
    REQUIRE(ports() == 0);
  }

  int let_in = 0, kept_out = 0, expired = 0, shared = 0, closed = 0, reset = 0, again = 0;

 private:
  static RigConfig config(WorkerIndex workers) {
    RigConfig config;
    config.workers = workers;
    config.sessions = 40'000;
    return config;
  }
  double seconds() { return static_cast<double>(nat_.now()) / 1e9; }
  std::uint32_t pick(std::uint32_t below) { return fast_range(splitmix64(random_), below); }
  std::uint16_t some_port() { return static_cast<std::uint16_t>(5000 + pick(2)); }
  Endpoint some_remote() { return {2 + pick(6), static_cast<std::uint16_t>(80 + pick(3))}; }
  std::uint64_t count() {
    std::uint64_t sessions = 0;
    for (WorkerIndex i = 0; i < nat_.workers; ++i) sessions += nat_.shard(i).size();
    return sessions;
  }
  std::uint64_t ports() {
    std::uint64_t used = 0;
    for (WorkerIndex i = 0; i < nat_.workers; ++i) {
      for (std::size_t slot = 0; slot < nat_.addresses.size(); ++slot) {
        for (const PortKind kind : {PortKind::kTcp, PortKind::kUdp}) {
          used += nat_.external_ports(i).pool(slot, kind).used();
        }
      }
    }
    return used;
  }

  std::optional<Seen> send(const std::string& from, std::uint16_t port, const std::string& to, std::uint16_t at,
                           bool tcp, const TcpFields& fields, InterfaceIndex in) {
    PacketBuilder packet = hosts_.packet(from, to);
    if (tcp) {
      packet.tcp(port, at, fields);
    } else {
      packet.udp(port, at).payload(8);
    }
    auto out = nat_.come_out(packet, in, in == kTrust ? kInternet : kTrust);
    now_ = seconds();
    if (out.empty()) return std::nullopt;
    REQUIRE(out.size() == 1);
    return hosts_.seen(out[0]);
  }
  std::optional<Seen> send_out(const Endpoint& inside, const Endpoint& remote, const TcpFields& fields) {
    return send(hosts_.inside(inside.host), inside.port, hosts_.outside(remote.host), remote.port, inside.tcp, fields,
                kTrust);
  }

  /// What is over is forgotten. False: something of it is about to end.
  bool settle(const Endpoint& inside) {
    const auto found = mappings_.find(inside);
    if (found == mappings_.end()) return true;
    auto& sessions = found->second.sessions;
    for (auto session = sessions.begin(); session != sessions.end();) {
      const double left = session->second.end(inside.tcp) - now_;
      if (std::abs(left) < kUnsure) return false;
      if (left > 0) {
        ++session;
      } else {
        session = sessions.erase(session);
        ++expired;
      }
    }
    forget_if_empty(found);
    return true;
  }
  void forget_if_empty(std::map<Endpoint, Mapped>::iterator mapping) {
    if (!mapping->second.sessions.empty()) return;
    owners_.erase({mapping->first.tcp, *mapping->second.outside});
    mappings_.erase(mapping);
  }

  /// Who had it, if everything of his is over, or about to be: he has not been looked at since.
  void forget_owner(const std::pair<bool, Outside>& outside) {
    const auto owner = owners_.find(outside);
    if (owner == owners_.end()) return;
    const auto mapping = mappings_.find(owner->second);
    REQUIRE(mapping != mappings_.end());
    for (const auto& [remote, session] : mapping->second.sessions) {
      if (session.end(outside.first) - now_ >= kUnsure) return;
    }
    expired += static_cast<int>(mapping->second.sessions.size());
    mappings_.erase(mapping);
    owners_.erase(owner);
  }

  /// The number of a SYN: above everything that the connection before has used, which is forgotten then.
  std::uint32_t begin_again(const Endpoint& inside, const Endpoint& remote) {
    const auto mapping = mappings_.find(inside);
    if (mapping == mappings_.end()) return 1000;
    const auto session = mapping->second.sessions.find(remote);
    if (session == mapping->second.sessions.end()) return 1000;
    const std::uint32_t next = session->second.inside_next + 100'000;
    mapping->second.sessions.erase(session);
    forget_if_empty(mapping);
    ++again;
    return next;
  }

  void from_inside(const Endpoint& inside, const Endpoint& remote) {
    if (!settle(inside)) return;
    std::uint32_t number = 0;
    if (inside.tcp) {
      const auto known = mappings_.find(inside);
      const bool goes_on = known != mappings_.end() && known->second.sessions.contains(remote) &&
                           !known->second.sessions.at(remote).is_over();
      if (goes_on) return;  // connections go on in answer() and close()
      number = begin_again(inside, remote);
    }
    const auto seen = send_out(inside, remote, {.flags = kTcpSyn, .sequence = number, .window = 64000});
    INFO("host " << inside.host << " port " << inside.port << (inside.tcp ? " TCP" : " UDP") << " to " << remote.host
                 << ":" << remote.port);
    REQUIRE(seen.has_value());
    CHECK((seen->destination_port == remote.port && seen->destination == hosts_.outside(remote.host)));
    CHECK(seen->source_port % 2 == inside.port % 2);
    CHECK(seen->source_port >= kFirstUserPort);
    const auto [address, first] = addresses_.emplace(inside.host, seen->source);
    REQUIRE(address->second == seen->source);
    Mapped& mapping = mappings_[inside];
    note_outside(inside, mapping, {seen->source, seen->source_port}, !mapping.sessions.contains(remote));
    Session& session = mapping.sessions[remote];
    session.inside_spoke = session.spoke = now_;
    session.answered_inside = true;
    session.inside_next = number + 1;
  }

  void note_outside(const Endpoint& inside, Mapped& mapping, const Outside& outside, bool begins) {
    if (mapping.outside.has_value()) {
      REQUIRE(*mapping.outside == outside);
      if (begins) ++shared;
      return;
    }
    mapping.outside = outside;
    forget_owner({inside.tcp, outside});
    REQUIRE(owners_.emplace(std::pair(inside.tcp, outside), inside).second);  // nobody else has it
  }

  /// Some session, of those that have not ended; null: none.
  std::pair<const Endpoint, Session>* some_session(const Endpoint& inside) {
    if (!settle(inside) || !mappings_.contains(inside)) return nullptr;
    auto& sessions = mappings_[inside].sessions;
    auto chosen = sessions.begin();
    std::advance(chosen, pick(static_cast<std::uint32_t>(sessions.size())));
    return &*chosen;
  }

  /// Somebody outside answers a session that began inside; of TCP the handshake is finished then.
  void answer() {
    const auto inside = some_mapping();
    if (!inside.has_value()) return;
    auto* const chosen = some_session(*inside);
    if (chosen == nullptr) return;
    auto& [remote, session] = *chosen;
    if (inside->tcp && (session.stage != Stage::kBegun || !session.answered_inside)) return;
    const TcpFields syn_ack{
        .flags = kTcpSyn | kTcpAck, .sequence = 5000, .acknowledgment = session.inside_next, .window = 64000};
    expect_arrival(*inside, mappings_[*inside], remote, syn_ack);
    session.spoke = now_;
    if (!inside->tcp) return;
    session.outside_next = 5001;
    say(*inside, *chosen, kTcpAck, true);
    session.stage = Stage::kEstablished;
  }

  /// A segment of a connection, by either side: it passes, and is translated as those before.
  void say(const Endpoint& inside, std::pair<const Endpoint, Session>& chosen, std::uint8_t flags, bool from_inside) {
    auto& [remote, session] = chosen;
    std::uint32_t& mine = from_inside ? session.inside_next : session.outside_next;
    const std::uint32_t theirs = from_inside ? session.outside_next : session.inside_next;
    const TcpFields fields{.flags = flags, .sequence = mine, .acknowledgment = theirs, .window = 64000};
    const Mapped& mapping = mappings_[inside];
    if (from_inside) {
      const auto seen = send_out(inside, remote, fields);
      REQUIRE(seen.has_value());
      REQUIRE(Outside(seen->source, seen->source_port) == *mapping.outside);
      session.inside_spoke = now_;
    } else {
      expect_arrival(inside, mapping, remote, fields);
    }
    session.spoke = now_;
    if ((flags & kTcpFin) != 0) ++mine;
  }

  /// A connection ends, or half of it does: by a FIN of either side, by both, by a reset.
  void close() {
    const auto inside = some_mapping(true);
    if (!inside.has_value() || !inside->tcp) return;
    auto* const chosen = some_session(*inside);
    if (chosen == nullptr) return;
    Session& session = chosen->second;
    const bool by_inside = pick(2) == 0;
    if (session.stage == Stage::kEstablished && pick(3) == 0) {
      say(*inside, *chosen, kTcpRst, by_inside);
      session.stage = Stage::kReset;
      ++reset;
    } else if (session.stage == Stage::kEstablished) {
      say(*inside, *chosen, kTcpFin | kTcpAck, by_inside);
      session.stage = Stage::kHalfClosed;
      session.inside_closed_first = by_inside;
    } else if (session.stage == Stage::kHalfClosed && pick(3) == 0) {
      say(*inside, *chosen, kTcpAck, !session.inside_closed_first);
    } else if (session.stage == Stage::kHalfClosed) {
      say(*inside, *chosen, kTcpFin | kTcpAck, !session.inside_closed_first);
      say(*inside, *chosen, kTcpAck, session.inside_closed_first);
      session.stage = Stage::kClosed;
      ++closed;
    }
  }

  /// A connection between the ends of one that is over.
  void begin_another() {
    const auto inside = some_mapping(true);
    if (!inside.has_value() || !inside->tcp) return;
    const auto* const chosen = some_session(*inside);
    if (chosen == nullptr || !chosen->second.is_over()) return;
    const Endpoint remote = chosen->first;
    from_inside(*inside, remote);
  }

  void expect_arrival(const Endpoint& inside, const Mapped& mapping, const Endpoint& remote, const TcpFields& fields) {
    const auto seen = send(hosts_.outside(remote.host), remote.port, mapping.outside->first, mapping.outside->second,
                           inside.tcp, fields, kInternet);
    REQUIRE(seen.has_value());
    REQUIRE(seen->destination == hosts_.inside(inside.host));
    REQUIRE(seen->destination_port == inside.port);
    REQUIRE((seen->source == hosts_.outside(remote.host) && seen->source_port == remote.port));
  }

  bool may_begin(const Mapped& mapping, const Endpoint& remote) const {
    bool open = false, spoken = false;
    for (const auto& [other, session] : mapping.sessions) {
      if (!session.answered_inside) continue;
      open = true;
      spoken |= other.host == remote.host;
    }
    if (filtering_ == NatFiltering::kAddressAndPortDependent) return false;
    return filtering_ == NatFiltering::kEndpointIndependent ? open : spoken;
  }

  void from_outside(const std::optional<Endpoint>& inside, const Endpoint& remote) {
    if (!inside.has_value() || !settle(*inside) || !mappings_.contains(*inside)) return;
    Mapped& mapping = mappings_[*inside];
    const bool known = mapping.sessions.contains(remote);
    if (inside->tcp && known) return;
    const TcpFields syn_fields{.flags = kTcpSyn, .sequence = 9000, .window = 64000};
    if (known || may_begin(mapping, remote)) {
      expect_arrival(*inside, mapping, remote, syn_fields);
      Session& session = mapping.sessions[remote];
      if (!known) {
        session.inside_spoke = now_;
        ++let_in;
      }
      session.spoke = now_;
      return;
    }
    const auto seen = send(hosts_.outside(remote.host), remote.port, mapping.outside->first, mapping.outside->second,
                           inside->tcp, syn_fields, kInternet);
    CHECK(!seen.has_value());
    ++kept_out;
  }

  std::optional<Endpoint> some_mapping(bool tcp = false) {
    if (mappings_.empty()) return std::nullopt;
    auto chosen = mappings_.lower_bound({pick(kHosts), 0, false});
    for (int tries = 0; tcp && tries < 8 && chosen != mappings_.end() && !chosen->first.tcp; ++tries) ++chosen;
    return chosen == mappings_.end() ? mappings_.begin()->first : chosen->first;
  }

  void pass(double duration_s) {
    nat_.wait(static_cast<std::uint64_t>(duration_s * 1000));
    now_ = seconds();
    std::vector<Endpoint> all;
    for (const auto& [inside, mapping] : mappings_) all.push_back(inside);
    bool sure = true;
    for (const Endpoint& inside : all) sure &= settle(inside);
    if (!sure) return;
    std::uint64_t sessions = 0;
    for (const auto& [inside, mapping] : mappings_) sessions += mapping.sessions.size();
    REQUIRE(count() == sessions);
    REQUIRE(ports() == mappings_.size());
  }

  Hosts hosts_;
  NatFiltering filtering_;
  std::uint64_t random_;
  EndpointNat nat_;
  double now_ = 0;
  std::map<Endpoint, Mapped> mappings_;
  std::map<std::pair<bool, Outside>, Endpoint> owners_;
  std::map<std::uint32_t, std::string> addresses_;  ///< external address of a host, once it was seen
};

/// More where there is time (tools/suites/plan.py).
int steps_of_this_tier() {
  const char* tier = std::getenv("CULVERT_TEST_TIER");
  return tier != nullptr && std::string_view(tier) != "short" ? 200'000 : 20'000;
}

void check_history(std::uint64_t seed, bool ipv4, WorkerIndex workers, int steps) {
  for (const NatFiltering filtering :
       {NatFiltering::kEndpointIndependent, NatFiltering::kAddressDependent, NatFiltering::kAddressAndPortDependent}) {
    INFO("CULVERT_SEED=" << seed << (ipv4 ? ", IPv4, " : ", IPv6, ") << int{workers} << " workers, filtering "
                         << static_cast<int>(filtering));
    World world(seed + workers, ipv4, workers, filtering);
    for (int i = 0; i < steps; ++i) world.step();
    world.end();
    CHECK(world.shared > steps / 100);
    CHECK(world.expired > steps / 10);
    CHECK(world.closed > steps / 1000);
    CHECK(world.reset > steps / 1000);
    CHECK(world.again > steps / 1000);
    CHECK((world.let_in > steps / 100) == (filtering != NatFiltering::kAddressAndPortDependent));
    if (filtering != NatFiltering::kEndpointIndependent) CHECK(world.kept_out > steps / 100);
  }
}

}  // namespace

TEST_CASE("a thousand hosts in any history have what the RFCs promise them") {
  const std::uint64_t seed = seed_of_run();
  const int steps = steps_of_this_tier();
  std::printf("CULVERT_SEED=%llu, %d steps\n", static_cast<unsigned long long>(seed), steps);
  for (const WorkerIndex workers : {WorkerIndex{1}, WorkerIndex{3}}) check_history(seed, true, workers, steps);
  check_history(seed, false, 3, steps / 2);
}
