// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/path_set.h"

#include <algorithm>

namespace culvert {
namespace {

std::vector<std::uint32_t> dead_links_of(const std::vector<Path>& paths) {
  std::vector<std::uint32_t> links;
  for (const Path& path : paths)
    if (path.dead && (links.empty() || links.back() != path.ifindex)) links.push_back(path.ifindex);
  return links;
}

}  // namespace

bool PathSet::is_dead(std::uint32_t ifindex) const {
  return std::binary_search(dead_links.begin(), dead_links.end(), ifindex);
}

std::vector<Path> PathSet::paths() const {
  std::vector<Path> now = content->paths;
  for (Path& path : now) path.dead = is_dead(path.ifindex);
  return now;
}

PathSet& PathSets::intern(const PathSetContent& content) {
  const auto [it, inserted] = sets_.try_emplace(content);
  PathSet& set = it->second;
  if (inserted) {
    set.content = &it->first;
    unused_.push_back(&set);  // until a route hangs on it
  }
  std::vector<std::uint32_t> dead = dead_links_of(content.paths);
  if (dead != set.dead_links) {
    set.dead_links = std::move(dead);
    changed_.push_back(&set);
  }
  return set;
}

void PathSets::erase(PathSet& set) {
  sets_.erase(*set.content);
}

void PathSets::attach(PathSet& set, Route& route) {
  route.set = &set;
  route.set_previous = nullptr;
  route.set_next = set.first;
  if (set.first != nullptr) set.first->set_previous = &route;
  set.first = &route;
  ++set.routes;
}

void PathSets::detach(Route& route) {
  PathSet& set = *route.set;
  if (set.rewrite == &route) set.rewrite = route.set_next;
  if (set.purge == &route) set.purge = route.set_next;
  if (route.set_previous != nullptr) route.set_previous->set_next = route.set_next;
  if (route.set_next != nullptr) route.set_next->set_previous = route.set_previous;
  if (set.first == &route) set.first = route.set_next;
  route.set = nullptr;
  if (--set.routes == 0) unused_.push_back(&set);
}

std::vector<PathSet*> PathSets::take_unused() {
  std::vector<PathSet*> unused;
  unused.swap(unused_);
  std::sort(unused.begin(), unused.end());
  unused.erase(std::unique(unused.begin(), unused.end()), unused.end());
  std::erase_if(unused, [](const PathSet* set) { return set->routes != 0; });
  return unused;
}

}  // namespace culvert
