// SPDX-License-Identifier: Apache-2.0
// Which worker a packet's session belongs to. Computed from the packet alone, the same for both directions, so there is
// no directory of sessions and nothing to race:
//
//   a part of a datagram   by source, destination, protocol and identification: there it waits until the datagram is
//                          whole, which then goes on to the owner of its tuple
//   an ICMP error          the owner of the packet that it quotes
//   anything else          symmetric hash of the five-tuple
//
// Where the source of sessions may be translated, answers have another tuple than requests. Then the rule below is
// asked, with the configuration and the routes, which all workers share. `in` is the zone where a packet comes in,
// `out` the one where the route to its destination leads; x > y: some rule translates sessions from zone x to zone y
// (translated_zones.h). "Source" and "destination" stand for a keyed hash of that address alone.
//
//                                       TCP, UDP, SCTP, ICMP queries       other protocols
//   the destination is external:
//     and no session leaves with it
//       for `in`                        source                             source
//     else                              who deals out the port             source
//   in > out, and not out > in          source                             destination
//   out > in, and not in > out          destination                        source
//   both:
//     and in == out                     symmetric hash                     destination, if the rules translate this
//     else                              the address in the lower zone      session; source, if its reverse; else
//                                                                          symmetric hash
//   neither, or no route leads out      symmetric hash                     symmetric hash
//
// Where rules give sessions another destination (nat/destination_nat.h), they come before that: a packet to which one
// applies belongs to the owner of the packet that it becomes. A target is an endpoint to which some rule leads:
//
//   the destination is external, and a session leaves with it for `in`     as above
//   one of both ends is a target                                           hash of the other end: address and port
//   both are                                                               symmetric hash
//
// No rule changes that other end, so both directions agree. What a target itself begins is shared out so, too. A
// protocol without ports goes by the destination alone when the source is translated, too: answers keep nothing else.
//
// So an inside host's sessions have one worker, and get ports of its blocks (nat/port_pool.h), by which answers find
// it; who sends to an external address can choose the worker by the port. A packet that has turned back inside
// (hairpin.h) goes by the port, too. A protocol without ports keeps nothing but
// the address of the other side. An ICMP error goes where the answer to the quoted packet would go that came in like
// it.
//
// When other zones are translated than before, or routes lead to other zones, other workers own the packets, and what
// goes on between these zones begins anew.
//
// The hash is keyed: nobody outside can choose which worker gets his packets. Or it is the one by which NICs choose a
// queue, so that packets arrive where they belong and few are handed over; then whoever can choose ports can choose the
// worker, too (packet/rss_hash.h). Parts of datagrams are shared out by the keyed one in any case.
#pragma once

#include <array>

#include "base/hash.h"
#include "packet/burst.h"
#include "pipeline/context.h"
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

  /// Packets without verdict that belong to another worker get kHandOff. The snapshot is stateful.
  void sort(Burst& burst, const Context& context) const noexcept;
  /// The same where no addresses are translated.
  void sort(Burst& burst) const noexcept;

  /// A packet that has turned back. Whether it is another worker's now: then it has kHandOff.
  bool hand_over(Packet& packet, const Context& context) const noexcept;

  /// The fragments of a whole datagram, all with the ports of the first. False: they are another worker's and have
  /// kHandOff; each carries `transport_length`.
  bool owns(std::span<Packet> fragments, std::uint32_t transport_length, const Context& context) const noexcept;

  // Of a fragment that another worker handed over.

  /// It comes to the owner of its session, all others with it; else to where it waits for them.
  static bool is_of_whole_datagram(const Packet& packet) noexcept { return packet.egress != kNoInterface; }
  /// What owns() was told there.
  static std::uint32_t transport_length(const Packet& packet) noexcept { return packet.egress; }

 private:
  template <typename OwnerOf>
  void sort_by(Burst& burst, const OwnerOf& owner_of) const noexcept;
  template <typename OwnerOf>
  std::uint32_t owner(const Packet& packet, const OwnerOf& owner_of) const noexcept;
  template <typename OwnerOf>
  std::uint32_t owner_of_quoted(const Packet& packet, const OwnerOf& owner_of) const noexcept;

  template <typename Tuple>
  std::uint32_t by_tuple(const Tuple& tuple) const noexcept;
  template <typename Address>
  std::uint32_t by_address(const Address& address) const noexcept;
  template <typename Address>
  std::uint32_t by_endpoint(const Address& address, Be16 port) const noexcept;
  template <typename Tuple>
  std::uint32_t by_target(const Tuple& tuple, const Tuple& came, bool to_target, Zone in,
                          const Context& context) const noexcept;
  template <typename Tuple>
  std::uint32_t with_nat(const Tuple& tuple, Zone in, const Context& context) const noexcept;
  template <typename Tuple>
  std::uint32_t in_both_ways(const Tuple& tuple, Zone in, Zone out, const StatefulSnapshot& stateful) const noexcept;

  HashKey key_;
  OwnerHash hash_ = OwnerHash::kKeyed;
  WorkerIndex self_ = 0;
  WorkerIndex workers_ = 1;
  std::array<std::uint8_t, kRssTable> rss_table_{};
};

}  // namespace culvert
