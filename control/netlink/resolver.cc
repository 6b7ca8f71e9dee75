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
  if (!short_hosts_.empty()) short_hosts_.erase(address);
  const RouteNode* node = model_of(IpPrefix::host(address)).longest_match(address);
  if (node == nullptr) return nullptr;
  const PathSet& set = *node->second.first->set;
  const std::uint64_t full = activity_.next_hops_full;
  for (const std::uint32_t ifindex : set.resolution.onlink) {
    const NeighborKey key{ifindex, address};
    if (neighbors_.find_usable(key) == nullptr) continue;
    Adjacency* adjacency = adjacencies_.acquire(key, set.content->mtu, false);
    if (activity_.next_hops_full != full)
      short_hosts_.insert(address);  // also if another link has it: the first one wins
    if (adjacency != nullptr) return adjacency;
  }
  return nullptr;
}

void Resolver::ensure(PathSet& set) {
  if (set.resolved) return;
  set.resolution = set_resolver_.resolve(set, nullptr);
  set.resolved = true;
  note_shortage(set);
}

void Resolver::resolve_again(PathSet& set) {
  if (!set.resolved) return;
  Resolution next = set_resolver_.resolve(set, &set.resolution);
  const bool on_link_changed = next.onlink != set.resolution.onlink;
  if (on_link_changed) recount(set, -1);
  const bool moved = next.index != set.resolution.index;
  std::swap(next, set.resolution);
  note_shortage(set);
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
  for (PathSet* set : sets_.take_changed()) resolve_again(*set);
  for (PathSet* set : sets_.take_unused()) {
    std::erase(rewriting_, set);
    short_sets_.erase(set);
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
  if (sink_.set_route(prefix, index)) {
    if (!not_written_.empty()) not_written_.erase(prefix);
    return;
  }
  ++activity_.table_full;
  not_written_.insert(prefix);
  sink_.remove_route(prefix);  // were it there, it would lead to an entry that its set lets go
}

void Resolver::erase(const IpPrefix& prefix) {
  ++activity_.route_removals;
  not_written_.erase(prefix);
  sink_.remove_route(prefix);
}

void Resolver::note_shortage(PathSet& set) {
  if (set.resolution.falls_short()) {
    short_sets_.insert(&set);
  } else if (!short_sets_.empty()) {
    short_sets_.erase(&set);
  }
}

void Resolver::retry_some(std::size_t budget) {
  retry_sets(budget);
  retry_hosts(budget);
  if (room_seen_ != sink_.room_made()) {
    room_seen_ = sink_.room_made();
    prefixes_left_ = not_written_.size();
  }
  retry_prefixes(std::min(budget, prefixes_left_));
}

/// Whether a prefix fits depends on its neighbours in the table, so one that does not says nothing about the next.
void Resolver::retry_prefixes(std::size_t budget) {
  for (prefixes_left_ -= budget; budget > 0 && !not_written_.empty(); --budget) {
    auto at = not_written_.upper_bound(prefix_turn_);
    if (at == not_written_.end()) at = not_written_.begin();
    prefix_turn_ = *at;
    if (retry_prefix(prefix_turn_)) not_written_.erase(prefix_turn_);
  }
}

bool Resolver::retry_prefix(const IpPrefix& prefix) {
  const auto host = prefix.is_host() ? hosts_.find(prefix.address) : hosts_.end();
  NextHopIndex index = kNoRouteIndex;
  if (host != hosts_.end()) {
    index = host->second->index;
  } else if (const RouteNode* node = model_of(prefix).find(prefix)) {
    index = node->second.first->set->resolution.index;
  } else {
    return true;
  }
  if (!sink_.set_route(prefix, index)) return false;
  ++activity_.route_writes;
  return true;
}

/// Only with room for all that the set lacks: a try that fails takes and frees entries, and its gateways would be asked
/// for and let go each time.
void Resolver::retry_sets(std::size_t budget) {
  for (std::size_t left = std::min(budget, short_sets_.size()); left > 0 && !short_sets_.empty(); --left) {
    if (sink_.free_entries() == 0) return;
    auto at = short_sets_.upper_bound(set_turn_);
    if (at == short_sets_.end()) at = short_sets_.begin();
    set_turn_ = *at;
    const Resolution& resolution = set_turn_->resolution;
    const bool room = sink_.free_entries() >= resolution.lacks_entries;
    if (room && (!resolution.lacks_group || sink_.free_groups() != 0)) resolve_again(*set_turn_);
  }
}

void Resolver::retry_hosts(std::size_t budget) {
  for (; budget > 0 && !short_hosts_.empty() && sink_.free_entries() != 0; --budget)
    settle_host(IpAddress(*short_hosts_.begin()), false);
}

}  // namespace culvert
