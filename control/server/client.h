// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/server/server.h"

namespace culvert {

/// One connection. It lives as long as an operation on its socket is under way, a handler owes it an answer, or a
/// handler keeps it as a watcher; the server forgets it when it is closed.
///
///   read -> take a line -> answer -> write it -> take the next line, or read
///
/// While an answer is owed or unread nothing more is read: a client that sends faster than it reads is held back by its
/// own socket buffer.
class ControlClient : public Watcher, public std::enable_shared_from_this<ControlClient> {
 public:
  ControlClient(ControlServer& server, boost::asio::local::stream_protocol::socket socket);

  void start();
  /// Closes the socket and forgets the server, which may be about to end.
  void abandon();
  bool send(const JsonText& line) override;
  void pull(std::function<std::optional<JsonText>()> next) override { source_ = std::move(next); }
  bool is_open() const override { return server_ != nullptr; }
  /// What waits for a watcher to read; a single answer is not a backlog.
  std::size_t backlog_bytes() const noexcept { return watching_ ? backlog_bytes_ : 0; }

 private:
  void read();
  void take_line();
  void answer_line(const std::string& line);
  void answer_command(const std::string& command, const boost::json::object& request);
  void answer(std::uint64_t request, const Result<JsonText>& result);
  void queue(std::string line);
  void pull_more();
  void write();
  void close();
  void wait_at_most(std::chrono::milliseconds time);

  ControlServer* server_;  ///< null once closed
  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::steady_timer deadline_;
  std::array<char, 8192> chunk_{};
  std::string input_;
  std::deque<std::string> output_;
  std::vector<JsonText> early_;  ///< sent by a watch handler before its result
  std::function<std::optional<JsonText>()> source_;
  std::size_t backlog_bytes_ = 0;
  std::uint64_t requests_ = 0;
  bool answer_owed_ = false;
  bool watching_ = false;
  bool reading_ = false;
  bool close_after_write_ = false;
};

}  // namespace culvert
