// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/address_model.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

namespace culvert {

bool LinkAddress::is_good_source() const noexcept {
  return (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED)) == 0;
}
bool LinkAddress::is_secondary() const noexcept {
  return (flags & IFA_F_SECONDARY) != 0;
}

AddressChange AddressModel::apply(const AddressMessage& message, std::uint8_t generation) {
  const bool ipv4 = message.address.is_ipv4();
  const Key key{message.ifindex, {message.address, message.length}, ipv4 ? message.peer : IpAddress{}};
  if (message.removed) return remove(key);
  AddressChange change;
  change.ifindex = message.ifindex;
  change.address = message.address;
  const auto [it, inserted] = addresses_.try_emplace(key);
  LinkAddress& entry = it->second;
  change.changed = inserted || entry.flags != message.flags || entry.scope != message.scope;
  entry = {message.length, message.scope, message.flags, generation};
  change.added = inserted;
  if (inserted) change.appeared = ++entries_with_[message.address] == 1;
  return change;
}

bool AddressModel::sweep_one(std::uint8_t generation, AddressChange& change) {
  for (const auto& [key, entry] : addresses_) {
    if (entry.generation == generation) continue;
    change = remove(Key(key));
    return true;
  }
  return false;
}

AddressChange AddressModel::remove(const Key& key) {
  AddressChange change;
  change.ifindex = key.ifindex;
  change.address = key.prefix.address;
  if (addresses_.erase(key) == 0) return change;
  change.changed = true;
  const auto holders = entries_with_.find(change.address);
  if (--holders->second == 0) {
    entries_with_.erase(holders);
    change.vanished = true;
  }
  auto another = addresses_.lower_bound({key.ifindex, {}, {}});
  const auto on_link = [&] { return another != addresses_.end() && another->first.ifindex == key.ifindex; };
  while (on_link() && another->first.prefix.address.is_ipv4() != change.address.is_ipv4()) ++another;
  change.last_of_link = !on_link();
  return change;
}

std::optional<Ipv4Address> AddressModel::ipv4_source(std::uint32_t ifindex) const {
  std::optional<Ipv4Address> found;
  int best = -1;
  for (auto it = addresses_.lower_bound({ifindex, {}, {}}); it != addresses_.end() && it->first.ifindex == ifindex;
       ++it) {
    if (!it->first.prefix.address.is_ipv4()) continue;
    const LinkAddress& entry = it->second;
    const int rank = (entry.scope == RT_SCOPE_UNIVERSE ? 2 : 0) + (entry.is_secondary() ? 0 : 1);
    if (rank <= best) continue;
    best = rank;
    found = it->first.prefix.address.ipv4();
  }
  return found;
}

std::optional<Ipv6Address> AddressModel::ipv6_source(std::uint32_t ifindex) const {
  std::optional<Ipv6Address> found;
  int best = -1;
  for (auto it = addresses_.lower_bound({ifindex, {}, {}}); it != addresses_.end() && it->first.ifindex == ifindex;
       ++it) {
    const IpAddress& address = it->first.prefix.address;
    const LinkAddress& entry = it->second;
    if (address.is_ipv4() || (entry.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0) continue;
    const int rank = (entry.scope == RT_SCOPE_UNIVERSE ? 2 : 0) + (entry.is_good_source() ? 1 : 0);
    if (rank <= best) continue;
    best = rank;
    found = address.ipv6();
  }
  return found;
}

std::optional<IpAddress> AddressModel::host_address(bool ipv4) const {
  std::optional<IpAddress> found;
  int best = -1;
  for (const auto& [key, entry] : addresses_) {
    const IpAddress& address = key.prefix.address;
    if (address.is_ipv4() != ipv4 || entry.scope != RT_SCOPE_UNIVERSE || !xdp_must_know(address)) continue;
    if ((entry.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0) continue;
    const int rank = (entry.is_good_source() ? 2 : 0) + (entry.is_secondary() ? 0 : 1);
    if (rank <= best) continue;
    best = rank;
    found = address;
  }
  return found;
}

std::optional<Ipv4Address> AddressModel::host_ipv4() const {
  const auto found = host_address(true);
  return found ? std::optional(found->ipv4()) : std::nullopt;
}

std::optional<Ipv6Address> AddressModel::host_ipv6() const {
  const auto found = host_address(false);
  return found ? std::optional(found->ipv6()) : std::nullopt;
}

}  // namespace culvert
