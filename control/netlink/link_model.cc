// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/link_model.h"

#include <linux/if.h>

namespace culvert {

bool Link::is_up() const noexcept {
  return (flags & IFF_UP) != 0;
}
bool Link::has_carrier() const noexcept {
  return is_up() && (flags & IFF_LOWER_UP) != 0;
}
bool Link::keeps_objects() const noexcept {
  return is_up() && (flags & (IFF_RUNNING | IFF_LOWER_UP)) != 0;
}

LinkChange LinkModel::apply(const LinkMessage& message, std::uint8_t generation) {
  if (message.removed) return remove(message.ifindex);
  LinkChange change;
  change.ifindex = message.ifindex;
  const auto [it, inserted] = links_.try_emplace(message.ifindex);
  Link& link = it->second;
  const Link before = link;
  link.ifindex = message.ifindex;
  link.name = message.name;
  link.kind = message.kind;
  link.flags = message.flags;
  link.mtu = message.mtu;
  link.mac = message.mac;
  link.operstate = message.operstate;
  link.master = message.master;
  link.lower = message.lower;
  link.vlan = message.vlan;
  link.generation = generation;
  const auto owner = owned_.find(message.name);
  link.owned = owner == owned_.end() ? kNoInterface : owner->second;
  change.known = !inserted;
  change.went_down = !inserted && before.is_up() && !link.is_up();
  change.came_up = (!before.is_up() && link.is_up()) || (!before.has_carrier() && link.has_carrier());
  change.lost_objects = !inserted && before.keeps_objects() && !link.keeps_objects();
  change.owner_changed = before.owned != link.owned;
  change.alive_changed =
      change.owner_changed || before.is_up() != link.is_up() || before.has_carrier() != link.has_carrier();
  change.mtu_changed = before.mtu != link.mtu;
  change.visible = inserted || change.alive_changed || change.mtu_changed || before.mac != link.mac ||
                   before.operstate != link.operstate || before.master != link.master || before.name != link.name;
  return change;
}

bool LinkModel::sweep_one(std::uint8_t generation, LinkChange& change) {
  for (const auto& [ifindex, link] : links_) {
    if (link.generation == generation) continue;
    change = remove(ifindex);
    return true;
  }
  return false;
}

LinkChange LinkModel::remove(std::uint32_t ifindex) {
  LinkChange change;
  change.ifindex = ifindex;
  const auto it = links_.find(ifindex);
  if (it == links_.end()) return change;
  change.known = change.gone = change.went_down = change.lost_objects = true;
  change.alive_changed = change.visible = true;
  change.owner_changed = it->second.owned != kNoInterface;
  links_.erase(it);
  return change;
}

const Link* LinkModel::find(std::uint32_t ifindex) const {
  const auto it = links_.find(ifindex);
  return it == links_.end() ? nullptr : &it->second;
}

const Link* LinkModel::find_owned(InterfaceIndex index) const {
  for (const auto& [ifindex, link] : links_)
    if (link.owned == index && index != kNoInterface) return &link;
  return nullptr;
}

}  // namespace culvert
