// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/netlink_socket.h"

#include <cerrno>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string>
#include <sys/socket.h>

namespace culvert {
namespace {

/// The kernel fills up to 32 KB of a dump into one datagram when the reader's buffer has room (netlink_dump).
constexpr std::size_t kDatagramBytes = 65536;

/// What a dump request of each part says.
struct DumpRequest {
  std::uint16_t type;
  std::uint8_t family;
  std::uint32_t table;  ///< routes: only this one
};
constexpr DumpRequest kDumpRequests[] = {
    {RTM_GETLINK, AF_UNSPEC, 0},
    {RTM_GETADDR, AF_UNSPEC, 0},
    {RTM_GETNEXTHOP, AF_UNSPEC, 0},
    {RTM_GETROUTE, AF_INET, RT_TABLE_LOCAL},
    {RTM_GETROUTE, AF_INET, RT_TABLE_MAIN},
    {RTM_GETROUTE, AF_INET6, RT_TABLE_LOCAL},
    {RTM_GETROUTE, AF_INET6, RT_TABLE_MAIN},
    {RTM_GETNEIGH, AF_UNSPEC, 0},
};
static_assert(std::size(kDumpRequests) == static_cast<std::size_t>(DumpPart::kCount));

template <typename Header>
void put_header(nlmsghdr* message, std::uint8_t family) {
  auto* header = static_cast<std::uint8_t*>(mnl_nlmsg_put_extra_header(message, sizeof(Header)));
  header[0] = family;  // the first byte of every rtnetlink header
}

}  // namespace

NetlinkSocket::NetlinkSocket(std::size_t receive_buffer_bytes)
    : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC)), buffer_(kDatagramBytes) {
  if (!socket_) throw SetupError(errno_error("opening a netlink socket"));
  if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    throw SetupError(errno_error("binding a netlink socket"));
  }
  const int bytes = static_cast<int>(receive_buffer_bytes);
  if (::setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0 &&
      ::setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) != 0) {
    throw SetupError(errno_error("sizing the receive buffer of a netlink socket"));
  }
  int on = 1;
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0) {
    throw SetupError(errno_error("strict checking on a netlink socket", "Linux 4.20 or newer is needed"));
  }
  // Errors without a copy of the request: fewer bytes to read. Old kernels do without.
  mnl_socket_setsockopt(socket_.get(), NETLINK_CAP_ACK, &on, sizeof(on));
}

void NetlinkSocket::subscribe() {
  for (int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                    RTNLGRP_NEIGH, RTNLGRP_NEXTHOP}) {
    if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
      throw SetupError(errno_error("subscribing to netlink group " + std::to_string(group)));
    }
  }
}

int NetlinkSocket::send(const nlmsghdr& message) {
  return mnl_socket_sendto(socket_.get(), &message, message.nlmsg_len) < 0 ? errno : 0;
}

int NetlinkSocket::request_dump(DumpPart part, std::uint32_t sequence) {
  const DumpRequest& request = kDumpRequests[static_cast<std::size_t>(part)];
  alignas(nlmsghdr) char bytes[256];
  nlmsghdr* message = mnl_nlmsg_put_header(bytes);
  message->nlmsg_type = request.type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message->nlmsg_seq = sequence;
  switch (request.type) {
    case RTM_GETLINK:
      put_header<ifinfomsg>(message, request.family);
      break;
    case RTM_GETADDR:
      put_header<ifaddrmsg>(message, request.family);
      break;
    case RTM_GETNEXTHOP:
      put_header<nhmsg>(message, request.family);
      break;
    case RTM_GETNEIGH:
      put_header<ndmsg>(message, request.family);
      break;
    default:
      put_header<rtmsg>(message, request.family);
      mnl_attr_put_u32(message, RTA_TABLE, request.table);
      break;
  }
  return send(*message);
}

NetlinkSocket::Received NetlinkSocket::receive() {
  const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
  if (size >= 0) return {std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(size)), 0};
  if (errno == EAGAIN || errno == EINTR) return {};
  // A datagram larger than the buffer (ENOSPC) is lost like one that the kernel could not queue.
  return {{}, errno == ENOSPC ? ENOBUFS : errno};
}

}  // namespace culvert
