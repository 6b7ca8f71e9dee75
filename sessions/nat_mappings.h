// SPDX-License-Identifier: Apache-2.0
// Endpoint-independent mappings of one family and one worker (RFC 4787 4.1): an inside endpoint and its port of an
// external address, for as long as some session has it.
//
//   198.18.0.2:5060 UDP <-> 198.18.1.1:40000    3 sessions, with 192.0.2.1:5060, 192.0.2.1:5061, 192.0.2.9:53
//
// It is a session of a table of its own: found by its inside endpoint and the external address when a session begins
// inside, and by its outside endpoint when somebody outside speaks first. So readers walk mappings as they do sessions.
//
// A mapping is open while one of its sessions has had a packet from inside (RFC 4787 REQ-6): what only somebody outside
// has begun keeps the port, and lets nobody else in. It knows under which policy, and between which zones, such a
// session was allowed last.
//
// Who may speak first is counted when filtering depends on the address (RFC 4787 5): a permit is an inside endpoint
// with the address of somebody whom it has a session with. A mapping has place for one, which is enough for most;
// others are entries of the table, too. All begin with sessions and end with their last one; after a restart they are
// made from the sessions that go on.
//
// Only the worker calls it. Its table has no wheel. Everything takes bounded time and no memory but the caller's.
#pragma once

#include <cstdint>
#include <span>

#include "base/hash.h"
#include "sessions/session_table.h"

namespace culvert {

template <typename Tuple>
class NatMappings {
 public:
  using Table = SessionTable<Tuple>;
  using Address = decltype(Tuple::source);
  /// By which policy, and between which zones, a session of a mapping may be.
  struct Allowed {
    std::uint16_t policy = 0;  ///< its generation
    std::uint8_t inside = 0, outside = 0;

    friend bool operator==(const Allowed&, const Allowed&) = default;
  };
  /// External addresses that of_inside() is asked for together, at most.
  static constexpr std::size_t kMostAddresses = 8;

  NatMappings(const typename Table::Memory& memory, const HashKey& key, Now now) noexcept : table_(memory, key, now) {}

  /// The mapping of the source of a packet that comes from inside, to the first of these addresses to which there is
  /// one; kNoFlow: to none. No more than kMostAddresses.
  FlowSlot of_inside(const Tuple& packet, std::span<const Address> external) const noexcept;
  /// The mapping of the destination of a packet that comes from outside.
  FlowSlot of_outside(const Tuple& packet) const noexcept { return find(outside_key(packet)); }

  // Of a mapping as it was found: its inside endpoint as a source, its outside endpoint as a destination.
  const Tuple& inside(FlowSlot mapping) noexcept { return table_.entry(mapping).key; }
  const Tuple& outside(FlowSlot mapping) noexcept { return table_.entry(table_.entry(mapping).head.peer).key; }
  std::uint64_t sessions(FlowSlot mapping) noexcept { return table_.entry(mapping).head.bytes; }
  bool is_open(FlowSlot mapping) noexcept { return table_.entry(mapping).head.packets() != 0; }
  /// What allow() said last; the generation 0 before.
  Allowed allowed(FlowSlot mapping) noexcept;

  /// Whether the log has its begin.
  bool is_logged(FlowSlot mapping) noexcept { return table_.entry(mapping).head.has(kFlowLogClose); }
  void set_logged(FlowSlot mapping) noexcept { set_log_close(table_.entry(mapping).head, true); }

  /// A mapping for one session with these keys (as SessionStart has them, begun inside). kNoFlow: no room.
  FlowSlot begin(const Tuple& original, const Tuple& reply, Now now) noexcept;
  // Of many sessions at a time, before the first of them begins or holds a mapping: each of the following for all.

  /// Where a mapping of the session with these keys is found, or would be.
  struct Place {
    std::uint64_t inside = 0, outside = 0;
  };
  Place prefetch(const Tuple& original, const Tuple& reply) const noexcept;
  void prefetch(const Place& place) const noexcept;

  /// One more session has it.
  void hold(FlowSlot mapping) noexcept { count(mapping, 1); }
  /// One session less. True: that was the last one, and the mapping is no more.
  bool release(FlowSlot mapping) noexcept;
  /// One more of its sessions has had a packet from inside.
  void open(FlowSlot mapping) noexcept;
  /// One such session less.
  void close(FlowSlot mapping) noexcept;
  /// A session that keeps it open has been allowed.
  void allow(FlowSlot mapping, const Allowed& allowed) noexcept;

  /// The inside endpoint of a session with this mapping has spoken to its destination's address. False: no room, or
  /// there is to be none (`room`) and the table would need it.
  bool permit(FlowSlot mapping, const Tuple& original, bool room, Now now) noexcept;
  /// That session has ended.
  void forbid(FlowSlot mapping, const Tuple& original) noexcept;
  /// Whether the inside endpoint of a mapping has spoken to the address from which this packet comes.
  bool permitted(FlowSlot mapping, const Tuple& packet) noexcept;

  /// Whether an entry with this key is no mapping but a permit, for readers of the table.
  static bool is_permit(const Tuple& key) noexcept { return key.vrf == kPermits; }

  /// Mappings, and permits that are not in them.
  std::uint32_t size() const noexcept { return table_.size(); }

 private:
  /// Keys of permits have a network of their own, so that no packet is ever taken for one.
  static constexpr std::uint16_t kPermits = 0xffff;

  static Tuple inside_key(const Tuple& packet, const Address& external) noexcept;
  static Tuple outside_key(const Tuple& packet) noexcept;
  static Tuple permit_key(const Tuple& original) noexcept;
  FlowSlot find(const Tuple& key) const noexcept;
  FlowSlot insert(const Tuple& original, const Tuple& reply, Now now) noexcept;
  void count(FlowSlot slot, std::uint64_t change) noexcept {
    FlowHead& head = table_.entry(slot).head;
    put(head.bytes, head.bytes + change);
  }
  /// The permit that lies in the mapping: how many sessions it is for, and whose address it is.
  std::uint64_t& own_permits(FlowSlot mapping) noexcept {
    return table_.entry(table_.entry(mapping).head.peer).head.bytes;
  }
  bool is_own_permit(FlowSlot mapping, const Address& address) noexcept;
  void put_own_permit(FlowSlot mapping, const Address& address) noexcept;
  void count_open(FlowSlot mapping, std::uint64_t change) noexcept {
    FlowHead& head = table_.entry(mapping).head;
    const std::uint64_t sessions = (head.packets() + change) & FlowHead::kPacketBits;
    put(head.packets_and_policy, sessions | std::uint64_t{head.policy()} << 48);
  }

  Table table_;
};

extern template class NatMappings<FiveTuple4>;
extern template class NatMappings<FiveTuple6>;

}  // namespace culvert
