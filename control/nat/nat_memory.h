// SPDX-License-Identifier: Apache-2.0
// One worker's NAT with its memory: a pool of ports for each slot of an external address and kind of ports, its bits
// and its gauge; and tables of mappings with room for as many as there are sessions.
//
//   64 slots x 4 kinds x about 16 KB                 4.2 MB, of all workers together
//   262,144 mappings of either family                170 MB
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/mapping.h"
#include "sessions/nat_bindings.h"

namespace culvert {

/// Stays where it is.
class NatMemory {
 public:
  struct Sizes {
    std::uint32_t slots = 0;  ///< of external addresses; 0: there is no NAT, and no memory
    std::uint32_t mappings = 0;
    HugePages huge_pages = HugePages::kTry;
  };
  /// Throws SetupError when there is no memory.
  NatMemory(const Sizes& sizes, WorkerIndex self, WorkerIndex workers);
  NatMemory(const NatMemory&) = delete;
  NatMemory& operator=(const NatMemory&) = delete;

  /// Null without slots.
  NatBindings* bindings() noexcept { return bindings_.has_value() ? &*bindings_ : nullptr; }
  /// kPortKinds for each slot, in their order.
  std::span<const Gauge> port_gauges() const noexcept { return port_gauges_; }

  // For readers; empty without slots.

  const NatBindings::Memory& tables() const noexcept { return tables_; }
  /// Mappings and permits (sessions/nat_bindings.h).
  const Gauge& mappings() const noexcept { return mappings_; }

 private:
  Mapping words_memory_, pools_memory_, gauges_memory_, tables_memory_;
  std::span<Gauge> port_gauges_;
  ExternalPorts ports_;
  NatBindings::Memory tables_;
  Gauge mappings_;
  std::optional<NatBindings> bindings_;
};

}  // namespace culvert
