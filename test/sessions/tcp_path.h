// SPDX-License-Identifier: Apache-2.0
// Two endpoints, a network that loses, doubles and overtakes on both sides of a firewall, and the tracking between
// them:
//
//   client ----> before ----> tcp_track ----> behind ----> server      (and back)
//
// Every segment of an endpoint that reaches the firewall is genuine and must pass. Ticks are the only time.
#pragma once

#include <queue>
#include <string>

#include "sessions/tcp_state.h"
#include "test/sessions/tcp_endpoint.h"

namespace culvert::test {

struct NetworkConfig {
  unsigned lost_per_mille = 0;  ///< on each side of the firewall
  unsigned doubled_per_mille = 0;
  Tick jitter = 0;
};

class Path {
 public:
  Path(const EndpointConfig& client, const EndpointConfig& server, const NetworkConfig& network, std::uint64_t seed)
      : network_(network), random_(seed), client_(client, seed + 1), server_(server, seed + 2) {}

  /// One tick: endpoints act, what is due moves on.
  void step();

  /// For so long the kernel carries the packets and nobody tracks; then tcp_learn(), or a session that is picked up.
  void look_away(Tick ticks) { blind_until_ = now_ + ticks; }
  void forget() { open_ = false; }

  bool is_done() const { return client_.is_done() && server_.is_done(); }
  bool is_open() const { return open_; }
  Tick now() const { return now_; }
  const Endpoint& client() const { return client_; }
  const Endpoint& server() const { return server_; }
  TcpSide& client_side() { return client_side_; }
  TcpSide& server_side() { return server_side_; }
  std::uint32_t& again() { return again_; }
  TcpState state() const { return tcp_state_of(client_side_, server_side_); }

  std::uint64_t genuine() const { return genuine_; }        ///< segments that were tracked
  std::uint64_t unbelieved() const { return unbelieved_; }  ///< of them
  const std::string& first_false_drop() const { return first_false_drop_; }

 private:
  struct Travelling {
    Tick due;
    std::uint64_t order;  ///< keeps those of one tick in order
    bool from_client;
    bool tracked;  ///< behind the firewall
    TcpSegment segment;
    friend bool operator<(const Travelling& a, const Travelling& b) {
      return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
  };

  void launch(const TcpSegment& segment, bool from_client, bool tracked);
  void pass_firewall(const Travelling& travelling);
  void track(const TcpSegment& segment, bool from_client);

  NetworkConfig network_;
  Random random_;
  Endpoint client_;
  Endpoint server_;
  std::priority_queue<Travelling> queue_;
  TcpSide client_side_;
  TcpSide server_side_;
  std::uint32_t again_ = 0;
  Tick now_ = 0;
  Tick blind_until_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t genuine_ = 0;
  std::uint64_t unbelieved_ = 0;
  std::string first_false_drop_;
  bool open_ = false;
  bool was_blind_ = false;
  bool seen_ = false;  ///< any segment: a session that is opened later is in mid-stream
};

}  // namespace culvert::test
