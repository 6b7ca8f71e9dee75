// SPDX-License-Identifier: Apache-2.0
// A simple TCP of its own, to judge tracking by: it counts bytes instead of carrying them. It opens (also at once with
// its peer), sends within the window and a fixed congestion window, repeats what is lost (timer, three duplicate
// acknowledgments), reorders what comes out of order, announces windows as its application reads, probes closed ones,
// keeps alive, and closes its half when everything is sent. Positions are 64-bit distances from the SYN.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "sessions/tcp_segment.h"

namespace culvert::test {

using Random = std::mt19937_64;
using Tick = std::uint64_t;

struct EndpointConfig {
  std::uint32_t initial_sequence = 0;
  int scale = -1;  ///< offered; -1: none
  bool sack = false;
  std::uint32_t buffer = 65535;  ///< bytes that wait for the application
  std::uint32_t mss = 1460;
  std::uint64_t to_send = 0;
  unsigned reads_per_mille = 500;  ///< chance that the application reads in a tick
  bool active = false;             ///< sends a SYN by itself
  bool probes_below = false;       ///< a closed window is probed by a byte that was sent already, or by the next one
};

class Endpoint {
 public:
  Endpoint(const EndpointConfig& config, std::uint64_t seed) : config_(config), random_(seed) {}

  void receive(const TcpSegment& segment, Tick now);
  void tick(Tick now);

  /// What it has sent since the last call.
  std::vector<TcpSegment> take_sent() { return std::exchange(sent_, {}); }

  bool is_done() const { return fin_acked() && peer_fin_taken_; }
  std::uint64_t received() const { return received_; }
  std::size_t challenges() const { return challenges_; }

 private:
  enum class State { kIdle, kSynSent, kSynReceived, kOpen };

  static constexpr Tick kResend = 40;
  static constexpr Tick kKeepAlive = 90;
  static constexpr std::uint64_t kBurst = 3;        ///< segments a tick
  static constexpr std::uint64_t kCongestion = 20;  ///< segments in flight

  bool fin_acked() const { return fin_sent_ && una_ == config_.to_send + 2; }
  std::uint64_t data_end() const { return config_.to_send + 1; }
  std::uint32_t sequence_at(std::uint64_t position) const {
    return config_.initial_sequence + static_cast<std::uint32_t>(position);
  }
  std::uint64_t peer_position(std::uint32_t sequence) const;
  std::uint64_t own_position(std::uint32_t sequence) const;
  std::uint64_t window_edge();

  void send(std::uint64_t position, std::uint32_t length, std::uint8_t flags);
  void send_syn();
  void send_data(Tick now);
  std::uint64_t send_piece(std::uint64_t position, std::uint64_t edge);
  void probe(Tick now);
  void take_syn(const TcpSegment& segment);
  void take_ack(const TcpSegment& segment, Tick now);
  void take_data(const TcpSegment& segment);
  void advance();

  EndpointConfig config_;
  Random random_;
  State state_ = State::kIdle;
  std::vector<TcpSegment> sent_;

  // Sending.
  std::uint64_t una_ = 0;        ///< the first position that is not acknowledged
  std::uint64_t next_ = 0;       ///< what to send next; falls back to una_ when the timer ends
  std::uint64_t highest_ = 0;    ///< behind the highest ever sent
  std::uint64_t peer_edge_ = 0;  ///< up to where the peer takes data
  std::uint64_t duplicates_ = 0;
  Tick progress_ = 0;  ///< when something was acknowledged or first sent
  Tick probed_ = 0;
  bool fin_sent_ = false;

  // Receiving.
  std::uint32_t peer_initial_ = 0;
  std::uint64_t expected_ = 0;                    ///< the next position of the peer
  std::uint64_t announced_ = 0;                   ///< the highest window edge that was announced
  std::map<std::uint64_t, std::uint64_t> early_;  ///< pieces behind a gap: begin -> end
  std::uint64_t fin_position_ = 0;                ///< 0: no FIN has come
  std::uint64_t unread_ = 0;
  std::uint64_t received_ = 0;
  std::size_t challenges_ = 0;
  bool peer_fin_taken_ = false;
  bool ack_due_ = false;
  bool peer_known_ = false;
  int shift_ = 0;  ///< of the windows that it announces
  int peer_shift_ = 0;
};

}  // namespace culvert::test
