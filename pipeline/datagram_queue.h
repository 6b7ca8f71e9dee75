// SPDX-License-Identifier: Apache-2.0
// Fragments that wait until their datagram is whole. Only the first fragment has ports, and what is found for it (a
// session, a rule, a translation) must hold for all: so each fragment is kept, the first included, and when none is
// missing they leave together, first one first, each as it came; nothing is copied together.
//
// Example, IPv4 identification 7 from 198.18.0.1 to 198.18.1.1, UDP, in the order of arrival:
//
//   bytes 1480-2959 of data     kept: the datagram is opened, its time begins
//   bytes 2960-3007, the last   kept: its length is known, 3008
//   bytes 1480-2959 again       dropped, fragment_duplicate
//   bytes 0-1479                all 3008 are there: take_whole() gives 0-1479, 1480-2959, 2960-3007, all with the UDP
//                               ports of the first
//
// Refused:
//   - Bytes that two fragments claim, two ends, and bytes behind the end: hosts differ in which they believe, so the
//     whole datagram is dropped (RFC 5722 4, RFC 8200 4.5) and spoiled: what comes for it until its time is over is
//     dropped too. Only a fragment of the same offset, length and "more" flag as one that is held is taken for a copy
//     that the network made; it is dropped alone, as RFC 8200 4.5 allows. Its bytes are not compared: those of the one
//     that came first count.
//   - A datagram of more than 64 fragments (65535 bytes at an MTU of 1500 are 45), spoiled as well.
//   - One that would be longer than 65535 bytes with the headers of its first fragment (RFC 791 3.2).
//   - A first fragment without the whole transport header (RFC 1858 3, RFC 7112): parse has dropped it before.
//
// Bounded:
//   - By the storage, of which a datagram takes an entry for each of its fragments, or one when it is spoiled. Without
//   a
//     free one for a fragment, the oldest datagram that waits goes; without one for a datagram, one that is spoiled is
//     forgotten first.
//   - By a share for each source, a quarter of the storage, so that one sender cannot push out all others. Beyond it
//   his
//     new datagrams are refused, and one that needs more is spoiled, which makes room for his others. Sources are
//     counted in 1024 lines by a keyed hash, those of IPv6 by their /64, of which one sender may have all addresses;
//     two on one line share a quarter.
//   - By time since a datagram's first arrival (RFC 8200 4.5 has hosts wait for 60 s; a firewall need not).
//   - By work: identities are hashed with a secret, so nobody aims at one bucket, and a bucket has at most 16
//   datagrams,
//     then its oldest goes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/cell.h"
#include "base/hash.h"
#include "base/time.h"
#include "packet/burst.h"
#include "packet/five_tuple.h"
#include "packet/fragment.h"
#include "packet/fragment_place.h"

namespace culvert {

/// What take_whole() appended: burst[begin], the first fragment, to burst[begin + count - 1], the last. Nothing when
/// `count` is 0.
struct WholeDatagram {
  std::uint32_t begin = 0, count = 0;
  /// Bytes of the transport header and its data in all fragments together, as if the datagram had come in one.
  std::uint32_t transport_length = 0;
};

/// The key of the session of a packet that take_whole() gave; also of a packet that came whole.
inline FiveTuple4 datagram_tuple4(const Packet& packet, std::uint16_t vrf = 0) noexcept {
  const auto& header = view<Ipv4Header>(packet.network_header());
  return {header.source, header.destination, packet.source_port, packet.destination_port, packet.protocol, 0, vrf};
}
inline FiveTuple6 datagram_tuple6(const Packet& packet, std::uint16_t vrf = 0) noexcept {
  const auto& header = view<Ipv6Header>(packet.network_header());
  return {header.source, header.destination, packet.source_port, packet.destination_port, packet.protocol, 0, vrf};
}

class DatagramQueue {
 public:
  using Index = std::uint16_t;  ///< of an entry of the storage
  static constexpr Index kNone = 0xffff;
  static constexpr std::uint32_t kLongestChain = 16;  ///< datagrams of one bucket
  static constexpr std::size_t kSourceLines = 1024;
  /// Of `entries` of storage, those that one source may have.
  static constexpr std::uint32_t source_share(std::size_t entries) noexcept {
    return entries < 8 ? 2 : static_cast<std::uint32_t>(entries / 4);
  }

  /// Where a kept fragment belongs.
  struct Piece {
    Index next = kNone;
    std::uint16_t offset = 0, length = 0;

    std::uint32_t end() const noexcept { return std::uint32_t{offset} + length; }
  };

  struct Datagram {
    DatagramId id;
    Now since = 0;                         ///< when its first fragment came
    Index first = kNone, last = kNone;     ///< its pieces, by offset
    Index older = kNone, younger = kNone;  ///< in its list
    Index next = kNone;                    ///< in its bucket, an older one
    Index bucket = 0;
    std::uint16_t source_line = 0;
    std::uint16_t total = 0;             ///< bytes of data; 0 until the last fragment has come
    std::uint16_t transport_length = 0;  ///< once it is whole
    std::uint16_t count = 0;             ///< pieces
    std::uint32_t bytes = 0;             ///< of data in its pieces
    bool spoiled = false;                ///< has no pieces, and refuses all
  };

  /// Room for one fragment, for one datagram and for the head of one bucket; they have nothing to do with each other.
  struct Entry {
    Packet packet;
    Piece piece;
    Datagram datagram;
    Index bucket = kNone;  ///< the youngest datagram of the bucket with this entry's number
  };

  /// `storage` is the caller's; its size is the bound, at most 65534. Less than 256 let one source have no datagram of
  /// 64 fragments. `gauge` is told the bound, and counts as failures what found no room.
  DatagramQueue(std::span<Entry> storage, const HashKey& key, Gauge& gauge) noexcept;
  DatagramQueue(const DatagramQueue&) = delete;
  DatagramQueue& operator=(const DatagramQueue&) = delete;

  /// Takes a parsed fragment, packet.is_part(): its verdict is kHold then, and its frame the queue's. If it can't, or
  /// if a packet dropped before must leave for it, `packet` becomes what has to be dropped, with its verdict and
  /// reason. To be followed, after a burst of them, by take_whole() and take_dropped(). `vrf` as in five_tuple4().
  void keep(Packet& packet, Now now, std::uint32_t timeout_ms, std::uint16_t vrf = 0) noexcept;

  /// Appends all fragments of the datagram that became whole first, without verdict, if there is one and the burst has
  /// room for it; an empty burst always has. All have the ports and the protocol of the first, as parse found them
  /// there: datagram_tuple4(). Their frames are the caller's.
  WholeDatagram take_whole(Burst& burst) noexcept;

  /// Appends what was dropped with others, and what has waited for `timeout_ms`, as many as have room; looks at no more
  /// than a burst of datagrams. Their frames are the caller's. Once a turn.
  void take_dropped(Burst& burst, Now now, std::uint32_t timeout_ms) noexcept;

  /// Appends fragments that wait, as drops, as many as have room; for a worker that stops. False when none waits.
  bool take_all(Burst& burst) noexcept;

  /// Fragments whose frames are the queue's.
  std::uint32_t size() const noexcept { return fragments_; }

  /// Tells the gauge how full the queue is. Once a turn.
  void observe() noexcept { gauge_.observe(fragments_); }

 private:
  struct List {
    Index first = kNone, last = kNone;
  };
  /// Between which pieces of its datagram a fragment belongs; `behind` may have the same offset.
  struct Gap {
    Index before = kNone, behind = kNone;
  };

  Piece& piece(Index index) noexcept { return storage_[index].piece; }
  const Piece& piece(Index index) const noexcept { return storage_[index].piece; }
  Datagram& datagram(Index index) noexcept { return storage_[index].datagram; }
  bool is_over(const Datagram& datagram, Now now, std::uint32_t timeout_ms) const noexcept {
    return now - datagram.since >= timeout_ms * kNanosecondsPerMillisecond;
  }

  // Datagrams.
  Index find(const DatagramId& id, Index bucket) const noexcept;
  Index open(const DatagramId& id, Index bucket, Now now) noexcept;
  void shorten(Index bucket) noexcept;
  void spoil(Index index, DropReason reason) noexcept;
  void remove(Index index, DropReason reason) noexcept;
  void complete(Index index) noexcept;
  void forget(Index index) noexcept;
  void free_datagram(List& list, Index index) noexcept;
  void append(List& list, Index index) noexcept;
  void take_out(List& list, Index index) noexcept;
  List& list_of(const Datagram& datagram) noexcept { return datagram.spoiled ? spoiled_ : waiting_; }
  std::uint16_t source_line(const DatagramId& id) const noexcept;

  // Fragments.
  Gap gap_for(const Datagram& datagram, std::uint32_t offset) const noexcept;
  DropReason judge(const Datagram& datagram, const Gap& gap, const FragmentPlace& place) const noexcept;
  DropReason make_room(Index index) noexcept;
  void insert(Index index, const Gap& gap, const FragmentPlace& place, Packet& packet) noexcept;
  void drop_pieces(Datagram& datagram, DropReason reason) noexcept;
  void append_dropped(Burst& burst) noexcept;
  void free_piece(Index index) noexcept;

  std::span<Entry> storage_;
  HashKey key_;
  Gauge& gauge_;
  std::uint32_t share_;
  std::uint32_t fragments_ = 0;
  Index free_piece_ = kNone;     ///< entries without a packet, by Piece::next
  Index free_datagram_ = kNone;  ///< entries without a datagram, by Datagram::younger
  List waiting_;                 ///< datagrams, the one opened first first
  List spoiled_;                 ///< the one spoiled first first
  List whole_;                   ///< the one first that became whole first
  List dropped_;                 ///< packets to be dropped, by Piece::next
  /// Entries that the sources of a line have: of each datagram its pieces, or one when it has none.
  std::array<std::uint16_t, kSourceLines> source_use_{};
};

}  // namespace culvert
