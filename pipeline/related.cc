// SPDX-License-Identifier: Apache-2.0
#include "pipeline/related.h"

#include "packet/icmp.h"
#include "packet/icmp_quote.h"
#include "packet/icmpv6.h"
#include "pipeline/route_stage.h"

namespace culvert {
namespace {

/// A redirect is meant for hosts of one link (RFC 792, RFC 4861 4.5: hop limit 255): never for somebody behind a
/// router.
bool is_redirect(const Packet& packet) noexcept {
  const auto type = static_cast<std::uint8_t>(*packet.transport_header());
  return type == (packet.network == NetworkKind::kIpv4 ? kIcmpRedirect : kIcmpv6Redirect);
}

/// Whether a segment with this number can be on the way, or have been until now: sent, and not acknowledged longer than
/// a window ago. Who has not spoken since windows are learnt anew can have sent anything.
bool may_have_sent(const TcpSide& sender, const TcpSide& receiver, std::uint32_t sequence) noexcept {
  if (sender.has(kTcpSideLoose) || receiver.has(kTcpSideLoose)) return true;
  // Nobody has answered the SYN: until then `acked` is its number.
  if (receiver.is_silent()) return sequence_within(sequence, sender.acked, sender.end);
  return sequence_within(sequence, receiver.acked - receiver.window_bytes(), sender.end);
}

/// Whether a packet of the flow `quoted` may be on the way, and the error goes to its sender. What the server of a
/// shifted session has sent is quoted as the client counts, and is told to the server as it counts.
template <typename Tuple, typename Header>
bool of_a_session(Packet& packet, const Tuple& quoted, IcmpQuote& quote, const StatefulContext& context) noexcept {
  if (!(view<Header>(packet.network_header()).destination == quoted.source)) return false;
  auto& sessions = context.shard.table<Tuple>();
  const FlowSlot slot = sessions.flows().find(quoted, sessions.hash(quoted));
  if (slot == kNoFlow) return false;
  const FlowHead& head = sessions.entry(slot).head;
  if (head.kind() != FlowKind::kTcp) return true;
  if (!quote.has_tcp_sequence) return false;
  if (head.has(kFlowShifted) && head.has(kFlowReply)) {
    const FlowShift shift = sessions.shift(slot);
    if (shift.waits()) return false;
    shift_quoted_sequence(packet, quote, 0 - shift.sequence);
  }
  return may_have_sent(head.tcp, sessions.entry(head.peer).head.tcp, quote.tcp_sequence);
}

}  // namespace

void admit_icmp_error(Packet& packet, const StatefulContext& context) noexcept {
  if (is_redirect(packet)) return packet.drop(DropReason::kIcmpUnsolicited);
  IcmpQuote quote;
  if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone || quote.later_fragment) {
    return packet.drop(DropReason::kIcmpQuoteBad);
  }
  const bool related = packet.network == NetworkKind::kIpv4
                           ? of_a_session<FiveTuple4, Ipv4Header>(packet, quote.tuple4, quote, context)
                           : of_a_session<FiveTuple6, Ipv6Header>(packet, quote.tuple6, quote, context);
  if (!related) return packet.drop(DropReason::kIcmpUnrelated);
  route_packet(packet, context.context);
}

}  // namespace culvert
