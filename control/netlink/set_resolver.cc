// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/set_resolver.h"

#include <algorithm>
#include <linux/rtnetlink.h>

#include "base/result.h"

namespace culvert {

SetResolver::SetResolver(RouteSink& sink, const LinkModel& links, const ObjectModel& objects, Adjacencies& adjacencies,
                         TableActivity& activity)
    : sink_(sink), links_(links), objects_(objects), adjacencies_(adjacencies), activity_(activity) {
  constexpr std::array<NextHopKind, kFixedCount> kKinds{NextHopKind::kLocal, NextHopKind::kBlackhole,
                                                        NextHopKind::kUnreachable, NextHopKind::kProhibit,
                                                        NextHopKind::kForward};
  for (std::size_t i = 0; i < kFixedCount; ++i) {
    const auto index = sink_.allocate({kKinds[i], kNoInterface, {}, 0});
    if (!index)
      throw SetupError({"the next-hop table is too small for the mirror's own entries", 0, "raise its limit"});
    fixed_[i] = *index;
  }
}

Resolution SetResolver::resolve(const PathSet& set, const Resolution* old) {
  Resolution resolution;
  switch (set.content->type) {
    case RTN_LOCAL:
    case RTN_BROADCAST:
    case RTN_ANYCAST:
    case RTN_MULTICAST:
      resolution.index = fixed(kToHost);
      return resolution;
    case RTN_BLACKHOLE:
      resolution.index = fixed(kToNothing);
      return resolution;
    case RTN_PROHIBIT:
      resolution.index = fixed(kToProhibit);
      return resolution;
    case RTN_UNICAST:
      break;
    default:
      resolution.index = fixed(kToUnreachable);
      return resolution;
  }
  bool blackhole = false;
  const std::vector<Path> paths = paths_of(set, blackhole);
  const std::vector<const Path*> members = carriers(paths);
  if (blackhole && members.empty()) {
    resolution.index = fixed(kToNothing);
  } else if (members.empty()) {
    resolution.index = fixed(kToForeign);
  } else if (paths.size() == 1 && (old == nullptr || !old->group)) {
    lead_to_one(resolution, set, *members.front());
  } else {
    lead_to_group(resolution, set, members, old);
  }
  return resolution;
}

std::vector<Path> SetResolver::paths_of(const PathSet& set, bool& blackhole) const {
  const std::uint32_t object = set.content->object;
  if (object == 0) return set.paths();
  return objects_.find(object) != nullptr ? objects_.expand(object, blackhole) : set.fallback;
}

/// The paths whose interface Culvert owns; of several, those with carrier if any has it. (The kernel goes on using
/// members without carrier unless ignore_routes_with_linkdown is set; their packets would only be lost.) Dead ones are
/// left out as the kernel does, also when what lives is not ours.
std::vector<const Path*> SetResolver::carriers(const std::vector<Path>& paths) const {
  const bool some_live = std::any_of(paths.begin(), paths.end(), [](const Path& path) { return !path.dead; });
  std::vector<const Path*> owned;
  std::vector<const Path*> alive;
  for (const Path& path : paths) {
    const Link* link = links_.find(path.ifindex);
    if (link == nullptr || link->owned == kNoInterface || path.encapsulated) continue;
    if (path.dead && some_live) continue;
    owned.push_back(&path);
    if (link->has_carrier()) alive.push_back(&path);
  }
  return alive.empty() ? owned : alive;
}

/// The path's entry, held by the resolution; null: the next-hop table is full.
Adjacency* SetResolver::hold(Resolution& resolution, const PathSet& set, const Path& path) {
  Adjacency* adjacency = adjacencies_.acquire({path.ifindex, path.gateway}, set.content->mtu, true);
  if (adjacency == nullptr) return nullptr;
  resolution.held.push_back(adjacency);
  if (adjacency->on_link()) resolution.onlink.push_back(path.ifindex);
  return adjacency;
}

void SetResolver::lead_to_one(Resolution& resolution, const PathSet& set, const Path& path) {
  if (const Adjacency* adjacency = hold(resolution, set, path)) {
    resolution.index = adjacency->index;
  } else {
    lead_nowhere(resolution);
  }
}

void SetResolver::lead_nowhere(Resolution& resolution) {
  resolution.index = fixed(kToUnreachable);  // the next-hop table is full: an answer beats the wrong way
  resolution.lacks_entries = 1;
}

void SetResolver::lead_to_group(Resolution& resolution, const PathSet& set, const std::vector<const Path*>& members,
                                const Resolution* old) {
  std::vector<WeightedHop> hops;
  for (const Path* path : members) {
    if (const Adjacency* adjacency = hold(resolution, set, *path)) hops.push_back({adjacency->index, path->weight});
  }
  if (hops.empty()) return lead_nowhere(resolution);
  const bool had_group = old != nullptr && old->group;
  const auto index = had_group ? sink_.change_group(old->index, hops) : sink_.allocate_group(hops);
  if (!index) {
    ++activity_.next_hops_full;
    return lead_to_first_held(resolution, members.size() + 1);
  }
  ++activity_.group_writes;
  if (!had_group || *index != old->index) ++groups_;
  resolution.index = *index;
  resolution.group = true;
  if (hops.size() == members.size()) return;
  // Members are left out. One more may need a group of its own, and without it the try would lose those that are in.
  resolution.lacks_entries = 2;
  resolution.lacks_group = true;
}

/// No group is left: better one way than none. The others are given back: whoever waits for an entry needs it more.
void SetResolver::lead_to_first_held(Resolution& resolution, std::size_t lacks_entries) {
  Adjacency* const first = resolution.held.front();
  resolution.held.erase(resolution.held.begin());
  give_back(resolution, true);
  resolution = {};
  resolution.index = first->index;
  resolution.held.push_back(first);
  if (first->on_link()) resolution.onlink.push_back(first->key.neighbor.ifindex);
  resolution.lacks_entries = lacks_entries;
  resolution.lacks_group = true;
}

void SetResolver::give_back(Resolution& resolution, bool keep_group) {
  if (resolution.group && !keep_group) {
    sink_.release(resolution.index);
    --groups_;
  }
  for (Adjacency* adjacency : resolution.held) adjacencies_.release(*adjacency, true);
  resolution.held.clear();
}

}  // namespace culvert
