// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/session_stage.h"

namespace culvert {

/// A packet of no session, from which interface to which.
template <typename Tuple>
struct FirstPacket {
  const Tuple& key;
  InterfaceIndex ingress;
  InterfaceIndex egress;
  const Tuple* reply = nullptr;  ///< of a session that is translated: the key of its replies
};

/// Tells control what the policy has decided about it: a session has begun, or it was denied or rejected. To be called
/// when outcome.log_open.
template <typename Tuple>
void log_decision(const FirstPacket<Tuple>& first, const RuleOutcome& outcome, const StatefulContext& context) noexcept;

/// Tells control that a session has begun by a mapping, without a rule of the policy. `slot`: of either direction.
template <typename Tuple>
void log_opened(FlowSlot slot, const StatefulContext& context) noexcept;

/// Tells control that one of NAT's ports, which this session has or would have had, was taken or is free. `kind`:
/// kPortTaken, kPortFree.
template <typename Tuple>
void log_port(const SessionStart<Tuple>& start, SessionRecordKind kind, const StatefulContext& context) noexcept;

extern template void log_port(const SessionStart<FiveTuple4>&, SessionRecordKind, const StatefulContext&) noexcept;
extern template void log_port(const SessionStart<FiveTuple6>&, SessionRecordKind, const StatefulContext&) noexcept;
extern template void log_opened<FiveTuple4>(FlowSlot, const StatefulContext&) noexcept;
extern template void log_opened<FiveTuple6>(FlowSlot, const StatefulContext&) noexcept;
extern template void log_decision(const FirstPacket<FiveTuple4>&, const RuleOutcome&, const StatefulContext&) noexcept;
extern template void log_decision(const FirstPacket<FiveTuple6>&, const RuleOutcome&, const StatefulContext&) noexcept;

}  // namespace culvert
