// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages as the kernel sends them, built with libmnl. Addresses are text: "192.0.2.1", "2001:db8::1".
#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string>
#include <vector>

#include "base/check.h"
#include "control/netlink/ip_prefix.h"

namespace culvert::test {

inline IpAddress ip(const std::string& text) {
  if (text.find(':') == std::string::npos) {
    Ipv4Address address;
    CULVERT_CHECK(::inet_pton(AF_INET, text.c_str(), &address) == 1);
    return IpAddress::from(address);
  }
  Ipv6Address address;
  CULVERT_CHECK(::inet_pton(AF_INET6, text.c_str(), &address) == 1);
  return IpAddress::from(address);
}

/// One message in a buffer of its own.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) : words_(4096 / sizeof(std::uint64_t)) {
    header_ = mnl_nlmsg_put_header(words_.data());
    header_->nlmsg_type = type;
    header_->nlmsg_flags = flags;
  }
  template <typename T>
  T* extra() {
    return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  Message& address(std::uint16_t type, const std::string& text) {
    const IpAddress value = ip(text);
    if (value.is_ipv4()) {
      const Ipv4Address bytes = value.ipv4();
      mnl_attr_put(header_, type, sizeof(bytes), &bytes);
    } else {
      const Ipv6Address bytes = value.ipv6();
      mnl_attr_put(header_, type, sizeof(bytes), &bytes);
    }
    return *this;
  }
  Message& u32(std::uint16_t type, std::uint32_t value) {
    mnl_attr_put_u32(header_, type, value);
    return *this;
  }
  Message& bytes(std::uint16_t type, const void* data, std::size_t size) {
    mnl_attr_put(header_, type, size, data);
    return *this;
  }
  nlmsghdr* raw() { return header_; }
  operator const nlmsghdr&() const { return *header_; }  // NOLINT: that is what it is

 private:
  std::vector<std::uint64_t> words_;
  nlmsghdr* header_;
};

struct LinkText {
  std::uint32_t ifindex;
  std::string name;
  std::uint32_t flags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  std::uint32_t mtu = 1500;
  std::string kind = {};
};

inline Message link_message(const LinkText& link, bool removed = false) {
  Message message(removed ? RTM_DELLINK : RTM_NEWLINK, 0);
  auto* header = message.extra<ifinfomsg>();
  header->ifi_family = AF_UNSPEC;
  header->ifi_index = static_cast<int>(link.ifindex);
  header->ifi_flags = link.flags;
  mnl_attr_put_strz(message.raw(), IFLA_IFNAME, link.name.c_str());
  message.u32(IFLA_MTU, link.mtu);
  const std::uint8_t mac[6] = {2, 0xff, 0, 0, 0, static_cast<std::uint8_t>(link.ifindex)};
  message.bytes(IFLA_ADDRESS, mac, sizeof(mac));
  if (!link.kind.empty()) {
    nlattr* nest = mnl_attr_nest_start(message.raw(), IFLA_LINKINFO);
    mnl_attr_put_strz(message.raw(), IFLA_INFO_KIND, link.kind.c_str());
    mnl_attr_nest_end(message.raw(), nest);
  }
  return message;
}

inline Message address_message(std::uint32_t ifindex, const std::string& text, int length, bool removed = false,
                               std::uint32_t flags = IFA_F_PERMANENT, std::uint8_t scope = RT_SCOPE_UNIVERSE,
                               const std::string& peer = {}) {
  Message message(removed ? RTM_DELADDR : RTM_NEWADDR, 0);
  auto* header = message.extra<ifaddrmsg>();
  header->ifa_family = ip(text).is_ipv4() ? AF_INET : AF_INET6;
  header->ifa_prefixlen = static_cast<std::uint8_t>(length);
  header->ifa_index = ifindex;
  header->ifa_scope = scope;
  message.address(IFA_ADDRESS, peer.empty() ? text : peer);
  if (ip(text).is_ipv4() || !peer.empty()) message.address(IFA_LOCAL, text);
  message.u32(IFA_FLAGS, flags);
  return message;
}

struct HopText {
  std::uint32_t ifindex = 0;
  std::string gateway = {};
  std::uint32_t weight = 1;
  bool dead = false;  ///< counts in multipath routes only
};

struct RouteText {
  std::string prefix;  ///< "198.51.100.0/24"
  std::vector<HopText> hops = {};
  std::uint16_t flags = NLM_F_CREATE | NLM_F_EXCL;
  bool removed = false;
  std::uint8_t type = RTN_UNICAST;
  std::uint32_t priority = 0;
  std::uint32_t table = RT_TABLE_MAIN;
  std::uint32_t object = 0;
  std::uint32_t mtu = 0;
  std::string source = {};
  std::uint8_t scope = RT_SCOPE_UNIVERSE;
  std::uint8_t protocol = RTPROT_STATIC;
  std::uint8_t tos = 0;
};

/// A gateway of the other family goes into RTA_VIA.
inline void put_gateway(Message& message, const std::string& gateway, bool ipv4) {
  if (gateway.empty()) return;
  if (ip(gateway).is_ipv4() == ipv4) {
    message.address(RTA_GATEWAY, gateway);
    return;
  }
  std::uint8_t via[2 + 16] = {AF_INET6, 0};
  const Ipv6Address address = ip(gateway).ipv6();
  std::copy(address.bytes.begin(), address.bytes.end(), via + 2);
  message.bytes(RTA_VIA, via, sizeof(via));
}

inline Message route_message(const RouteText& route) {
  const auto slash = route.prefix.find('/');
  const std::string address = route.prefix.substr(0, slash);
  const bool ipv4 = ip(address).is_ipv4();
  Message message(route.removed ? RTM_DELROUTE : RTM_NEWROUTE, route.removed ? 0 : route.flags);
  auto* header = message.extra<rtmsg>();
  header->rtm_family = ipv4 ? AF_INET : AF_INET6;
  header->rtm_dst_len = static_cast<std::uint8_t>(std::atoi(route.prefix.c_str() + slash + 1));
  header->rtm_type = route.type;
  header->rtm_table = static_cast<std::uint8_t>(route.table < 256 ? route.table : RT_TABLE_COMPAT);
  header->rtm_scope = route.scope;
  header->rtm_protocol = route.protocol;
  header->rtm_tos = route.tos;
  if (header->rtm_dst_len != 0) message.address(RTA_DST, address);
  message.u32(RTA_TABLE, route.table);
  if (route.priority != 0) message.u32(RTA_PRIORITY, route.priority);
  if (route.object != 0) message.u32(RTA_NH_ID, route.object);
  if (!route.source.empty()) message.address(RTA_PREFSRC, route.source);
  if (route.mtu != 0) {
    nlattr* nest = mnl_attr_nest_start(message.raw(), RTA_METRICS);
    message.u32(RTAX_MTU, route.mtu);
    mnl_attr_nest_end(message.raw(), nest);
  }
  if (route.hops.size() == 1) {
    message.u32(RTA_OIF, route.hops[0].ifindex);
    put_gateway(message, route.hops[0].gateway, ipv4);
  } else if (!route.hops.empty()) {
    nlattr* nest = mnl_attr_nest_start(message.raw(), RTA_MULTIPATH);
    for (const HopText& hop : route.hops) {
      auto* next = message.extra<rtnexthop>();
      next->rtnh_hops = static_cast<std::uint8_t>(hop.weight - 1);
      next->rtnh_ifindex = static_cast<int>(hop.ifindex);
      next->rtnh_flags = hop.dead ? RTNH_F_DEAD : 0;
      const std::uint32_t before = message.raw()->nlmsg_len;
      put_gateway(message, hop.gateway, ipv4);
      next->rtnh_len = static_cast<std::uint16_t>(sizeof(rtnexthop) + message.raw()->nlmsg_len - before);
    }
    mnl_attr_nest_end(message.raw(), nest);
  }
  return message;
}

/// The MAC is 02:00:00:00:00:`last`; 0: none.
inline Message neighbor_message(std::uint32_t ifindex, const std::string& text, std::uint16_t state, std::uint8_t last,
                                bool removed = false, std::uint32_t extended = 0) {
  Message message(removed ? RTM_DELNEIGH : RTM_NEWNEIGH, 0);
  auto* header = message.extra<ndmsg>();
  header->ndm_family = ip(text).is_ipv4() ? AF_INET : AF_INET6;
  header->ndm_ifindex = static_cast<int>(ifindex);
  header->ndm_state = state;
  message.address(NDA_DST, text);
  const std::uint8_t mac[6] = {2, 0, 0, 0, 0, last};
  if (last != 0) message.bytes(NDA_LLADDR, mac, sizeof(mac));
  if (extended != 0) message.u32(NDA_FLAGS_EXT, extended);
  return message;
}

struct MemberText {
  std::uint32_t id;
  std::uint32_t weight = 1;
};

inline Message object_message(std::uint32_t id, const HopText& hop, const std::vector<MemberText>& members = {},
                              bool removed = false) {
  Message message(removed ? RTM_DELNEXTHOP : RTM_NEWNEXTHOP, 0);
  auto* header = message.extra<nhmsg>();
  header->nh_family = AF_INET;
  message.u32(NHA_ID, id);
  if (!members.empty()) {
    std::vector<nexthop_grp> group;
    for (const MemberText& member : members) {
      nexthop_grp each{};
      each.id = member.id;
      each.weight = static_cast<std::uint8_t>(member.weight - 1);
      group.push_back(each);
    }
    message.bytes(NHA_GROUP, group.data(), group.size() * sizeof(nexthop_grp));
  } else if (hop.ifindex == 0) {
    message.bytes(NHA_BLACKHOLE, nullptr, 0);
  } else {
    message.u32(NHA_OIF, hop.ifindex);
    if (!hop.gateway.empty()) message.address(NHA_GATEWAY, hop.gateway);
  }
  return message;
}

}  // namespace culvert::test
