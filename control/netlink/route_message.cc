// SPDX-License-Identifier: Apache-2.0
// RTM_NEWROUTE and RTM_DELROUTE (net/ipv4/fib_semantics.c fib_dump_info, net/ipv6/route.c rt6_fill_node).
#include <linux/rtnetlink.h>

#include "control/netlink/attributes.h"
#include "control/netlink/messages.h"

namespace culvert {
namespace {

/// RTA_VIA: a family, then an address of it.
bool read_via(const nlattr& attribute, Path& path) {
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  if (size < sizeof(rtvia)) return false;
  const auto* bytes = static_cast<const std::byte*>(mnl_attr_get_payload(&attribute));
  const auto family = load<rtvia>(bytes).rtvia_family;
  const auto address = read_ip(bytes + sizeof(rtvia), size - sizeof(rtvia));
  if (!address || family != (address->is_ipv4() ? AF_INET : AF_INET6)) return false;
  path.gateway = *address;
  path.has_gateway = true;
  return true;
}

/// The attributes that a single path and a member of RTA_MULTIPATH have in common.
bool read_path_attribute(const nlattr& attribute, Path& path) {
  switch (mnl_attr_get_type(&attribute)) {
    case RTA_GATEWAY:
      path.has_gateway = read_ip(attribute, path.gateway);
      return path.has_gateway;
    case RTA_VIA:
      return read_via(attribute, path);
    case RTA_ENCAP_TYPE:
    case RTA_NEWDST:
      path.encapsulated = true;
      return true;
    default:
      return true;
  }
}

bool read_multipath(const nlattr& attribute, std::vector<Path>& paths) {
  const auto* bytes = static_cast<const std::byte*>(mnl_attr_get_payload(&attribute));
  std::size_t left = mnl_attr_get_payload_len(&attribute);
  while (left >= sizeof(rtnexthop)) {
    const auto hop = load<rtnexthop>(bytes);
    if (hop.rtnh_len < sizeof(rtnexthop) || hop.rtnh_len > left || hop.rtnh_ifindex < 0) return false;
    Path path;
    path.ifindex = static_cast<std::uint32_t>(hop.rtnh_ifindex);
    path.weight = static_cast<std::uint16_t>(hop.rtnh_hops + 1);
    // With ignore_routes_with_linkdown the kernel says so of members without carrier as well (fib_nexthop_info);
    // without it RTNH_F_LINKDOWN alone changes nothing for the kernel.
    path.dead = (hop.rtnh_flags & RTNH_F_DEAD) != 0;
    const bool whole = for_each_attribute(bytes + sizeof(rtnexthop), hop.rtnh_len - sizeof(rtnexthop),
                                          [&](const nlattr& each) { return read_path_attribute(each, path); });
    if (!whole) return false;
    paths.push_back(path);
    const std::size_t step = std::min(netlink_align(hop.rtnh_len), left);
    bytes += step;
    left -= step;
  }
  return left == 0;
}

bool read_metrics(const nlattr& attribute, std::uint32_t& mtu) {
  return for_each_attribute(
      mnl_attr_get_payload(&attribute), mnl_attr_get_payload_len(&attribute),
      [&](const nlattr& metric) { return mnl_attr_get_type(&metric) != RTAX_MTU || read_number(metric, mtu); });
}

/// What the attributes say before the header's family and lengths are applied.
struct Gathered {
  IpAddress destination;
  bool has_destination = false;
  bool multipath = false;
  std::uint32_t table = 0;
  Path path;
};

bool read_attribute(const nlattr& attribute, RouteMessage& route, Gathered& gathered) {
  switch (mnl_attr_get_type(&attribute)) {
    case RTA_DST:
      gathered.has_destination = read_ip(attribute, gathered.destination);
      return gathered.has_destination;
    case RTA_OIF:
      return read_number(attribute, gathered.path.ifindex);
    case RTA_TABLE:
      return read_number(attribute, gathered.table);
    case RTA_PRIORITY:
      return read_number(attribute, route.priority);
    case RTA_PREFSRC:
      return read_ip(attribute, route.preferred_source);
    case RTA_NH_ID:
      return read_number(attribute, route.object);
    case RTA_METRICS:
      return read_metrics(attribute, route.mtu);
    case RTA_MULTIPATH:
      gathered.multipath = true;
      return read_multipath(attribute, route.paths);
    default:
      return read_path_attribute(attribute, gathered.path);
  }
}

}  // namespace

Parsed parse(const nlmsghdr& message, RouteMessage& route) {
  route = {};
  rtmsg header{};
  if (!read_header(message, header)) return Parsed::kMalformed;
  route.ipv4 = header.rtm_family == AF_INET;
  if (!route.ipv4 && header.rtm_family != AF_INET6) return Parsed::kNotOurs;
  Gathered gathered;
  const bool whole = for_each_attribute_after<rtmsg>(
      message, [&](const nlattr& attribute) { return read_attribute(attribute, route, gathered); });
  if (!whole || header.rtm_dst_len > (route.ipv4 ? 32 : 128)) return Parsed::kMalformed;
  if (!gathered.has_destination) {
    if (header.rtm_dst_len != 0) return Parsed::kMalformed;
    gathered.destination = route.ipv4 ? IpAddress::from(Ipv4Address{}) : IpAddress{};
  }
  // An IPv6 route inside ::ffff:0:0/96 is never forwarded by.
  if (gathered.destination.is_ipv4() != route.ipv4) return route.ipv4 ? Parsed::kMalformed : Parsed::kNotOurs;
  route.prefix = IpPrefix::of(gathered.destination,
                              static_cast<std::uint8_t>(header.rtm_dst_len + (route.ipv4 ? kIpv4PrefixBase : 0)));
  route.removed = message.nlmsg_type == RTM_DELROUTE;
  route.message_flags = message.nlmsg_flags;
  route.type = header.rtm_type;
  route.scope = header.rtm_scope;
  route.protocol = header.rtm_protocol;
  route.tos = header.rtm_tos;
  route.cloned = (header.rtm_flags & RTM_F_CLONED) != 0;
  route.from_source = header.rtm_src_len != 0;
  route.table = gathered.table != 0 ? gathered.table : header.rtm_table;
  const bool some_path = gathered.path.ifindex != 0 || gathered.path.has_gateway;
  if (!gathered.multipath && some_path) route.paths.push_back(gathered.path);
  return Parsed::kWhole;
}

}  // namespace culvert
