// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <libmnl/libmnl.h>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "control/netlink/mirror_model.h"

namespace culvert {

/// One rtnetlink socket, non-blocking, with strict checking of requests (NETLINK_GET_STRICT_CHK) so that a dump's
/// filter is the kernel's business.
class NetlinkSocket {
 public:
  /// `receive_buffer_bytes`: SO_RCVBUFFORCE, or SO_RCVBUF without CAP_NET_ADMIN. Throws SetupError.
  explicit NetlinkSocket(std::size_t receive_buffer_bytes);

  /// Subscribes to links, addresses, routes, neighbours and next-hop objects. Throws SetupError.
  void subscribe();

  int descriptor() const { return mnl_socket_get_fd(socket_.get()); }
  std::uint32_t port() const { return mnl_socket_get_portid(socket_.get()); }
  std::uint32_t next_sequence() noexcept { return ++sequence_; }

  /// Sends one message; errno on failure, 0 on success.
  int send(const nlmsghdr& message);
  /// Asks for a dump of that part; the answers carry `sequence`.
  int request_dump(DumpPart part, std::uint32_t sequence);

  /// One datagram into the socket's own buffer, valid until the next call. Empty with error 0: nothing there.
  struct Received {
    std::span<const std::byte> bytes;
    int error = 0;  ///< ENOBUFS: the kernel had to drop messages for us
  };
  Received receive();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
  };
  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<std::byte> buffer_;
  std::uint32_t sequence_ = 0;
};

/// Calls visit(message) for each whole message of a datagram.
template <typename Visit>
void for_each_message(std::span<const std::byte> datagram, Visit visit) {
  const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(datagram.data()));
  auto left = static_cast<int>(datagram.size());
  while (mnl_nlmsg_ok(message, left)) {
    visit(*message);
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace culvert
