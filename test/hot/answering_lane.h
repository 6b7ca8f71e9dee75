// SPDX-License-Identifier: Apache-2.0
// A memory lane with somebody behind it who begins things again and again, and answers what leaves: handshakes and ends
// of TCP, datagrams whole and in fragments, echo requests; and tells errors now and then. It is its worker's, and what
// is answered is decided in transmit(), where a real host would see the packet; so it leaves the heap alone.
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include "lanes/memory_lane.h"
#include "packet/icmp_error.h"
#include "packet/parse.h"
#include "packet/tcp.h"
#include "packet/tcp_write.h"
#include "packet/transport_checksum.h"
#include "test/support/bytes.h"

namespace culvert::test {

class AnsweringLane final : public Lane {
 public:
  struct Seen {
    Cell fragments, errors, syn_acks, datagrams;  ///< that have left by it
  };

  /// `begins`: said again and again; UDP from another port each time, SYNs behind what the connection before has used.
  /// `serves`: it answers requests, else only handshakes and ends. `inner` is nobody's lane. All outlive it.
  AnsweringLane(MemoryLane& inner, std::vector<Bytes> begins, bool serves)
      : Lane(inner.interface(), inner.queue()), inner_(inner), begins_(std::move(begins)), serves_(serves) {
    for (Bytes& bytes : begins_) changes_.push_back(change_of(view_of(bytes.data(), bytes.size())));
  }

  const Seen& seen() const noexcept { return seen_; }

  void receive(Burst& burst) noexcept override { inner_.receive(burst); }
  std::uint32_t transmit(std::span<Packet* const> packets) noexcept override {
    const std::uint32_t count = inner_.transmit(packets);
    for (Packet* const packet : packets.first(count)) look_at(*packet);
    return count;
  }
  void flush(Now now) noexcept override { inner_.flush(now); }
  void refill() noexcept override {
    inner_.refill();
    for (; waiting_ > 0 && state() == LaneState::kUp; --waiting_) {
      const Answer& answer = answers_[(first_ + answers_.size() - waiting_) % answers_.size()];
      inner_.inject({answer.bytes.data() + answer.begin, answer.length});
    }
    for (int i = 0; i < kBeginsPerTurn; ++i) begin_next();
  }
  std::uint32_t frames_receiving() const noexcept override { return inner_.frames_receiving(); }
  std::uint32_t frames_transmitting() const noexcept override { return inner_.frames_transmitting(); }
  void publish() noexcept override {
    inner_.publish();
    cells().state.set(static_cast<std::uint64_t>(state()));
  }
  void close() noexcept override {
    inner_.close();
    publish();
  }
  int wait_descriptor() const noexcept override { return inner_.wait_descriptor(); }
  LaneState state() const noexcept override { return inner_.state(); }
  bool partial_checksums() const noexcept override { return inner_.partial_checksums(); }

 private:
  static constexpr std::size_t kHeadroom = 128, kMostBytes = 1800;
  static constexpr int kBeginsPerTurn = 8;
  static constexpr std::uint32_t kErrorsEvery = 16;

  struct Answer {
    std::array<std::byte, kHeadroom + kMostBytes> bytes;
    std::size_t begin = 0, length = 0;
  };

  /// What is another one each time.
  enum class Change { kNothing, kPort, kNumber };
  static Change change_of(const Packet& packet) noexcept {
    if (packet.verdict != Verdict::kNone || !packet.has(kFlagTransport) || packet.is_part()) return Change::kNothing;
    if (packet.protocol == kProtocolUdp) return Change::kPort;
    return packet.protocol == kProtocolTcp ? Change::kNumber : Change::kNothing;
  }

  void begin_next() noexcept {
    if (begins_.empty()) return;
    Bytes& bytes = begins_[next_];
    if (changes_[next_] != Change::kNothing) {
      Packet packet = view_of(bytes.data(), bytes.size());
      const std::size_t at = packet.transport_offset;
      if (changes_[next_] == Change::kNumber) {
        set32(bytes, at + 4, get32(bytes, at + 4) + (1U << 20));
      } else {  // 8192 ports from the first one on
        const unsigned port = get16(bytes, at);
        set16(bytes, at, (port & 0xe000) | ((port + 7) & 0x1fff));
      }
      write_transport_checksum(packet);  // or the answer would have a wrong one, too
    }
    inner_.inject(bytes);
    next_ = next_ + 1 == begins_.size() ? 0 : next_ + 1;
  }

  static Packet view_of(std::byte* data, std::size_t length) noexcept {
    Packet packet;
    packet.data = data;
    packet.length = static_cast<std::uint16_t>(length);
    parse(packet, {});
    return packet;
  }

  /// Place for one more; the oldest makes way.
  Answer& append() noexcept {
    Answer& answer = answers_[first_];
    first_ = (first_ + 1) % answers_.size();
    if (waiting_ < answers_.size()) ++waiting_;
    return answer;
  }
  void forget_last() noexcept {
    first_ = (first_ + answers_.size() - 1) % answers_.size();
    --waiting_;
  }

  void look_at(const Packet& sent) noexcept {
    if (sent.length > kMostBytes) return;
    Answer& answer = append();
    answer.begin = kHeadroom;
    std::memcpy(answer.bytes.data() + kHeadroom, sent.data, sent.length);
    Packet packet = view_of(answer.bytes.data() + kHeadroom, sent.length);
    if (packet.verdict != Verdict::kNone || !make_answer(packet, answer)) return forget_last();
    answer.begin = static_cast<std::size_t>(packet.data - answer.bytes.data());
    answer.length = packet.length;
  }

  /// Turns the packet into its answer. False: there is none.
  bool make_answer(Packet& packet, Answer& answer) noexcept {
    const FrameRoom room{answer.bytes.data(), answer.bytes.data() + answer.bytes.size()};
    if (packet.has(kFlagIcmpError)) seen_.errors.add();
    if (packet.is_part()) seen_.fragments.add();
    if (packet.has(kFlagIcmpError)) return false;
    if (packet.protocol == kProtocolTcp && !packet.is_part()) return answer_segment(packet, room);
    if (packet.protocol == kProtocolUdp) seen_.datagrams.add();
    if (!serves_) return false;
    if (!packet.is_part() && ++asked_ % kErrorsEvery == 0) {
      IcmpError error;
      error.kind = IcmpErrorKind::kHostUnreachable;
      error.ipv4_source = Ipv4Address{Be32(0xc612014dU)};
      error.ipv6_source = Ipv6Address{{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x4d}};
      return build_icmp_error(packet, error, room);
    }
    return send_back(packet);
  }

  bool answer_segment(Packet& packet, const FrameRoom& room) noexcept {
    const auto& header = culvert::view<TcpHeader>(packet.transport_header());
    const std::uint8_t flags = packet.tcp_flags;
    const bool opens = (flags & kTcpSyn) != 0;
    const bool ends = (flags & kTcpFin) != 0;
    TcpContent content;
    content.window = 64'000;
    content.sequence = header.acknowledgment.host();
    content.acknowledgment = header.sequence.host() + (opens || ends ? 1U : 0U);
    if ((flags & kTcpRst) != 0) return false;
    if (opens && (flags & kTcpAck) == 0) {
      content.sequence = ++asked_;
      content.flags = kTcpSyn | kTcpAck;
    } else if (opens) {
      seen_.syn_acks.add();
      content.flags = kTcpAck;
    } else if (serves_) {
      content.flags = ends ? kTcpAck : kTcpFin | kTcpAck;
    } else if (ends) {
      content.flags = kTcpFin | kTcpAck;
    } else {
      return false;
    }
    return answer_tcp(packet, content, room);
  }

  /// Addresses and ports exchanged, also of a fragment; an echo request becomes its reply.
  static bool send_back(Packet& packet) noexcept {
    const bool ipv4 = packet.network == NetworkKind::kIpv4;
    std::byte* const addresses = packet.network_header() + (ipv4 ? 12 : 8);
    std::swap_ranges(addresses, addresses + (ipv4 ? 4 : 16), addresses + (ipv4 ? 4 : 16));
    if (!packet.has(kFlagTransport)) return packet.is_part();
    std::byte* const transport = packet.transport_header();
    if (packet.protocol == kProtocolIcmp || packet.protocol == kProtocolIcmpv6) {
      if (packet.is_part() || transport[0] != std::byte{ipv4 ? std::uint8_t{8} : std::uint8_t{128}}) return false;
      transport[0] = std::byte{ipv4 ? std::uint8_t{0} : std::uint8_t{129}};
      return write_transport_checksum(packet);
    }
    std::swap_ranges(transport, transport + 2, transport + 2);
    return true;
  }

  MemoryLane& inner_;
  std::vector<Bytes> begins_;
  std::vector<Change> changes_;  ///< by what is begun
  bool serves_;
  std::size_t next_ = 0;
  std::array<Answer, 64> answers_;
  std::size_t first_ = 0, waiting_ = 0;
  std::uint32_t asked_ = 0;
  Seen seen_;
};

}  // namespace culvert::test
