// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>

#include "control/netlink/messages.h"

namespace culvert {

/// One address of one link.
struct LinkAddress {
  std::uint8_t length = 0;  ///< as in IpPrefix
  std::uint8_t scope = 0;
  std::uint32_t flags = 0;  ///< IFA_F_*: tentative, deprecated, secondary
  std::uint8_t generation = 0;

  /// May be the source of what we send: not tentative, not a failed duplicate, not deprecated (RFC 4862 5.5.4).
  bool is_good_source() const noexcept;
  bool is_secondary() const noexcept;
};

struct AddressChange {
  std::uint32_t ifindex = 0;
  IpAddress address;
  bool changed = false;   ///< something that `show interfaces` shows
  bool added = false;     ///< this link got it: the kernel revives members without saying so
  bool appeared = false;  ///< the host did not have this address
  bool vanished = false;  ///< no link has it any more, with any length or peer
  /// The link has no other of the family: the kernel turns IPv4 off there and flushes its routes silently; IPv6 may
  /// have been turned off (disable_ipv6), and then members of multipath routes are dead as silently.
  bool last_of_link = false;
};

/// XDP passes packets to loopback and IPv6 link-local addresses without looking them up.
inline bool xdp_must_know(const IpAddress& address) noexcept {
  return !address.is_loopback() && !address.is_ipv6_link_local();
}

/// The addresses of all links. The same address may sit on several links, and on one link with several lengths or, in
/// IPv4, several peers: 192.0.2.1 peer 198.18.0.2/32 beside 192.0.2.1 peer 198.18.0.3/32 (net/ipv4/devinet.c
/// __inet_insert_ifa). IPv6 has an address once on a link, and its peer may change.
class AddressModel {
 public:
  struct Key {
    std::uint32_t ifindex = 0;
    IpPrefix prefix;  ///< the address with its length (host bits kept)
    IpAddress peer;   ///< of IPv4; unspecified for IPv6
    friend constexpr auto operator<=>(const Key&, const Key&) noexcept = default;
  };

  AddressChange apply(const AddressMessage& message, std::uint8_t generation);
  bool sweep_one(std::uint8_t generation, AddressChange& change);

  /// The address that ICMP errors out of this link should come from; prefers global scope and primaries.
  std::optional<Ipv4Address> ipv4_source(std::uint32_t ifindex) const;
  /// A global one when there is one, else link-local.
  std::optional<Ipv6Address> ipv6_source(std::uint32_t ifindex) const;

  /// An address of any link that others can reach this host by: of global scope, not loopback's 127/8 or ::1; primary
  /// and not deprecated when there is such a one. That of the first link: lo, when it has one.
  std::optional<Ipv4Address> host_ipv4() const;
  std::optional<Ipv6Address> host_ipv6() const;

  bool is_local(const IpAddress& address) const { return entries_with_.count(address) != 0; }
  const std::map<Key, LinkAddress>& all() const noexcept { return addresses_; }
  /// Every address, each once, and how many entries of all() have it.
  const std::map<IpAddress, std::size_t>& local_addresses() const noexcept { return entries_with_; }

 private:
  std::optional<IpAddress> host_address(bool ipv4) const;
  AddressChange remove(const Key& key);

  std::map<Key, LinkAddress> addresses_;
  std::map<IpAddress, std::size_t> entries_with_;
};

}  // namespace culvert
