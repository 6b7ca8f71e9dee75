// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "control/netlink/messages.h"
#include "packet/packet.h"

namespace culvert {

/// A link of the kernel as the mirror knows it.
struct Link {
  std::uint32_t ifindex = 0;
  std::string name;
  std::string kind;
  std::uint32_t flags = 0;
  std::uint32_t mtu = 0;  ///< bytes of IP
  MacAddress mac;
  std::uint8_t operstate = 0;
  std::uint32_t master = 0;
  std::uint32_t lower = 0;
  std::uint16_t vlan = 0;
  InterfaceIndex owned = kNoInterface;  ///< Culvert's number, if it is one of its interfaces
  std::uint8_t generation = 0;

  /// Administratively up (IFF_UP).
  bool is_up() const noexcept;
  /// Up and with carrier (IFF_LOWER_UP), as InterfaceSnapshot::up means it.
  bool has_carrier() const noexcept;
  /// The kernel flushes next-hop objects of a link that has neither IFF_RUNNING nor IFF_LOWER_UP
  /// (net/ipv4/nexthop.c nh_netdev_event).
  bool keeps_objects() const noexcept;
};

/// What a message changed, so that only what depends on it is looked at again.
struct LinkChange {
  std::uint32_t ifindex = 0;
  bool known = false;          ///< it was there before
  bool gone = false;           ///< it is not there any more
  bool went_down = false;      ///< IFF_UP was lost: the kernel flushes IPv4 routes without saying so
  bool came_up = false;        ///< IFF_UP or carrier was gained: the kernel revives members without saying so
  bool lost_objects = false;   ///< as keeps_objects()
  bool alive_changed = false;  ///< is_up(), has_carrier() or ownership changed: multipath members change
  bool owner_changed = false;  ///< name, so InterfaceIndex
  bool mtu_changed = false;
  bool visible = false;  ///< anything that InterfaceSnapshot or `show interfaces` shows
};

/// All links of this network namespace, by ifindex.
class LinkModel {
 public:
  /// Which names are Culvert's. Links that are known already change their owner at the next message or at resync.
  explicit LinkModel(std::map<std::string, InterfaceIndex> owned) : owned_(std::move(owned)) {}

  LinkChange apply(const LinkMessage& message, std::uint8_t generation);
  /// Removes one link that the last dump did not show; false when there is none (left).
  bool sweep_one(std::uint8_t generation, LinkChange& change);

  const Link* find(std::uint32_t ifindex) const;
  const Link* find_owned(InterfaceIndex index) const;
  const std::map<std::uint32_t, Link>& all() const noexcept { return links_; }

 private:
  LinkChange remove(std::uint32_t ifindex);

  std::map<std::string, InterfaceIndex> owned_;
  std::map<std::uint32_t, Link> links_;
};

}  // namespace culvert
