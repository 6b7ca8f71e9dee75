// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/redirect_action.h"

#include "base/check.h"

namespace culvert {
namespace {

constexpr auto kRedirect = RedirectVerdict::kRedirect;
constexpr auto kPass = RedirectVerdict::kPass;
constexpr auto kDrop = RedirectVerdict::kDrop;

constexpr std::array<RedirectActionLine, kRedirectActions> kLines = {{
    {"redirected", kRedirect, "given to the AF_XDP socket of its rx queue"},
    {"not_ip", kPass, "neither IPv4 nor IPv6 (ARP, LLDP, ...): the kernel's"},
    {"other_vlan", kPass, "tagged with a VLAN that is not claimed: for the kernel's VLAN devices"},
    {"group", kPass, "multicast or broadcast: the kernel's (neighbour discovery, OSPF, VRRP, DHCP)"},
    {"link_local", kPass, "to a link-local address: the kernel's"},
    {"denied", kDrop, "its source is in the deny list"},
    {"neighbour", kPass, "IPv6 neighbour discovery to an address of ours: the kernel's"},
    {"failsafe", kPass, "to an address of ours and a failsafe port, or an ICMP error about such a connection"},
    {"local", kPass, "to an address of ours that nothing claims: the host's own"},
    {"other_station_passed", kPass, "its Ethernet destination is not this interface's and fail is open: to the kernel"},
    {"other_station_dropped", kDrop, "its Ethernet destination is not this interface's and fail is closed"},
    {"stale_passed", kPass, "a worker has not beaten for 500 ms and fail is open: to the kernel"},
    {"stale_dropped", kDrop, "a worker has not beaten for 500 ms and fail is closed"},
    {"no_socket_passed", kPass, "no AF_XDP socket on its rx queue and fail is open: to the kernel"},
    {"no_socket_dropped", kDrop, "no AF_XDP socket on its rx queue and fail is closed"},
    {"unreadable_passed", kPass, "an IP header cut short or wrong, or more than two VLAN tags, and fail is open"},
    {"unreadable_dropped", kDrop, "an IP header cut short or wrong, or more than two VLAN tags, and fail is closed"},
}};

}  // namespace

const RedirectActionLine& redirect_action_line(RedirectAction action) noexcept {
  CULVERT_CHECK(action < kRedirectActions);
  return kLines[action];
}

}  // namespace culvert
