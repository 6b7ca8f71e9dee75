// SPDX-License-Identifier: Apache-2.0
// A firewall with a thousand rules, of which the last permits what is sent here, or with others; it may translate the
// source of what it permits.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bench/turn/contenders.h"
#include "test/support/address_book.h"

namespace culvert::bench {

/// Headers of UDP packets of 64 bytes; or of TCP, amidst connections.
TrafficConfig headers_of(std::uint32_t flows, NetworkKind network = NetworkKind::kIpv4);
TrafficConfig tcp_headers_of(std::uint32_t flows);

/// Whether --only leaves it in.
bool wanted(const Options& options, std::string_view name);

/// Notes that a run says nothing, unless this holds.
void check(bool holds, Report& report);

RuleSet thousand_rules();

class FirewallTurn : public CulvertTurn {
 public:
  struct Sessions {
    std::uint32_t room = 0;
    std::uint16_t external_addresses = 0;  ///< that sessions leave with; none: with their own
    NatMapping mapping = NatMapping::kEndpointIndependent;
    std::uint32_t timeout_ms = 600'000;  ///< of UDP
    bool to_anywhere = false;            ///< every destination has a route
  };

  FirewallTurn(const PacketList& traffic, const Sessions& sessions, const RuleSet& rules = thousand_rules());

  /// Ports of all external addresses that sessions have.
  std::uint32_t ports_used();

 private:
  void translate(const Sessions& sessions);

  std::vector<std::uint16_t> slots_[2];
  std::vector<NatPool> pools_;
  std::vector<SourceRule> rules_;
  SourceNat nat_;
  AddressBook book_;
};

/// Each packet of its traffic, which is UDP of 2^20 flows or so, begins a session, which ends a moment later: 64 come
/// in 0.64 ms of the virtual clock, and end half a second later.
class NewSessions {
 public:
  static constexpr std::uint32_t kFlows = 1U << 20;

  /// `sessions`: their room and timeout are set here.
  NewSessions(const PacketList& list, FirewallTurn::Sessions sessions, const RuleSet& rules = thousand_rules());
  void run() { turn_.run(kPackets, kStep); }
  /// Packets have left, and nearly each began a session.
  bool holds();

 private:
  static constexpr std::uint64_t kStep = 640 * kNanosecondsPerMicrosecond;

  FirewallTurn turn_;
};

/// Room for exactly the flows of its traffic, all of which have a session after the constructor.
class Established {
 public:
  Established(const TrafficConfig& traffic, std::uint16_t external_addresses);
  void run() { turn_.run(); }
  const PacketList& list() const noexcept { return list_; }
  /// Every packet since has found its session, and each session has a port of its own, if they are translated.
  bool holds();

 private:
  std::uint32_t flows_;
  bool translated_;
  PacketList list_;
  FirewallTurn turn_;
  std::uint64_t evaluations_ = 0;
};

}  // namespace culvert::bench
