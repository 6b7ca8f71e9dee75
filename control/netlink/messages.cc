// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/messages.h"

// The C library's interface flags first: linux/if_link.h would define them a second time.
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "control/netlink/attributes.h"

namespace culvert {
namespace {

bool parse_vlan(const nlattr& data, std::uint16_t& vlan) {
  return for_each_attribute(mnl_attr_get_payload(&data), mnl_attr_get_payload_len(&data), [&](const nlattr& attribute) {
    return mnl_attr_get_type(&attribute) != IFLA_VLAN_ID || read_number(attribute, vlan);
  });
}

bool parse_link_info(const nlattr& info, LinkMessage& link) {
  const nlattr* data = nullptr;
  const bool whole =
      for_each_attribute(mnl_attr_get_payload(&info), mnl_attr_get_payload_len(&info), [&](const nlattr& attribute) {
        switch (mnl_attr_get_type(&attribute)) {
          case IFLA_INFO_KIND:
            return read_text(attribute, link.kind);
          case IFLA_INFO_DATA:
            data = &attribute;
            return true;
          default:
            return true;
        }
      });
  return whole && (data == nullptr || link.kind != "vlan" || parse_vlan(*data, link.vlan));
}

bool is_ip(unsigned family) {
  return family == AF_INET || family == AF_INET6;
}

}  // namespace

Parsed parse(const nlmsghdr& message, LinkMessage& link) {
  link = {};
  link.removed = message.nlmsg_type == RTM_DELLINK;
  ifinfomsg header{};
  if (!read_header(message, header)) return Parsed::kMalformed;
  // AF_BRIDGE messages speak of a port of a bridge, not of the link's life.
  if (header.ifi_family != AF_UNSPEC) return Parsed::kNotOurs;
  const bool whole = for_each_attribute_after<ifinfomsg>(message, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFLA_IFNAME:
        return read_text(attribute, link.name);
      case IFLA_MTU:
        return read_number(attribute, link.mtu);
      case IFLA_ADDRESS:
        read_mac(attribute, link.mac);
        return true;
      case IFLA_OPERSTATE:
        return read_number(attribute, link.operstate);
      case IFLA_MASTER:
        return read_number(attribute, link.master);
      case IFLA_LINK:
        return read_number(attribute, link.lower);
      case IFLA_LINKINFO:
        return parse_link_info(attribute, link);
      default:
        return true;
    }
  });
  if (!whole || header.ifi_index <= 0) return Parsed::kMalformed;
  if (link.name.empty()) return Parsed::kNotOurs;  // an event of a wireless link (IFLA_WIRELESS) has no name
  link.ifindex = static_cast<std::uint32_t>(header.ifi_index);
  link.flags = header.ifi_flags;
  return Parsed::kWhole;
}

Parsed parse(const nlmsghdr& message, AddressMessage& address) {
  address = {};
  address.removed = message.nlmsg_type == RTM_DELADDR;
  ifaddrmsg header{};
  if (!read_header(message, header)) return Parsed::kMalformed;
  if (!is_ip(header.ifa_family)) return Parsed::kNotOurs;
  bool has_local = false;
  bool has_address = false;
  std::uint32_t flags = 0;
  const bool whole = for_each_attribute_after<ifaddrmsg>(message, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFA_LOCAL:
        has_local = true;
        return read_ip(attribute, address.address);
      case IFA_ADDRESS:
        has_address = true;
        return read_ip(attribute, address.peer);
      case IFA_FLAGS:
        return read_number(attribute, flags);
      default:
        return true;
    }
  });
  if (!whole || (!has_local && !has_address) || header.ifa_index == 0) return Parsed::kMalformed;
  const bool ipv4 = header.ifa_family == AF_INET;
  // On a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours.
  if (!has_local) address.address = address.peer;
  if (!has_address) address.peer = address.address;
  if (address.address.is_ipv4() != ipv4 || address.peer.is_ipv4() != ipv4) return Parsed::kMalformed;
  if (header.ifa_prefixlen > (ipv4 ? 32 : 128)) return Parsed::kMalformed;
  address.ifindex = header.ifa_index;
  address.length = static_cast<std::uint8_t>(header.ifa_prefixlen + (ipv4 ? kIpv4PrefixBase : 0));
  address.scope = header.ifa_scope;
  address.flags = flags != 0 ? flags : header.ifa_flags;
  return Parsed::kWhole;
}

Parsed parse(const nlmsghdr& message, NeighborMessage& neighbor) {
  neighbor = {};
  neighbor.removed = message.nlmsg_type == RTM_DELNEIGH;
  ndmsg header{};
  if (!read_header(message, header)) return Parsed::kMalformed;
  if (!is_ip(header.ndm_family)) return Parsed::kNotOurs;  // AF_BRIDGE: the forwarding database
  bool has_address = false;
  const bool whole = for_each_attribute_after<ndmsg>(message, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case NDA_DST:
        has_address = read_ip(attribute, neighbor.address);
        return true;
      case NDA_LLADDR:
        neighbor.has_mac = read_mac(attribute, neighbor.mac);
        return true;
      case NDA_FLAGS_EXT:
        return read_number(attribute, neighbor.extended_flags);
      default:
        return true;
    }
  });
  if (!whole || !has_address || header.ndm_ifindex <= 0) return Parsed::kMalformed;
  if (header.ndm_family != (neighbor.address.is_ipv4() ? AF_INET : AF_INET6)) return Parsed::kMalformed;
  neighbor.ifindex = static_cast<std::uint32_t>(header.ndm_ifindex);
  neighbor.state = header.ndm_state;
  neighbor.flags = header.ndm_flags;
  return Parsed::kWhole;
}

namespace {

bool parse_members(const nlattr& attribute, std::vector<ObjectMember>& members) {
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  if (size % sizeof(nexthop_grp) != 0) return false;
  const auto* bytes = static_cast<const std::byte*>(mnl_attr_get_payload(&attribute));
  for (std::size_t at = 0; at < size; at += sizeof(nexthop_grp)) {
    const auto member = load<nexthop_grp>(bytes + at);
    // The second byte holds the weight's high bits since Linux 6.12; zero before.
    const unsigned weight = (static_cast<unsigned>(load<std::uint8_t>(bytes + at + 5)) << 8 | member.weight) + 1;
    members.push_back({member.id, static_cast<std::uint16_t>(std::min(weight, 0xffffU))});
  }
  return true;
}

}  // namespace

Parsed parse(const nlmsghdr& message, ObjectMessage& object) {
  object = {};
  object.removed = message.nlmsg_type == RTM_DELNEXTHOP;
  const bool whole = for_each_attribute_after<nhmsg>(message, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case NHA_ID:
        return read_number(attribute, object.id);
      case NHA_OIF:
        return read_number(attribute, object.path.ifindex);
      case NHA_GATEWAY:
        object.path.has_gateway = read_ip(attribute, object.path.gateway);
        return object.path.has_gateway;
      case NHA_GROUP:
        return parse_members(attribute, object.members);
      case NHA_BLACKHOLE:
        object.blackhole = true;
        return true;
      case NHA_FDB:
        object.fdb = true;
        return true;
      case NHA_ENCAP_TYPE:
        object.path.encapsulated = true;
        return true;
      default:
        return true;
    }
  });
  return whole && object.id != 0 ? Parsed::kWhole : Parsed::kMalformed;
}

}  // namespace culvert
