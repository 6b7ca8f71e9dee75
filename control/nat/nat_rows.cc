// SPDX-License-Identifier: Apache-2.0
#include "control/nat/nat_rows.h"

#include <algorithm>

#include "control/rule_page.h"

namespace culvert {
namespace {

NatPortUse use_of(const ExternalSlots::Slot& slot, std::size_t number, PortKind kind, const PortUseOf& use) {
  NatPortUse ports = use(number, kind);
  if (slot.range == kNoPorts) return ports;
  const auto left_out = std::count_if(slot.excluded.begin(), slot.excluded.end(),
                                      [kind](const HostPort& port) { return port.kind == kind; });
  ports.max = slot.range.last - slot.range.first + 1U - static_cast<std::uint64_t>(left_out);
  return ports;
}

NatAddressRow row_of(const ExternalSlots::Slot& slot, std::size_t number, const PortUseOf& use) {
  NatAddressRow row;
  row.address = slot.address.to_string();
  row.state = slot.state == ExternalSlots::State::kWanted ? "used" : "retired";
  if (slot.range != kNoPorts) {
    row.first_port = slot.range.first;
    row.last_port = slot.range.last;
  }
  row.excluded = slot.excluded.size();
  row.tcp = use_of(slot, number, PortKind::kTcp, use);
  row.udp = use_of(slot, number, PortKind::kUdp, use);
  row.icmp = use_of(slot, number, PortKind::kIcmp, use);
  row.sctp = use_of(slot, number, PortKind::kSctp, use);
  return row;
}

}  // namespace

Result<NatPools> nat_pools(const Translations& translations, const NatRules& rules,
                           const std::map<IpAddress, std::string>& interfaces, const PortUseOf& use,
                           const std::string& after, std::size_t limit) {
  const auto slots = translations.slots();
  const auto before = rows_before(after, slots.size());
  if (before.has_error()) return before.error();
  std::map<IpAddress, std::string> names;
  for (const NatRules::Pool& pool : rules.pools) {
    for (const IpAddress& address : pool.addresses) names.emplace(address, pool.name);
  }
  for (const auto& [address, name] : interfaces) names.emplace(address, "interface " + name);
  NatPools pools;
  pools.max = slots.size();
  for (const IpAddress& address : translations.without_slot()) pools.without_place.push_back(address.to_string());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].state == ExternalSlots::State::kFree) continue;
    ++pools.total;
    if (i < *before) continue;
    if (pools.addresses.size() == limit) {
      if (!pools.next) pools.next = std::to_string(i);
      continue;
    }
    NatAddressRow row = row_of(slots[i], i, use);
    if (const auto name = names.find(slots[i].address); name != names.end()) row.pool = name->second;
    pools.addresses.push_back(std::move(row));
  }
  return pools;
}

}  // namespace culvert
