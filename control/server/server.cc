// SPDX-License-Identifier: Apache-2.0
#include "control/server/server.h"

#include <algorithm>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "control/server/client.h"
#include "control/server/listen.h"

namespace culvert {

using Unix = boost::asio::local::stream_protocol;

ControlServer::ControlServer(boost::asio::io_context& io, ControlServerOptions options)
    : io_(io), options_(std::move(options)), acceptor_(io), retry_(io) {
  clients_gauge_.max.set(options_.max_clients);
  backlog_gauge_.max.set(options_.max_backlog_bytes);
  if (options_.listen) open();
}

ControlServer::~ControlServer() {
  close();
}

void ControlServer::open() {
  acceptor_.assign(Unix(), listen_at(options_.path, options_.group).release());
  accept();
}

void ControlServer::close() {
  for (const auto& [key, client] : std::exchange(clients_, {})) client->abandon();
  retry_.cancel();
  if (!acceptor_.is_open()) return;
  acceptor_.close();
  ::unlink(options_.path.c_str());
}

void ControlServer::add(std::string command, Handler handler) {
  add_later(std::move(command), [handler = std::move(handler)](const boost::json::object& request, const Reply& reply) {
    reply(handler(request));
  });
}

void ControlServer::add_later(std::string command, LaterHandler handler) {
  const bool is_new = commands_.try_emplace(std::move(command), Command{std::move(handler), {}}).second;
  CULVERT_CHECK(is_new);
}

void ControlServer::add_watch(std::string command, WatchHandler handler) {
  const bool is_new = commands_.try_emplace(std::move(command), Command{{}, std::move(handler)}).second;
  CULVERT_CHECK(is_new);
}

const ControlServer::Command* ControlServer::find(const std::string& command) const {
  const auto found = commands_.find(command);
  return found == commands_.end() ? nullptr : &found->second;
}

void ControlServer::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, Unix::socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      admit(std::move(socket));
      accept();
      return;
    }
    // Out of descriptors, most likely: the client waits in the kernel's queue until there is one again.
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) accept();
    });
  });
}

void ControlServer::admit(Unix::socket socket) {
  // Asio accepts without it, and a client must see the end when this process ends, whatever it has started.
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  if (clients_.size() >= options_.max_clients) {
    clients_gauge_.failures.add();
    constexpr std::string_view kFull =
        "{\"ok\":false,\"error\":{\"what\":\"too many clients of the control socket\",\"code\":16,\"hint\":"
        "\"close a watch, or try again\"}}\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(boost::asio::buffer(kFull), ignored);
    return;
  }
  auto client = std::make_shared<ControlClient>(*this, std::move(socket));
  clients_.emplace(client.get(), client);
  clients_gauge_.observe(clients_.size());
  client->start();
}

void ControlServer::closed(const std::shared_ptr<ControlClient>& client) {
  clients_.erase(client.get());
  clients_gauge_.observe(clients_.size());
  observe_backlog();
}

void ControlServer::observe_backlog() {
  std::size_t most = 0;
  for (const auto& [key, client] : clients_) most = std::max(most, client->backlog_bytes());
  backlog_gauge_.observe(std::min<std::size_t>(most, options_.max_backlog_bytes));
}

void ControlServer::clear_peaks() noexcept {
  clients_gauge_.clear_peak();
  backlog_gauge_.clear_peak();
}

}  // namespace culvert
