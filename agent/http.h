// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/agent.h"
#include "base/fd.h"
#include "status/prometheus.h"
#include "status/publication.h"
#include "status/snapshot.h"

namespace culvert {

/// The agent's counters in memory that the core made and reads.
class SharedCells {
 public:
  /// Throws SetupError.
  explicit SharedCells(const Fd& fd);
  ~SharedCells();
  SharedCells(const SharedCells&) = delete;
  SharedCells& operator=(const SharedCells&) = delete;
  AgentCells& get() const noexcept { return *cells_; }

 private:
  AgentCells* cells_;
};

/// What is served: pages of the latest publication, each made at most once a publication.
class Pages {
 public:
  struct Page {
    unsigned status = 200;
    std::string type, body;
  };

  explicit Pages(const PublicationReader& publication) : publication_(publication) {}

  Page get(std::string_view path);
  /// Call about once a second: how old the status is, is seen by its number standing still.
  void look(std::chrono::steady_clock::time_point now);

 private:
  void refresh();
  std::string what_is_wrong() const;

  const PublicationReader& publication_;
  std::uint64_t number_ = 0;
  std::string text_, metrics_;
  SteadyCounters steady_;
  std::optional<StatusSnapshot> status_;
  std::chrono::steady_clock::time_point changed_at_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point now_ = changed_at_;
  std::uint64_t looked_number_ = 0;
};

/// GET and HEAD only. Bounds: connections, requests a connection, bytes of a request's head, time for each step.
class HttpServer {
 public:
  static constexpr std::size_t kMaxConnections = 64;
  static constexpr int kMaxRequests = 1000;  ///< then the connection is closed
  static constexpr std::uint32_t kMaxHeadBytes = 8192;
  static constexpr std::chrono::seconds kTimeout{10};

  /// `listening` is a listening TCP socket. The io_context ends when `parent` is not our parent any more.
  HttpServer(boost::asio::io_context& io, Fd listening, const PublicationReader& publication, AgentCells& cells,
             int parent);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  friend class HttpConnection;
  void accept();
  void admit(boost::asio::ip::tcp::socket socket);
  void opened();
  void closed();
  void tick();

  boost::asio::io_context& io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_, retry_;
  Pages pages_;
  AgentCells& cells_;
  std::size_t connections_ = 0;
  int parent_;
};

}  // namespace culvert
