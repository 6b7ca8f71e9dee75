// SPDX-License-Identifier: Apache-2.0
#include "test/sessions/tcp_replay.h"

#include <algorithm>
#include <stdexcept>

#include "lanes/pcap_lane.h"
#include "packet/five_tuple.h"
#include "packet/parse.h"
#include "test/sessions/tcp_text.h"

namespace culvert::test {
namespace {

/// Larger than any frame of a capture: nothing is left out.
constexpr std::size_t kLargestFrame = 65535;

std::array<std::uint64_t, 5> words_of(const Packet& packet, bool reversed) {
  if (packet.network == NetworkKind::kIpv6) {
    const FiveTuple6 tuple = five_tuple6(packet);
    return (reversed ? tuple.reversed() : tuple).words();
  }
  const FiveTuple4 tuple = five_tuple4(packet);
  const auto words = (reversed ? tuple.reversed() : tuple).words();
  return {words[0], words[1], 0, 0, 0};
}

}  // namespace

TcpOutcome TcpReplay::track(const Packet& packet) {
  const Endpoints forward = words_of(packet, false);
  const TcpSegment segment = tcp_segment_of(packet);
  const auto [found, fresh] = sessions_.try_emplace(std::min(forward, words_of(packet, true)));
  Session& session = found->second;
  TcpOutcome outcome{TcpAction::kRenew, TcpDrop::kNone};
  if (!fresh) {
    const int from = session.original == forward ? 0 : 1;
    outcome = tcp_track(session.sides[from], session.sides[1 - from], segment, session.again);
    if (outcome.action != TcpAction::kRenew) return outcome;
    ++counts_.renewed;
  }
  session.original = forward;
  outcome = tcp_open(session.sides[0], session.sides[1], segment, pick_up_);
  if (outcome.action == TcpAction::kDrop) {
    sessions_.erase(found);
  } else {
    ++counts_.sessions;
  }
  return outcome;
}

void TcpReplay::take(std::span<const std::byte> frame) {
  std::vector<std::byte> bytes(frame.begin(), frame.end());
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  parse(packet, {});
  const bool sound = packet.drop_reason == DropReason::kNone && packet.has(kFlagTransport) && !packet.is_part();
  if (!sound || packet.protocol != kProtocolTcp) {
    ++counts_.others;
    return;
  }
  ++counts_.packets;
  const TcpOutcome outcome = track(packet);
  counts_.passed += outcome.action == TcpAction::kPass;
  counts_.unbelieved += outcome.action == TcpAction::kPassUnbelieved;
  if (outcome.action != TcpAction::kDrop) return;
  ++counts_.dropped;
  drops_.push_back("packet " + std::to_string(counts_.packets + counts_.others) + ": " + to_text(outcome));
}

std::uint64_t TcpReplay::in_state(TcpState state) const {
  return static_cast<std::uint64_t>(std::count_if(sessions_.begin(), sessions_.end(), [state](const auto& entry) {
    return tcp_state_of(entry.second.sides[0], entry.second.sides[1]) == state;
  }));
}

TcpReplay replay_pcap(const std::string& path, TcpPickUp pick_up) {
  const auto contents = read_pcap(path, kLargestFrame);
  if (!contents.has_value()) throw std::runtime_error(contents.error().what);
  TcpReplay replay(pick_up);
  const PacketList& packets = contents.value().packets;
  for (std::size_t i = 0; i < packets.size(); ++i) replay.take(packets.stored(packets[i]));
  return replay;
}

}  // namespace culvert::test
