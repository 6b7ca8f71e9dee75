// SPDX-License-Identifier: Apache-2.0
#include "nat/external_ports.h"

#include <algorithm>

#include "base/check.h"

namespace culvert {

PortPool& ExternalPorts::pool(std::size_t slot, PortKind kind) noexcept {
  const ExternalAddress& address = (*addresses_)[slot];
  ExternalPool& pool = pools_[place(slot, kind)];
  if (pool.version == address.version) return pool.ports;
  pool.version = address.version;
  pool.ports.use(address.range);
  for (const HostPort& host : address.excluded) {
    if (host.kind == kind) pool.ports.exclude(host.port);
  }
  gauges_[place(slot, kind)].max.set(pool.ports.size());
  return pool.ports;
}

void ExternalPorts::use(const ExternalAddresses& addresses) noexcept {
  CULVERT_CHECK(addresses.size() * kPortKinds <= pools_.size() && pools_.size() == gauges_.size());
  addresses_ = &addresses;
}

std::optional<std::uint16_t> ExternalPorts::take(std::size_t slot, PortKind kind, PortWish wish,
                                                 std::uint64_t random) noexcept {
  PortPool& ports = pool(slot, kind);
  for (const PortWish next : {wish, PortWish{PortParity::kAny, wish.port_class}, PortWish{}}) {
    if (const auto port = ports.take(next, random)) {
      observe(slot, kind);
      return port;
    }
  }
  gauges_[place(slot, kind)].failures.add();
  return std::nullopt;
}

bool ExternalPorts::take_exactly(std::size_t slot, PortKind kind, std::uint16_t port) noexcept {
  if (!pool(slot, kind).take_exactly(port)) return false;
  observe(slot, kind);
  return true;
}

bool ExternalPorts::take_exactly(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept {
  const auto slot = find(address);
  return slot.has_value() && take_exactly(*slot, kind, port);
}

void ExternalPorts::give_back(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept {
  const auto slot = find(address);
  CULVERT_CHECK(slot.has_value());
  pool(*slot, kind).give_back(port);
  observe(*slot, kind);
}

void ExternalPorts::observe(std::size_t slot, PortKind kind) noexcept {
  gauges_[place(slot, kind)].observe(pools_[place(slot, kind)].ports.used());
}

}  // namespace culvert
