// SPDX-License-Identifier: Apache-2.0
// What the kernel's messages add up to, without a socket: feed it messages (from the kernel, a recording or a test) and
// it keeps links, addresses, routes, neighbours and next-hop objects, and through Resolver the tables of the workers.
//
// The kernel does not tell everything. Silently gone are (seen on Linux 6.18, net/ipv4/fib_semantics.c, nexthop.c):
//   - IPv4 routes all of whose next hops are behind a link that went down, or lost its last IPv4 address; those with a
//     preferred source address that was removed;
//   - single members of a multipath route, in the same cases (IPv6's with the link or disable_ipv6): they stay
//     in it, dead, and come back to life as silently when the link comes up or gets an address;
//   - next-hop objects of a link that went down or lost carrier, and the routes that use them.
// The model removes them by the kernel's own rules, in slices (work()); and it asks for a resync after such an event,
// so that whatever the rules miss is repaired. A resync is mark and sweep: what is unchanged is not touched.
#pragma once

#include <cstdint>
#include <deque>
#include <linux/netlink.h>
#include <string>
#include <vector>

#include "base/time.h"
#include "control/netlink/address_model.h"
#include "control/netlink/resolver.h"

namespace culvert {

struct MirrorLimits {
  std::size_t ipv4_routes = 1'200'000;
  std::size_t ipv6_routes = 300'000;
  std::size_t neighbors = 65'536;
};

/// What control hears from the mirror. Called from within MirrorModel's calls, on control's thread.
class MirrorListener {
 public:
  virtual ~MirrorListener() = default;
  /// Something that InterfaceSnapshot holds has changed: build a new snapshot.
  virtual void on_interfaces_changed() {}
  /// The host got (or lost) an address: XDP's set of local addresses. Each address once, however many links have it,
  /// and only those that xdp_must_know().
  virtual void on_local_address(const IpAddress& /*address*/, bool /*present*/) {}
  /// The kernel asked and nobody answered: packets that wait for it may give up now.
  virtual void on_neighbor_failed(InterfaceIndex /*interface*/, const IpAddress& /*address*/) {}
  /// A line for the event log.
  virtual void on_event(const std::string& /*text*/) {}
};

/// Why routes are not mirrored, counted.
struct IgnoredRoutes {
  std::uint64_t other_table = 0;      ///< neither main nor local
  std::uint64_t type_of_service = 0;  ///< routes for one TOS only
  std::uint64_t from_source = 0;      ///< IPv6 source-specific routes
  std::uint64_t link_local = 0;       ///< fe80::/10 and ff00::/8: never forwarded
};

enum class DumpPart : std::uint8_t {
  kLinks,
  kAddresses,
  kObjects,
  kRoutesLocal4,
  kRoutesMain4,
  kRoutesLocal6,
  kRoutesMain6,
  kNeighbors,
  kCount,
};

class MirrorModel {
 public:
  MirrorModel(RouteSink& sink, std::map<std::string, InterfaceIndex> interfaces, const MirrorLimits& limits,
              MirrorListener& listener);

  /// One message; types that are not ours are ignored, malformed ones counted.
  void apply(const nlmsghdr& message, bool from_dump);

  /// From now on what a dump shows is marked; sweep() then removes what was not.
  void begin_resync() noexcept;
  /// The dump of `part` has been asked for; those before it are through.
  void begin_part(DumpPart part) noexcept { begun_ = part; }
  /// Removes what the dump of that part did not show; at most `budget` prefixes are looked at. True when through.
  bool sweep(DumpPart part, std::size_t budget);

  /// Work that was put off (flushed routes, moved next hops), `budget` prefixes of it. True: there is more.
  bool work(std::size_t budget);
  bool has_work() const noexcept { return purging_ || resolver_.is_rewriting(); }
  /// Tries again what the tables had no room for. Every 100 ms or so; it may leave work().
  void tick(Now now);
  /// True once after an event behind which the kernel may have removed something silently, or when routes that were
  /// refused may fit.
  bool take_resync_wish() noexcept { return std::exchange(resync_wish_, false); }

  const LinkModel& links() const noexcept { return links_; }
  const AddressModel& addresses() const noexcept { return addresses_; }
  const NeighborModel& neighbors() const noexcept { return neighbors_; }
  const ObjectModel& objects() const noexcept { return objects_; }
  const RouteModel& routes(bool ipv4) const noexcept { return ipv4 ? ipv4_ : ipv6_; }
  Resolver& resolver() noexcept { return resolver_; }
  const Resolver& resolver() const noexcept { return resolver_; }
  const IgnoredRoutes& ignored() const noexcept { return ignored_; }
  std::uint64_t malformed() const noexcept { return malformed_; }
  std::uint64_t messages() const noexcept { return messages_; }

  /// Called after each neighbour change, for those who asked the kernel about it.
  std::function<void(const NeighborChange&)> on_neighbor;
  /// Called after each link change that concerns forwarding.
  std::function<void(const LinkChange&)> on_link;

 private:
  void link_changed(const LinkChange& change);
  void address_changed(const AddressChange& change);
  void neighbor_changed(const NeighborChange& change);
  void objects_changed(const ObjectModel::Changes& changes);
  void apply_route(const RouteMessage& message, bool from_dump);
  std::uint8_t generation_of(DumpPart part, bool from_dump) const noexcept;
  bool is_mirrored(const RouteMessage& message);
  void resolve_link(std::uint32_t ifindex);
  bool has_ipv6_member(std::uint32_t ifindex);
  void flush_ipv4(std::uint32_t ifindex, bool local_too);
  bool revive(std::uint32_t ifindex, bool ipv4);
  void flush_source(const IpAddress& address);
  void purge(PathSet& set);
  bool sweep_routes(bool ipv4, std::uint8_t rank, std::size_t budget);
  bool is_short_of_routes() const noexcept;
  void wish_for_refused_routes(Now now);
  void report_full();

  MirrorListener& listener_;
  PathSets sets_;
  LinkModel links_;
  AddressModel addresses_;
  NeighborModel neighbors_;
  ObjectModel objects_;
  RouteModel ipv4_;
  RouteModel ipv6_;
  Resolver resolver_;
  std::uint8_t generation_ = 0;
  DumpPart begun_ = DumpPart::kCount;  ///< the last one that the resync has begun
  IpPrefix sweep_cursor_;
  bool purging_ = false;
  bool resync_wish_ = false;
  bool told_routes_full_ = false;
  bool told_next_hops_full_ = false;
  Now ticked_ = 0;
  Now resynced_ = 0;     ///< when the last resync began
  Now short_until_ = 0;  ///< when something was last known not to fit
  IgnoredRoutes ignored_;
  std::uint64_t malformed_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace culvert
