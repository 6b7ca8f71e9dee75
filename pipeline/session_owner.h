// SPDX-License-Identifier: Apache-2.0
// Which worker a packet's session belongs to. Computed from the packet alone, the same for both directions, so there is
// no directory of sessions and nothing to race:
//
//   a part of a datagram   by source, destination, protocol and identification: there it waits until the datagram is
//                          whole, which then goes on to the owner of its tuple
//   an ICMP error          the owner of the packet that it quotes
//   anything else          symmetric hash of the five-tuple
//
// The hash is keyed: nobody outside can choose which worker gets his packets. Or it is the one by which NICs choose a
// queue, so that packets arrive where they belong and few are handed over; then whoever can choose ports can choose the
// worker, too (packet/rss_hash.h). Parts of datagrams are shared out by the keyed one in any case.
#pragma once

#include <array>

#include "base/hash.h"
#include "packet/burst.h"
#include "umem/frame.h"

namespace culvert {

/// By what sessions are shared out.
enum class OwnerHash : std::uint8_t { kKeyed, kRss };

/// A NIC takes the queue from a table, by the lowest bits of its hash; `ethtool -X ... equal N` fills it with 0 to N-1
/// again and again. This is the smallest table that NICs have; larger ones agree when N is a power of two.
inline constexpr std::uint32_t kRssTable = 128;

class SessionOwners {
 public:
  SessionOwners() noexcept = default;
  /// The key is the same for all workers. `workers`: 1 to 256.
  SessionOwners(WorkerIndex self, WorkerIndex workers, const HashKey& key, OwnerHash hash = OwnerHash::kKeyed) noexcept;

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
  template <typename Tuple>
  std::uint32_t owner_of(const Tuple& tuple) const noexcept;
  std::uint32_t owner(const Packet& packet) const noexcept;
  std::uint32_t owner_of_quoted(const Packet& packet) const noexcept;

  HashKey key_;
  OwnerHash hash_ = OwnerHash::kKeyed;
  WorkerIndex self_ = 0;
  WorkerIndex workers_ = 1;
  std::array<std::uint8_t, kRssTable> rss_table_{};
};

}  // namespace culvert
