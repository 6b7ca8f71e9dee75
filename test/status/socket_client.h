// SPDX-License-Identifier: Apache-2.0
// A blocking client of the control socket, as rude as a test needs it.
#pragma once

#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

namespace culvert::test {

class SocketClient {
 public:
  explicit SocketClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ =
        ::connect(fd_.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }

  /// False when the other side has closed.
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  /// The next line without its end; "" when the other side closed or said nothing for 5 s.
  std::string line() {
    for (;;) {
      const std::size_t end = input_.find('\n');
      if (end != std::string::npos) {
        std::string text = input_.substr(0, end);
        input_.erase(0, end + 1);
        return text;
      }
      pollfd poll{fd_.get(), POLLIN, 0};
      char chunk[65536];
      if (::poll(&poll, 1, 5000) <= 0) return {};
      const ssize_t n = ::recv(fd_.get(), chunk, sizeof(chunk), 0);
      if (n <= 0) return {};
      input_.append(chunk, static_cast<std::size_t>(n));
    }
  }
  std::string ask(const std::string& request) { return send(request + "\n") ? line() : std::string(); }

  /// True when the other side has closed, within 5 s, whatever it still sent.
  bool closed() {
    char chunk[65536];
    for (;;) {
      pollfd poll{fd_.get(), POLLIN, 0};
      if (::poll(&poll, 1, 5000) <= 0) return false;
      if (::recv(fd_.get(), chunk, sizeof(chunk), 0) <= 0) return true;
    }
  }

 private:
  Fd fd_;
  std::string input_;
  bool connected_ = false;
};

}  // namespace culvert::test
