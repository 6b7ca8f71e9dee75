// SPDX-License-Identifier: Apache-2.0
#include "pipeline/answer_stage.h"

#include <optional>

#include "base/bytes.h"
#include "packet/icmp_error.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/tcp_reset.h"

namespace culvert {
namespace {

/// What the sender is told about a drop; nothing for most reasons (RFC 1812 4.3.3, RFC 4443 3).
std::optional<IcmpErrorKind> answer_to(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::kTtlExpired:
      return IcmpErrorKind::kTimeExceeded;
    case DropReason::kNoRoute:
      return IcmpErrorKind::kNetworkUnreachable;
    case DropReason::kRouteUnreachable:
    case DropReason::kNeighborTimeout:
      return IcmpErrorKind::kHostUnreachable;
    case DropReason::kRouteProhibit:
    case DropReason::kPolicyReject:
      return IcmpErrorKind::kProhibited;
    case DropReason::kPacketTooBig:
      return IcmpErrorKind::kTooBig;
    default:
      return std::nullopt;
  }
}

/// Our address on the interface where the packet came in, as routers do; else any that we have. A link-local one only
/// for a sender that is link-local itself, or when there is no other: nobody can answer it from farther away, and
/// routers drop what comes from it (RFC 4291 2.5.6, RFC 3927 2.7).
template <typename Address>
std::optional<Address> own_address(const Snapshot& snapshot, InterfaceIndex ingress, const Address& sender,
                                   std::optional<Address> InterfaceSnapshot::*member,
                                   const std::optional<Address>& of_host) noexcept {
  std::optional<Address> nearest;
  if (ingress < kMaxInterfaces) nearest = snapshot.interfaces[ingress].*member;
  if (nearest.has_value() && (sender.is_link_local() || !nearest->is_link_local())) return nearest;
  for (const InterfaceSnapshot& interface : snapshot.interfaces) {
    const std::optional<Address>& address = interface.*member;
    if (interface.present && address.has_value() && !address->is_link_local()) return address;
  }
  return of_host.has_value() ? of_host : nearest;
}

bool fill_source(IcmpError& error, const Packet& packet, const Snapshot& snapshot) noexcept {
  if (packet.network == NetworkKind::kIpv4) {
    const auto source = own_address(snapshot, packet.ingress, view<Ipv4Header>(packet.network_header()).source,
                                    &InterfaceSnapshot::ipv4, snapshot.host_ipv4);
    if (source.has_value()) error.ipv4_source = *source;
    return source.has_value();
  }
  const auto source = own_address(snapshot, packet.ingress, view<Ipv6Header>(packet.network_header()).source,
                                  &InterfaceSnapshot::ipv6, snapshot.host_ipv6);
  if (source.has_value()) error.ipv6_source = *source;
  return source.has_value();
}

/// The MTU that did not fit: of the route, which forward_stage has found for this packet.
std::uint16_t next_mtu(const Packet& packet, const Context& context) noexcept {
  return context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop)).mtu;
}

}  // namespace

void AnswerStage::count(InterfaceIndex ingress, DropReason reason, const Context& context) noexcept {
  context.cells.count_drop(ingress, reason);
  context.cells.generated.add();
}

bool AnswerStage::reset(Packet& packet, const Context& context) noexcept {
  if (!may_reset(packet)) return false;
  if (!bucket_.take(context.snapshot.icmp_errors_per_second, context.now)) {
    context.cells.icmp_errors_suppressed.add();
    return false;
  }
  const InterfaceIndex ingress = packet.ingress;
  build_tcp_reset(packet);
  count(ingress, DropReason::kPolicyReject, context);
  context.cells.tcp_resets_sent.add();
  packet.drop_reason = DropReason::kNone;
  return true;
}

bool AnswerStage::answer(Packet& packet, const Context& context) noexcept {
  const DropReason reason = packet.drop_reason;
  if (reason == DropReason::kPolicyReject && packet.protocol == kProtocolTcp) return reset(packet, context);
  const std::optional<IcmpErrorKind> kind = answer_to(reason);
  if (!kind.has_value() || packet.network == NetworkKind::kNone || !may_answer(packet)) return false;
  // A datagram that came in fragments was rejected as one, and is answered once.
  const bool later_part = packet.is_part() && !packet.has(kFlagFirstFragment);
  if (reason == DropReason::kPolicyReject && later_part) return false;
  IcmpError error;
  error.kind = *kind;
  if (*kind == IcmpErrorKind::kTooBig) error.mtu = next_mtu(packet, context);
  if (!fill_source(error, packet, context.snapshot)) return false;
  if (!bucket_.take(context.snapshot.icmp_errors_per_second, context.now)) {
    context.cells.icmp_errors_suppressed.add();
    return false;
  }
  std::byte* frame = region_ + packet.frame;
  if (!build_icmp_error(packet, error, {frame, frame + frame_size_})) return false;
  count(packet.ingress, reason, context);
  context.cells.icmp_errors_sent.add();
  packet.drop_reason = DropReason::kNone;
  return true;
}

}  // namespace culvert
