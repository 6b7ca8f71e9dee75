// SPDX-License-Identifier: Apache-2.0
#include "lb/frontend_table.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include "base/hash.h"
#include "packet/ipv4.h"
#include "packet/prefix.h"

namespace culvert {
namespace {

template <typename Address>
inline constexpr std::size_t kFamily = std::is_same_v<Address, Ipv6Address> ? 1 : 0;

}  // namespace

FrontendTable::Prefix FrontendTable::Prefix::of(Ipv4Address address, unsigned length) noexcept {
  const Prefix4 prefix(address, length);
  return {0, prefix.bits, prefix.length, Family::kIpv4};
}

FrontendTable::Prefix FrontendTable::Prefix::of(const Ipv6Address& address, unsigned length) noexcept {
  const Prefix6 prefix(address, length);
  return {prefix.high, prefix.low, prefix.length, Family::kIpv6};
}

std::size_t FrontendTable::home_of(const Prefix& prefix, std::size_t places) noexcept {
  // No secret: who may send can choose what is looked up, and not what the table holds.
  std::uint64_t state = prefix.high;
  state = splitmix64(state) ^ prefix.low ^ std::uint64_t{prefix.length} << 40;
  return fast_range(splitmix64(state), static_cast<std::uint32_t>(places));
}

const FrontendTable::Place* FrontendTable::place_of(const Prefix& prefix) const noexcept {
  const auto places = memory_.places;
  for (std::size_t i = home_of(prefix, places.size()); places[i].prefix.family != Family::kNone;) {
    if (places[i].prefix == prefix) return &places[i];
    i = i + 1 == places.size() ? 0 : i + 1;
  }
  return nullptr;
}

FrontendIndex FrontendTable::frontend_at(const Place& place, std::uint8_t protocol, std::uint16_t port) const noexcept {
  if (protocol != kProtocolTcp && protocol != kProtocolUdp) return place.other_protocols;
  const bool tcp = protocol == kProtocolTcp;
  const std::uint32_t begin = tcp ? place.tcp : place.udp, end = tcp ? place.udp : place.end;
  const auto runs = memory_.runs.subspan(begin, end - begin);
  const auto behind = std::upper_bound(
      runs.begin(), runs.end(), port, [](std::uint16_t wanted, const PortRun& run) { return wanted < run.first_port; });
  return behind == runs.begin() ? kNoFrontend : std::prev(behind)->frontend;
}

template <typename Address>
FrontendIndex FrontendTable::find_prefix(const Address& address, std::uint8_t protocol,
                                         std::uint16_t port) const noexcept {
  for (const std::uint8_t length : memory_.lengths[kFamily<Address>]) {
    const Place* place = place_of(Prefix::of(address, length));
    if (place == nullptr) continue;
    const FrontendIndex frontend = frontend_at(*place, protocol, port);
    if (frontend != kNoFrontend) return frontend;
  }
  return kNoFrontend;
}

template <typename Address>
bool FrontendTable::claims_prefix(const Address& address) const noexcept {
  const auto& lengths = memory_.lengths[kFamily<Address>];
  return std::any_of(lengths.begin(), lengths.end(),
                     [&](std::uint8_t length) { return place_of(Prefix::of(address, length)) != nullptr; });
}

FrontendIndex FrontendTable::find(Ipv4Address address, std::uint8_t protocol, std::uint16_t port) const noexcept {
  return find_prefix(address, protocol, port);
}
FrontendIndex FrontendTable::find(const Ipv6Address& address, std::uint8_t protocol,
                                  std::uint16_t port) const noexcept {
  return find_prefix(address, protocol, port);
}
bool FrontendTable::claims(Ipv4Address address) const noexcept {
  return claims_prefix(address);
}
bool FrontendTable::claims(const Ipv6Address& address) const noexcept {
  return claims_prefix(address);
}

}  // namespace culvert
