// SPDX-License-Identifier: Apache-2.0
// TCP segments that we write, without data: resets, and what a SYN proxy says in the name of either end. Three places:
//
//   answer_tcp()      over a segment in its own frame, back to its sender     a SYN becomes its SYN-ACK or its reset
//   replace_tcp()     over a segment, the same way                            an ACK becomes the SYN before it
//   tcp_segment_at()  in an empty frame; answer_tcp_at() is answer_tcp() there
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "packet/five_tuple.h"
#include "packet/frame_room.h"
#include "packet/packet.h"

namespace culvert {

/// Options as words of the wire, laid out as RFC 7323 appendix A recommends; at most ten.
class TcpOptionWords {
 public:
  constexpr void add(std::uint32_t word) noexcept { words_[count_++] = Be32(word); }

  void add_mss(std::uint16_t mss) noexcept { add(0x02040000U | mss); }
  void add_window_scale(std::uint8_t scale) noexcept { add(0x01030300U | scale); }
  void add_sack_permitted() noexcept { add(0x01010402); }
  void add_timestamps(std::uint32_t timestamp, std::uint32_t echo) noexcept {
    add_timestamps(0x0101080a, timestamp, echo);
  }
  /// Both in three words.
  void add_sack_permitted_and_timestamps(std::uint32_t timestamp, std::uint32_t echo) noexcept {
    add_timestamps(0x0402080a, timestamp, echo);
  }

  const Be32* data() const noexcept { return words_.data(); }
  /// Bytes.
  std::uint32_t size() const noexcept { return count_ * 4; }

 private:
  void add_timestamps(std::uint32_t head, std::uint32_t timestamp, std::uint32_t echo) noexcept {
    add(head);
    add(timestamp);
    add(echo);
  }

  std::array<Be32, 10> words_;
  std::uint32_t count_ = 0;
};

/// A segment without its ports.
struct TcpContent {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint16_t window = 0;
  std::uint8_t flags = 0;
  TcpOptionWords options;
};

/// Makes the answer out of a whole TCP segment and its frame: addresses, ports and MAC addresses exchanged, VLAN tags
/// kept, IP options and extension headers gone, TTL 64, DF. The packet is then parsed, kFlagGenerated, without verdict,
/// next hop or egress. `room` contains the packet. False, and nothing changed, when the room is too small.
bool answer_tcp(Packet& packet, const TcpContent& content, const FrameRoom& room) noexcept;

/// The same in an empty frame: `data` of `packet` is where to write, `frame` the frame and `length` the room from data
/// on. The segment stays as it is.
bool answer_tcp_at(Packet& packet, const Packet& segment, const TcpContent& content) noexcept;

/// Writes another segment over a whole one of the same way: everything in front of TCP stays but the lengths, the data
/// is gone. `room` contains the packet. False, and nothing changed, when the room is too small.
bool replace_tcp(Packet& packet, const TcpContent& content, const FrameRoom& room) noexcept;

/// A segment from tuple.source to tuple.destination in an empty frame: `data` of `packet` is where to write, `frame`
/// the frame and `length` the room from data on. It becomes what answer_tcp() makes, without VLAN tags; routing fills
/// in the MAC addresses. False, and nothing changed, when the room is too small.
bool tcp_segment_at(Packet& packet, const FiveTuple4& tuple, const TcpContent& content) noexcept;
bool tcp_segment_at(Packet& packet, const FiveTuple6& tuple, const TcpContent& content) noexcept;

}  // namespace culvert
