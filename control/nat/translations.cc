// SPDX-License-Identifier: Apache-2.0
#include "control/nat/translations.h"

#include <algorithm>
#include <set>
#include <utility>

namespace culvert {

Result<bool> Translations::read_host() {
  auto asked = bound_ports();
  if (asked.has_error()) return asked.error();
  std::vector<BoundPort> bound = std::move(asked).value();
  std::sort(bound.begin(), bound.end());
  const PoolRange beside = ports_beside_kernel();
  const bool changed = beside != beside_kernel_ || bound != bound_;
  beside_kernel_ = beside;
  bound_ = std::move(bound);
  return changed;
}

std::vector<ExternalSlots::Wanted> Translations::wanted(const NatRules& rules, const Facts& facts) const {
  return wanted_addresses(rules, facts.interfaces, facts.local, bound_, rules.interface_ports.value_or(beside_kernel_));
}

bool Translations::would_lose(const NatRules& rules, const Facts& facts) const {
  std::set<IpAddress> stay;
  for (const ExternalSlots::Wanted& one : wanted(rules, facts)) stay.insert(one.address);
  const auto all = slots_.all();
  return std::any_of(all.begin(), all.end(), [&stay](const ExternalSlots::Slot& slot) {
    return slot.state == ExternalSlots::State::kWanted && !stay.contains(slot.address);
  });
}

std::shared_ptr<const Translation> Translations::make(std::shared_ptr<const NatRules> rules, const Facts& facts,
                                                      const std::function<bool(std::size_t)>& in_use) {
  without_slot_ = slots_.want(wanted(*rules, facts), in_use);
  return std::make_shared<const Translation>(std::move(rules), slots_, facts.interfaces, pairing_key_);
}

}  // namespace culvert
