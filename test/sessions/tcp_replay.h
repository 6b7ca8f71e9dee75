// SPDX-License-Identifier: Apache-2.0
// Captures through tcp_track: every TCP packet of a pcap file in order, sessions found by their addresses and ports.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "packet/packet.h"
#include "sessions/tcp_state.h"

namespace culvert::test {

struct ReplayCounts {
  std::uint64_t packets = 0;  ///< of TCP, whole and sound
  std::uint64_t others = 0;
  std::uint64_t sessions = 0;  ///< opened; a renewed one counts again
  std::uint64_t passed = 0;
  std::uint64_t unbelieved = 0;
  std::uint64_t renewed = 0;
  std::uint64_t dropped = 0;
};

class TcpReplay {
 public:
  explicit TcpReplay(TcpPickUp pick_up) : pick_up_(pick_up) {}

  /// One Ethernet frame.
  void take(std::span<const std::byte> frame);

  const ReplayCounts& counts() const { return counts_; }
  /// "packet 17: drop out_of_window", one for each dropped packet.
  const std::vector<std::string>& drops() const { return drops_; }
  /// How many sessions are in a state now.
  std::uint64_t in_state(TcpState state) const;

 private:
  using Endpoints = std::array<std::uint64_t, 5>;  ///< addresses and ports of one direction
  struct Session {
    Endpoints original{};  ///< from who opened it
    TcpSide sides[2];      ///< the original's, the reply's
    std::uint32_t again = 0;
  };

  TcpOutcome track(const Packet& packet);

  TcpPickUp pick_up_;
  std::map<Endpoints, Session> sessions_;  ///< by the smaller of both directions
  ReplayCounts counts_;
  std::vector<std::string> drops_;
};

/// A whole file. Throws std::runtime_error when it cannot be read.
TcpReplay replay_pcap(const std::string& path, TcpPickUp pick_up);

}  // namespace culvert::test
