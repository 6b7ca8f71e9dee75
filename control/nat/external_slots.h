// SPDX-License-Identifier: Apache-2.0
// Which external address has which slot (nat/external_addresses.h), over all configurations of one culvertd:
//
//   want 198.18.1.1, 198.18.1.2        slot 0 198.18.1.1       slot 1 198.18.1.2
//   want 198.18.1.2, 198.18.1.9        slot 0 retired          slot 1 198.18.1.2       slot 2 198.18.1.9
//   (the last session with a port of 198.18.1.1 ends)          slot 0 is free
//
// A slot is somebody else's only after all workers have been told that it gives no ports, and have all of them back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "control/netlink/ip_prefix.h"
#include "nat/external_addresses.h"

namespace culvert {

class ExternalSlots {
 public:
  struct Wanted {
    IpAddress address;
    PoolRange range;
    std::vector<HostPort> excluded;  ///< sorted
  };
  enum class State : std::uint8_t {
    kFree,
    kWanted,
    kRetiring,  ///< not wanted any more; workers are not told yet
    kRetired,   ///< workers know; sessions may have ports of it
  };
  struct Slot {
    State state = State::kFree;
    IpAddress address;
    PoolRange range = kNoPorts;
    std::vector<HostPort> excluded;
    std::uint32_t version = 1;
  };

  explicit ExternalSlots(std::size_t count) : slots_(count) {}

  /// What is wanted from now on, no address twice; what workers were given before, they know now. `in_use`: of a slot,
  /// some worker has ports of it or does not answer. Returns those that found no slot.
  std::vector<IpAddress> want(std::span<const Wanted> wanted, const std::function<bool(std::size_t)>& in_use);

  /// Of one that is wanted and found a slot.
  std::optional<std::size_t> find(const IpAddress& address) const noexcept;
  std::span<const Slot> all() const noexcept { return slots_; }

 private:
  void retire(std::span<const Wanted> wanted, const std::function<bool(std::size_t)>& in_use);

  std::vector<Slot> slots_;
  std::map<IpAddress, std::size_t> places_;  ///< of slots that are not free
  std::uint32_t version_ = 1;
};

}  // namespace culvert
