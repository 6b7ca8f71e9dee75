// SPDX-License-Identifier: Apache-2.0
// A culvertd makes place for its successor without a packet lost: the successor starts while the old one forwards, gets
// ready, and is then given what packets are moved with. Both talk over a socket pair, in messages of JSON with
// descriptors:
//
//   old                                                  successor (culvertd --successor-of FD)
//   offer: region, tun, session files, XDP links  ---->  maps, compiles, reads routes, loads its XDP programs
//                                                 <----  ready: the interfaces that it goes on with
//   closes the others; workers let go
//   a lane: socket, frames with the kernel        ---->  (one message for each)
//   left                                          ---->  takes sessions and lanes over, its workers start, XDP links
//                                                        run its programs
//   ends                                          <----  runs
//
// Between "workers let go" and "its workers start" packets wait in the sockets' rings. Who asks and what can be left is
// in docs/decisions/0010. Until `ready` the successor can fail and nothing has happened; afterwards the old one is
// gone, and a failure is like that of any start.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/hash.h"
#include "base/mapping.h"
#include "base/result.h"
#include "kernel_redirect/attach.h"
#include "umem/budget.h"
#include "umem/region.h"
#include "xsk/xsk_lane.h"

namespace culvert {

/// One end of the socket between both. Not for hostile peers: whoever has the other end is culvertd, of this version or
/// another.
class HandoverSocket {
 public:
  explicit HandoverSocket(Fd socket) : socket_(std::move(socket)) {}
  /// Both ends. Throws SetupError.
  static std::pair<HandoverSocket, HandoverSocket> pair();

  struct Message {
    boost::json::object body;
    std::vector<Fd> descriptors;
  };
  /// At most kMostDescriptors, which stay the caller's. Throws SetupError: the other end is gone.
  void send(const boost::json::object& body, std::span<const int> descriptors = {});
  /// Waits for the next message. Throws SetupError: the other end is gone, or silent for so long.
  Message receive(std::chrono::milliseconds patience);

  int descriptor() const noexcept { return socket_.get(); }
  void close() noexcept { socket_.reset(); }

 private:
  Fd socket_;
};
inline constexpr std::size_t kMostDescriptors = 200;

/// An interface that an old culvertd can leave.
struct OfferedInterface {
  std::string name;
  std::uint32_t ifindex = 0;
  std::uint32_t lanes = 0;
  std::string mode;  ///< as configured
  AttachMode attach = AttachMode::kNative;
  Fd link;
};

/// What an old culvertd has, and a successor may use when its own plan is the same.
struct Offer {
  std::string version;
  RegionConfig region;
  RingSizes rings;
  PageKind pages = PageKind::kSmall;
  Fd region_memory;  ///< invalid: it cannot be shared, so no lane can be left
  std::string tun_name;
  Fd tun;
  std::string control_socket, metrics;  ///< where it listens: not free before it ends; metrics may be ""
  /// One worker's sessions.
  struct Sessions {
    Fd file, wheel4, wheel6, state;
  };
  std::vector<Sessions> sessions;
  Fd meter_buckets, meter_lines;
  HashKey meter_key;
  std::uint16_t policy_generation = 0;
  std::uint64_t route_generation = 0;
  std::vector<OfferedInterface> interfaces;
};

/// A lane on its way.
struct OfferedLane {
  std::string interface;
  std::uint32_t queue = 0;
  std::uint32_t worker = 0;
  LeftLane left;
};

void send_offer(HandoverSocket& socket, const Offer& offer);
Offer receive_offer(HandoverSocket& socket, std::chrono::milliseconds patience);

/// What a successor goes on with.
struct Ready {
  std::vector<std::string> interfaces;
  bool tun = false;
};
void send_ready(HandoverSocket& socket, const Ready& ready);
Ready receive_ready(HandoverSocket& socket, std::chrono::milliseconds patience);

void send_lane(HandoverSocket& socket, const OfferedLane& lane);
/// `rested_ns`: when the first worker took no more packets, of CLOCK_MONOTONIC.
void send_left(HandoverSocket& socket, std::uint64_t rested_ns);
struct LeftLanes {
  std::vector<OfferedLane> lanes;
  std::uint64_t rested_ns = 0;
};
/// All lanes, up to `left`.
LeftLanes receive_lanes(HandoverSocket& socket, std::chrono::milliseconds patience);

void send_runs(HandoverSocket& socket);
void receive_runs(HandoverSocket& socket, std::chrono::milliseconds patience);

}  // namespace culvert
