// SPDX-License-Identifier: Apache-2.0
// Source NAT as the pipeline uses it. The decision is made once, when a session begins, and lies in its reply's key:
//
//   original   198.18.0.2:5060 -> 192.0.2.1:5060
//   reply      192.0.2.1:5060 -> 198.18.1.1:40000     what answers look like outside
//
// A packet of either direction leaves with the other direction's key, reversed. So both directions are translated by
// one entry that is read anyway, live and die together, and an answer that fits no session is nobody's.
//
// Who has the port is known from the key, too: the session gives it back when it ends (sessions/session_shard.h).
#pragma once

#include "nat/external_ports.h"
#include "nat/source_nat.h"
#include "packet/packet.h"
#include "packet/verdict.h"
#include "policy/policy_key.h"
#include "sessions/session_table.h"

namespace culvert {

class Translator {
 public:
  /// `ports`: the worker's, outlive it; null without NAT. `key`: a secret of this worker; ports can't be foreseen.
  Translator(ExternalPorts* ports, const HashKey& key) noexcept : ports_(ports), key_(key) {}

  /// The addresses of a new configuration.
  void use(const ExternalAddresses* addresses) noexcept {
    if (ports_ != nullptr && addresses != nullptr) ports_->use(*addresses);
  }

  /// A new session that is permitted, with both zones: if its source is to be translated, its reply gets the key that
  /// answers will have (its hash is the caller's), and the session a port. Else why it can't begin.
  template <typename Tuple>
  DropReason begin(SessionStart<Tuple>& start, const SourceNat& nat, InterfaceIndex egress) noexcept;

  /// What begin() took, of a session that found no place.
  template <typename Tuple>
  void give_back(const SessionStart<Tuple>& start) noexcept;

  /// Whether a session would be translated by this configuration as it is: to an address of the same pool, or not at
  /// all. `reply`: its reply's key; `egress`: where its packets leave.
  template <typename Tuple>
  bool still_right(const Tuple& original, const Tuple& reply, Zone from, Zone to, InterfaceIndex egress,
                   const SourceNat& nat) const noexcept;

 private:
  std::uint64_t random() noexcept { return hash16(key_, ++count_, 0); }

  ExternalPorts* ports_;
  HashKey key_;
  std::uint64_t count_ = 0;
};

/// The key with which packets leave that belong to the flow `slot`.
template <typename Tuple>
Tuple leaving_key(SessionTable<Tuple>& sessions, FlowSlot slot) noexcept {
  return sessions.entry(sessions.entry(slot).head.peer).key.reversed();
}

/// A packet of the flow `slot`, which is translated, gets the key with which it leaves. `transport_length`: of the
/// whole datagram whose first fragment it is; 0: it is whole.
template <typename Tuple>
void leave_translated(Packet& packet, SessionTable<Tuple>& sessions, FlowSlot slot,
                      std::uint32_t transport_length) noexcept;

}  // namespace culvert
