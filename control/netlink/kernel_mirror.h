// SPDX-License-Identifier: Apache-2.0
// The kernel is the control plane for routes: static routes, FRR and BIRD work untouched, because addresses, routes,
// neighbours and links are mirrored from it. This is what control holds:
//
//   KernelMirror mirror(tables, settings, listener);
//   loop: poll mirror.descriptor(); while (mirror.handle_readable()) let others have a turn; every 100 ms mirror.tick()
//   a worker misses a neighbour -> mirror.want_neighbor(interface, address) or want_next_hop(index)
//
// Below it, from the wire to the tables: NetlinkFeed (socket, dumps, resync) -> messages (bytes checked once) ->
// MirrorModel (LinkModel, AddressModel, NeighborModel, ObjectModel, RouteModel) -> Resolver -> RouteSink (TableSink:
// the LPM and next-hop tables). resolver.h says what becomes of which route, mirror_model.h what the kernel leaves
// unsaid.
//
// Not mirrored: tables other than main and local (policy routing), routes for one TOS, IPv6 source-specific routes,
// encapsulations; counted where they are met. Main and local are one table here: a route of table main inside a shorter
// prefix of table local (a local prefix, "AnyIP") wins, while the kernel delivers such packets locally: IPv6 always,
// IPv4 from the first policy rule on (culvertd's own for the tun are such), because it asks table local first.
#pragma once

#include <memory>

#include "base/cell.h"
#include "control/netlink/mirror_model.h"
#include "control/netlink/neighbor_requests.h"
#include "control/netlink/netlink_feed.h"
#include "pipeline/snapshot.h"

namespace culvert {

struct MirrorSettings {
  std::map<std::string, InterfaceIndex> interfaces;  ///< Culvert's own, by name
  MirrorLimits limits;
  std::size_t receive_buffer_bytes = std::size_t{32} << 20;
  std::size_t managed_neighbors = 4096;
};

/// Published once per handle_readable() and tick().
struct MirrorGauges {
  Gauge ipv4_routes;
  Gauge ipv6_routes;
  Gauge neighbors;
  Cell next_hops;
  Cell host_routes;
  Cell overruns;
  Cell resyncs;  ///< after the first round
  Cell malformed;
  Cell next_hops_full;
  Cell routes_other_table;
  Cell routes_type_of_service;
  Cell routes_from_source;
};

class KernelMirror {
 public:
  /// The first dump is asked for here and comes in through handle_readable(). Throws SetupError.
  KernelMirror(RouteSink& sink, const MirrorSettings& settings, MirrorListener& listener);
  KernelMirror(const KernelMirror&) = delete;
  KernelMirror& operator=(const KernelMirror&) = delete;

  /// Becomes readable when the kernel has news.
  int descriptor() const { return feed_.descriptor(); }
  /// Works for about 2 ms at most. True: there is more to do, call again without waiting.
  bool handle_readable();
  /// Every 100 ms or so: resyncs that are due, gateways to ask for, neighbours to refresh or let go.
  void tick();
  /// The first round is through: routes can be trusted.
  bool synchronised() const noexcept { return feed_.synchronised(); }
  bool resyncing() const noexcept { return feed_.resyncing(); }
  void request_resync() noexcept { feed_.request_resync(); }

  /// An on-link destination has no neighbour: ask the kernel. kRefused calls on_neighbor_failed at once.
  WantResult want_neighbor(InterfaceIndex interface, Ipv4Address address);
  WantResult want_neighbor(InterfaceIndex interface, const Ipv6Address& address);
  /// A gateway has no neighbour. Entries without one (glean, punt...) give kRefused.
  WantResult want_next_hop(NextHopIndex index);

  /// Moves with every change to the tables that could show a waiting packet its way.
  std::uint64_t generation() const noexcept { return model_.resolver().activity().generation(); }
  /// What the snapshot needs to know of the interface; `present` is false when the kernel has no such link now.
  InterfaceSnapshot interface(InterfaceIndex interface) const;
  /// All addresses of this host that xdp_must_know(), each once.
  std::vector<IpAddress> local_addresses() const;

  const MirrorModel& model() const noexcept { return model_; }
  const NeighborRequests& requests() const noexcept { return requests_; }
  const FeedCounters& feed_counters() const noexcept { return feed_.counters(); }
  const MirrorGauges& gauges() const noexcept { return gauges_; }
  void clear_peaks() noexcept;

 private:
  WantResult want(std::uint32_t ifindex, InterfaceIndex interface, const IpAddress& address);
  void publish();

  MirrorListener& listener_;
  MirrorModel model_;
  NeighborRequests requests_;
  NetlinkFeed feed_;
  MirrorGauges gauges_;
};

}  // namespace culvert
