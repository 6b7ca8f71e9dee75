// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/route_socket.h"

#include <cerrno>

namespace culvert {
namespace {

int keep_attribute(const nlattr* attribute, void* data) {
  auto& attributes = *static_cast<RouteSocket::Attributes*>(data);
  const std::size_t type = mnl_attr_get_type(attribute);
  if (type < attributes.size()) attributes[type] = attribute;
  return MNL_CB_OK;
}

int see_message(const nlmsghdr* message, void* data) {
  (*static_cast<const std::function<void(const nlmsghdr*)>*>(data))(message);
  return MNL_CB_OK;
}

}  // namespace

RouteRequest::RouteRequest(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
  header_->nlmsg_type = type;
  header_->nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
}

void RouteRequest::put(std::uint16_t type, const void* data, std::size_t size) {
  mnl_attr_put(header_, type, size, data);
}

RouteSocket::RouteSocket() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC), mnl_socket_close) {
  if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    throw SetupError(errno_error("opening a routing netlink socket"));
  }
}

Result<void> RouteSocket::ask(RouteRequest& request, const std::string& what) {
  request.header()->nlmsg_flags |= NLM_F_ACK;
  return read(request, what, [](const nlmsghdr*) {});
}

Result<void> RouteSocket::read(RouteRequest& request, const std::string& what,
                               std::function<void(const nlmsghdr*)> see) {
  auto* header = request.header();
  header->nlmsg_seq = ++sequence_;
  header->nlmsg_flags |= NLM_F_ACK;  // so that an answer of one message ends, too
  if (mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0) return errno_error(what);
  alignas(nlmsghdr) std::array<std::byte, 32768> answer;
  for (int state = MNL_CB_OK; state > MNL_CB_STOP;) {
    const auto size = mnl_socket_recvfrom(socket_.get(), answer.data(), answer.size());
    if (size < 0) return errno_error(what);
    state = mnl_cb_run(answer.data(), static_cast<std::size_t>(size), sequence_, mnl_socket_get_portid(socket_.get()),
                       see_message, &see);
    if (state < 0) return errno_error(what);
  }
  return {};
}

RouteSocket::Attributes RouteSocket::attributes(const nlmsghdr* message, std::size_t family_size) {
  Attributes attributes{};
  mnl_attr_parse(message, static_cast<unsigned>(family_size), keep_attribute, &attributes);
  return attributes;
}

}  // namespace culvert
