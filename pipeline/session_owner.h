// SPDX-License-Identifier: Apache-2.0
// Which worker a packet's session belongs to. Computed from the packet alone, the same for both directions, so there is
// no directory of sessions and nothing to race:
//
//   a part of a datagram   by source, destination, protocol and identification: there it waits until the datagram is
//                          whole, which then goes on to the owner of its tuple
//   an ICMP error          the owner of the packet that it quotes
//   anything else          symmetric hash of the five-tuple
//
// The hash is keyed: nobody outside can choose which worker gets his packets.
#pragma once

#include "base/hash.h"
#include "packet/burst.h"
#include "umem/frame.h"

namespace culvert {

class SessionOwners {
 public:
  SessionOwners() noexcept = default;
  /// The key is the same for all workers.
  SessionOwners(WorkerIndex self, WorkerIndex workers, const HashKey& key) noexcept
      : key_(key), self_(self), workers_(workers) {}

  /// There is somebody to hand packets to.
  bool shared() const noexcept { return workers_ > 1; }

  /// Packets without verdict that belong to another worker get kHandOff.
  void sort(Burst& burst) const noexcept;

  /// The fragments of a whole datagram, all with the ports of the first. False: they are another worker's and have
  /// kHandOff; each carries `transport_length`.
  bool owns(std::span<Packet> fragments, std::uint32_t transport_length) const noexcept;

  // Of a fragment that another worker handed over.

  /// It comes to the owner of its session, all others with it; else to where it waits for them.
  static bool is_of_whole_datagram(const Packet& packet) noexcept { return packet.egress != kNoInterface; }
  /// What owns() was told there.
  static std::uint32_t transport_length(const Packet& packet) noexcept { return packet.egress; }

 private:
  std::uint64_t hash(const Packet& packet) const noexcept;
  std::uint64_t hash_of_quoted(const Packet& packet) const noexcept;

  HashKey key_;
  WorkerIndex self_ = 0;
  WorkerIndex workers_ = 1;
};

}  // namespace culvert
