// SPDX-License-Identifier: Apache-2.0
// Which session a packet belongs to, and whether it may go on.
//
//   hit    the zone it came from, the policy's generation, TCP's rules; counted; its next hop is the session's, as long
//          as no route has changed
//   miss   an ICMP error about a packet of a session passes; a packet that may begin a session asks the policy
//          (admission.h); the rest is dropped
//
// All keys of a burst are looked up together, IPv4 and IPv6 apart. An established packet evaluates no policy and no
// route: PipelineCells::policy_evaluations and route_lookups show it.
//
// Example: 198.18.0.2:1024 -> 192.0.2.1:443, SYN, from zone trust. Miss; the route leads to wan0, zone internet; rule 0
// permits. The session's flows are (198.18.0.2:1024 -> 192.0.2.1:443, from trust) and its reverse, from internet. The
// SYN-ACK finds the second, is what TCP expects, and leaves by the route to 198.18.0.2, which the session keeps.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "packet/burst.h"
#include "packet/fragment_place.h"
#include "pipeline/context.h"
#include "pipeline/session_owner.h"
#include "pipeline/stateful.h"
#include "pipeline/syn_proxy.h"
#include "pipeline/translator.h"
#include "sessions/session_shard.h"

namespace culvert {

/// What the stages of sessions get besides the context.
struct StatefulContext {
  const Context& context;
  const StatefulSnapshot& stateful;
  SessionShard& shard;
  SharedMeters& meters;
  std::span<Cell> rule_hits;  ///< by StatefulSnapshot::rule_counters
  std::uint32_t route_generation;
  SynProxy& syn_proxy;
  Translator& translator;
  const SessionOwners& owners;

  Zone zone_of(InterfaceIndex interface) const noexcept { return stateful.zone_of(interface); }
  /// Whether all sessions of a source from one zone to another are this worker's: not of one to which destination NAT
  /// leads, nor those with such a one, nor where sessions are translated whichever way they begin (session_owner.h),
  /// unless there is no other worker.
  template <typename Tuple>
  bool may_map(const Tuple& key, Zone from, Zone to) const noexcept {
    if (!owners.shared()) return true;
    const DestinationNat& targets = *stateful.destination_nat;
    if (targets.is_target(key.source, key.protocol, key.source_port.host())) return false;
    if (targets.is_target(key.destination, key.protocol, key.destination_port.host())) return false;
    return !stateful.translated_zones[std::is_same_v<Tuple, FiveTuple6> ? 1 : 0].translates(to, from);
  }
  /// With NAT: what it says of a session with this key, as rules see it, from one zone to another, which leaves by
  /// `egress`.
  template <typename Tuple>
  Translator::Rules nat_rules(const Tuple& key, Zone from, Zone to, InterfaceIndex egress) const noexcept {
    return {*stateful.source_nat, *stateful.destination_nat, egress, may_map(key, from, to), context.now};
  }
};

/// What became of a whole datagram's first fragment, for those behind it.
struct DatagramDecision {
  DatagramId datagram;      ///< as it came in
  Zone zone = kNoZone;      ///< where it came in
  bool in_session = false;  ///< so are the others
  std::uint32_t next_hop = 0;
  Verdict verdict = Verdict::kDrop;
  DropReason drop_reason = DropReason::kDatagramSpoiled;
};

class SessionStage {
 public:
  /// All outlive it. `rule_hits`: as many as rules can have counters.
  SessionStage(SessionShard& shard, SharedMeters& meters, std::span<Cell> rule_hits, SynProxy& syn_proxy,
               Translator& translator, const SessionOwners& owners) noexcept
      : shard_(shard),
        meters_(meters),
        rule_hits_(rule_hits),
        syn_proxy_(syn_proxy),
        translator_(translator),
        owners_(owners) {}

  /// Every packet without a verdict is dropped or has a next hop afterwards. The snapshot is stateful. Parts of
  /// datagrams are not among them: those below take them.
  void process(Burst& burst, const Context& context) noexcept;

  /// The fragments of one whole datagram, the first one first: what becomes of the first becomes of all.
  void whole_datagram(std::span<Packet> fragments, std::uint32_t transport_length, const Context& context) noexcept;

  // The same, when they come one by one; each has the ports of the first, as DatagramQueue::take_whole() gave it.

  DatagramDecision first_fragment(Packet& first, std::uint32_t transport_length, const Context& context) noexcept;
  /// One behind the first, about which `decision` is.
  void later_fragment(Packet& packet, const DatagramDecision& decision, const Context& context) noexcept;

  /// Bounded expiry: few sessions after a burst, many in a turn without packets. True when there was something to do.
  bool expire(const Context& context, bool idle) noexcept;

  /// A packet is to be answered by an ICMP error that quotes it: it gets the addresses, ports and numbers back with
  /// which its sender knows it.
  void restore(Packet& packet) noexcept;

  void end(std::span<const SessionHandle> sessions) noexcept;
  void clear_peaks() noexcept { shard_.clear_peaks(); }

 private:
  StatefulContext with(const Context& context) noexcept;

  SessionShard& shard_;
  SharedMeters& meters_;
  std::span<Cell> rule_hits_;
  SynProxy& syn_proxy_;
  Translator& translator_;
  const SessionOwners& owners_;
};

}  // namespace culvert
