// SPDX-License-Identifier: Apache-2.0
// Endpoint-independent mappings of one family and one worker (RFC 4787 4.1): an inside endpoint and its port outside,
// for as long as some session has it.
//
//   198.18.0.2:5060 UDP <-> 198.18.1.1:40000    3 sessions, with 192.0.2.1:5060, 192.0.2.1:5061, 192.0.2.9:53
//
// It is a session of a table of its own, whose other end is nobody: found by its inside endpoint when a session begins
// inside, and by its outside endpoint when somebody outside speaks first. So readers walk mappings as they do sessions.
//
// Who may speak first is counted beside them when filtering depends on the address (RFC 4787 5): a permit is an inside
// endpoint with the address of somebody whom it has a session with. Both begin with sessions and end with their last
// one; after a restart they are made from the sessions that go on.
//
// Only the worker calls it. Everything takes bounded time and no memory but the caller's.
#pragma once

#include <cstdint>

#include "base/hash.h"
#include "sessions/session_table.h"

namespace culvert {

template <typename Tuple>
class NatMappings {
 public:
  using Table = SessionTable<Tuple>;

  NatMappings(const typename Table::Memory& memory, const HashKey& key, Now now) noexcept : table_(memory, key, now) {}

  /// The mapping of the source of a packet that comes from inside; kNoFlow: it has none.
  FlowSlot of_inside(const Tuple& packet) const noexcept { return find(inside_key(packet)); }
  /// The mapping of the destination of a packet that comes from outside.
  FlowSlot of_outside(const Tuple& packet) const noexcept { return find(outside_key(packet)); }

  // Of a mapping as it was found: its inside endpoint as a source, its outside endpoint as a destination.
  const Tuple& inside(FlowSlot mapping) noexcept { return table_.entry(mapping).key; }
  const Tuple& outside(FlowSlot mapping) noexcept { return table_.entry(table_.entry(mapping).head.peer).key; }
  std::uint64_t sessions(FlowSlot mapping) noexcept { return table_.entry(mapping).head.bytes; }

  /// A mapping for one session with these keys (as SessionStart has them, begun inside). kNoFlow: no room.
  FlowSlot begin(const Tuple& original, const Tuple& reply, Now now) noexcept;
  /// One more session has it.
  void hold(FlowSlot mapping) noexcept { count(mapping, 1); }
  /// One session less. True: that was the last one, and the mapping is no more.
  bool release(FlowSlot mapping) noexcept;

  /// The inside endpoint of a session that began inside has spoken to its destination's address. False: no room.
  bool permit(const Tuple& original, Now now) noexcept;
  /// That session has ended.
  void forbid(const Tuple& original) noexcept;
  /// Whether the inside endpoint of a mapping has spoken to the address from which this packet comes.
  bool permitted(FlowSlot mapping, const Tuple& packet) noexcept;

  /// Mappings and permits.
  std::uint32_t size() const noexcept { return table_.size(); }

 private:
  static Tuple inside_key(const Tuple& packet) noexcept;
  static Tuple outside_key(const Tuple& packet) noexcept;
  static Tuple permit_key(const Tuple& original) noexcept;
  FlowSlot find(const Tuple& key) const noexcept;
  FlowSlot insert(const Tuple& original, const Tuple& reply, Now now) noexcept;
  void count(FlowSlot slot, std::uint64_t change) noexcept {
    FlowHead& head = table_.entry(slot).head;
    put(head.bytes, head.bytes + change);
  }

  Table table_;
};

extern template class NatMappings<FiveTuple4>;
extern template class NatMappings<FiveTuple6>;

}  // namespace culvert
