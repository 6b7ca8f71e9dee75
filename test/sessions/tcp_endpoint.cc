// SPDX-License-Identifier: Apache-2.0
#include "test/sessions/tcp_endpoint.h"

#include <algorithm>

namespace culvert::test {
namespace {

constexpr std::uint64_t kLargestWindow = 65535;

/// The position nearest to `near` whose sequence number this is.
std::uint64_t nearest(std::uint32_t sequence, std::uint32_t initial, std::uint64_t near) {
  const auto distance = static_cast<std::int32_t>(sequence - (initial + static_cast<std::uint32_t>(near)));
  const std::int64_t position = static_cast<std::int64_t>(near) + distance;
  return position < 0 ? 0 : static_cast<std::uint64_t>(position);
}

}  // namespace

std::uint64_t Endpoint::peer_position(std::uint32_t sequence) const {
  return nearest(sequence, peer_initial_, expected_);
}
std::uint64_t Endpoint::own_position(std::uint32_t sequence) const {
  return nearest(sequence, config_.initial_sequence, una_);
}

/// A window edge never moves back (RFC 9293 3.8.6).
std::uint64_t Endpoint::window_edge() {
  const std::uint64_t room = config_.buffer > unread_ ? config_.buffer - unread_ : 0;
  const std::uint64_t most = kLargestWindow << shift_;
  // Silly window avoidance (RFC 9293 3.8.6.2.2): small gains are not announced.
  const std::uint64_t edge = expected_ + std::min(room, most);
  if (edge >= announced_ + std::min<std::uint64_t>(config_.buffer / 2, config_.mss)) announced_ = edge;
  return std::max(announced_, expected_);
}

void Endpoint::send(std::uint64_t position, std::uint32_t length, std::uint8_t flags) {
  TcpSegment segment;
  segment.sequence = sequence_at(position);
  segment.payload = static_cast<std::uint16_t>(length);
  segment.flags = flags;
  if ((flags & kTcpSyn) != 0) {
    segment.window = static_cast<std::uint16_t>(std::min<std::uint64_t>(config_.buffer, kLargestWindow));
    announced_ = std::max(announced_, expected_ + segment.window);
    segment.window_scale = static_cast<std::int8_t>(config_.scale);
    segment.sack_permitted = config_.sack;
  } else {
    const std::uint64_t window = (window_edge() - expected_) >> shift_;
    segment.window = static_cast<std::uint16_t>(std::min(window, kLargestWindow));
  }
  if ((flags & kTcpAck) != 0) {
    segment.acknowledgment = peer_initial_ + static_cast<std::uint32_t>(expected_);
    ack_due_ = false;
    if (config_.sack && !early_.empty() && (flags & kTcpSyn) == 0) {
      segment.has_sack = true;
      segment.sack_edge = peer_initial_ + static_cast<std::uint32_t>(early_.rbegin()->second);
    }
  }
  highest_ = std::max(highest_, position + length + ((flags & (kTcpSyn | kTcpFin)) != 0 ? 1 : 0));
  sent_.push_back(segment);
}

void Endpoint::send_syn() {
  send(0, 0, peer_known_ ? kTcpSyn | kTcpAck : kTcpSyn);
  next_ = std::max<std::uint64_t>(next_, 1);
}

void Endpoint::take_syn(const TcpSegment& segment) {
  peer_initial_ = segment.sequence;
  peer_known_ = true;
  expected_ = 1;
  announced_ = 1;
  const bool scaled = config_.scale >= 0 && segment.window_scale >= 0;
  shift_ = scaled ? config_.scale : 0;
  peer_shift_ = scaled ? segment.window_scale : 0;
  if (!scaled) config_.scale = -1;  // a SYN-ACK offers only what the SYN did
  config_.sack = config_.sack && segment.sack_permitted;
  peer_edge_ = 1 + std::uint64_t{segment.window};
}

void Endpoint::receive(const TcpSegment& segment, Tick now) {
  if (segment.has(kTcpRst)) return;  // none is genuine here
  if (segment.has(kTcpSyn) && !peer_known_) {
    const bool answers = segment.has(kTcpAck) && segment.acknowledgment == sequence_at(1);
    if (segment.has(kTcpAck) && !answers) return;
    take_syn(segment);
    progress_ = now;
    state_ = State::kSynReceived;
    if (answers) {
      una_ = 1;
      state_ = State::kOpen;
      ack_due_ = true;
    } else {
      send_syn();
    }
    return;
  }
  if (!peer_known_) return;
  const std::uint64_t begin = peer_position(segment.sequence);
  const std::uint64_t end = begin + segment.payload + (segment.has(kTcpFin) ? 1 : 0);
  const bool old = begin < expected_ && end <= expected_;
  const bool beyond = begin > std::max(announced_, expected_);
  if (segment.has(kTcpSyn) || old || beyond) {
    ++challenges_;
    ack_due_ = state_ == State::kOpen;
    if (state_ == State::kSynReceived && segment.has(kTcpSyn)) send_syn();
    if (beyond) return;
  }
  if (segment.has(kTcpAck)) take_ack(segment, now);
  if (state_ == State::kOpen && !segment.has(kTcpSyn)) take_data(segment);
}

void Endpoint::take_ack(const TcpSegment& segment, Tick now) {
  const std::uint64_t position = own_position(segment.acknowledgment);
  if (position > highest_) return;
  if (state_ == State::kSynReceived && position >= 1) state_ = State::kOpen;
  if (position > una_) {
    una_ = position;
    next_ = std::max(next_, una_);
    progress_ = now;
    duplicates_ = 0;
  } else if (position == una_ && segment.payload == 0 && highest_ > una_) {
    ++duplicates_;
  }
  const int shift = segment.has(kTcpSyn) ? 0 : peer_shift_;
  peer_edge_ = std::max(peer_edge_, position + (std::uint64_t{segment.window} << shift));
}

void Endpoint::take_data(const TcpSegment& segment) {
  const std::uint64_t begin = peer_position(segment.sequence);
  std::uint64_t end = begin + segment.payload;
  if (segment.payload == 0 && !segment.has(kTcpFin)) return;
  ack_due_ = true;
  const std::uint64_t edge = std::max(announced_, expected_);
  if (end > edge) end = edge;
  if (segment.has(kTcpFin) && end == begin + segment.payload) fin_position_ = end;
  if (end > begin && end > expected_) {
    auto& piece = early_[std::max(begin, expected_)];
    piece = std::max(piece, end);
  }
  advance();
}

/// Takes in what has no gap in front of it any more.
void Endpoint::advance() {
  while (!early_.empty() && early_.begin()->first <= expected_) {
    const std::uint64_t end = early_.begin()->second;
    early_.erase(early_.begin());
    if (end <= expected_) continue;
    unread_ += end - expected_;
    received_ += end - expected_;
    expected_ = end;
  }
  if (fin_position_ != 0 && expected_ == fin_position_ && !peer_fin_taken_) {
    peer_fin_taken_ = true;
    ++expected_;
  }
}

/// One segment from `position` on; gives where the next one begins.
std::uint64_t Endpoint::send_piece(std::uint64_t position, std::uint64_t edge) {
  const std::uint64_t last = std::min(data_end(), edge);
  const std::uint64_t length = position < last ? std::min<std::uint64_t>(config_.mss, last - position) : 0;
  const bool fin = position + length == data_end();
  std::uint8_t flags = kTcpAck;
  if (length != 0) flags |= kTcpPsh;
  if (fin) flags |= kTcpFin;
  fin_sent_ = fin_sent_ || fin;
  send(position, static_cast<std::uint32_t>(length), flags);
  return position + length + (fin ? 1 : 0);
}

void Endpoint::send_data(Tick now) {
  if (fin_acked()) return;
  if (una_ < next_ && now - progress_ > kResend) {
    next_ = una_;
    progress_ = now;
  }
  if (duplicates_ >= 3) {
    duplicates_ = 0;
    send_piece(una_, peer_edge_);
  }
  for (std::uint64_t count = 0; count < kBurst; ++count) {
    const std::uint64_t edge = std::min(peer_edge_, una_ + kCongestion * config_.mss);
    const bool only_fin = next_ == data_end();
    if (next_ > data_end() || (next_ >= edge && !only_fin)) break;
    if (una_ == next_) progress_ = now;
    next_ = send_piece(next_, edge);
  }
}

/// A closed window (RFC 9293 3.8.6.1), or a peer that has not been heard of (3.8.4).
void Endpoint::probe(Tick now) {
  const bool closed = una_ == next_ && next_ < data_end() && next_ >= peer_edge_;
  // Before anything was acknowledged but the SYN, only a window that was closed from the beginning is probed.
  if (now - probed_ < (closed ? kResend : kKeepAlive) || una_ != next_ || una_ < (closed ? 1U : 2U)) return;
  probed_ = now;
  if (closed && !config_.probes_below) {
    send(una_, 1, kTcpAck);
  } else {
    send(una_ - 1, una_ > 1 && random_() % 2 == 0 ? 1 : 0, kTcpAck);
  }
}

void Endpoint::tick(Tick now) {
  if (state_ == State::kIdle) {
    if (!config_.active) return;
    state_ = State::kSynSent;
    progress_ = now;
    return send_syn();
  }
  if (state_ != State::kOpen) {
    if (now - progress_ <= kResend) return;
    progress_ = now;
    return send_syn();
  }
  if (unread_ > 0 && random_() % 1000 < config_.reads_per_mille) {
    unread_ -= std::min<std::uint64_t>(unread_, 1 + random_() % (2 * config_.buffer));
    const std::uint64_t before = announced_;
    if (window_edge() > before) ack_due_ = true;
  }
  send_data(now);
  probe(now);
  if (ack_due_ && random_() % 3 != 0) send(next_, 0, kTcpAck);
}

}  // namespace culvert::test
