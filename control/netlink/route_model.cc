// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/route_model.h"

#include <algorithm>
#include <linux/rtnetlink.h>
#include <memory>
#include <tuple>

#include "packet/ipv4.h"
#include "packet/ipv6.h"

namespace culvert {

/// The routes of one prefix with the same table and metric, and what the message wants there.
struct RouteModel::Place {
  std::uint8_t rank = 1;
  std::uint32_t priority = 0;
  bool ecmp = false;
  PathSet* set = nullptr;
  std::uint8_t generation = 0;

  bool holds(const Route* route) const noexcept {
    return route != nullptr && route->rank == rank && route->priority == priority;
  }
  Route** begin(RouteNode& node) const noexcept {
    Route** at = &node.second.first;
    while (*at != nullptr && std::tie((*at)->rank, (*at)->priority) < std::tie(rank, priority)) at = &(*at)->next;
    return at;
  }
  Route** end(RouteNode& node) const noexcept {
    Route** at = begin(node);
    while (holds(*at)) at = &(*at)->next;
    return at;
  }
  template <typename Wanted>
  Route** find(RouteNode& node, Wanted wanted) const {
    for (Route** at = begin(node); holds(*at); at = &(*at)->next)
      if (wanted(**at)) return at;
    return nullptr;
  }
  /// The route that the message repeats.
  Route** same(RouteNode& node, const RouteMessage& message) const {
    return find(node, [&](const Route& route) {
      if (ecmp) return route.ecmp;
      return route.set == set && (!message.ipv4 || route.scope == message.scope);
    });
  }
};

namespace {

std::uint8_t rank_of(const RouteMessage& message) {
  return message.table == RT_TABLE_LOCAL ? 0 : 1;
}

/// net/ipv6: rt6_qualify_for_ecmp. Router advertisements and redirects stay alone.
bool joins_ecmp(const RouteMessage& message) {
  return !message.ipv4 && message.object == 0 && message.type == RTN_UNICAST && !message.paths.empty() &&
         message.protocol != RTPROT_RA && message.protocol != RTPROT_REDIRECT &&
         std::all_of(message.paths.begin(), message.paths.end(), [](const Path& path) { return path.has_gateway; });
}

bool same_hop(const Path& a, const Path& b) {
  return a.ifindex == b.ifindex && a.has_gateway == b.has_gateway && a.gateway == b.gateway;
}

/// Those of `paths` that `others` has not.
std::vector<Path> without(const std::vector<Path>& paths, const std::vector<Path>& others) {
  std::vector<Path> left;
  for (const Path& path : paths)
    if (std::none_of(others.begin(), others.end(), [&](const Path& other) { return same_hop(path, other); }))
      left.push_back(path);
  return left;
}

}  // namespace

RouteModel::RouteModel(bool ipv4, PathSets& sets, std::size_t limit) : ipv4_(ipv4), sets_(sets), limit_(limit) {}

RouteModel::~RouteModel() {
  for (auto& node : nodes_)
    while (node.second.first != nullptr) unlink(&node.second.first);
}

PathSetContent RouteModel::content_of(const RouteMessage& message) const {
  PathSetContent content;
  content.ipv4 = ipv4_;
  content.type = message.type;
  content.object = message.object;
  if (message.mtu != 0) content.mtu = std::max<std::uint32_t>(message.mtu, ipv4_ ? kIpv4MinimumMtu : kIpv6MinimumMtu);
  if (ipv4_) content.preferred_source = message.preferred_source;
  if (message.object == 0) content.paths = message.paths;
  std::sort(content.paths.begin(), content.paths.end());
  return content;
}

BestChange RouteModel::apply(const RouteMessage& message, std::uint8_t generation, bool from_dump) {
  BestChange change{message.prefix};
  auto it = nodes_.find(message.prefix);
  if (it == nodes_.end()) {
    if (message.removed) {
      count_unknown();
      return change;
    }
    if (size_ >= limit_) {
      refuse();
      return change;
    }
    it = nodes_.try_emplace(message.prefix).first;
    ++count_by_length_[message.prefix.length];
  }
  RouteNode& node = *it;
  change.before = node.second.first != nullptr ? node.second.first->set : nullptr;
  if (!message.removed) {
    add(node, message, generation, from_dump);
  } else {
    bool partly = false;
    Route** at = removed_by(node, message, partly);
    if (at != nullptr && !partly) unlink(at);
    if (at == nullptr) count_unknown();
  }
  change.after = node.second.first != nullptr ? node.second.first->set : nullptr;
  drop_node_if_empty(node);
  return change;
}

void RouteModel::add(RouteNode& node, const RouteMessage& message, std::uint8_t generation, bool from_dump) {
  PathSetContent content = content_of(message);
  Place place{rank_of(message), message.priority, joins_ecmp(message), nullptr, generation};
  const bool exclusive = !from_dump && (message.message_flags & NLM_F_EXCL) != 0;
  const bool replaces = !from_dump && (message.message_flags & NLM_F_REPLACE) != 0;
  if (place.ecmp && !from_dump && !exclusive && !replaces) {
    // The message has the whole route; members that it does not name are kept until their own removal is told.
    if (Route** old = place.find(node, [](const Route& route) { return route.ecmp; })) {
      for (const Path& path : without((*old)->set->paths(), content.paths)) content.paths.push_back(path);
      std::sort(content.paths.begin(), content.paths.end());
    }
  }
  place.set = &sets_.intern(content);
  if (message.object != 0) place.set->fallback = message.paths;
  if (exclusive) {
    // The kernel says that nothing of this metric was there: what we still have was flushed silently.
    for (Route** at = place.begin(node); place.holds(*at);) {
      Route** same = place.same(node, message);
      if (at == same) {
        at = &(*at)->next;
      } else {
        unlink(at);
      }
    }
  }
  if (replaces) return replace(node, message, place);
  Route** same = place.same(node, message);
  if (!from_dump) {
    if (same != nullptr) return refresh(**same, *place.set, generation);
    const bool behind = !ipv4_ || (message.message_flags & NLM_F_APPEND) != 0;
    return insert(node, behind ? place.end(node) : place.begin(node), message, place);
  }
  // A dump shows the kernel's order: this route comes right behind those that the dump has shown already.
  Route** at = place.begin(node);
  while (place.holds(*at) && (*at)->generation == generation) at = &(*at)->next;
  if (same == nullptr) return insert(node, at, message, place);
  Route* route = *same;
  if (route->generation != generation && same != at) {
    *same = route->next;
    route->next = *at;
    *at = route;
  }
  refresh(*route, *place.set, generation);
}

void RouteModel::replace(RouteNode& node, const RouteMessage& message, Place& place) {
  const auto of_object = [&](const Route& r) {
    return message.object != 0 && r.set->content->object == message.object;
  };
  Route** target = place.find(node, of_object);
  if (target == nullptr && !ipv4_) target = place.find(node, [&](const Route& r) { return r.ecmp == place.ecmp; });
  if (target == nullptr && place.holds(*place.begin(node))) target = place.begin(node);
  if (target == nullptr) return insert(node, place.begin(node), message, place);
  Route* route = *target;
  route->scope = message.scope;
  route->protocol = message.protocol;
  route->ecmp = place.ecmp;
  refresh(*route, *place.set, place.generation);
  // The same route elsewhere in the chain is one that the kernel no longer has.
  Route** twin = place.find(node, [&](const Route& other) {
    return &other != route && (place.ecmp ? other.ecmp : other.set == route->set && other.scope == route->scope);
  });
  if (twin != nullptr) unlink(twin);
}

/// The route that the message removes. `partly`: it lost members only and is up to date.
Route** RouteModel::removed_by(RouteNode& node, const RouteMessage& message, bool& partly) {
  const PathSetContent content = content_of(message);
  Place place{rank_of(message), message.priority, joins_ecmp(message)};
  if (place.ecmp) {
    Route** at = place.find(node, [](const Route& route) { return route.ecmp; });
    if (at == nullptr) return nullptr;
    PathSetContent left = *(*at)->set->content;
    const std::size_t before = left.paths.size();
    left.paths = without((*at)->set->paths(), content.paths);
    if (left.paths.size() == before) return nullptr;
    partly = !left.paths.empty();
    if (partly) {
      refresh(**at, sets_.intern(left), (*at)->generation);
      // The kernel has its members apart in the chain: when the first goes, another route may come before the next.
      if (place.find(node, [](const Route& route) { return !route.ecmp; }) != nullptr) ++unsure_of_order_;
    }
    return at;
  }
  Route** at = place.find(node, [&](const Route& route) {
    return *route.set->content == content && (!ipv4_ || route.scope == message.scope);
  });
  if (at != nullptr) return at;
  // Metrics or flags may differ; what must not is the way the packets take.
  return place.find(node, [&](const Route& route) {
    const PathSetContent& have = *route.set->content;
    return have.type == content.type && have.object == content.object && have.paths == content.paths;
  });
}

void RouteModel::insert(RouteNode& node, Route** at, const RouteMessage& message, const Place& place) {
  if (size_ >= limit_) return refuse();
  Route* route = std::construct_at(static_cast<Route*>(pool_.allocate(sizeof(Route), alignof(Route))));
  route->node = &node;
  route->priority = place.priority;
  route->rank = place.rank;
  route->scope = message.scope;
  route->protocol = message.protocol;
  route->generation = place.generation;
  route->ecmp = place.ecmp;
  route->next = *at;
  *at = route;
  PathSets::attach(*place.set, *route);
  ++size_;
}

void RouteModel::refuse() noexcept {
  ++refused_;
  ++owed_;
}

/// A removal of what is not here: one of those that were refused, if there are such.
void RouteModel::count_unknown() noexcept {
  if (owed_ != 0) {
    --owed_;
  } else {
    ++surprises_;
  }
}

void RouteModel::unlink(Route** at) {
  Route* route = *at;
  *at = route->next;
  sets_.detach(*route);
  std::destroy_at(route);
  pool_.deallocate(route, sizeof(Route), alignof(Route));
  --size_;
}

void RouteModel::refresh(Route& route, PathSet& set, std::uint8_t generation) {
  route.generation = generation;
  // Told again while its set is being purged: it is alive, so it goes to the front, where the purge does not come.
  if (route.set == &set && set.purge == nullptr) return;
  sets_.detach(route);
  PathSets::attach(set, route);
}

void RouteModel::drop_node_if_empty(RouteNode& node) {
  if (node.second.first != nullptr) return;
  --count_by_length_[node.first.length];
  nodes_.erase(IpPrefix(node.first));
}

BestChange RouteModel::remove(Route& route) {
  RouteNode& node = *route.node;
  BestChange change{node.first, node.second.first->set, nullptr};
  Route** at = &node.second.first;
  while (*at != &route) at = &(*at)->next;
  unlink(at);
  change.after = node.second.first != nullptr ? node.second.first->set : nullptr;
  drop_node_if_empty(node);
  return change;
}

bool RouteModel::sweep(std::uint8_t rank, std::uint8_t generation, std::size_t budget, IpPrefix& cursor,
                       std::vector<BestChange>& changes) {
  auto it = nodes_.lower_bound(cursor);
  for (; it != nodes_.end() && budget > 0; --budget) {
    RouteNode& node = *it;
    ++it;
    BestChange change{node.first, node.second.first->set, nullptr};
    bool removed = false;
    for (Route** at = &node.second.first; *at != nullptr;) {
      if ((*at)->rank == rank && (*at)->generation != generation) {
        unlink(at);
        removed = true;
      } else {
        at = &(*at)->next;
      }
    }
    if (!removed) continue;
    change.after = node.second.first != nullptr ? node.second.first->set : nullptr;
    drop_node_if_empty(node);
    changes.push_back(change);
  }
  if (it == nodes_.end()) return true;
  cursor = it->first;
  return false;
}

const RouteNode* RouteModel::find(const IpPrefix& prefix) const {
  const auto it = nodes_.find(prefix);
  return it == nodes_.end() ? nullptr : &*it;
}

const RouteNode* RouteModel::longest_match(const IpAddress& address, int length) const {
  const int shortest = ipv4_ ? kIpv4PrefixBase : 0;
  for (int at = length; at >= shortest; --at) {
    if (count_by_length_[static_cast<std::size_t>(at)] == 0) continue;
    const auto it = nodes_.find(IpPrefix::of(address, static_cast<std::uint8_t>(at)));
    if (it != nodes_.end()) return &*it;
  }
  return nullptr;
}

}  // namespace culvert
