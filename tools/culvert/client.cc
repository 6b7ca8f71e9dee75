// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/client.h"

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace culvert {
namespace {

constexpr int kAnswerTimeoutMs = 35'000;

Error not_reachable(const std::string& path) {
  Error error = errno_error("culvertd is not reachable at " + path);
  if (error.code == EACCES) {
    error.hint = "become a member of the group culvert, or root";
  } else {
    error.hint = "is culvertd running? give its socket with --socket PATH";
  }
  return error;
}

}  // namespace

Result<ControlConnection> ControlConnection::open(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return Error{"the socket's path is too long", ENAMETOOLONG, ""};
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd ||
      ::connect(fd.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof(address)) != 0) {
    return not_reachable(path);
  }
  return ControlConnection(std::move(fd));
}

Result<boost::json::object> ControlConnection::read_line(int timeout_ms) {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = input_.find('\n', searched);
    if (end != std::string::npos) {
      boost::system::error_code error;
      boost::json::value line = boost::json::parse(boost::json::string_view(input_.data(), end), error);
      input_.erase(0, end + 1);
      if (error || !line.is_object()) return Error{"culvertd's answer is not JSON", EPROTO, "is it culvertd's socket?"};
      return std::move(line.get_object());
    }
    searched = input_.size();
    pollfd poll{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&poll, 1, timeout_ms);
    if (ready == 0) return Error{"culvertd does not answer", ETIMEDOUT, "is it stopped in a debugger?"};
    char chunk[65536];
    const ssize_t size = ready < 0 ? -1 : ::recv(fd_.get(), chunk, sizeof(chunk), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno_error("reading from culvertd");
    if (size == 0)
      return Error{"culvertd closed the connection", ECONNRESET,
                   "did it stop (see its log)? A watcher that does not read what it asked for is closed, too"};
    input_.append(chunk, static_cast<std::size_t>(size));
  }
}

Result<boost::json::object> ControlConnection::ask(const boost::json::object& request) {
  const std::string line = boost::json::serialize(request) + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t size = ::send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (size < 0) break;  // it may have said why before it closed
    sent += static_cast<std::size_t>(size);
  }
  auto answer = read_line(kAnswerTimeoutMs);
  if (answer.has_error()) return answer;
  if (auto* result = answer->if_contains("result"); result != nullptr && result->is_object()) {
    return std::move(result->get_object());
  }
  Error error{"culvertd refused without saying why", EPROTO, ""};
  if (auto* why = answer->if_contains("error"); why != nullptr && why->is_object()) {
    const auto& object = why->get_object();
    if (const auto* what = object.if_contains("what"); what && what->is_string())
      error.what = what->get_string().c_str();
    if (const auto* hint = object.if_contains("hint"); hint && hint->is_string())
      error.hint = hint->get_string().c_str();
    if (const auto* code = object.if_contains("code"); code && code->is_int64()) {
      error.code = static_cast<int>(code->get_int64());
    }
  }
  return error;
}

Error ControlConnection::watch(const std::function<bool(const boost::json::object&)>& on_line) {
  for (;;) {
    auto line = read_line(-1);
    if (line.has_error()) return line.error();
    if (!on_line(*line)) return {};
  }
}

}  // namespace culvert
