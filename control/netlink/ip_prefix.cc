// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/ip_prefix.h"

#include <arpa/inet.h>
#include <fmt/format.h>

namespace culvert {

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_ipv4()) {
    const Ipv4Address address = ipv4();
    ::inet_ntop(AF_INET, &address, text, sizeof(text));
  } else {
    const Ipv6Address address = ipv6();
    ::inet_ntop(AF_INET6, &address, text, sizeof(text));
  }
  return text;
}

std::string IpPrefix::to_string() const {
  return fmt::format("{}/{}", address.to_string(), written_length());
}

}  // namespace culvert
