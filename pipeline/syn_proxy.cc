// SPDX-License-Identifier: Apache-2.0
#include "pipeline/syn_proxy.h"

#include "packet/tcp.h"
#include "packet/tcp_reset.h"
#include "packet/transport_checksum.h"
#include "pipeline/route_stage.h"

namespace culvert {
namespace {

/// As much as the kernel leaves in front of a received packet.
constexpr std::uint32_t kHeadroom = 256;

bool is_syn_ack(const Packet& packet) noexcept {
  return (packet.tcp_flags & (kTcpSyn | kTcpAck | kTcpRst | kTcpFin)) == (kTcpSyn | kTcpAck);
}

bool drop_while_waiting(Packet& packet) noexcept {
  packet.drop(DropReason::kSynProxyWaits);
  return false;
}

/// The next hop of what a client sends whose session is translated: our segments to the server leave by the same member
/// of a multipath route. Of other sessions both have the same addresses, and need none.
template <typename Tuple>
std::uint32_t way_to_server(SessionTable<Tuple>& sessions, const FlowHead& from_server) noexcept {
  return from_server.has(kFlowTranslated) ? sessions.entry(from_server.peer).head.next_hop : kNoRouteIndex;
}

}  // namespace

FrameRoom SynProxy::room_of(const Packet& packet) const noexcept {
  std::byte* frame = region_ + packet.frame;
  return {frame, frame + pool_.frame_size()};
}

bool SynProxy::answer(Packet& packet, const Context& context) noexcept {
  if (!may_answer_syn(packet)) return false;
  const InterfaceIndex ingress = packet.ingress;
  if (!answer_syn(packet, cookies_, offer_, context.now, room_of(packet))) return false;
  context.cells.count_drop(ingress, DropReason::kScreenSynFlood);
  context.cells.generated.add();
  context.cells.syn_cookies_sent.add();
  return true;
}

template <typename Tuple>
bool SynProxy::accept(Packet& packet, SessionStart<Tuple>& start, const Context& context) noexcept {
  const auto handshake = read_cookie_ack(packet, cookies_, offer_, context.now);
  if (!handshake.has_value() || !rebuild_syn(packet, *handshake, room_of(packet))) return false;
  start.flags |= kFlowShifted;
  start.shift = FlowShift::waiting(*handshake);
  return true;
}

/// The session waits, or one of its ends has reset it.
bool SynProxy::arrive_from_client(Packet& packet, const FlowShift& shift, bool refused) noexcept {
  // Its numbers are its own, so tracking judges them; a SYN with another number begins anew.
  if ((packet.tcp_flags & kTcpRst) != 0) return true;
  if ((packet.tcp_flags & (kTcpSyn | kTcpAck)) == kTcpSyn) {
    const bool old = view<TcpHeader>(packet.transport_header()).sequence.host() == shift.client_isn;
    return old ? drop_while_waiting(packet) : true;
  }
  const SynHandshake handshake = shift.handshake();
  if (refused || !repeats_cookie_ack(packet, handshake)) return drop_while_waiting(packet);
  return rebuild_syn(packet, handshake, room_of(packet)) ? true : drop_while_waiting(packet);
}

/// The session waits.
bool SynProxy::arrive_from_server(Packet& packet, std::uint32_t next_hop, const Context& context) noexcept {
  if (packet.is_part()) return drop_while_waiting(packet);
  if ((packet.tcp_flags & kTcpRst) != 0) return true;
  if (is_syn_ack(packet)) {
    // A segment with a right checksum is made of it.
    return verify_transport_checksum(packet) == ChecksumState::kRight ? true : drop_while_waiting(packet);
  }
  // It still has an older connection of the client's, who would end that (RFC 9293 3.5.1) and try again.
  if ((packet.tcp_flags & (kTcpSyn | kTcpAck)) != kTcpAck || !may_reset(packet)) return drop_while_waiting(packet);
  build_tcp_reset(packet);
  packet.next_hop = next_hop;
  route_again(packet, context);
  return false;
}

template <typename Tuple>
bool SynProxy::arrive(Packet& packet, SessionTable<Tuple>& sessions, FlowSlot slot, const Context& context) noexcept {
  const FlowHead& head = sessions.entry(slot).head;
  const bool from_server = head.has(kFlowReply);
  const FlowShift shift = sessions.shift(from_server ? slot : head.peer);
  if (!shift.waits()) {
    if (!from_server) shift_to_server(packet, shift.shift());
    return true;
  }
  if (from_server) return arrive_from_server(packet, way_to_server(sessions, head), context);
  const bool refused = head.tcp.has(kTcpSideRst) || sessions.entry(head.peer).head.tcp.has(kTcpSideRst);
  return arrive_from_client(packet, shift, refused);
}

template <typename Tuple>
bool SynProxy::leave(Packet& packet, SessionTable<Tuple>& sessions, FlowSlot slot, const Context& context,
                     TcpSegment& acknowledgment) noexcept {
  const FlowHead& head = sessions.entry(slot).head;
  if (!head.has(kFlowReply)) return false;
  const FlowShift shift = sessions.shift(slot);
  if (!shift.waits()) {
    shift_to_client(packet, shift.shift());
    return false;
  }
  const SynHandshake handshake = shift.handshake();
  if (!is_syn_ack(packet)) {
    shift_refusal(packet, handshake);
    return false;
  }
  const std::uint16_t window = sessions.entry(head.peer).head.tcp.window;
  sessions.put_shift(slot, shift.answered(shift_between(packet, handshake)));
  owe_acknowledgment(packet, window, way_to_server(sessions, head), context);
  acknowledgment.sequence = handshake.client_isn + 1;
  acknowledgment.acknowledgment = view<TcpHeader>(packet.transport_header()).sequence.host() + 1;
  acknowledgment.window = window;
  acknowledgment.flags = kTcpAck;
  open_window(packet, handshake);
  return true;
}

/// Without a frame for it, the client's first data acknowledges the server's SYN as well.
void SynProxy::owe_acknowledgment(const Packet& syn_ack, std::uint16_t window, std::uint32_t next_hop,
                                  const Context& context) noexcept {
  FrameAddress frame = 0;
  if (count_ == owed_.size() || !pool_.take(frame)) return;
  Packet& packet = owed_[count_] = Packet{};
  packet.frame = frame;
  packet.data = region_ + frame + kHeadroom;
  packet.length = static_cast<std::uint16_t>(pool_.frame_size() - kHeadroom);
  if (!acknowledge_syn(packet, syn_ack, window)) return pool_.give(frame);
  packet.next_hop = next_hop;
  ++count_;
  context.cells.generated.add();
}

bool SynProxy::take(Burst& burst) noexcept {
  bool took = false;
  for (; count_ > 0 && burst.space() > 0; took = true) burst.append() = owed_[--count_];
  return took;
}

template bool SynProxy::accept(Packet&, SessionStart<FiveTuple4>&, const Context&) noexcept;
template bool SynProxy::accept(Packet&, SessionStart<FiveTuple6>&, const Context&) noexcept;
template bool SynProxy::arrive(Packet&, SessionTable<FiveTuple4>&, FlowSlot, const Context&) noexcept;
template bool SynProxy::arrive(Packet&, SessionTable<FiveTuple6>&, FlowSlot, const Context&) noexcept;
template bool SynProxy::leave(Packet&, SessionTable<FiveTuple4>&, FlowSlot, const Context&, TcpSegment&) noexcept;
template bool SynProxy::leave(Packet&, SessionTable<FiveTuple6>&, FlowSlot, const Context&, TcpSegment&) noexcept;

}  // namespace culvert
