// SPDX-License-Identifier: Apache-2.0
#include "control/nat/host_ports.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/bytes.h"

namespace culvert {
namespace {

struct Asked {
  PortKind kind;
  std::uint8_t family;
  std::uint8_t protocol;
  std::uint32_t states;  ///< one bit a state, of TCP's numbers
};

constexpr std::uint32_t kListens = 1U << TCP_LISTEN;
constexpr std::uint32_t kAny = ~0U;
constexpr std::array kAsked{
    Asked{PortKind::kTcp, AF_INET, IPPROTO_TCP, kListens},   Asked{PortKind::kTcp, AF_INET6, IPPROTO_TCP, kListens},
    Asked{PortKind::kUdp, AF_INET, IPPROTO_UDP, kAny},       Asked{PortKind::kUdp, AF_INET6, IPPROTO_UDP, kAny},
    Asked{PortKind::kSctp, AF_INET, IPPROTO_SCTP, kListens}, Asked{PortKind::kSctp, AF_INET6, IPPROTO_SCTP, kListens},
};

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

struct Found {
  PortKind kind;
  std::vector<BoundPort>& ports;
};

int take_socket(const nlmsghdr* header, void* data) {
  const auto& found = *static_cast<Found*>(data);
  if (header->nlmsg_len < mnl_nlmsg_size(sizeof(inet_diag_msg))) return MNL_CB_OK;
  const auto* socket = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(header));
  BoundPort port;
  port.kind = found.kind;
  port.port = load<Be16>(&socket->id.idiag_sport).host();
  if (socket->idiag_family == AF_INET) {
    port.address = IpAddress::from(load<Ipv4Address>(socket->id.idiag_src));
  } else {
    port.address = IpAddress::from(load<Ipv6Address>(socket->id.idiag_src));
  }
  if (port.port != 0) found.ports.push_back(port);
  return MNL_CB_OK;
}

Result<void> ask(mnl_socket* socket, const Asked& asked, std::uint32_t sequence, std::vector<BoundPort>& ports) {
  std::array<char, 4096> request{};
  nlmsghdr* header = mnl_nlmsg_put_header(request.data());
  header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = sequence;
  auto* body = static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
  body->sdiag_family = asked.family;
  body->sdiag_protocol = asked.protocol;
  body->idiag_states = asked.states;
  if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0) return errno_error("asking for the host's sockets");
  Found found{asked.kind, ports};
  std::vector<char> buffer(std::size_t{32} << 10);
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (size < 0) return errno_error("reading the host's sockets");
    const int more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence, mnl_socket_get_portid(socket),
                                take_socket, &found);
    // A kernel without the protocol, or without its diagnosis, has nobody to name.
    if (more < 0 && errno != ENOENT && errno != EINVAL && errno != EOPNOTSUPP) {
      return errno_error("reading the host's sockets");
    }
    if (more <= MNL_CB_STOP) return {};
  }
}

}  // namespace

Result<std::vector<BoundPort>> bound_ports() {
  const Socket socket(mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return errno_error("opening a socket for the host's sockets");
  }
  std::vector<BoundPort> ports;
  std::uint32_t sequence = 0;
  for (const Asked& asked : kAsked) {
    if (auto done = ask(socket.get(), asked, ++sequence, ports); done.has_error()) return done.error();
  }
  return ports;
}

std::vector<HostPort> ports_at(const IpAddress& address, PoolRange range, std::span<const BoundPort> bound) {
  std::vector<HostPort> ports;
  for (const BoundPort& one : bound) {
    const bool reaches = one.address.is_unspecified() || one.address == address;
    if (reaches && one.port >= range.first && one.port <= range.last) ports.push_back({one.kind, one.port});
  }
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

PoolRange ports_beside(std::uint16_t first, std::uint16_t last) noexcept {
  const std::uint32_t below = first > kFirstUserPort ? first - kFirstUserPort : 0;
  const std::uint32_t above = 0xffffU - last;
  if (below == 0 && above == 0) return kNoPorts;
  if (below >= above) return {static_cast<std::uint16_t>(kFirstUserPort), static_cast<std::uint16_t>(first - 1)};
  return {static_cast<std::uint16_t>(std::max<std::uint32_t>(last + 1U, kFirstUserPort)), 0xffff};
}

PoolRange ports_beside_kernel() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  if (!(file >> first >> last)) return ports_beside(32768, 60999);  // as the kernel begins
  return ports_beside(first, last);
}

}  // namespace culvert
