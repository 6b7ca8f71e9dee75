// SPDX-License-Identifier: Apache-2.0
// A firewall between trust (interface 0, zone 1) and internet (interface 1, zone 2), for packet tables of both
// families.
//
//   Firewall firewall;                                    trust may go to the internet, nothing else
//   firewall.fate(from_client(family).udp(1024, 53).build())             "passed": it left by the other interface
//   firewall.fate(from_server(family).udp(9, 9).build(), kInternet)      "policy_deny"
#pragma once

#include <string>
#include <utility>

#include "packet/tcp.h"
#include "test/pipeline/router.h"

namespace culvert::test {

inline constexpr InterfaceIndex kTrust = 0, kInternet = 1;
inline constexpr Zone kZoneTrust = 1, kZoneInternet = 2;

/// A client behind trust and a server behind the internet.
struct Family {
  bool ipv4;
  const char* client;
  const char* server;

  std::size_t transport() const noexcept { return kEthernet + (ipv4 ? 20 : 40); }
};
inline constexpr Family kFamilies[] = {{true, "198.18.0.2", "198.18.1.2"}, {false, "2001:db8::2", "2001:db8:1::2"}};

inline PacketBuilder ip_packet(const Family& family, const char* source, const char* destination,
                               std::uint8_t ttl = 64) {
  PacketBuilder builder;
  builder.ethernet();
  return family.ipv4 ? builder.ipv4(source, destination, {.ttl = ttl})
                     : builder.ipv6(source, destination, {.hop_limit = ttl});
}
inline PacketBuilder from_client(const Family& family, std::uint8_t ttl = 64) {
  return ip_packet(family, family.client, family.server, ttl);
}
inline PacketBuilder from_server(const Family& family, std::uint8_t ttl = 64) {
  return ip_packet(family, family.server, family.client, ttl);
}
/// Ends a packet as an echo message, `request` or reply.
inline PacketBuilder echo(PacketBuilder builder, const Family& family, bool request, std::uint16_t id,
                          std::uint16_t sequence = 1) {
  const std::uint32_t rest = std::uint32_t{id} << 16 | sequence;
  return family.ipv4 ? builder.icmp(request ? 8 : 0, 0, rest) : builder.icmpv6(request ? 128 : 129, 0, rest);
}

inline ServiceMatch service(std::uint8_t protocol, std::uint16_t first, std::uint16_t last = 0) {
  ServiceMatch match;
  match.protocol = protocol;
  match.destination = {first, last == 0 ? first : last};
  return match;
}

inline Rule rule(Zone from, Zone to, RuleAction action, std::vector<ServiceMatch> services = {}) {
  Rule made;
  made.name = "rule";
  made.from = ZoneMask{1} << from;
  made.to = ZoneMask{1} << to;
  made.action = action;
  made.services = std::move(services);
  return made;
}

inline RuleSet rules(std::vector<Rule> list) {
  RuleSet set;
  set.rules = std::move(list);
  return set;
}
inline RuleSet trust_goes_out() {
  return rules({rule(kZoneTrust, kZoneInternet, RuleAction::kPermit)});
}

/// fate() has one packet go through, and nothing lost to sight.
struct Firewall : Router {
  static RigConfig with_sessions(RigConfig config) {
    if (config.sessions == 0) config.sessions = 4096;
    return config;
  }
  explicit Firewall(const RuleSet& policy = trust_goes_out(), const RigConfig& config = {})
      : Router(with_sessions(config)) {
    use(policy);
  }

  /// "passed": it left by the other interface; "punted"; "held"; or the name of the reason why it was dropped.
  std::string fate(const Bytes& packet, InterfaceIndex interface = kTrust) {
    const auto before = counts(interface);
    pass(packet, interface);
    const auto after = counts(interface);
    for (std::size_t reason = 0; reason < kDropReasons; ++reason) {
      if (after.drops[reason] != before.drops[reason]) {
        return std::string(drop_reason_text(static_cast<DropReason>(reason)).name);
      }
    }
    if (after.punted != before.punted) return "punted";
    if (after.held != before.held) return "held";
    return after.passed == before.passed + 1 ? "passed" : "lost";
  }
  std::string fate(const PacketBuilder& packet, InterfaceIndex interface = kTrust) {
    return fate(packet.build(), interface);
  }

  std::uint64_t evaluations() const { return sum(&PipelineCells::policy_evaluations); }
  /// Sessions now; created = now + ended must hold.
  std::uint64_t count() {
    const SessionCells& cells = session_cells();
    const std::uint64_t ended =
        cells.expired.read() + cells.evicted.read() + cells.cleared.read() + cells.renewed.read();
    CHECK(cells.created.read() == shard().size() + ended);
    return shard().size();
  }
  /// Time passes with turns, as when no packet comes.
  void wait(std::uint64_t milliseconds) {
    for (; milliseconds > 500; milliseconds -= 500) turn(500 * kNanosecondsPerMillisecond);
    turn(milliseconds * kNanosecondsPerMillisecond);
    turns(2);
  }

 private:
  struct Counts {
    std::array<std::uint64_t, kDropReasons> drops{};
    std::uint64_t passed = 0, punted = 0, held = 0;
  };
  Counts counts(InterfaceIndex interface) {
    Counts counts;
    for (std::size_t i = 0; i < kDropReasons; ++i) counts.drops[i] = drops(static_cast<DropReason>(i));
    counts.passed = sent(interface == kTrust ? kInternet : kTrust).size();
    counts.punted = sum(&PipelineCells::punted);
    counts.held = sum(&PipelineCells::held);
    return counts;
  }
};

/// A TCP connection from the client's port 1024 to the server's 443, segment by segment.
class Connection {
 public:
  static constexpr std::uint32_t kClientStart = 1000, kServerStart = 5000;

  Connection(Firewall& firewall, const Family& family, std::uint16_t port = 1024)
      : firewall_(firewall), family_(family), port_(port) {}

  Bytes client(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0,
               std::size_t data = 0) const {
    return segment(from_client(family_), port_, 443, {flags, sequence, acknowledgment}, data);
  }
  Bytes server(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0,
               std::size_t data = 0) const {
    return segment(from_server(family_), 443, port_, {flags, sequence, acknowledgment}, data);
  }
  std::string from_client_fate(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0,
                               std::size_t data = 0) {
    return firewall_.fate(client(flags, sequence, acknowledgment, data), kTrust);
  }
  std::string from_server_fate(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0,
                               std::size_t data = 0) {
    return firewall_.fate(server(flags, sequence, acknowledgment, data), kInternet);
  }
  /// SYN, SYN-ACK, ACK: the next numbers are kClientStart + 1 and kServerStart + 1.
  void establish() {
    REQUIRE(from_client_fate(kTcpSyn, kClientStart) == "passed");
    REQUIRE(from_server_fate(kTcpSyn | kTcpAck, kServerStart, kClientStart + 1) == "passed");
    REQUIRE(from_client_fate(kTcpAck, kClientStart + 1, kServerStart + 1) == "passed");
  }
  /// FIN and its acknowledgment, both ways.
  void close() {
    REQUIRE(from_client_fate(kTcpFin | kTcpAck, kClientStart + 1, kServerStart + 1) == "passed");
    REQUIRE(from_server_fate(kTcpFin | kTcpAck, kServerStart + 1, kClientStart + 2) == "passed");
    REQUIRE(from_client_fate(kTcpAck, kClientStart + 2, kServerStart + 2) == "passed");
  }

 private:
  static Bytes segment(PacketBuilder builder, std::uint16_t source, std::uint16_t destination, const TcpFields& fields,
                       std::size_t data) {
    return builder.tcp(source, destination, fields).payload(data).build();
  }

  Firewall& firewall_;
  Family family_;
  std::uint16_t port_;
};

}  // namespace culvert::test
