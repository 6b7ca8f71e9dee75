// SPDX-License-Identifier: Apache-2.0
// The NAT that runs: which external address has which slot over time, what is the host's own, and the translation that
// workers have. Control's only.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/nat/external_slots.h"
#include "control/nat/host_ports.h"
#include "control/nat/translation.h"

namespace culvert {

class Translations {
 public:
  /// What there is on this machine now.
  struct Facts {
    std::vector<NatInterface> interfaces;
    std::vector<IpAddress> local;  ///< the host's addresses
  };

  /// `slots`: of every worker's memory.
  Translations(std::size_t slots, const HashKey& pairing_key) : slots_(slots), pairing_key_(pairing_key) {}

  /// Asks the kernel which ports are its own and the host's. Errors: it does not say, and what it said before is kept.
  Result<void> read_host();

  /// Whether make() would change nothing, and every address has its slot.
  bool is_up_to_date(const NatRules& rules, const Facts& facts) const;
  /// Whether an address of before is no more, or is another interface's: sessions that have it must be judged anew.
  bool would_lose(const NatRules& rules, const Facts& facts) const;
  /// The translation for workers from now on. `in_use`: as in ExternalSlots::want().
  std::shared_ptr<const Translation> make(std::shared_ptr<const NatRules> rules, const Facts& facts,
                                          const std::function<bool(std::size_t)>& in_use);

  /// Whether workers want packets to it.
  bool is_external(const IpAddress& address) const noexcept {
    return slots_.find(address).has_value() || (made_ != nullptr && made_->destinations().has_outside(address));
  }
  /// Those that found no slot, the last time.
  const std::vector<IpAddress>& without_slot() const noexcept { return without_slot_; }
  std::span<const ExternalSlots::Slot> slots() const noexcept { return slots_.all(); }

 private:
  std::vector<ExternalSlots::Wanted> wanted(const NatRules& rules, const Facts& facts) const;

  ExternalSlots slots_;
  HashKey pairing_key_;
  std::vector<BoundPort> bound_;
  PoolRange beside_kernel_ = kNoPorts;
  std::vector<IpAddress> without_slot_;
  std::vector<NatInterface> interfaces_;  ///< as make() found them the last time
  std::shared_ptr<const Translation> made_;
};

}  // namespace culvert
