// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/resolver.h"

#include <algorithm>

namespace culvert {

Resolver::Resolver(RouteSink& sink, const LinkModel& links, const NeighborModel& neighbors, const ObjectModel& objects,
                   PathSets& sets, const RouteModel& ipv4, const RouteModel& ipv6)
    : neighbors_(neighbors),
      ipv4_(ipv4),
      ipv6_(ipv6),
      sink_(sink),
      sets_(sets),
      adjacencies_(sink, links, neighbors, activity_),
      set_resolver_(sink, links, objects, adjacencies_, activity_) {}

void Resolver::apply(const BestChange& change) {
  if (change.after != nullptr) ensure(*change.after);
  if (change.before == change.after) {
    // The same set, maybe by another route; a rewrite that is under way may have passed that one.
    if (change.after != nullptr && !change.after->retired.empty()) write_best(change.prefix, *change.after);
    return;
  }
  count_on_link(change.prefix, change.before, -1);
  count_on_link(change.prefix, change.after, 1);
  if (change.prefix.is_host()) {
    settle_host(change.prefix.address, true);
  } else if (change.after != nullptr) {
    write(change.prefix, change.after->resolution.index);
  } else {
    erase(change.prefix);
  }
  if (!change.prefix.is_host()) settle_inside(change);
}

/// An on-link prefix came, went or was covered: the neighbours inside gain or lose their host routes.
void Resolver::settle_inside(const BestChange& change) {
  const PathSet* before = change.before != nullptr ? change.before : shorter_cover(change.prefix);
  const PathSet* after = change.after != nullptr ? change.after : shorter_cover(change.prefix);
  std::set<std::uint32_t> links;
  if (before != nullptr) links.insert(before->resolution.onlink.begin(), before->resolution.onlink.end());
  if (after != nullptr) links.insert(after->resolution.onlink.begin(), after->resolution.onlink.end());
  const IpAddress last = change.prefix.last();
  for (const std::uint32_t ifindex : links) {
    auto it = neighbors_.all().lower_bound({ifindex, change.prefix.address});
    for (; it != neighbors_.all().end() && it->first <= NeighborKey{ifindex, last}; ++it)
      settle_host(it->first.address, false);
  }
}

/// The set that covers the prefix from above, if any on-link prefix does; else nothing can depend on it.
const PathSet* Resolver::shorter_cover(const IpPrefix& prefix) const {
  const RouteModel& model = model_of(prefix);
  const auto& counts = on_link_by_length_[prefix.is_ipv4() ? 0 : 1];
  for (int length = prefix.length - 1; length >= 0; --length) {
    if (counts[static_cast<std::size_t>(length)] == 0) continue;
    const RouteNode* node = model.find(IpPrefix::of(prefix.address, static_cast<std::uint8_t>(length)));
    if (node == nullptr || !is_on_link(*node->second.first->set)) continue;
    return model.longest_match(prefix.address, prefix.length - 1)->second.first->set;
  }
  return nullptr;
}

void Resolver::count_on_link(const IpPrefix& prefix, const PathSet* set, int step) {
  if (set == nullptr || !is_on_link(*set)) return;
  on_link_by_length_[prefix.is_ipv4() ? 0 : 1][prefix.length] += static_cast<std::uint32_t>(step);
}

void Resolver::neighbor_changed(const NeighborKey& neighbor) {
  adjacencies_.neighbor_changed(neighbor);
  settle_host(neighbor.address, false);
}

void Resolver::settle_link(std::uint32_t ifindex) {
  auto it = neighbors_.all().lower_bound({ifindex, {}});
  for (; it != neighbors_.all().end() && it->first.ifindex == ifindex; ++it) settle_host(it->first.address, false);
  // Hosts whose neighbour is known behind another link, too, were settled by address; those that only this link had
  // lose their entry when the neighbour goes.
}

/// The host route of an address: its neighbour's when the best route to it is on-link, else the kernel's own of that
/// length, else none.
void Resolver::settle_host(const IpAddress& address, bool explicit_changed) {
  if (address.is_ipv6_link_local()) return;  // never a forwarded packet's destination
  const IpPrefix prefix = IpPrefix::host(address);
  Adjacency* wanted = wanted_host(address);
  const auto it = hosts_.find(address);
  Adjacency* held = it == hosts_.end() ? nullptr : it->second;
  if (wanted == held && (wanted != nullptr || !explicit_changed)) {
    if (wanted != nullptr) adjacencies_.release(*wanted, false);  // held once already
    return;
  }
  const RouteNode* node = model_of(prefix).find(prefix);
  if (wanted != nullptr) {
    write(prefix, wanted->index);
    hosts_[address] = wanted;
  } else {
    if (node != nullptr) {
      write(prefix, node->second.first->set->resolution.index);
    } else {
      erase(prefix);
    }
    if (held != nullptr) hosts_.erase(it);
  }
  if (held != nullptr) adjacencies_.release(*held, false);
}

/// Held once for the caller.
Adjacency* Resolver::wanted_host(const IpAddress& address) {
  const RouteNode* node = model_of(IpPrefix::host(address)).longest_match(address);
  if (node == nullptr) return nullptr;
  const PathSet& set = *node->second.first->set;
  for (const std::uint32_t ifindex : set.resolution.onlink) {
    const NeighborKey key{ifindex, address};
    if (neighbors_.find_usable(key) == nullptr) continue;
    if (Adjacency* adjacency = adjacencies_.acquire(key, set.content->mtu, false)) return adjacency;
  }
  return nullptr;
}

void Resolver::ensure(PathSet& set) {
  if (set.resolved) return;
  set.resolution = set_resolver_.resolve(set, nullptr);
  set.resolved = true;
}

void Resolver::resolve_again(PathSet& set) {
  if (!set.resolved) return;
  Resolution next = set_resolver_.resolve(set, &set.resolution);
  const bool on_link_changed = next.onlink != set.resolution.onlink;
  if (on_link_changed) recount(set, -1);
  const bool moved = next.index != set.resolution.index;
  std::swap(next, set.resolution);
  if (on_link_changed) recount(set, 1);
  if (moved) {
    set.retired.push_back(std::move(next));
    if (std::find(rewriting_.begin(), rewriting_.end(), &set) == rewriting_.end()) rewriting_.push_back(&set);
    set.rewrite = set.first;
  } else {
    set_resolver_.give_back(next, /*keep_group=*/true);
  }
  if (on_link_changed) settle_inside_of(set);
}

/// Counts the prefixes that the set is best for in or out of the on-link ones.
void Resolver::recount(PathSet& set, int step) {
  for (Route* route = set.first; route != nullptr && is_on_link(set); route = route->set_next)
    if (route->node->second.first == route) count_on_link(route->node->first, &set, step);
}

/// The set's links for on-link destinations changed (an object or an owner): every neighbour inside its prefixes.
void Resolver::settle_inside_of(PathSet& set) {
  for (Route* route = set.first; route != nullptr; route = route->set_next) {
    if (route->node->second.first != route) continue;
    const IpPrefix& prefix = route->node->first;
    std::vector<IpAddress> inside;
    for (const auto& [key, neighbor] : neighbors_.all())
      if (prefix.contains(key.address) && key.address.is_ipv4() == prefix.is_ipv4()) inside.push_back(key.address);
    for (const IpAddress& address : inside) settle_host(address, false);
  }
}

bool Resolver::rewrite_some(std::size_t budget) {
  while (!rewriting_.empty() && budget > 0) {
    PathSet& set = *rewriting_.front();
    while (set.rewrite != nullptr && budget > 0) {
      Route* route = set.rewrite;
      set.rewrite = route->set_next;
      if (route->node->second.first == route) {
        write_best(route->node->first, set);
        --budget;
      }
    }
    if (set.rewrite != nullptr) return true;
    for (Resolution& old : set.retired) set_resolver_.give_back(old, /*keep_group=*/false);
    set.retired.clear();
    rewriting_.pop_front();
  }
  return !rewriting_.empty();
}

void Resolver::collect() {
  for (PathSet* set : sets_.take_unused()) {
    std::erase(rewriting_, set);
    for (Resolution& old : set->retired) set_resolver_.give_back(old, false);
    if (set->resolved) set_resolver_.give_back(set->resolution, false);
    sets_.erase(*set);
  }
}

void Resolver::write_best(const IpPrefix& prefix, const PathSet& set) {
  if (prefix.is_host() && hosts_.count(prefix.address) != 0) return;
  write(prefix, set.resolution.index);
}

void Resolver::write(const IpPrefix& prefix, NextHopIndex index) {
  ++activity_.route_writes;
  if (sink_.set_route(prefix, index)) return;
  ++activity_.table_full;
  not_written_.insert(prefix);
}

void Resolver::erase(const IpPrefix& prefix) {
  ++activity_.route_removals;
  not_written_.erase(prefix);
  sink_.remove_route(prefix);
  retry_one();
}

/// A prefix went, so one that did not fit may fit now.
void Resolver::retry_one() {
  if (not_written_.empty()) return;
  const IpPrefix prefix = *not_written_.begin();
  not_written_.erase(not_written_.begin());
  const auto host = prefix.is_host() ? hosts_.find(prefix.address) : hosts_.end();
  if (host != hosts_.end()) return write(prefix, host->second->index);
  if (const RouteNode* node = model_of(prefix).find(prefix)) write(prefix, node->second.first->set->resolution.index);
}

}  // namespace culvert
