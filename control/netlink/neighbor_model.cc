// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/neighbor_model.h"

#include <linux/neighbour.h>

namespace culvert {

bool Neighbor::usable() const noexcept {
  constexpr std::uint16_t kValid = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
  return (state & kValid) != 0 && has_mac && !mac.is_group() && (flags & NTF_PROXY) == 0;
}

bool Neighbor::failed() const noexcept {
  return (state & NUD_FAILED) != 0;
}

NeighborChange NeighborModel::apply(const NeighborMessage& message, std::uint8_t generation) {
  const NeighborKey key{message.ifindex, message.address};
  // Multicast entries are the kernel's own bookkeeping, proxy entries are not neighbours.
  if (message.address.is_ipv6_multicast() || (message.flags & NTF_PROXY) != 0) return {key};
  if (message.removed) return remove(key);
  auto it = neighbors_.find(key);
  if (it == neighbors_.end()) {
    if (neighbors_.size() >= limit_) {
      ++refused_;
      return {key};
    }
    it = neighbors_.emplace(key, Neighbor{}).first;
  }
  Neighbor& entry = it->second;
  const Neighbor before = entry;
  entry.state = message.state;
  entry.flags = message.flags;
  entry.managed = (message.extended_flags & NTF_EXT_MANAGED) != 0;
  entry.has_mac = message.has_mac;
  entry.mac = message.mac;
  entry.generation = generation;
  NeighborChange change{key};
  change.changed = before.usable() != entry.usable() || (entry.usable() && before.mac != entry.mac);
  change.failed_now = entry.failed() && !before.failed();
  change.unmanaged = before.managed && !entry.managed;
  return change;
}

bool NeighborModel::sweep_one(std::uint8_t generation, NeighborChange& change) {
  for (const auto& [key, entry] : neighbors_) {
    if (entry.generation == generation) continue;
    change = remove(NeighborKey(key));
    return true;
  }
  return false;
}

NeighborChange NeighborModel::remove(const NeighborKey& key) {
  NeighborChange change{key};
  const auto it = neighbors_.find(key);
  if (it == neighbors_.end()) return change;
  change.changed = it->second.usable();
  change.unmanaged = it->second.managed;
  change.gone = true;
  neighbors_.erase(it);
  return change;
}

const Neighbor* NeighborModel::find(const NeighborKey& key) const {
  const auto it = neighbors_.find(key);
  return it == neighbors_.end() ? nullptr : &it->second;
}

const Neighbor* NeighborModel::find_usable(const NeighborKey& key) const {
  const Neighbor* found = find(key);
  return found != nullptr && found->usable() ? found : nullptr;
}

}  // namespace culvert
