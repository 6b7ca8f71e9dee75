// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/object_model.h"

#include <algorithm>

namespace culvert {

ObjectModel::Changes ObjectModel::apply(const ObjectMessage& message, std::uint8_t generation) {
  Changes changes;
  if (message.fdb) return changes;
  if (message.removed) {
    remove(message.id, changes);
    return changes;
  }
  const auto [it, inserted] = objects_.try_emplace(message.id);
  NextHopObject& object = it->second;
  const bool same = !inserted && object.blackhole == message.blackhole && object.path == message.path &&
                    object.members == message.members;
  object = {message.blackhole, message.path, message.members, generation};
  if (same) return changes;
  changes.changed.push_back(message.id);
  add_groups_of(message.id, changes);
  return changes;
}

ObjectModel::Changes ObjectModel::sweep(std::uint8_t generation) {
  Changes changes;
  std::vector<std::uint32_t> old;
  for (const auto& [id, object] : objects_)
    if (object.generation != generation) old.push_back(id);
  for (const std::uint32_t id : old) remove(id, changes);
  return changes;
}

ObjectModel::Changes ObjectModel::flush_link(std::uint32_t ifindex) {
  Changes changes;
  std::vector<std::uint32_t> lost;
  for (const auto& [id, object] : objects_)
    if (object.members.empty() && object.path.ifindex == ifindex) lost.push_back(id);
  for (const std::uint32_t id : lost) remove(id, changes);
  return changes;
}

/// A group loses the member, and goes when it was the last one (remove_nexthop_from_groups).
void ObjectModel::remove(std::uint32_t id, Changes& changes) {
  if (objects_.erase(id) == 0) return;
  changes.gone.push_back(id);
  std::vector<std::uint32_t> empty;
  for (auto& [group_id, group] : objects_) {
    if (std::erase_if(group.members, [id](const ObjectMember& member) { return member.id == id; }) == 0) continue;
    if (group.members.empty()) {
      empty.push_back(group_id);
    } else {
      changes.changed.push_back(group_id);
    }
  }
  for (const std::uint32_t group_id : empty) remove(group_id, changes);
}

void ObjectModel::add_groups_of(std::uint32_t id, Changes& changes) const {
  for (const auto& [group_id, group] : objects_) {
    const auto has = std::any_of(group.members.begin(), group.members.end(),
                                 [id](const ObjectMember& member) { return member.id == id; });
    if (has) changes.changed.push_back(group_id);
  }
}

const NextHopObject* ObjectModel::find(std::uint32_t id) const {
  const auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : &it->second;
}

std::vector<Path> ObjectModel::expand(std::uint32_t id, bool& blackhole) const {
  std::vector<Path> paths;
  blackhole = false;
  const NextHopObject* object = find(id);
  if (object == nullptr) return paths;
  if (object->members.empty()) {
    blackhole = object->blackhole;
    if (!blackhole) paths.push_back(object->path);
    return paths;
  }
  for (const ObjectMember& member : object->members) {
    const NextHopObject* each = find(member.id);
    if (each == nullptr || !each->members.empty()) continue;
    blackhole |= each->blackhole;
    if (each->blackhole) continue;
    paths.push_back(each->path);
    paths.back().weight = member.weight;
  }
  return paths;
}

}  // namespace culvert
