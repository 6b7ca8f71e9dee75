// SPDX-License-Identifier: Apache-2.0
#include "pipeline/related.h"

#include "packet/icmp.h"
#include "packet/icmp_quote.h"
#include "packet/icmpv6.h"
#include "packet/translate.h"
#include "pipeline/hairpin.h"
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

/// The error is told as its receiver knows the packet that it is about, and by somebody whom the receiver may know.
template <typename Tuple>
void translate_error(Packet& packet, const Tuple& own, const IcmpQuote& quote, const Tuple& quoted,
                     const Tuple& sent) noexcept {
  translate_quoted(packet, quote, sent);
  Tuple to = own;
  to.destination = sent.source;
  // A host behind translation, or a router before it, must not show its address (RFC 5508 REQ-4).
  if (!(sent.destination == quoted.destination)) to.source = sent.destination;
  translate(packet, to);
}

/// Whether a packet `quoted` may be on the way, as it left here, and the error goes to its sender. What the server of a
/// shifted session has sent is quoted as the client counts, and is told to the server as it counts.
template <typename Tuple>
bool of_a_session(Packet& packet, const Tuple& own, const Tuple& quoted, IcmpQuote& quote,
                  const StatefulContext& context) noexcept {
  if (!(own.destination == quoted.source)) return false;
  auto& sessions = context.shard.table<Tuple>();
  // Translated or not, its answers come with the key that it left with, reversed.
  const Tuple answer = quoted.reversed();
  const FlowSlot answers = sessions.flows().find(answer, sessions.hash(answer));
  if (answers == kNoFlow) return false;
  const FlowSlot slot = sessions.entry(answers).head.peer;
  const auto& sender = sessions.entry(slot);
  // What the policy and NAT of now say of it is asked with its own packets.
  if (sender.head.policy() != context.stateful.policy_generation) return false;
  if (sender.head.kind() == FlowKind::kTcp) {
    if (!quote.has_tcp_sequence) return false;
    if (sender.head.has(kFlowShifted) && sender.head.has(kFlowReply)) {
      const FlowShift shift = sessions.shift(slot);
      if (shift.waits()) return false;
      shift_quoted_sequence(packet, quote, 0 - shift.sequence);
    }
    if (!may_have_sent(sender.head.tcp, sessions.entry(answers).head.tcp, quote.tcp_sequence)) return false;
  }
  if (sender.head.has(kFlowTranslated)) translate_error(packet, own, quote, quoted, sender.key);
  return true;
}

/// About something that this host has sent itself with an address that sessions leave with, too: the kernel knows.
template <typename Address>
bool is_for_this_host(Packet& packet, const Address& destination, const StatefulContext& context) noexcept {
  if (!context.stateful.is_external(destination)) return false;
  route_to(packet, destination, context.context);
  const auto route = static_cast<NextHopIndex>(packet.next_hop);
  return context.context.routes.next_hops->view(route).kind == NextHopKind::kLocal;
}

template <typename Tuple>
void admit_error(Packet& packet, const Tuple& own, const Tuple& quoted, IcmpQuote& quote,
                 const StatefulContext& context) noexcept {
  if (of_a_session(packet, own, quoted, quote, context)) {
    using Header = std::conditional_t<std::is_same_v<Tuple, FiveTuple4>, Ipv4Header, Ipv6Header>;
    const auto receiver = view<Header>(packet.network_header()).destination;
    return turn_error_back(packet, receiver, context) ? void() : route_packet(packet, context.context);
  }
  if (!is_for_this_host(packet, own.destination, context)) packet.drop(DropReason::kIcmpUnrelated);
}

}  // namespace

void admit_icmp_error(Packet& packet, const StatefulContext& context) noexcept {
  if (is_redirect(packet)) return packet.drop(DropReason::kIcmpUnsolicited);
  IcmpQuote quote;
  if (read_icmp_quote(packet, quote) != QuoteRefusal::kNone || quote.later_fragment) {
    return packet.drop(DropReason::kIcmpQuoteBad);
  }
  if (packet.network == NetworkKind::kIpv4) {
    admit_error(packet, five_tuple4(packet), quote.tuple4, quote, context);
  } else {
    admit_error(packet, five_tuple6(packet), quote.tuple6, quote, context);
  }
}

}  // namespace culvert
