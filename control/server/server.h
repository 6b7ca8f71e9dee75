// SPDX-License-Identifier: Apache-2.0
// The control socket: a Unix stream socket where one JSON request a line gets one JSON answer a line, in order
// (docs/json.md). It runs on control's io_context, never waits, and never asks a worker: answers are made from what
// workers have published.
//
//   client                         server
//   {"command":"show_status"}  ->  {"ok":true,"result":{...}}
//   {"command":"watch",...}    ->  {"ok":true,"result":{...}}, then a line whenever there is one
//
// Everything about a client is bounded: how many there are, how long a request is, how long it may be silent, how long
// an answer may take, how many bytes may wait for it to read. Whoever goes past a bound is told so if possible, closed,
// and counted; nothing else changes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/cell.h"
#include "base/result.h"
#include "status/json_text.h"

namespace culvert {

struct ControlServerOptions {
  std::string path = "/run/culvert/control.sock";
  std::string group = "culvert";  ///< gets the socket (0660) when it exists
  std::size_t max_clients = 64;
  std::size_t max_request_bytes = 64 * 1024;
  std::size_t max_backlog_bytes = 1024 * 1024;  ///< that wait for one watcher to read
  bool listen = true;                           ///< false: not before open()
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds answer_timeout = std::chrono::seconds(30);
};

/// Called exactly once, on the io_context's thread, now or later. Later than answer_timeout it does nothing.
using Reply = std::function<void(Result<JsonText>)>;
using Handler = std::function<Result<JsonText>(const boost::json::object& request)>;
using LaterHandler = std::function<void(const boost::json::object& request, Reply reply)>;

/// A client that gets lines until it closes.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// False when the client is gone or was just closed because it does not read.
  virtual bool send(const JsonText& line) = 0;
  virtual bool is_open() const = 0;
  /// For what is long: asks `next` for a line whenever the client has read most of those before, until it has none.
  /// Begins after the result, and belongs to the watcher until it has ended or is closed.
  virtual void pull(std::function<std::optional<JsonText>()> next) = 0;
};
/// The result is the first line; the handler keeps the watcher and sends more. What it sends before it returns comes
/// after the result.
using WatchHandler =
    std::function<Result<JsonText>(const boost::json::object& request, std::shared_ptr<Watcher> watcher)>;

class ControlClient;

class ControlServer {
 public:
  /// Opens the socket and listens. A socket file that nobody listens on is replaced. Throws SetupError when another
  /// culvertd listens there, or the folder cannot be written.
  ControlServer(boost::asio::io_context& io, ControlServerOptions options);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// As the constructor, which was told not to. Throws SetupError.
  void open();
  /// Closes every client, and the socket's path is free for a successor.
  void close();

  void add(std::string command, Handler handler);
  void add_later(std::string command, LaterHandler handler);
  void add_watch(std::string command, WatchHandler handler);

  /// For the registry: ResourceKind::kControlConnections and kWatcherBacklog.
  const Gauge& clients() const noexcept { return clients_gauge_; }
  const Gauge& backlog() const noexcept { return backlog_gauge_; }
  /// For pressure: requests that could not be understood, clients closed because they did not read.
  const Cell& bad_requests() const noexcept { return bad_requests_; }
  const Cell& slow_clients() const noexcept { return slow_clients_; }
  /// Highest use begins anew (`clear system buffers peak`).
  void clear_peaks() noexcept;

 private:
  friend class ControlClient;
  struct Command {
    LaterHandler later;
    WatchHandler watch;
  };

  void accept();
  void admit(boost::asio::local::stream_protocol::socket socket);
  void closed(const std::shared_ptr<ControlClient>& client);
  const Command* find(const std::string& command) const;
  void observe_backlog();

  boost::asio::io_context& io_;
  ControlServerOptions options_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  std::map<std::string, Command, std::less<>> commands_;
  std::map<const ControlClient*, std::shared_ptr<ControlClient>> clients_;
  Gauge clients_gauge_, backlog_gauge_;
  Cell bad_requests_, slow_clients_;
};

}  // namespace culvert
