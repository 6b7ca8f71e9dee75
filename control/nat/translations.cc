// SPDX-License-Identifier: Apache-2.0
#include "control/nat/translations.h"

#include <algorithm>
#include <set>
#include <utility>

namespace culvert {

Result<void> Translations::read_host() {
  auto bound = bound_ports();
  if (bound.has_error()) return bound.error();
  bound_ = std::move(bound).value();
  beside_kernel_ = ports_beside_kernel();
  return {};
}

std::vector<ExternalSlots::Wanted> Translations::wanted(const NatRules& rules, const Facts& facts) const {
  const DestinationRules destinations(rules.destinations, facts.interfaces);
  return wanted_addresses(rules, facts.interfaces, facts.local, bound_, rules.interface_ports.value_or(beside_kernel_),
                          destinations);
}

bool Translations::is_up_to_date(const NatRules& rules, const Facts& facts) const {
  const auto has_its_slot = [this](const ExternalSlots::Wanted& one) {
    const auto slot = slots_.find(one.address);
    if (!slot.has_value()) return false;
    const ExternalSlots::Slot& has = slots_.all()[*slot];
    return has.range == one.range && has.excluded == one.excluded;
  };
  if (rules.follows_interfaces() && facts.interfaces != interfaces_) return false;
  const auto all = wanted(rules, facts);
  return std::all_of(all.begin(), all.end(), has_its_slot);
}

bool Translations::would_lose(const NatRules& rules, const Facts& facts) const {
  const auto has_it_still = [&facts](const NatInterface& before) {
    const auto now = std::find_if(facts.interfaces.begin(), facts.interfaces.end(),
                                  [&before](const NatInterface& one) { return one.number == before.number; });
    return now != facts.interfaces.end() && (!before.address[0] || before.address[0] == now->address[0]) &&
           (!before.address[1] || before.address[1] == now->address[1]);
  };
  if (!std::all_of(interfaces_.begin(), interfaces_.end(), has_it_still)) return true;
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
  interfaces_ = facts.interfaces;
  made_ = std::make_shared<const Translation>(std::move(rules), slots_, facts.interfaces, pairing_key_);
  return made_;
}

}  // namespace culvert
