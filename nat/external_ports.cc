// SPDX-License-Identifier: Apache-2.0
#include "nat/external_ports.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "packet/ipv4.h"

namespace culvert {
namespace {

constexpr std::array kKinds{PortKind::kTcp, PortKind::kUdp, PortKind::kIcmp, PortKind::kSctp};

/// The operator chooses external addresses, so no secret is needed.
std::uint64_t mix(const Ipv6Address& address) noexcept {
  std::uint64_t state = address.high() ^ std::rotl(address.low(), 29);
  return splitmix64(state);
}

}  // namespace

std::optional<PortKind> port_kind(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case kProtocolTcp:
      return PortKind::kTcp;
    case kProtocolUdp:
      return PortKind::kUdp;
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      return PortKind::kIcmp;
    case kProtocolSctp:
      return PortKind::kSctp;
    default:
      return std::nullopt;
  }
}

Ipv6Address mapped(Ipv4Address address) noexcept {
  Ipv6Address result;
  result.bytes[10] = result.bytes[11] = 0xff;
  store(&result.bytes[12], address);
  return result;
}

ExternalPorts::ExternalPorts(const Memory& memory) noexcept
    : pools_(memory.pools), slots_(memory.slots), places_(memory.places) {
  CULVERT_CHECK(slots_.size() <= kMaxExternalAddresses && pools_.size() == slots_.size() * kPortKinds &&
                places_.size() == places_for(slots_.size()));
  std::fill(slots_.begin(), slots_.end(), ExternalAddress{{}, kNoPorts});
  index();
}

bool ExternalPorts::idle(std::size_t slot) noexcept {
  return std::all_of(kKinds.begin(), kKinds.end(), [&](PortKind kind) { return pool(slot, kind).used() == 0; });
}

void ExternalPorts::use(std::span<const ExternalAddress> addresses) noexcept {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    ExternalAddress next = slot < addresses.size() ? addresses[slot] : ExternalAddress{{}, kNoPorts};
    ExternalAddress& mine = slots_[slot];
    if (next.address.is_unspecified()) next = {idle(slot) ? Ipv6Address{} : mine.address, kNoPorts};
    CULVERT_CHECK(next.address == mine.address || idle(slot));
    if (next == mine) continue;
    mine = next;
    for (const PortKind kind : kKinds) pool(slot, kind).use(mine.range);
  }
  index();
}

void ExternalPorts::index() noexcept {
  std::fill(places_.begin(), places_.end(), std::uint16_t{0});
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].address.is_unspecified()) continue;
    std::size_t place = mix(slots_[slot].address) % places_.size();
    while (places_[place] != 0) place = (place + 1) % places_.size();
    places_[place] = static_cast<std::uint16_t>(slot + 1);
  }
}

std::optional<std::size_t> ExternalPorts::find(const Ipv6Address& address) const noexcept {
  // At least half of the places are free.
  for (std::size_t place = mix(address) % places_.size(); places_[place] != 0; place = (place + 1) % places_.size()) {
    if (slots_[places_[place] - 1U].address == address) return places_[place] - 1U;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> ExternalPorts::take(std::size_t slot, PortKind kind, PortWish wish,
                                                 std::uint64_t random) noexcept {
  PortPool& ports = pool(slot, kind);
  for (const PortWish next : {wish, PortWish{PortParity::kAny, wish.port_class}, PortWish{}}) {
    if (const auto port = ports.take(next, random)) return port;
  }
  return std::nullopt;
}

bool ExternalPorts::take_exactly(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept {
  const auto slot = find(address);
  return slot.has_value() && pool(*slot, kind).take_exactly(port);
}

void ExternalPorts::give_back(const Ipv6Address& address, PortKind kind, std::uint16_t port) noexcept {
  const auto slot = find(address);
  CULVERT_CHECK(slot.has_value());
  pool(*slot, kind).give_back(port);
}

}  // namespace culvert
