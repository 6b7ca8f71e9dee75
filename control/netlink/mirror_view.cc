// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/mirror_view.h"

#include <algorithm>

namespace culvert {
namespace {

RouteRow row_of(const MirrorModel& model, const RouteNode& node, const Route& route) {
  const PathSetContent& content = *route.set->content;
  RouteRow row;
  row.prefix = node.first;
  row.best = node.second.first == &route;
  row.local_table = route.rank == 0;
  row.type = content.type;
  row.protocol = route.protocol;
  row.metric = route.priority;
  row.object = content.object;
  row.mtu = content.mtu;
  if (row.best) row.next_hop = route.set->resolution.index;
  bool blackhole = false;
  row.paths = content.object != 0 ? model.objects().expand(content.object, blackhole) : content.paths;
  return row;
}

bool goes_through(const RouteRow& row, std::uint32_t ifindex) {
  return std::any_of(row.paths.begin(), row.paths.end(), [&](const Path& path) { return path.ifindex == ifindex; });
}

}  // namespace

RoutePage routes_page(const MirrorModel& model, const RouteQuery& query) {
  RoutePage page;
  const auto& all = model.routes(query.ipv4).all();
  IpPrefix begin = query.within.value_or(IpPrefix{});
  if (query.from) begin = std::max(begin, *query.from);
  std::size_t looked_at = 0;
  for (auto it = all.lower_bound(begin); it != all.end(); ++it, ++looked_at) {
    if (query.within && !query.within->contains(it->first)) break;
    if (page.rows.size() >= query.limit || looked_at >= kScanLimit) {
      page.next = it->first;
      break;
    }
    for (const Route* route = it->second.first; route != nullptr; route = route->next) {
      RouteRow row = row_of(model, *it, *route);
      if (!query.ifindex || goes_through(row, *query.ifindex)) page.rows.push_back(std::move(row));
    }
  }
  return page;
}

std::vector<RouteRow> routes_for(const MirrorModel& model, const IpAddress& address) {
  std::vector<RouteRow> rows;
  const RouteNode* node = model.routes(address.is_ipv4()).longest_match(address);
  if (node == nullptr) return rows;
  for (const Route* route = node->second.first; route != nullptr; route = route->next)
    rows.push_back(row_of(model, *node, *route));
  return rows;
}

NeighborPage neighbors_page(const MirrorModel& model, const NeighborQuery& query) {
  NeighborPage page;
  const auto& all = model.neighbors().all();
  NeighborKey begin{query.ifindex.value_or(0), {}};
  if (query.from) begin = std::max(begin, *query.from);
  for (auto it = all.lower_bound(begin); it != all.end(); ++it) {
    if (query.ifindex && it->first.ifindex != *query.ifindex) break;
    if (page.rows.size() >= query.limit) {
      page.next = it->first;
      break;
    }
    const Link* link = model.links().find(it->first.ifindex);
    page.rows.push_back({it->first, it->second, link != nullptr ? link->name : std::string()});
  }
  return page;
}

std::vector<LinkRow> link_rows(const MirrorModel& model, bool owned_only) {
  std::vector<LinkRow> rows;
  for (const auto& [ifindex, link] : model.links().all()) {
    if (owned_only && link.owned == kNoInterface) continue;
    LinkRow row{link, {}};
    const auto& addresses = model.addresses().all();
    for (auto it = addresses.lower_bound({ifindex, {}, {}}); it != addresses.end() && it->first.ifindex == ifindex;
         ++it)
      row.addresses.emplace_back(it->first.prefix, it->second);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace culvert
