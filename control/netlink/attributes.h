// SPDX-License-Identifier: Apache-2.0
// Reading netlink attributes with libmnl: every accessor checks the length it needs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <libmnl/libmnl.h>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "control/netlink/ip_prefix.h"

namespace culvert {

/// MNL_ALIGN without its signed arithmetic.
constexpr std::size_t netlink_align(std::size_t size) noexcept {
  return (size + 3) & ~std::size_t{3};
}

/// Calls visit(attribute) for each attribute of [begin, begin + size); false when they do not fill it exactly or when
/// `visit` returns false. Trailing padding of less than one attribute header is allowed.
template <typename Visit>
bool for_each_attribute(const void* begin, std::size_t size, Visit&& visit) {
  const auto* attribute = static_cast<const nlattr*>(begin);
  auto left = static_cast<int>(size);
  while (left >= static_cast<int>(sizeof(nlattr))) {
    if (!mnl_attr_ok(attribute, left)) return false;
    if (!visit(*attribute)) return false;
    const auto step = static_cast<int>(netlink_align(attribute->nla_len));
    left -= std::min(step, left);
    attribute = mnl_attr_next(attribute);
  }
  return true;
}

/// The fixed header of a message; false when even that does not fit.
template <typename Header>
bool read_header(const nlmsghdr& message, Header& header) {
  if (message.nlmsg_len < sizeof(nlmsghdr) || mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return false;
  header = load<Header>(mnl_nlmsg_get_payload(&message));
  return true;
}

/// The attributes that follow a fixed header of type Header; false when even that does not fit.
template <typename Header, typename Visit>
bool for_each_attribute_after(const nlmsghdr& message, Visit&& visit) {
  const std::size_t payload = mnl_nlmsg_get_payload_len(&message);
  if (message.nlmsg_len < sizeof(nlmsghdr) || payload < sizeof(Header)) return false;
  const std::size_t offset = std::min(netlink_align(sizeof(Header)), payload);
  return for_each_attribute(mnl_nlmsg_get_payload_offset(&message, sizeof(Header)), payload - offset, visit);
}

template <typename T>
bool read_number(const nlattr& attribute, T& value) {
  if (mnl_attr_get_payload_len(&attribute) < sizeof(T)) return false;
  value = load<T>(mnl_attr_get_payload(&attribute));
  return true;
}

inline bool read_text(const nlattr& attribute, std::string& text) {
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  const auto* begin = static_cast<const char*>(mnl_attr_get_payload(&attribute));
  text.assign(begin, std::find(begin, begin + size, '\0'));
  return true;
}

/// An Ethernet address; attributes of other sizes (tunnels, loopback of InfiniBand) leave `mac` alone.
inline bool read_mac(const nlattr& attribute, MacAddress& mac) {
  if (mnl_attr_get_payload_len(&attribute) != sizeof(MacAddress)) return false;
  mac = load<MacAddress>(mnl_attr_get_payload(&attribute));
  return true;
}

/// 4 bytes are IPv4, 16 are IPv6; anything else is refused.
inline std::optional<IpAddress> read_ip(const void* bytes, std::size_t size) {
  if (size == sizeof(Ipv4Address)) return IpAddress::from(load<Ipv4Address>(bytes));
  if (size == sizeof(Ipv6Address)) return IpAddress::from(load<Ipv6Address>(bytes));
  return std::nullopt;
}
inline bool read_ip(const nlattr& attribute, IpAddress& address) {
  const auto found = read_ip(mnl_attr_get_payload(&attribute), mnl_attr_get_payload_len(&attribute));
  if (found) address = *found;
  return found.has_value();
}

}  // namespace culvert
