// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/mirror_model.h"

#include <algorithm>
#include <fmt/format.h>
#include <linux/rtnetlink.h>

namespace culvert {
namespace {

constexpr std::size_t kRetriesPerTick = 512;
constexpr Now kCalmNs = 60 * kNanosecondsPerSecond;
constexpr Now kRefusedAgainNs = 60 * kNanosecondsPerSecond;
constexpr Now kRefusedSeldomNs = 600 * kNanosecondsPerSecond;

}  // namespace

MirrorModel::MirrorModel(RouteSink& sink, std::map<std::string, InterfaceIndex> interfaces, const MirrorLimits& limits,
                         MirrorListener& listener)
    : listener_(listener),
      links_(std::move(interfaces)),
      neighbors_(limits.neighbors),
      ipv4_(true, sets_, limits.ipv4_routes),
      ipv6_(false, sets_, limits.ipv6_routes),
      resolver_(sink, links_, neighbors_, objects_, sets_, ipv4_, ipv6_) {}

namespace {

DumpPart part_of(const RouteMessage& message) {
  if (message.table == RT_TABLE_LOCAL) return message.ipv4 ? DumpPart::kRoutesLocal4 : DumpPart::kRoutesLocal6;
  return message.ipv4 ? DumpPart::kRoutesMain4 : DumpPart::kRoutesMain6;
}

template <typename Message, typename Use>
Parsed parse_and(const nlmsghdr& message, Use use) {
  Message parsed;
  const Parsed result = parse(message, parsed);
  if (result == Parsed::kWhole) use(parsed);
  return result;
}

}  // namespace

void MirrorModel::apply(const nlmsghdr& message, bool from_dump) {
  ++messages_;
  Parsed result = Parsed::kWhole;
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      result = parse_and<LinkMessage>(message, [&](const auto& link) {
        link_changed(links_.apply(link, generation_of(DumpPart::kLinks, from_dump)));
      });
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      result = parse_and<AddressMessage>(message, [&](const auto& address) {
        address_changed(addresses_.apply(address, generation_of(DumpPart::kAddresses, from_dump)));
      });
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      result = parse_and<RouteMessage>(message, [&](const auto& route) { apply_route(route, from_dump); });
      break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      result = parse_and<NeighborMessage>(message, [&](const auto& neighbor) {
        neighbor_changed(neighbors_.apply(neighbor, generation_of(DumpPart::kNeighbors, from_dump)));
      });
      break;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      result = parse_and<ObjectMessage>(message, [&](const auto& object) {
        objects_changed(objects_.apply(object, generation_of(DumpPart::kObjects, from_dump)));
      });
      break;
    default:
      break;
  }
  if (result == Parsed::kMalformed) ++malformed_;
  resolver_.collect();
  report_full();
}

void MirrorModel::link_changed(const LinkChange& change) {
  if (change.went_down) {
    flush_ipv4(change.ifindex, change.gone);
    resync_wish_ = true;
  }
  if (change.came_up) {
    const bool revived4 = revive(change.ifindex, true);
    const bool revived6 = revive(change.ifindex, false);
    resync_wish_ |= revived4 || revived6;
  }
  if (change.lost_objects) objects_changed(objects_.flush_link(change.ifindex));
  if (change.alive_changed || change.mtu_changed) resolve_link(change.ifindex);
  if (change.owner_changed || change.mtu_changed) resolver_.settle_link(change.ifindex);
  if (change.visible) listener_.on_interfaces_changed();
  if (on_link && (change.alive_changed || change.owner_changed)) on_link(change);
}

void MirrorModel::resolve_link(std::uint32_t ifindex) {
  sets_.for_each([&](PathSet& set) {
    const auto& paths = set.content->paths;
    const bool concerned = set.content->object != 0 || std::any_of(paths.begin(), paths.end(), [&](const Path& path) {
                             return path.ifindex == ifindex;
                           });
    if (concerned) resolver_.resolve_again(set);
  });
}

/// Whether a multipath route of IPv6 has a member behind that link.
bool MirrorModel::has_ipv6_member(std::uint32_t ifindex) {
  bool found = false;
  sets_.for_each([&](const PathSet& set) {
    const auto& paths = set.content->paths;
    found |= !set.content->ipv4 && paths.size() > 1 &&
             std::any_of(paths.begin(), paths.end(), [&](const Path& path) { return path.ifindex == ifindex; });
  });
  return found;
}

void MirrorModel::address_changed(const AddressChange& change) {
  const bool news = (change.appeared || change.vanished) && xdp_must_know(change.address);
  if (news) listener_.on_local_address(change.address, change.appeared);
  if (change.vanished && change.address.is_ipv4()) flush_source(change.address);
  if (change.last_of_link && change.address.is_ipv4()) {
    flush_ipv4(change.ifindex, true);
    resolve_link(change.ifindex);
  }
  // A dump of a full table is not asked for at every link that goes down: only where something may have died silently.
  resync_wish_ |= change.last_of_link && (change.address.is_ipv4() || has_ipv6_member(change.ifindex));
  const Link* link = links_.find(change.ifindex);
  if (change.added && link != nullptr && link->is_up() && revive(change.ifindex, change.address.is_ipv4())) {
    resolve_link(change.ifindex);
    resync_wish_ = true;
  }
  if (change.changed) listener_.on_interfaces_changed();
}

void MirrorModel::neighbor_changed(const NeighborChange& change) {
  if (change.changed) resolver_.neighbor_changed(change.key);
  if (change.failed_now) {
    const Link* link = links_.find(change.key.ifindex);
    if (link != nullptr && link->owned != kNoInterface) listener_.on_neighbor_failed(link->owned, change.key.address);
  }
  if (on_neighbor) on_neighbor(change);
}

void MirrorModel::objects_changed(const ObjectModel::Changes& changes) {
  if (changes.changed.empty() && changes.gone.empty()) return;
  const auto has = [](const std::vector<std::uint32_t>& ids, std::uint32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  sets_.for_each([&](PathSet& set) {
    const std::uint32_t object = set.content->object;
    if (object == 0) return;
    if (has(changes.gone, object)) {
      purge(set);
    } else if (has(changes.changed, object)) {
      resolver_.resolve_again(set);
    }
  });
}

/// Tables other than main and local, and routes that a destination's lookup never meets, stay outside.
bool MirrorModel::is_mirrored(const RouteMessage& message) {
  if (message.cloned) return false;
  if (message.table != RT_TABLE_MAIN && message.table != RT_TABLE_LOCAL) {
    ++ignored_.other_table;
    return false;
  }
  if (message.tos != 0 && message.ipv4) {
    ++ignored_.type_of_service;
    return false;
  }
  if (message.from_source) {
    ++ignored_.from_source;
    return false;
  }
  const IpAddress& address = message.prefix.address;
  if (!message.ipv4 && ((address.is_ipv6_link_local() && message.prefix.length >= 10) ||
                        (address.is_ipv6_multicast() && message.prefix.length >= 8))) {
    ++ignored_.link_local;
    return false;
  }
  return true;
}

void MirrorModel::apply_route(const RouteMessage& message, bool from_dump) {
  if (!is_mirrored(message)) return;
  RouteModel& model = message.ipv4 ? ipv4_ : ipv6_;
  const auto doubts = [&] { return model.surprises() + model.unsure_of_order(); };
  const std::uint64_t before = doubts();
  resolver_.apply(model.apply(message, generation_of(part_of(message), from_dump), from_dump));
  if (doubts() != before) resync_wish_ = true;
}

/// What is told before the dump of its part begins has not been seen by this resync: what happened to it since, and was
/// not told, shows only in the dump. The kernel flushes silently by links and addresses, whose dumps come first; from
/// then on we know what it flushes.
std::uint8_t MirrorModel::generation_of(DumpPart part, bool from_dump) const noexcept {
  return from_dump || part <= begun_ ? generation_ : static_cast<std::uint8_t>(generation_ - 1);
}

/// fib_sync_down_dev: a route goes when all its next hops are dead; otherwise those behind the link stay in it, dead.
/// Host-scope routes (table local) stay until the device is taken away from IPv4 altogether.
void MirrorModel::flush_ipv4(std::uint32_t ifindex, bool local_too) {
  sets_.for_each([&](PathSet& set) {
    const PathSetContent& content = *set.content;
    if (!content.ipv4 || content.object != 0 || content.paths.empty()) return;
    if (content.type == RTN_LOCAL && !local_too) return;
    bool uses = false;
    bool lives = false;
    for (const Path& path : content.paths) {
      uses |= path.ifindex == ifindex;
      const Link* link = links_.find(path.ifindex);
      lives |= path.ifindex != ifindex && !set.is_dead(path.ifindex) && link != nullptr && link->is_up();
    }
    if (!uses) return;
    if (!lives) return purge(set);
    const auto at = std::lower_bound(set.dead_links.begin(), set.dead_links.end(), ifindex);
    if (at == set.dead_links.end() || *at != ifindex) set.dead_links.insert(at, ifindex);
  });
}

/// fib_sync_up, rt6_sync_up: the members behind a link that came up or got an address live again. Says whether there
/// were such. (A link without an IPv4 address that only gets its carrier back is one too many; the resync knows.)
bool MirrorModel::revive(std::uint32_t ifindex, bool ipv4) {
  bool some = false;
  sets_.for_each([&](PathSet& set) {
    if (set.content->ipv4 == ipv4) some |= std::erase(set.dead_links, ifindex) != 0;
  });
  return some;
}

/// fib_sync_down_addr: routes that prefer a source address which the host no longer has.
void MirrorModel::flush_source(const IpAddress& address) {
  sets_.for_each([&](PathSet& set) {
    const PathSetContent& content = *set.content;
    if (content.ipv4 && !content.preferred_source.is_unspecified() && content.preferred_source == address) purge(set);
  });
}

void MirrorModel::purge(PathSet& set) {
  set.purge = set.first;
  set.purging = true;
  purging_ = true;
}

bool MirrorModel::work(std::size_t budget) {
  if (purging_) {
    purging_ = false;
    std::size_t left = budget;
    sets_.for_each([&](PathSet& set) {
      RouteModel& model = set.content->ipv4 ? ipv4_ : ipv6_;
      for (; set.purge != nullptr && left > 0; --left) resolver_.apply(model.remove(*set.purge));
      purging_ |= set.purge != nullptr;
      if (!set.purging || set.purge != nullptr) return;
      set.purging = false;
      if (set.routes != 0) resolver_.resolve_again(set);  // its next-hop object may be another now
    });
    resolver_.collect();
  }
  const bool rewriting = resolver_.rewrite_some(budget);
  return purging_ || rewriting;
}

bool MirrorModel::sweep(DumpPart part, std::size_t budget) {
  bool through = true;
  LinkChange link;
  AddressChange address;
  NeighborChange neighbor;
  switch (part) {
    case DumpPart::kLinks:
      while (links_.sweep_one(generation_, link)) link_changed(link);
      break;
    case DumpPart::kAddresses:
      while (addresses_.sweep_one(generation_, address)) address_changed(address);
      break;
    case DumpPart::kObjects:
      objects_changed(objects_.sweep(generation_));
      break;
    case DumpPart::kNeighbors:
      while (neighbors_.sweep_one(generation_, neighbor)) neighbor_changed(neighbor);
      break;
    case DumpPart::kRoutesLocal4:
      through = sweep_routes(true, 0, budget);
      break;
    case DumpPart::kRoutesMain4:
      through = sweep_routes(true, 1, budget);
      break;
    case DumpPart::kRoutesLocal6:
      through = sweep_routes(false, 0, budget);
      break;
    case DumpPart::kRoutesMain6:
      through = sweep_routes(false, 1, budget);
      break;
    case DumpPart::kCount:
      break;
  }
  resolver_.collect();
  return through;
}

bool MirrorModel::sweep_routes(bool ipv4, std::uint8_t rank, std::size_t budget) {
  std::vector<BestChange> changes;
  RouteModel& model = ipv4 ? ipv4_ : ipv6_;
  const bool through = model.sweep(rank, generation_, budget, sweep_cursor_, changes);
  for (const BestChange& change : changes) resolver_.apply(change);
  if (through) sweep_cursor_ = {};
  return through;
}

void MirrorModel::begin_resync() noexcept {
  ++generation_;
  begun_ = DumpPart::kLinks;
  resynced_ = ticked_;
  ipv4_.forget_owed();
  ipv6_.forget_owed();
}

void MirrorModel::tick(Now now) {
  if (ticked_ == 0) resynced_ = now;
  ticked_ = now;
  resolver_.retry_some(kRetriesPerTick);
  wish_for_refused_routes(now);
  report_full();
  if (now - short_until_ > kCalmNs) told_routes_full_ = told_next_hops_full_ = false;
}

/// What a full model refused is not kept, so only a dump brings it back. One that would find the model full again soon
/// helps nobody: without room for all of it, or for a good part, it may come seldom.
void MirrorModel::wish_for_refused_routes(Now now) {
  const auto wait = [](const RouteModel& model) {
    const std::size_t room = model.limit() - std::min(model.limit(), model.size());
    if (model.owed() == 0 || room == 0) return ~Now{0};
    return room >= std::min<std::uint64_t>(model.owed(), model.limit() / 16) ? kRefusedAgainNs : kRefusedSeldomNs;
  };
  if (now - resynced_ >= std::min(wait(ipv4_), wait(ipv6_))) resync_wish_ = true;
}

bool MirrorModel::is_short_of_routes() const noexcept {
  return ipv4_.owed() + ipv6_.owed() + resolver_.prefixes_short() != 0;
}

/// Each shortage is told once, and again only when there was none for a while.
void MirrorModel::report_full() {
  const bool short_of_routes = is_short_of_routes();
  const bool short_of_next_hops = resolver_.next_hops_short() != 0;
  if (short_of_routes || short_of_next_hops) short_until_ = ticked_;
  if (short_of_routes && !std::exchange(told_routes_full_, true)) {
    listener_.on_event(
        fmt::format("routes: the table is full ({} IPv4, {} IPv6 routes mirrored); raise system.limits.routes_ipv4 or "
                    "system.limits.routes_ipv6",
                    ipv4_.size(), ipv6_.size()));
  }
  if (short_of_next_hops && !std::exchange(told_next_hops_full_, true)) {
    listener_.on_event(
        fmt::format("routes: the next-hop table is full ({} entries): routes answer unreachable or use fewer paths, "
                    "neighbours are without an entry; raise system.limits.next_hops, or use fewer multipath groups",
                    resolver_.next_hops()));
  }
}

}  // namespace culvert
