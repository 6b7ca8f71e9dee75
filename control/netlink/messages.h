// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages as plain structures. Bytes are checked here, once: a message whose attributes are short or
// contradict each other is refused as a whole (kMalformed), never half believed. Numbers and meanings are
// those of linux/rtnetlink.h, if_link.h, neighbour.h and nexthop.h.
#pragma once

#include <compare>
#include <cstdint>
#include <linux/netlink.h>
#include <string>
#include <tuple>
#include <vector>

#include "control/netlink/ip_prefix.h"

namespace culvert {

struct LinkMessage {
  bool removed = false;
  std::uint32_t ifindex = 0;
  std::uint32_t flags = 0;  ///< IFF_*
  std::string name;
  std::string kind;  ///< "veth", "bridge", "vlan"...; empty for hardware
  std::uint32_t mtu = 0;
  MacAddress mac;
  std::uint8_t operstate = 0;  ///< IF_OPER_*
  std::uint32_t master = 0;    ///< ifindex of the bridge or bond it is in, or 0
  std::uint32_t lower = 0;     ///< ifindex of what it stands on (VLAN, veth peer in this namespace), or 0
  std::uint16_t vlan = 0;      ///< VLAN id, or 0
};

struct AddressMessage {
  bool removed = false;
  std::uint32_t ifindex = 0;
  IpAddress address;
  IpAddress peer;           ///< whose prefix is on the link; the address itself unless it is told apart
  std::uint8_t length = 0;  ///< of that prefix, as in IpPrefix
  std::uint8_t scope = 0;
  std::uint32_t flags = 0;  ///< IFA_F_*
};

/// One next hop of a route.
struct Path {
  std::uint32_t ifindex = 0;
  std::uint16_t weight = 1;  ///< 1..65535
  bool encapsulated = false;
  bool has_gateway = false;
  IpAddress gateway;  ///< of either family (RTA_VIA: IPv6 next hops of IPv4 routes, RFC 5549)
  /// The kernel sends nothing there (RTNH_F_DEAD), but keeps the route for its other members. Not part of what a path
  /// is: it comes and goes without a message, and a removal may tell it otherwise than the addition did.
  bool dead = false;

  friend bool operator==(const Path& a, const Path& b) noexcept { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const Path& a, const Path& b) noexcept {
    return std::tie(a.ifindex, a.weight, a.encapsulated, a.has_gateway, a.gateway) <=>
           std::tie(b.ifindex, b.weight, b.encapsulated, b.has_gateway, b.gateway);
  }
};

struct RouteMessage {
  bool removed = false;
  std::uint16_t message_flags = 0;  ///< NLM_F_*
  bool ipv4 = true;
  IpPrefix prefix;
  std::uint8_t type = 0;  ///< RTN_*
  std::uint8_t scope = 0;
  std::uint8_t protocol = 0;
  std::uint8_t tos = 0;
  bool cloned = false;       ///< a cache entry, not a route
  bool from_source = false;  ///< RTA_SRC with a length: IPv6 source-specific routing
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
  std::uint32_t object = 0;  ///< RTA_NH_ID: id of a next-hop object, or 0
  std::uint32_t mtu = 0;     ///< RTAX_MTU, or 0
  IpAddress preferred_source;
  std::vector<Path> paths;
};

struct NeighborMessage {
  bool removed = false;
  std::uint32_t ifindex = 0;
  std::uint16_t state = 0;  ///< NUD_*
  std::uint8_t flags = 0;   ///< NTF_*
  std::uint32_t extended_flags = 0;
  IpAddress address;
  bool has_mac = false;
  MacAddress mac;
};

struct ObjectMember {
  std::uint32_t id = 0;
  std::uint16_t weight = 1;
  friend auto operator<=>(const ObjectMember&, const ObjectMember&) noexcept = default;
};

/// A next-hop object (`ip nexthop`): one path, a blackhole, or a group of other objects.
struct ObjectMessage {
  bool removed = false;
  std::uint32_t id = 0;
  bool blackhole = false;
  bool fdb = false;  ///< belongs to a bridge's forwarding database: not ours
  Path path;
  std::vector<ObjectMember> members;
};

enum class Parsed : std::uint8_t {
  kWhole,
  /// Nothing is wrong with it, but it is not about what the structure is for: another address family (a bridge's
  /// forwarding database, multicast routing), an event of a wireless link.
  kNotOurs,
  kMalformed,
};

Parsed parse(const nlmsghdr& message, LinkMessage& link);
Parsed parse(const nlmsghdr& message, AddressMessage& address);
Parsed parse(const nlmsghdr& message, RouteMessage& route);
Parsed parse(const nlmsghdr& message, NeighborMessage& neighbor);
Parsed parse(const nlmsghdr& message, ObjectMessage& object);

}  // namespace culvert
