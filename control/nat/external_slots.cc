// SPDX-License-Identifier: Apache-2.0
#include "control/nat/external_slots.h"

#include <set>

namespace culvert {

void ExternalSlots::retire(std::span<const Wanted> wanted, const std::function<bool(std::size_t)>& in_use) {
  std::set<IpAddress> stay;
  for (const Wanted& one : wanted) stay.insert(one.address);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.state == State::kRetiring) slot.state = State::kRetired;
    if (slot.state == State::kRetired && !in_use(i)) {
      slot.state = State::kFree;
      places_.erase(slot.address);
    } else if (slot.state == State::kWanted && !stay.contains(slot.address)) {
      slot.state = State::kRetiring;
      slot.range = kNoPorts;
      slot.version = ++version_;
    }
  }
}

std::vector<IpAddress> ExternalSlots::want(std::span<const Wanted> wanted,
                                           const std::function<bool(std::size_t)>& in_use) {
  retire(wanted, in_use);
  std::vector<IpAddress> without;
  std::size_t free = 0;
  for (const Wanted& one : wanted) {
    auto place = places_.find(one.address);
    if (place == places_.end()) {
      while (free < slots_.size() && slots_[free].state != State::kFree) ++free;
      if (free == slots_.size()) {
        without.push_back(one.address);
        continue;
      }
      place = places_.emplace(one.address, free).first;
    }
    Slot& slot = slots_[place->second];
    const bool same = slot.state == State::kWanted && slot.range == one.range && slot.excluded == one.excluded;
    if (!same) slot = {State::kWanted, one.address, one.range, one.excluded, ++version_};
  }
  return without;
}

std::optional<std::size_t> ExternalSlots::find(const IpAddress& address) const noexcept {
  const auto place = places_.find(address);
  if (place == places_.end() || slots_[place->second].state != State::kWanted) return std::nullopt;
  return place->second;
}

}  // namespace culvert
