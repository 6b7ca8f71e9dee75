// SPDX-License-Identifier: Apache-2.0
// Bytes from a client of the control socket: whatever they are, the server answers in JSON or closes, and goes on.
#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <unistd.h>

#include "base/check.h"
#include "control/server/handlers.h"
#include "status/json.h"
#include "test/status/firewall_desk.h"
#include "test/status/fixture.h"
#include "test/status/socket_client.h"

namespace culvert {
namespace {

class Harness {
 public:
  Harness() : server_(io_, options()), handlers_(io_, server_, hooks(events_, desk_)) {
    events_.produce(EventKind::kStarted, 1, 1, "started");
  }

  void feed(std::string_view bytes) {
    test::SocketClient client(options().path);
    CULVERT_CHECK(client.connected());
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(client.fd(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) break;
      if (sent > 0) at += static_cast<std::size_t>(sent);
      turn(client);
    }
    ::shutdown(client.fd(), SHUT_WR);
    while (server_.clients().used.read() > 0) turn(client);
    check_answers();
  }

 private:
  static ControlServerOptions options() {
    ControlServerOptions options;
    options.path = "/tmp/culvert-fuzz-" + std::to_string(::getpid()) + ".sock";
    return options;
  }
  static ServerHooks hooks(EventLog& events, test::FirewallDesk& desk) {
    ServerHooks hooks;
    hooks.status = [] { return test::fixture(); };
    hooks.events = &events;
    hooks.clear_peaks = [] {};
    hooks.routes = [](const TablePage&) -> Result<TableRows> { return TableRows{}; };
    hooks.firewall = desk.hooks();
    return hooks;
  }
  void turn(test::SocketClient& client) {
    io_.restart();
    io_.poll();
    char chunk[65536];
    for (;;) {
      const ssize_t size = ::recv(client.fd(), chunk, sizeof(chunk), MSG_DONTWAIT);
      if (size <= 0) return;
      answers_.append(chunk, static_cast<std::size_t>(size));
    }
  }
  void check_answers() {
    std::size_t at = 0;
    for (std::size_t end; (end = answers_.find('\n', at)) != std::string::npos; at = end + 1) {
      boost::system::error_code error;
      const auto answer = boost::json::parse(boost::json::string_view(answers_.data() + at, end - at), error);
      CULVERT_CHECK(!error && answer.is_object());
    }
    answers_.clear();
  }

  boost::asio::io_context io_;
  EventLog events_{8};
  test::FirewallDesk desk_;
  ControlServer server_;
  ControlHandlers handlers_;
  std::string answers_;
};

}  // namespace
}  // namespace culvert

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static culvert::Harness harness;
  const std::string bytes(data, data + size);
  harness.feed(bytes);
  // The CLI reads the same kind of text from whoever listens at the path that it was given.
  boost::system::error_code error;
  const auto json = boost::json::parse(bytes, error);
  if (error) return 0;
  const auto status = culvert::status_from_json(json);
  if (status.has_value()) culvert::to_json(*status);
  const auto buffers = culvert::buffers_from_json(json);
  if (buffers.has_value()) culvert::to_json(*buffers);
  const auto sessions = culvert::sessions_from_json(json);
  if (sessions.has_value()) culvert::to_json(*sessions);
  const auto policies = culvert::policies_from_json(json);
  if (policies.has_value()) culvert::to_json(*policies);
  if (const auto event = culvert::event_from_json(json); event.has_value()) culvert::event_to_json(*event);
  return 0;
}
