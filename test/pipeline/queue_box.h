// SPDX-License-Identifier: Apache-2.0
// A datagram queue and the frames that it holds: whatever comes out must have been given to it, and comes out once.
//
//   QueueBox box(256);
//   box.keep(fragment_of({.offset = 0, .length = 16}));                  "held"
//   box.keep(fragment_of({.offset = 16, .length = 5, .more = false}));   "held"
//   box.take_whole()                                                     one datagram of two fragments
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/datagram_queue.h"
#include "test/packet/packets.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

namespace culvert::test {

/// A part of a UDP datagram from port 1024 to port 53.
struct Cut {
  bool version4 = true;
  std::uint32_t id = 1;
  std::uint32_t offset = 0, length = 8;
  bool more = true;
  std::string source = {};       ///< empty: 198.18.0.1 or 2001:db8::1
  std::string destination = {};  ///< empty: 198.18.1.1 or 2001:db8:1::1
  std::uint8_t protocol = 17;
};

inline Bytes fragment_of(const Cut& cut) {
  Bytes data;
  for (std::uint32_t at = cut.offset; at < cut.offset + cut.length; ++at) append8(data, at * 7 % 251);
  const Bytes header = hex("0400 0035 ffff 0000");
  for (std::uint32_t at = cut.offset; at < std::min<std::uint32_t>(8, cut.offset + cut.length); ++at) {
    data[at - cut.offset] = header[at];
  }
  const auto or_else = [](std::string_view given, std::string_view usual) { return given.empty() ? usual : given; };
  PacketBuilder builder = PacketBuilder().ethernet();
  if (cut.version4) {
    const Ipv4Fields fields{.id = static_cast<std::uint16_t>(cut.id),
                            .more_fragments = cut.more,
                            .offset = cut.offset,
                            .protocol = cut.protocol};
    builder.ipv4(or_else(cut.source, "198.18.0.1"), or_else(cut.destination, "198.18.1.1"), fields);
  } else {
    builder.ipv6(or_else(cut.source, "2001:db8::1"), or_else(cut.destination, "2001:db8:1::1"));
    builder.fragment(cut.offset, cut.more, cut.id, cut.protocol);
  }
  return builder.payload(std::move(data)).build();
}

inline std::string name_of(DropReason reason) {
  return std::string(drop_reason_text(reason).name);
}

class QueueBox {
 public:
  struct Released {
    WholeDatagram whole;
    std::vector<Packet> packets;
    std::vector<Bytes> frames;  ///< as they were given
  };
  static constexpr std::uint32_t kTimeoutMs = 2000;
  static constexpr Now kTimeout = kTimeoutMs * kNanosecondsPerMillisecond;

  explicit QueueBox(std::size_t entries) : storage_(entries), queue_(storage_, HashKey::from_seed(1), gauge_) {}

  Now now = kNanosecondsPerSecond;

  /// "held", or why the fragment, or another one that had to leave for it, came back.
  std::string keep(Bytes frame, std::uint16_t vrf = 0) {
    const FrameAddress address = 4096 * ++given_;
    Bytes& bytes = held_.emplace(address, std::move(frame)).first->second;
    Packet packet = parsed(bytes);
    packet.frame = address;
    packet.ingress = 3;
    REQUIRE(packet.verdict == Verdict::kNone);
    REQUIRE(packet.is_part());
    queue_.keep(packet, now, kTimeoutMs, vrf);
    std::string outcome = "held";
    if (packet.verdict != Verdict::kHold) {
      REQUIRE(packet.verdict == Verdict::kDrop);
      outcome = name_of(packet.drop_reason);
      give_back(packet);
    }
    REQUIRE(queue_.size() == held_.size());
    return outcome;
  }

  /// All datagrams that are whole.
  std::vector<Released> take_whole() {
    std::vector<Released> all;
    for (;;) {
      burst_.clear();
      const WholeDatagram whole = queue_.take_whole(burst_);
      REQUIRE(whole.count == burst_.size());
      REQUIRE(whole.begin == 0);
      if (whole.count == 0) return all;
      all.push_back({whole, {}, {}});
      for (const Packet& packet : burst_) {
        REQUIRE(packet.verdict == Verdict::kNone);
        all.back().packets.push_back(packet);
        all.back().frames.push_back(give_back(packet));
      }
      REQUIRE(queue_.size() == held_.size());
    }
  }

  /// How many of all that must be dropped now are dropped for what.
  std::map<std::string, int> take_dropped() {
    std::map<std::string, int> reasons;
    do {
      burst_.clear();
      queue_.take_dropped(burst_, now, kTimeoutMs);
      count(reasons);
    } while (!burst_.empty());
    return reasons;
  }

  /// What a worker that stops drops.
  std::map<std::string, int> take_all() {
    std::map<std::string, int> reasons;
    for (bool any = true; any;) {
      burst_.clear();
      any = queue_.take_all(burst_);
      REQUIRE(any == !burst_.empty());
      count(reasons);
    }
    CHECK(queue_.size() == 0);
    return reasons;
  }

  DatagramQueue& queue() { return queue_; }
  const Gauge& gauge() const { return gauge_; }

 private:
  void count(std::map<std::string, int>& reasons) {
    for (const Packet& packet : burst_) {
      REQUIRE(packet.verdict == Verdict::kDrop);
      ++reasons[name_of(packet.drop_reason)];
      give_back(packet);
    }
    REQUIRE(queue_.size() == held_.size());
  }

  /// The frame is the test's again, with the bytes with which it was given.
  Bytes give_back(const Packet& packet) {
    const auto found = held_.find(packet.frame);
    REQUIRE(found != held_.end());
    REQUIRE(packet.data == found->second.data());
    REQUIRE(packet.ingress == 3);
    Bytes bytes = std::move(found->second);
    held_.erase(found);
    return bytes;
  }

  std::vector<DatagramQueue::Entry> storage_;
  Gauge gauge_;
  DatagramQueue queue_;
  Burst burst_;
  std::map<FrameAddress, Bytes> held_;
  FrameAddress given_ = 0;
};

}  // namespace culvert::test
