// SPDX-License-Identifier: Apache-2.0
#include "test/sessions/tcp_path.h"

#include "test/sessions/tcp_text.h"

namespace culvert::test {
namespace {

std::string describe(const TcpSide& side) {
  return "end " + std::to_string(side.end) + " acked " + std::to_string(side.acked) + " window " +
         std::to_string(side.window_bytes()) + " bits " + std::to_string(side.bits);
}

std::string describe(const TcpSegment& segment) {
  return "flags " + std::to_string(segment.flags) + " sequence " + std::to_string(segment.sequence) + " payload " +
         std::to_string(segment.payload) + " ack " + std::to_string(segment.acknowledgment) + " window " +
         std::to_string(segment.window) + (segment.has_sack ? " sack " + std::to_string(segment.sack_edge) : "");
}

}  // namespace

void Path::launch(const TcpSegment& segment, bool from_client, bool tracked) {
  const unsigned copies = random_() % 1000 < network_.doubled_per_mille ? 2 : 1;
  for (unsigned i = 0; i < copies; ++i) {
    if (random_() % 1000 < network_.lost_per_mille) continue;
    queue_.push({now_ + 1 + random_() % (network_.jitter + 1), ++order_, from_client, tracked, segment});
  }
}

void Path::step() {
  ++now_;
  client_.tick(now_);
  server_.tick(now_);
  for (const TcpSegment& segment : client_.take_sent()) launch(segment, true, false);
  for (const TcpSegment& segment : server_.take_sent()) launch(segment, false, false);
  while (!queue_.empty() && queue_.top().due <= now_) {
    const Travelling travelling = queue_.top();
    queue_.pop();
    if (!travelling.tracked) {
      pass_firewall(travelling);
    } else if (travelling.from_client) {
      server_.receive(travelling.segment, now_);
    } else {
      client_.receive(travelling.segment, now_);
    }
  }
}

void Path::pass_firewall(const Travelling& travelling) {
  if (now_ < blind_until_) {
    was_blind_ = true;
  } else {
    if (was_blind_ && open_) tcp_learn(client_side_, server_side_);
    was_blind_ = false;
    track(travelling.segment, travelling.from_client);
  }
  seen_ = true;
  launch(travelling.segment, travelling.from_client, true);
}

void Path::track(const TcpSegment& segment, bool from_client) {
  ++genuine_;
  TcpSide& from = from_client ? client_side_ : server_side_;
  TcpSide& to = from_client ? server_side_ : client_side_;
  const TcpSide from_before = from;
  const TcpSide to_before = to;
  TcpOutcome outcome;
  if (!open_) {
    outcome = tcp_open(from, to, segment, seen_ ? TcpPickUp::kMidStream : TcpPickUp::kOnlySyn);
    open_ = outcome.action == TcpAction::kPass;
  } else {
    outcome = tcp_track(from, to, segment, again_);
  }
  if (outcome.action == TcpAction::kPassUnbelieved) ++unbelieved_;
  const bool passed = outcome.action == TcpAction::kPass || outcome.action == TcpAction::kPassUnbelieved;
  if (!passed && first_false_drop_.empty()) {
    first_false_drop_ = to_text(outcome) + " at tick " + std::to_string(now_) +
                        (from_client ? " client " : " server ") + describe(segment) + "; " + describe(from_before) +
                        "; " + describe(to_before);
  }
}

}  // namespace culvert::test
