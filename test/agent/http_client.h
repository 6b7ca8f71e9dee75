// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>

#include "base/fd.h"

namespace culvert::test {

/// A TCP connection to 127.0.0.1; invalid when nobody listens.
inline Fd connect_to(std::uint16_t port) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::address_v4::loopback(), port}, error);
  return error ? Fd() : Fd(socket.release());
}

/// Sends bytes and returns all that comes until the other side closes, or nothing comes for so long.
inline std::string talk(const Fd& fd, const std::string& bytes, int timeout_ms = 5000) {
  std::string answer;
  ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  for (;;) {
    pollfd poll{fd.get(), POLLIN, 0};
    char chunk[65536];
    if (::poll(&poll, 1, timeout_ms) <= 0) return answer;
    const ssize_t size = ::recv(fd.get(), chunk, sizeof(chunk), 0);
    if (size <= 0) return answer;
    answer.append(chunk, static_cast<std::size_t>(size));
  }
}

/// The whole answer to GET, head and body; "" when there was none.
inline std::string get(std::uint16_t port, const std::string& path) {
  return talk(connect_to(port), "GET " + path + " HTTP/1.1\r\nHost: culvert\r\nConnection: close\r\n\r\n");
}

}  // namespace culvert::test
