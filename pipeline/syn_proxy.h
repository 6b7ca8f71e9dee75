// SPDX-License-Identifier: Apache-2.0
// SYN cookies as the pipeline uses them, when a zone is flooded with SYNs (packet/syn_answer.h: the handshakes).
//
//   client           what happens                                                       server
//   SYN              admission: the policy permits it, but drops it as screen_syn_flood;
//                    answer() makes the SYN-ACK of it. No session, no memory.
//   ACK              no session: accept() makes the SYN of it, admission goes on
//                    with that: policy, session, half open, shifted, waiting            SYN
//   probes           the session waits: each becomes the SYN again                      SYN
//                    leave(): the client gets a window, the server its ACK           SYN-ACK
//   data             shifted on its way, in both directions                             data
//
// A session's TcpSides hold the server's counting, so its segments are tracked before they are shifted, the client's
// afterwards. What a waiting session knows lies in its FlowShift (sessions/flow_shift.h).
#pragma once

#include <array>
#include <cstdint>

#include "packet/burst.h"
#include "packet/frame_room.h"
#include "packet/syn_answer.h"
#include "pipeline/context.h"
#include "sessions/session_table.h"
#include "umem/pool.h"

namespace culvert {

class SynProxy {
 public:
  SynProxy(FramePool& pool, std::byte* region, const SipKey& key, const SynOffer& offer) noexcept
      : cookies_(key), offer_(offer), pool_(pool), region_(region) {}

  /// Of a packet dropped as kScreenSynFlood. True when it now is our SYN-ACK, to be routed: counted as a drop of the
  /// old and a generated new packet. False: it is unchanged, and may not be answered.
  bool answer(Packet& packet, const Context& context) noexcept;

  /// Of a packet that has no session. True when it was the ACK of a cookie: it is the client's SYN now, and `start`
  /// says that its session is shifted and waits. False: it is unchanged.
  template <typename Tuple>
  bool accept(Packet& packet, SessionStart<Tuple>& start, const Context& context) noexcept;

  /// Of a packet of a session with kFlowShifted, before it is tracked: the client's is shifted, or becomes its SYN
  /// again. What it may not be while the session waits is dropped. False: it is decided; one that was not dropped is
  /// our answer and has its next hop.
  template <typename Tuple>
  bool arrive(Packet& packet, SessionTable<Tuple>& sessions, FlowSlot slot, const Context& context) noexcept;

  /// Of such a packet that passes, from the server: it is shifted. The first SYN-ACK becomes the client's window
  /// update, and take() will return the ACK to the server. True: `acknowledgment` says what that is, to be tracked.
  template <typename Tuple>
  bool leave(Packet& packet, SessionTable<Tuple>& sessions, FlowSlot slot, const Context& context,
             TcpSegment& acknowledgment) noexcept;

  /// Appends segments that we owe servers, without verdict and to be routed again. False when there are none.
  bool take(Burst& burst) noexcept;

  /// Segments that take() would return; their frames are held here.
  std::uint32_t size() const noexcept { return count_; }

 private:
  bool arrive_from_client(Packet& packet, const FlowShift& shift, bool refused) noexcept;
  bool arrive_from_server(Packet& packet, std::uint32_t next_hop, const Context& context) noexcept;
  void owe_acknowledgment(const Packet& syn_ack, std::uint16_t window, std::uint32_t next_hop,
                          const Context& context) noexcept;
  FrameRoom room_of(const Packet& packet) const noexcept;

  SynCookies cookies_;
  SynOffer offer_;
  FramePool& pool_;
  std::byte* region_;
  std::array<Packet, kBurstSize> owed_;  ///< a burst brings no more SYN-ACKs, and they are taken after each
  std::uint32_t count_ = 0;
};

}  // namespace culvert
