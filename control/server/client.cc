// SPDX-License-Identifier: Apache-2.0
#include "control/server/client.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <utility>

namespace culvert {
namespace {

/// That wait for a reader at most of something that is pulled: some more than a socket takes at once.
constexpr std::size_t kPulledBytes = 64 * 1024;

JsonText error_json(const Error& error) {
  return boost::json::object{{"what", error.what}, {"code", error.code}, {"hint", error.hint}};
}

}  // namespace

ControlClient::ControlClient(ControlServer& server, boost::asio::local::stream_protocol::socket socket)
    : server_(&server), socket_(std::move(socket)), deadline_(socket_.get_executor()) {}

void ControlClient::start() {
  read();
}

void ControlClient::wait_at_most(std::chrono::milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    const bool is_outdated = self->deadline_.expiry() > std::chrono::steady_clock::now();
    if (error || is_outdated || self->server_ == nullptr) return;
    if (self->answer_owed_) {
      self->answer(self->requests_, Error{"no answer in time", ETIMEDOUT, "try again; see `culvert show events`"});
      return;
    }
    // Silent for too long, or it does not read what it asked for.
    if (!self->output_.empty()) self->server_->slow_clients_.add();
    self->close();
  });
}

void ControlClient::read() {
  if (server_ == nullptr || reading_) return;
  if (watching_) {
    if (output_.empty()) deadline_.cancel();
  } else {
    wait_at_most(server_->options_.idle_timeout);
  }
  reading_ = true;
  socket_.async_read_some(boost::asio::buffer(chunk_),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                            self->reading_ = false;
                            if (self->server_ == nullptr) return;
                            if (error) {
                              self->close();
                              return;
                            }
                            if (self->watching_) {
                              self->read();  // a watcher has nothing more to say; this sees it close
                              return;
                            }
                            self->input_.append(self->chunk_.data(), size);
                            self->take_line();
                          });
}

void ControlClient::take_line() {
  if (server_ == nullptr || answer_owed_ || !output_.empty()) return;
  const std::size_t end = input_.find('\n');
  const std::size_t max = server_->options_.max_request_bytes;
  if (end == std::string::npos ? input_.size() > max : end > max) {
    server_->bad_requests_.add();
    close_after_write_ = true;
    answer(++requests_, Error{"the request is longer than " + std::to_string(max) + " bytes", EMSGSIZE, ""});
    return;
  }
  if (end == std::string::npos) {
    read();
    return;
  }
  const std::string line = input_.substr(0, end);
  input_.erase(0, end + 1);
  answer_line(line);
}

void ControlClient::answer_line(const std::string& line) {
  ++requests_;
  answer_owed_ = true;
  boost::system::error_code error;
  const boost::json::value request = boost::json::parse(line, error);
  if (error || !request.is_object()) {
    server_->bad_requests_.add();
    answer(requests_,
           Error{"the request is not one JSON object on one line", EINVAL, "docs/json.md says what is expected"});
    return;
  }
  const auto* command = request.get_object().if_contains("command");
  if (command == nullptr || !command->is_string()) {
    server_->bad_requests_.add();
    answer(requests_, Error{"the request has no \"command\"", EINVAL, "docs/json.md says what is expected"});
    return;
  }
  answer_command(command->get_string().c_str(), request.get_object());
}

void ControlClient::answer_command(const std::string& command, const boost::json::object& request) {
  const auto* entry = server_->find(command);
  if (entry == nullptr) {
    server_->bad_requests_.add();
    answer(requests_, Error{"there is no command '" + command.substr(0, 64) + "'", ENOENT,
                            "are culvert and culvertd of one version?"});
    return;
  }
  if (entry->watch) {
    auto result = entry->watch(request, shared_from_this());
    watching_ = result.has_value();
    answer(requests_, result);
    for (const JsonText& line : std::exchange(early_, {})) {
      if (watching_ && !send(line)) break;
    }
    pull_more();
    return;
  }
  wait_at_most(server_->options_.answer_timeout);
  std::weak_ptr<ControlClient> weak = shared_from_this();
  entry->later(request, [weak, number = requests_](const Result<JsonText>& result) {
    if (const auto self = weak.lock()) self->answer(number, result);
  });
}

void ControlClient::answer(std::uint64_t request, const Result<JsonText>& result) {
  const bool is_late = request != requests_ || (!answer_owed_ && !close_after_write_);
  if (server_ == nullptr || is_late) return;
  answer_owed_ = false;
  queue(result.has_value() ? R"({"ok":true,"result":)" + result->text + "}"
                           : R"({"ok":false,"error":)" + error_json(result.error()).text + "}");
}

bool ControlClient::send(const JsonText& line) {
  if (server_ == nullptr) return false;
  if (answer_owed_) {
    early_.push_back(line);
    return true;
  }
  queue(line.text);
  // The newest line may be longer than the bound: it says nothing about whether the client reads.
  if (backlog_bytes_ - output_.back().size() > server_->options_.max_backlog_bytes) {
    server_->backlog_gauge_.failures.add();
    server_->slow_clients_.add();
    close();
    return false;
  }
  return true;
}

void ControlClient::pull_more() {
  if (!watching_) source_ = nullptr;
  while (server_ != nullptr && source_ &&
         backlog_bytes_ < std::min(kPulledBytes, server_->options_.max_backlog_bytes)) {
    const auto line = source_();
    if (!line.has_value()) {
      source_ = nullptr;
      return;
    }
    queue(line->text);
  }
}

void ControlClient::queue(std::string line) {
  output_.push_back(std::move(line) + "\n");
  backlog_bytes_ += output_.back().size();
  server_->observe_backlog();
  if (output_.size() == 1) write();
}

void ControlClient::write() {
  wait_at_most(server_->options_.idle_timeout);
  boost::asio::async_write(socket_, boost::asio::buffer(output_.front()),
                           [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                             if (self->server_ == nullptr) return;
                             if (error) {
                               self->close();
                               return;
                             }
                             self->backlog_bytes_ -= self->output_.front().size();
                             self->output_.pop_front();
                             self->server_->observe_backlog();
                             if (!self->output_.empty()) return self->write();
                             self->pull_more();
                             if (!self->output_.empty()) return;  // queue() has begun to write
                             if (self->close_after_write_) {
                               self->close();
                             } else if (self->watching_) {
                               self->deadline_.cancel();
                               self->read();
                             } else {
                               self->take_line();
                             }
                           });
}

void ControlClient::abandon() {
  server_ = nullptr;
  source_ = nullptr;
  deadline_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void ControlClient::close() {
  ControlServer* server = server_;
  if (server == nullptr) return;
  abandon();
  backlog_bytes_ = 0;
  server->closed(shared_from_this());
}

}  // namespace culvert
