// SPDX-License-Identifier: Apache-2.0
// A thousand hosts behind NAT, and everybody outside, against a model that knows what RFC 4787 and RFC 5382 want and
// nothing of how it is done: sessions by their two ends, when each side has spoken last, and what NAT has shown so far.
//
//   - an inside endpoint has one external endpoint for as long as some session of it lives, and nobody else has that
//   - a host has one external address
//   - who may speak first is as the filtering says, and reaches the endpoint and nobody else
//   - only what the inside sends keeps UDP sessions; a session ends when its time is over, and not before
//
// What happens while a session is about to end, within kUnsure of its time, is not judged.
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "test/pipeline/endpoint_nat.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint32_t kHosts = 1000, kAddresses = 4;
constexpr double kUnsure = 3, kUdp = 300, kTransitory = 240, kEstablished = 7440;

struct Endpoint {
  std::uint32_t host = 0;  ///< inside: below kHosts; outside: a number
  std::uint16_t port = 0;
  bool tcp = false;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

struct Session {
  double inside_spoke = 0;       ///< when; or, before it has, when the session began
  double spoke = 0;              ///< either side
  bool answered_inside = false;  ///< the inside has spoken
  bool answered_outside = false;
  bool established = false;  ///< TCP

  double end(bool tcp) const {
    if (!tcp) return inside_spoke + kUdp;
    return spoke + (established ? kEstablished : kTransitory);
  }
};

struct Mapped {
  std::optional<std::pair<std::uint32_t, std::uint16_t>> outside;  ///< external address and port
  std::map<Endpoint, Session> sessions;
};

/// What comes out: its four numbers.
struct Seen {
  std::uint32_t source = 0, destination = 0;
  std::uint16_t source_port = 0, destination_port = 0;
};

class World {
 public:
  World(std::uint64_t seed, WorkerIndex workers, NatFiltering filtering)
      : filtering_(filtering), random_(seed), nat_(filtering, {}, config(workers)) {
    for (std::uint32_t i = 1; i < kAddresses; ++i) {
      nat_.addresses.push_back({mapped(Ipv4Address{Be32(0xc6120164U + i)}), {}});
      nat_.slots[0].push_back(static_cast<std::uint16_t>(nat_.addresses.size() - 1));
    }
    nat_.apply();
    nat_.forward("198.18.8.0/21", kTrust, test_mac(0xa0));
    nat_.forward("198.18.16.0/21", kTrust, test_mac(0xa0));
    now_ = seconds();
  }

  void step() {
    switch (pick(10)) {
      case 0:
        return pass(pick(60) == 0 ? 200.0 : static_cast<double>(1 + pick(12)));
      case 1:
      case 2:
      case 3:
        return from_outside(some_known_mapping(), some_remote());
      case 4:
        return answer();
      default:
        return from_inside({static_cast<std::uint32_t>(pick(kHosts)), some_port(), pick(3) == 0}, some_remote());
    }
  }

  /// Everybody is silent until all is over.
  void end() {
    for (double left = kEstablished + 60; left > 0; left -= 500) pass(500);
    REQUIRE(mappings_.empty());
    REQUIRE(count() == 0);
    REQUIRE(ports() == 0);
  }

  int let_in = 0, kept_out = 0, expired = 0, shared = 0;

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

  static std::string inside_address(std::uint32_t host) {
    return "198.18." + std::to_string(host / 200 * 2 + 10) + "." + std::to_string(1 + host % 200);
  }
  static std::uint32_t inside_number(std::uint32_t host) {
    return 0xc6120000U + ((host / 200 * 2 + 10) << 8) + 1 + host % 200;
  }
  static std::string outside_address(std::uint32_t number) { return "198.18.1." + std::to_string(number); }
  static std::string text(std::uint32_t address) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
      text += (text.empty() ? "" : ".") + std::to_string(address >> shift & 255);
    return text;
  }

  std::optional<Seen> send(const std::string& from, std::uint16_t port, const std::string& to, std::uint16_t at,
                           bool tcp, const TcpFields& fields, InterfaceIndex in) {
    PacketBuilder packet;
    packet.ethernet().ipv4(from, to);
    if (tcp) {
      packet.tcp(port, at, fields);
    } else {
      packet.udp(port, at).payload(8);
    }
    auto out = nat_.come_out(packet, in, in == kTrust ? kInternet : kTrust);
    now_ = seconds();
    if (out.empty()) return std::nullopt;
    REQUIRE(out.size() == 1);
    const Packet view = parsed(out[0]);
    const auto& header = culvert::view<Ipv4Header>(view.network_header());
    return Seen{header.source.value.host(), header.destination.value.host(), view.source_port.host(),
                view.destination_port.host()};
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
    if (!sessions.empty()) return true;
    owners_.erase({inside.tcp, *found->second.outside});
    mappings_.erase(found);
    return true;
  }

  /// Who had it, if everything of his is over, or about to be: he has not been looked at since.
  void forget_owner(const std::pair<bool, std::pair<std::uint32_t, std::uint16_t>>& outside) {
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

  void from_inside(const Endpoint& inside, const Endpoint& remote) {
    if (!settle(inside)) return;
    auto known = mappings_.find(inside);
    const bool begins = known == mappings_.end() || !known->second.sessions.contains(remote);
    if (inside.tcp && !begins) return;  // its connections are answered in answer()
    // TCP that was answered by somebody at the same time is not the subject here.
    const TcpFields syn_fields{.flags = kTcpSyn, .sequence = 1000, .window = 64000};
    const auto seen = send(inside_address(inside.host), inside.port, outside_address(remote.host), remote.port,
                           inside.tcp, syn_fields, kTrust);
    INFO("host " << inside.host << " port " << inside.port << (inside.tcp ? " TCP" : " UDP") << " to " << remote.host
                 << ":" << remote.port);
    REQUIRE(seen.has_value());
    CHECK((seen->destination_port == remote.port && text(seen->destination) == outside_address(remote.host)));
    CHECK(seen->source_port % 2 == inside.port % 2);
    CHECK(seen->source_port >= kFirstUserPort);
    const auto outside = std::pair(seen->source, seen->source_port);
    const auto [address, first] = addresses_.emplace(inside.host, seen->source);
    REQUIRE(address->second == seen->source);
    Mapped& mapping = mappings_[inside];
    if (mapping.outside.has_value()) {
      REQUIRE(*mapping.outside == outside);
      if (begins) ++shared;
    } else {
      mapping.outside = outside;
      forget_owner({inside.tcp, outside});
      REQUIRE(owners_.emplace(std::pair(inside.tcp, outside), inside).second);  // nobody else has it
    }
    Session& session = mapping.sessions[remote];
    session.inside_spoke = session.spoke = now_;
    session.answered_inside = true;
  }

  /// Somebody outside answers a session that began inside; of TCP the handshake is finished then.
  void answer() {
    const auto inside = some_mapping();
    if (!inside.has_value() || !settle(*inside) || !mappings_.contains(*inside)) return;
    Mapped& mapping = mappings_[*inside];
    auto chosen = mapping.sessions.begin();
    std::advance(chosen, pick(static_cast<std::uint32_t>(mapping.sessions.size())));
    auto& [remote, session] = *chosen;
    if (inside->tcp && (session.established || !session.answered_inside)) return;
    const TcpFields syn_ack{.flags = kTcpSyn | kTcpAck, .sequence = 5000, .acknowledgment = 1001, .window = 64000};
    expect_arrival(*inside, mapping, remote, syn_ack);
    session.spoke = now_;
    session.answered_outside = true;
    if (!inside->tcp) return;
    const TcpFields ack{.flags = kTcpAck, .sequence = 1001, .acknowledgment = 5001, .window = 64000};
    REQUIRE(
        send(inside_address(inside->host), inside->port, outside_address(remote.host), remote.port, true, ack, kTrust)
            .has_value());
    session.spoke = session.inside_spoke = now_;
    session.established = true;
  }

  void expect_arrival(const Endpoint& inside, const Mapped& mapping, const Endpoint& remote, const TcpFields& fields) {
    const auto seen = send(outside_address(remote.host), remote.port, text(mapping.outside->first),
                           mapping.outside->second, inside.tcp, fields, kInternet);
    REQUIRE(seen.has_value());
    REQUIRE(seen->destination == inside_number(inside.host));
    REQUIRE(seen->destination_port == inside.port);
    REQUIRE((text(seen->source) == outside_address(remote.host) && seen->source_port == remote.port));
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
    const auto seen = send(outside_address(remote.host), remote.port, text(mapping.outside->first),
                           mapping.outside->second, inside->tcp, syn_fields, kInternet);
    CHECK(!seen.has_value());
    ++kept_out;
  }

  std::optional<Endpoint> some_mapping() {
    if (mappings_.empty()) return std::nullopt;
    auto chosen = mappings_.lower_bound({pick(kHosts), 0, false});
    return chosen == mappings_.end() ? mappings_.begin()->first : chosen->first;
  }
  std::optional<Endpoint> some_known_mapping() { return some_mapping(); }

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

  NatFiltering filtering_;
  std::uint64_t random_;
  EndpointNat nat_;
  double now_ = 0;
  std::map<Endpoint, Mapped> mappings_;
  std::map<std::pair<bool, std::pair<std::uint32_t, std::uint16_t>>, Endpoint> owners_;
  std::map<std::uint32_t, std::uint32_t> addresses_;  ///< external address of a host, once it was seen
};

}  // namespace

TEST_CASE("a thousand hosts in any history have what the RFCs promise them") {
  const std::uint64_t seed = seed_of_run();
  for (const WorkerIndex workers : {WorkerIndex{1}, WorkerIndex{3}}) {
    for (const NatFiltering filtering : {NatFiltering::kEndpointIndependent, NatFiltering::kAddressDependent,
                                         NatFiltering::kAddressAndPortDependent}) {
      INFO("CULVERT_SEED=" << seed << ", " << int{workers} << " workers, filtering " << static_cast<int>(filtering));
      World world(seed + workers, workers, filtering);
      for (int i = 0; i < 10'000; ++i) world.step();
      world.end();
      CHECK(world.shared > 100);
      CHECK(world.expired > 1000);
      CHECK((world.let_in > 100) == (filtering != NatFiltering::kAddressAndPortDependent));
      if (filtering != NatFiltering::kEndpointIndependent) CHECK(world.kept_out > 100);
    }
  }
}
