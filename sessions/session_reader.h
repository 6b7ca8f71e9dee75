// SPDX-License-Identifier: Apache-2.0
// Looks at a worker's sessions from another thread while the worker goes on: for `show sessions`, telemetry and tests.
// An entry is consistent in itself, both directions belong together, and a session that is made or taken apart
// meanwhile is seen whole or not at all. Walking ten million sessions stops nobody and takes no memory.
//
//   for (FlowSlot slot = 1; slot < reader.slots(); ++slot) {
//     if (const auto session = reader.read(slot)) print(*session);
//   }
#pragma once

#include <optional>

#include "sessions/session_table.h"

namespace culvert {

template <typename Tuple>
struct SessionView {
  struct Side {
    FlowSlot slot = kNoFlow;
    Tuple key;
    FlowHead head;
    FlowInfo info;
  };
  Side original;
  Side reply;
};

template <typename Tuple>
class SessionReader {
 public:
  /// The memory of the worker's SessionTable; it is not written.
  explicit SessionReader(const typename SessionTable<Tuple>::Memory& memory) noexcept;

  std::size_t slots() const noexcept { return entries_.size(); }
  /// The session whose original direction is at this slot; nothing for other slots and for what is not whole.
  std::optional<SessionView<Tuple>> read(FlowSlot slot) const noexcept;

 private:
  bool read_side(FlowSlot slot, typename SessionView<Tuple>::Side& side) const noexcept;

  std::span<FlowTags> tags_;
  std::span<FlowEntry<Tuple>> entries_;
  std::span<FlowInfo> infos_;
};

extern template class SessionReader<FiveTuple4>;
extern template class SessionReader<FiveTuple6>;

}  // namespace culvert
