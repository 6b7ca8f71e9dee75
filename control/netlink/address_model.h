// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

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
  bool changed = false;            ///< something that `show interfaces` shows
  bool added = false;              ///< this link got it: the kernel revives members without saying so
  bool appeared = false;           ///< the first link got this address
  bool vanished = false;           ///< no link has it any more
  bool last_ipv4_of_link = false;  ///< the kernel turns IPv4 off there and flushes its routes silently
};

/// XDP passes packets to loopback and IPv6 link-local addresses without looking them up.
inline bool xdp_must_know(const IpAddress& address) noexcept {
  return !address.is_loopback() && !address.is_ipv6_link_local();
}

/// The addresses of all links. The same address may sit on several links, and with several lengths on one.
class AddressModel {
 public:
  using Key = std::pair<std::uint32_t, IpPrefix>;  ///< ifindex, and the address with its length (host bits kept)

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

  bool is_local(const IpAddress& address) const { return links_with_.count(address) != 0; }
  const std::map<Key, LinkAddress>& all() const noexcept { return addresses_; }
  /// Every address, each once, and how many links have it.
  const std::map<IpAddress, std::size_t>& local_addresses() const noexcept { return links_with_; }

 private:
  std::optional<IpAddress> host_address(bool ipv4) const;
  AddressChange remove(const Key& key);

  std::map<Key, LinkAddress> addresses_;
  std::map<IpAddress, std::size_t> links_with_;
};

}  // namespace culvert
