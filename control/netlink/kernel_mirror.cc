// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/kernel_mirror.h"

#include <algorithm>

namespace culvert {
namespace {

constexpr std::uint64_t kWorkBudgetNs = 2 * kNanosecondsPerMillisecond;

}  // namespace

KernelMirror::KernelMirror(RouteSink& sink, const MirrorSettings& settings, MirrorListener& listener)
    : listener_(listener),
      model_(sink, settings.interfaces, settings.limits, listener),
      requests_(model_.neighbors(), settings.managed_neighbors),
      feed_(model_, listener, settings.receive_buffer_bytes) {
  model_.on_neighbor = [this](const NeighborChange& change) { requests_.neighbor_changed(change, monotonic_ns()); };
  model_.on_link = [this](const LinkChange& change) {
    if (change.gone) requests_.link_gone(change.ifindex);
  };
  model_.resolver().adjacencies().on_gateway = [this](const NeighborKey& key, bool needed) {
    requests_.gateway(key, needed);
  };
  gauges_.ipv4_routes.max.set(settings.limits.ipv4_routes);
  gauges_.ipv6_routes.max.set(settings.limits.ipv6_routes);
  gauges_.neighbors.max.set(settings.limits.neighbors);
  feed_.handle_readable(monotonic_ns(), 0);  // asks for the first dump, so that the descriptor becomes readable
}

bool KernelMirror::handle_readable() {
  const bool more = feed_.handle_readable(monotonic_ns(), kWorkBudgetNs);
  publish();
  return more;
}

void KernelMirror::tick() {
  const Now now = monotonic_ns();
  feed_.tick(now);
  // Before the first round is through, permanent entries are not known as such.
  if (feed_.synchronised()) requests_.tick(now);
  publish();
}

WantResult KernelMirror::want_neighbor(InterfaceIndex interface, Ipv4Address address) {
  const Link* link = model_.links().find_owned(interface);
  return link != nullptr ? want(link->ifindex, interface, IpAddress::from(address)) : WantResult::kRefused;
}

WantResult KernelMirror::want_neighbor(InterfaceIndex interface, const Ipv6Address& address) {
  const Link* link = model_.links().find_owned(interface);
  return link != nullptr ? want(link->ifindex, interface, IpAddress::from(address)) : WantResult::kRefused;
}

WantResult KernelMirror::want_next_hop(NextHopIndex index) {
  const Adjacency* adjacency = model_.resolver().adjacencies().find(index);
  if (adjacency == nullptr || adjacency->on_link()) return WantResult::kRefused;
  const AdjacencyKey& key = adjacency->key;
  return want(key.neighbor.ifindex, key.interface, key.neighbor.address);
}

WantResult KernelMirror::want(std::uint32_t ifindex, InterfaceIndex interface, const IpAddress& address) {
  const WantResult result = requests_.want({ifindex, address}, monotonic_ns());
  if (result == WantResult::kRefused) listener_.on_neighbor_failed(interface, address);
  return result;
}

InterfaceSnapshot KernelMirror::interface(InterfaceIndex interface) const {
  InterfaceSnapshot snapshot;
  const Link* link = model_.links().find_owned(interface);
  if (link == nullptr) return snapshot;
  snapshot.present = true;
  snapshot.up = link->has_carrier();
  snapshot.ifindex = link->ifindex;
  snapshot.mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(link->mtu, 0xffff));
  snapshot.mac = link->mac;
  snapshot.ipv4 = model_.addresses().ipv4_source(link->ifindex);
  snapshot.ipv6 = model_.addresses().ipv6_source(link->ifindex);
  return snapshot;
}

void KernelMirror::clear_peaks() noexcept {
  for (Gauge* gauge : {&gauges_.ipv4_routes, &gauges_.ipv6_routes, &gauges_.neighbors}) gauge->clear_peak();
  requests_.clear_peak();
}

std::vector<IpAddress> KernelMirror::local_addresses() const {
  std::vector<IpAddress> found;
  for (const auto& [address, links] : model_.addresses().local_addresses())
    if (xdp_must_know(address)) found.push_back(address);
  return found;
}

void KernelMirror::publish() {
  const Resolver& resolver = model_.resolver();
  gauges_.ipv4_routes.observe(model_.routes(true).size());
  gauges_.ipv4_routes.failures.set(model_.routes(true).refused());
  gauges_.ipv6_routes.observe(model_.routes(false).size());
  gauges_.ipv6_routes.failures.set(model_.routes(false).refused());
  gauges_.neighbors.observe(model_.neighbors().all().size());
  gauges_.neighbors.failures.set(model_.neighbors().refused());
  gauges_.next_hops.set(resolver.next_hops());
  gauges_.next_hops_full.set(resolver.activity().next_hops_full);
  gauges_.host_routes.set(resolver.host_routes());
  gauges_.overruns.set(feed_.counters().overruns);
  gauges_.resyncs.set(feed_.counters().resyncs - (feed_.synchronised() ? 1 : 0));
  gauges_.malformed.set(model_.malformed());
  gauges_.routes_other_table.set(model_.ignored().other_table);
  gauges_.routes_type_of_service.set(model_.ignored().type_of_service);
  gauges_.routes_from_source.set(model_.ignored().from_source);
}

}  // namespace culvert
