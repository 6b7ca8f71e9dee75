// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/veth_peer.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "kernel_redirect/route_socket.h"

namespace culvert {
namespace {

/// Queues as `ethtool -l` shows them; zeros when the driver does not tell.
ethtool_channels channels_of(const std::string& interface) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = static_cast<char*>(static_cast<void*>(&channels));
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return {};
  return channels;
}

bool is_veth(const nlattr* link_info) {
  bool veth = false;
  if (link_info == nullptr) return false;
  const auto see = [](const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND) {
      *static_cast<bool*>(data) = std::string_view(mnl_attr_get_str(attribute)) == "veth";
    }
    return MNL_CB_OK;
  };
  mnl_attr_parse_nested(link_info, see, &veth);
  return veth;
}

std::string count_of(std::uint32_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? " queue" : " queues");
}

}  // namespace

std::optional<VethPeer> veth_peer(const std::string& interface, int ifindex) {
  RouteRequest request(RTM_GETLINK, 0);
  request.family_header<ifinfomsg>().ifi_index = ifindex;
  VethPeer peer;
  bool found = false;
  bool elsewhere = false;
  const auto answer = RouteSocket().read(request, "reading " + interface, [&](const nlmsghdr* message) {
    const auto attributes = RouteSocket::attributes(message, sizeof(ifinfomsg));
    found = is_veth(attributes[IFLA_LINKINFO]) && attributes[IFLA_LINK] != nullptr;
    if (found) peer.ifindex = static_cast<int>(mnl_attr_get_u32(attributes[IFLA_LINK]));
    elsewhere = attributes[IFLA_LINK_NETNSID] != nullptr;
  });
  if (!answer || !found) return std::nullopt;
  const auto channels = channels_of(interface);
  peer.rx_queues = channels.rx_count;
  peer.rx_queues_max = channels.max_rx;
  char name[IF_NAMESIZE] = {};
  if (!elsewhere && ::if_indextoname(static_cast<unsigned>(peer.ifindex), name) != nullptr) {
    peer.name = name;
    peer.tx_queues = channels_of(peer.name).tx_count;
  }
  return peer;
}

std::string VethPeer::name_or_place() const {
  return name.empty() ? "PEER (interface " + std::to_string(ifindex) + " of the peer's namespace)" : name;
}

std::string VethPeer::queues_text(const std::string& interface) const {
  std::string text = interface + " has " + count_of(rx_queues, "rx") + ", its peer ";
  if (name.empty()) return text + "in another namespace more tx queues than that";
  return text + name + " " + count_of(tx_queues, "tx");
}

std::string VethPeer::queues_hint(const std::string& interface) const {
  if (tx_queues > 0 && tx_queues <= rx_queues_max) {
    return "type: ethtool -L " + interface + " rx " + std::to_string(tx_queues);
  }
  // A peer in another namespace does not say its number; the most that we can have is the best guess.
  const bool can_grow = tx_queues == 0 && rx_queues_max > rx_queues;
  const std::string grow = can_grow ? "ethtool -L " + interface + " rx " + std::to_string(rx_queues_max) + ", or " : "";
  return "type: " + grow + "ethtool -L " + name_or_place() + " tx " + std::to_string(rx_queues) +
         ", or make the pair with more: ip link add " + interface + " numrxqueues N numtxqueues N type veth ...";
}

}  // namespace culvert
