// SPDX-License-Identifier: Apache-2.0
#include "nat/external_addresses.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "packet/ipv4.h"

namespace culvert {
namespace {

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

bool is_of_host(const ExternalAddress& external, PortKind kind, std::uint16_t port) noexcept {
  return std::binary_search(external.excluded.begin(), external.excluded.end(), HostPort{kind, port});
}

Ipv6Address mapped(Ipv4Address address) noexcept {
  Ipv6Address result;
  result.bytes[10] = result.bytes[11] = 0xff;
  store(&result.bytes[12], address);
  return result;
}

ExternalAddresses::ExternalAddresses(std::span<const ExternalAddress> slots, std::span<std::uint16_t> places) noexcept
    : slots_(slots), places_(places) {
  CULVERT_CHECK(slots.size() <= kMaxExternalAddresses && places.size() == places_for(slots.size()));
  std::fill(places.begin(), places.end(), std::uint16_t{0});
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].address.is_unspecified()) continue;
    std::size_t place = mix(slots[slot].address) & (places.size() - 1);
    while (places[place] != 0) place = (place + 1) & (places.size() - 1);
    places[place] = static_cast<std::uint16_t>(slot + 1);
  }
}

std::optional<std::size_t> ExternalAddresses::find(const Ipv6Address& address) const noexcept {
  if (places_.empty()) return std::nullopt;
  // At least half of the places are free.
  const std::size_t mask = places_.size() - 1;
  for (std::size_t place = mix(address) & mask; places_[place] != 0; place = (place + 1) & mask) {
    if (slots_[places_[place] - 1U].address == address) return places_[place] - 1U;
  }
  return std::nullopt;
}

}  // namespace culvert
