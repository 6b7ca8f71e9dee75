// SPDX-License-Identifier: Apache-2.0
// NAT as the pipeline uses it. The decision is made once, when a session begins, and lies in its reply's key:
//
//   original   198.18.0.2:5060 -> 192.0.2.1:5060
//   reply      192.0.2.1:5060 -> 198.18.1.1:40000     what answers look like outside
//
//   original   192.0.2.7:3000 -> 198.18.1.1:8080      to a service that is forwarded
//   reply      198.18.0.10:80 -> 192.0.2.7:3000       what answers look like inside
//
// A packet of either direction leaves with the other direction's key, reversed. So both directions are translated by
// one entry that is read anyway, live and die together, and an answer that fits no session is nobody's.
//
// What the session holds outside, a port or a mapping, is known from the session, too, and given back when it ends
// (sessions/nat_bindings.h). Somebody outside who speaks first to a mapping begins a session that is stored like one
// that began inside (pipeline/inbound.h).
#pragma once

#include "nat/destination_nat.h"
#include "nat/source_nat.h"
#include "packet/packet.h"
#include "packet/verdict.h"
#include "policy/policy_key.h"
#include "sessions/nat_bindings.h"
#include "sessions/session_table.h"

namespace culvert {

class Translator {
 public:
  /// `bindings`: the worker's, outlive it; null without NAT. `key`: a secret of this worker; ports can't be foreseen.
  /// `hits`: by the counters of rules.
  Translator(NatBindings* bindings, const HashKey& key, std::span<Cell> hits = {}) noexcept
      : bindings_(bindings), key_(key), hits_(hits) {}

  /// The addresses of a new configuration.
  void use(const ExternalAddresses* addresses) noexcept {
    if (bindings_ != nullptr && addresses != nullptr) bindings_->ports().use(*addresses);
  }

  /// What the configuration says of sessions that begin now.
  struct Rules {
    const SourceNat& nat;
    const DestinationNat& destinations;
    InterfaceIndex egress;  ///< where the session's packets leave
    bool may_map;           ///< all sessions of the host between these zones are this worker's
    Now now;
  };

  struct Begun {
    DropReason refused = DropReason::kNone;
    bool tell_port = false;  ///< the log is to have that its port is taken, and does not yet
  };
  /// A new session that is permitted, with both zones, the policy's generation, and the reply that it has with the
  /// destination that it goes to: if its source is to be translated, its reply gets the key that answers will have (its
  /// hash is the caller's), and the session a port or a mapping. Else why it can't begin. Counts a hit of each rule
  /// that has decided about it.
  template <typename Tuple>
  Begun begin(SessionStart<Tuple>& start, const Rules& rules) noexcept;

  /// What begin() or join() took, of a session that found no place. True: a port is free now, and the log has that it
  /// was taken, or was to get it.
  template <typename Tuple>
  [[nodiscard]] bool give_back(const SessionStart<Tuple>& start) noexcept;

  /// Whether a session would be translated by this configuration as it is: to the same destination, and to an address
  /// of the same pool, or not at all. `reply`: its reply's key.
  template <typename Tuple>
  bool still_right(const Tuple& original, const Tuple& reply, Zone from, Zone to, const Rules& rules) const noexcept;

  // Of mappings.

  /// Of the destination of a packet of no session; kNoFlow: it has none.
  template <typename Tuple>
  FlowSlot mapping_of(const Tuple& packet) noexcept;
  /// Its inside endpoint, as a source.
  template <typename Tuple>
  const Tuple& inside(FlowSlot mapping) noexcept {
    return bindings_->mappings<Tuple>().inside(mapping);
  }
  /// The rule by which this packet may be the first of a session that has this mapping; null: it may not, as far as NAT
  /// has a say. `original`: that session's key, with which it leaves zone `from` for `to`.
  template <typename Tuple>
  const SourceRule* lets_in(FlowSlot mapping, const Tuple& packet, const Tuple& original, Zone from, Zone to,
                            const Rules& rules) noexcept;
  /// Whether a session with this key of replies has a mapping of which one was allowed so.
  template <typename Tuple>
  bool is_allowed(const Tuple& reply, const typename NatMappings<Tuple>::Allowed& allowed) noexcept;
  /// A session with this key of replies and kNatOpens has been allowed.
  template <typename Tuple>
  void allow(const Tuple& reply, const typename NatMappings<Tuple>::Allowed& allowed) noexcept;
  /// A session that somebody outside begins with this mapping holds it.
  template <typename Tuple>
  void join(SessionStart<Tuple>& start, FlowSlot mapping) noexcept;
  /// The first packet from inside of a session with kNatMapped that somebody outside has begun.
  template <typename Tuple>
  void answered(SessionTable<Tuple>& sessions, FlowSlot original, const Rules& rules) noexcept;

 private:
  std::uint64_t random() noexcept { return hash16(key_, ++count_, 0); }
  template <typename Tuple>
  bool take_port(SessionStart<Tuple>& start, const NatPool& pool, PairedSlots slots, PortKind kind) noexcept;
  /// That of the source, to one of these addresses.
  template <typename Tuple>
  FlowSlot find_mapping(const Tuple& original, PairedSlots slots) noexcept;
  template <typename Tuple>
  Begun begin_mapped(SessionStart<Tuple>& start, const NatPool& pool, PairedSlots slots, PortKind kind,
                     const SourceRule& rule, Now now) noexcept;
  template <typename Tuple>
  Begun begin_alone(SessionStart<Tuple>& start, const NatPool& pool, PairedSlots slots, PortKind kind,
                    const SourceRule& rule) noexcept;
  template <typename Tuple>
  Begun translate_source(SessionStart<Tuple>& start, const SourceRule& rule, const Rules& rules) noexcept;
  void count(std::uint16_t counter) noexcept {
    if (counter < hits_.size()) hits_[counter].add();
  }

  NatBindings* bindings_;
  HashKey key_;
  std::span<Cell> hits_;
  std::uint64_t count_ = 0;
};

/// A session's key as rules see it: from who begins it to where it goes. `reply`: the key of its replies.
template <typename Tuple>
Tuple meant_key(const Tuple& original, const Tuple& reply) noexcept {
  Tuple key = original;
  key.destination = reply.source;
  // Of ICMP queries both ports are the identifier, which source NAT may have changed.
  if (port_kind(key.protocol) != PortKind::kIcmp) key.destination_port = reply.source_port;
  return key;
}

/// A packet of a translated session gets the key with which it leaves. `answer`: key of the other direction.
/// `transport_length`: of the whole datagram whose first fragment it is; 0: it is whole.
template <typename Tuple>
void leave_translated(Packet& packet, const Tuple& answer, std::uint32_t transport_length) noexcept;

}  // namespace culvert
